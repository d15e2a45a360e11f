"""The time that clients live by: one place, so that it can be replaced.

Deadlines, pauses and polls take their instants and their sleep from here. `chainhub.testing` puts
a clock here that skips every sleep: then a wait of fifteen minutes passes at once, while sockets
still take the real time they take, because what is left of a deadline is a difference.
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
    """Bound a block in seconds, where it waits for what may be asleep itself."""
    import asyncio  # threads need none of it

    return asyncio.timeout(delay)


def request_under_way(change: int) -> None:
    """Note that a request begins (1) or has ended (-1): then a clock in tests does not jump."""


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
