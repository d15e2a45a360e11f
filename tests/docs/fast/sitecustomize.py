"""Let the clients of a process wait less: they sleep a fiftieth, like the sandbox they talk to.

Python imports this by itself if the folder is on `PYTHONPATH`. Only sleeps are shortened: sockets,
time-outs and the program itself take the time they take.
"""

import time

from chainhub import _clock
from chainhub._cancel import Cancel

SPEED = 50.0

_slept = 0.0
_sleep, _asleep = _clock.sleep, _clock.asleep


def monotonic() -> float:
    """Return the instant it would be if the sleeps had been as long as they were meant."""
    return time.monotonic() + _slept


def sleep(delay: float, cancel: Cancel | None) -> None:
    """Sleep a fiftieth of `delay` and count the rest as slept."""
    _sleep(delay / SPEED, cancel)
    _count(delay)


async def asleep(delay: float, cancel: Cancel | None) -> None:
    """Sleep a fiftieth of `delay` and count the rest as slept."""
    await _asleep(delay / SPEED, cancel)
    _count(delay)


def _count(delay: float) -> None:
    global _slept
    _slept += delay * (1 - 1 / SPEED)


_clock.monotonic, _clock.sleep, _clock.asleep = monotonic, sleep, asleep
