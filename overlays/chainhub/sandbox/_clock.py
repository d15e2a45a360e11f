"""The sandbox's clock: the client's time at a chosen speed, or standing still until advanced.

Taken when the sandbox is created: in a test with a virtual clock, tasks progress with it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from chainhub import _clock


class Clock:
    """Seconds since the start, `speed` times as fast as real ones; speed 0 stands still."""

    def __init__(
        self,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start at zero.

        Raises:
            ValueError: the speed is not a number from 0 up.
        """
        if not 0 <= speed < math.inf:
            raise ValueError(f"The speed must be a number, 0 or more, not {speed}.")
        self._speed = speed
        self._monotonic = monotonic or _clock.monotonic
        self._started = self._monotonic()
        self._epoch = wall()
        self._skipped = 0.0

    def now(self) -> float:
        """Return the clock's seconds since the start."""
        return (self._monotonic() - self._started) * self._speed + self._skipped

    def advance(self, seconds: float) -> None:
        """Move the clock on by `seconds` at once.

        Raises:
            ValueError: that would be backwards.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"The clock only moves forward, not by {seconds} seconds.")
        self._skipped += seconds

    def wall(self, moment: float) -> float:
        """Return the Unix time in seconds that belongs to a moment of this clock."""
        return self._epoch + moment
