"""The position in a script: a pure state machine over its steps, the time and the requests."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from chainhub.sandbox._script import Step


@frozen
class Position:
    """A position in a script: the step, when it began (clock seconds), its requests so far."""

    index: int = 0
    since: float = 0.0
    polls: int = 0


def ask(script: Sequence[Step], position: Position, now: float) -> Position:
    """Return the position for a request at `now`, with that request counted."""
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
