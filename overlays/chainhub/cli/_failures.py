"""What is shown while polls fail: in the line of the task, or in lines on standard error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainhub import _clock
from chainhub._redaction import one_line
from chainhub.cli._messages import plain
from chainhub.errors import named_status

if TYPE_CHECKING:
    from chainhub._session import RetryEvent
    from chainhub.cli._display import Display
    from chainhub.cli._progress import LiveProgress
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import ChainhubError

_LONGEST = 60
_SAID_AGAIN_AFTER = 60.0
"""Seconds; a service that fails now and then must not fill a log."""


class FailedPolls:
    """Shows that polls fail, and why: the observer `on_retry` of a command that waits.

    Args:
        terminal: Where lines go if nothing can be shown in place.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._board: LiveProgress | None = None
        self._display: Display | None = None
        self._said: dict[str, float] = {}

    def shown_on(self, board: LiveProgress, display: Display) -> None:
        """Show failures there from now on."""
        self._board, self._display = board, display

    def __call__(self, event: RetryEvent) -> None:
        """Take that a poll failed and that another one follows."""
        if self._board is None or self._display is None:
            return
        count = f" ({event.attempt} of {event.max_attempts})"
        what, why = failure(event.error)
        row = self._board.failing(event.task_id, one_line(f"{what}{count}{why}", _LONGEST))
        now = _clock.monotonic()
        if self._terminal.words_are_read:
            self._display.changed(row, now)
        elif now - self._said.get(what + why, -math.inf) >= _SAID_AGAIN_AFTER:
            self._said[what + why] = now
            with self._display.aside():
                wait = f"{event.delay:.0f} s"
                self._terminal.say(plain(f"chainhub: {what}{count}{why}; trying again in {wait}"))


def failure(error: ChainhubError) -> tuple[str, str]:
    """Return in a few words how a poll failed, and why if its name does not say it."""
    if error.status is not None:
        usable = not 200 <= error.status <= 299
        return (named_status(error.status), "") if usable else ("unusable answer", "")
    why = error.message.removeprefix("could not connect: ")
    return "no response", f": {why[:1].lower()}{why[1:]}"
