"""The clock of all clients, in one place, so that it can be replaced.

Deadlines, delays and polls take their instants and their sleep from here. `chainhub.testing` sets
a clock that skips every sleep: then a wait of fifteen minutes ends at once, while sockets still
take real time, because the rest of a deadline is a difference of instants.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from chainhub._cancel import Cancel

monotonic: Callable[[], float] = time.monotonic
"""Return the present instant, in seconds; only differences mean something."""


def timeout(delay: float | None) -> AbstractAsyncContextManager[asyncio.Timeout]:
    """Limit a block to `delay` seconds; for blocks that may wait for a sleep of this module."""
    import asyncio  # threads need none of it

    return asyncio.timeout(delay)


def request_under_way(change: int) -> None:
    """Note that a request begins (1) or has ended (-1): a virtual clock does not skip it."""


def sleep(delay: float, cancel: Cancel | None) -> None:
    """Sleep for `delay` seconds, or until the switch is set."""
    if cancel is None:
        time.sleep(delay)
    else:
        cancel.wait(delay)


async def asleep(delay: float, cancel: Cancel | None) -> None:
    """Sleep for `delay` seconds, or until the switch is set."""
    import asyncio

    if cancel is None:
        await asyncio.sleep(delay)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(delay) as scope:
            with cancel.watching(waker(scope)):
                await asyncio.get_running_loop().create_future()


def waker(scope: asyncio.Timeout) -> Callable[[], None]:
    """Return a function that ends `scope` at once, from any thread."""
    import asyncio

    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed, and with it the scope over
            loop.call_soon_threadsafe(_expire, scope)

    return wake


def _expire(scope: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # the scope has ended meanwhile
        scope.reschedule(0.0)
