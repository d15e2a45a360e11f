"""Let the clients of a process wait less: they sleep a fiftieth, like the sandbox they talk to.

Python imports this by itself if the folder is on `PYTHONPATH`. Only pauses are shortened: sockets,
timeouts of attempts and the program itself take the time they take.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chainhub import _clock
from chainhub._cancel import Cancel

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

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


@asynccontextmanager
async def timeout(delay: float | None) -> AsyncIterator[asyncio.Timeout]:
    """Bound a block by a fiftieth of `delay` and count what it took fifty times."""
    import asyncio  # most programs need none of it

    began = time.monotonic()
    try:
        async with asyncio.timeout(None if delay is None else delay / SPEED) as scope:
            yield scope
    finally:
        _count((time.monotonic() - began) * SPEED)


def _count(delay: float) -> None:
    global _slept
    _slept += delay * (1 - 1 / SPEED)


_clock.monotonic, _clock.timeout = monotonic, timeout
_clock.sleep, _clock.asleep = sleep, asleep
