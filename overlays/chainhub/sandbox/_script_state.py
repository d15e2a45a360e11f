"""Where a script stands: a pure state machine over its steps, a clock's time and the questions."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from chainhub.sandbox._script import Step


@frozen
class Position:
    """A place in a script: the step, when it began (clock seconds), how often it was asked."""

    index: int = 0
    since: float = 0.0
    polls: int = 0


def ask(script: Sequence[Step], position: Position, now: float) -> Position:
    """Return where the script stands for a question at `now`, with that question counted."""
    while position.index < len(script) - 1:
        left = _left_at(script[position.index], position, now)
        if left is None:
            break
        position = Position(position.index + 1, since=left)
    return evolve(position, polls=position.polls + 1)


def _left_at(step: Step, position: Position, now: float) -> float | None:
    if step.seconds is not None:
        end = position.since + step.seconds
        return end if now >= end else None
    return now if position.polls >= step.polls else None
