"""Connections to one origin, for the tasks of one event loop: the async version of `_pool`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpcore

from chainhub import _clock
from chainhub._async_network import AsyncWire
from chainhub._body import BodyReader
from chainhub._cancel import Cancel
from chainhub._clock import waker
from chainhub._ending import Counter
from chainhub._lane import READ, Reading
from chainhub._network import LeftOver
from chainhub._pool import (
    EXPIRED,
    NOT_KEPT,
    STALE,
    UNREADABLE,
    UNWATCHED,
    Attempt,
    Raw,
    Slot,
    Stack,
    is_stale,
    watching,
    without_body,
)
from chainhub._session.log import logger

if TYPE_CHECKING:
    from typing import Protocol

    import httpx

    from chainhub._pool import Expiring, Request

    class AsyncConnection(Expiring, Protocol):
        """The part of `httpcore.AsyncHTTPConnection` that is used."""

        async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response: ...
        async def aclose(self) -> None: ...


class AsyncPool:
    """Connections to one origin, for the tasks of one event loop."""

    def __init__(self, open_connection: Callable[[AsyncWire], AsyncConnection], limit: int) -> None:
        self._open = open_connection
        self._stack: Stack[AsyncWire, AsyncConnection] = Stack()
        self._permits = asyncio.Semaphore(limit)

    @property
    def idle(self) -> int:
        """How many connections are open and unused."""
        return len(self._stack)

    async def exchange(self, request: Request, attempt: Attempt) -> Raw:
        """Send `request` and read its answer within the limits of `attempt`.

        Raises:
            httpcore.PoolTimeout: no connection came free before the deadline.
            httpcore.ReadTimeout: the attempt ran out of time.
            BodyError: the body cannot be used.
            OSError, httpcore.*: the exchange failed.
        """
        await self._queue(attempt)
        try:
            until = attempt.until()
            slot = None if attempt.fresh else await self._reusable()
            raw = await self._run(slot, request, attempt, until) if slot else None
            if raw is None:
                wire = AsyncWire()
                raw = await self._run(Slot(wire, self._open(wire)), request, attempt, until)
            assert raw is not None  # a fresh connection is never stale
            return raw
        finally:
            self._permits.release()

    async def _queue(self, attempt: Attempt) -> None:
        if not self._permits.locked():
            await self._permits.acquire()
            return
        left = attempt.deadline - _clock.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as scope:
                with watching(attempt.cancel, lambda: waker(scope)):
                    await self._permits.acquire()
        except TimeoutError as error:
            raise httpcore.PoolTimeout("all connections stayed in use") from error

    async def _reusable(self) -> Slot[AsyncWire, AsyncConnection] | None:
        dead: list[Slot[AsyncWire, AsyncConnection]] = []
        slot = self._stack.pop(dead)
        for other in dead:
            logger.debug(EXPIRED)
            await other.connection.aclose()
        return slot

    async def _run(
        self,
        slot: Slot[AsyncWire, AsyncConnection],
        request: Request,
        attempt: Attempt,
        until: float,
    ) -> Raw | None:
        """Run one exchange; None says that the connection was stale and the request unheard."""
        wire, attempt.reused = slot.wire, slot.used
        wire.begin(until, attempt.connect, reused=slot.used)
        try:
            raw = await self._spelt(slot, request, attempt)
            if raw is None:
                raw = await self._timed(slot, request, attempt)
        except BaseException as error:
            await slot.connection.aclose()
            if is_stale(error, wire):
                logger.debug(STALE)
                return None
            attempt.reached, attempt.heard = wire.written, wire.heard
            raise
        await self._release(slot)
        return raw

    async def _spelt(
        self, slot: Slot[AsyncWire, AsyncConnection], request: Request, attempt: Attempt
    ) -> Raw | None:
        """Exchange bytes the short way; None leaves the rest to httpcore."""
        spoken, stream = slot.spoken(request), slot.wire.stream
        if spoken is None or stream is None:
            return None
        reading = Reading(attempt.max_body)
        with UNWATCHED if attempt.cancel is None else interrupting(slot, attempt.cancel):
            await stream.write(spoken)
            while reading.feed(await stream.read(READ)):
                slot.wire.headers_came = reading.head is not None
        if reading.unusual:
            stream.replay(reading.came)
            return None
        return slot.took(reading, attempt.max_body)

    async def _timed(
        self, slot: Slot[AsyncWire, AsyncConnection], request: Request, attempt: Attempt
    ) -> Raw:
        """Leave the exchange to httpcore, under a clock that also bounds what has none."""
        left = max(slot.wire.until - _clock.monotonic(), 0.0)
        try:
            async with asyncio.timeout(left) as scope:
                with watching(attempt.cancel, lambda: waker(scope)):
                    return await self._any(slot, request, attempt)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("timed out") from error

    async def _any(
        self, slot: Slot[AsyncWire, AsyncConnection], request: Request, attempt: Attempt
    ) -> Raw:
        wire, slot.spelt = slot.wire, False
        core, counter = request.core(), Counter()
        wire.counter = counter
        response = await slot.connection.handle_async_request(core)
        if wire.reused and not wire.reads:
            raise LeftOver("an answer stood on the connection before anything was asked")
        wire.headers_came = True
        raw = await _read_all(response, attempt.max_body)
        await response.aclose()
        slot.spent |= not counter.ended(core.method, response.status, response.headers)
        wire.counter = None
        return raw

    async def _release(self, slot: Slot[AsyncWire, AsyncConnection]) -> None:
        if slot.is_available():
            cold = self._stack.push(slot)
            if cold is not None:
                await cold.connection.aclose()
        else:
            logger.debug(NOT_KEPT)
            await slot.connection.aclose()

    async def aclose(self) -> None:
        """Close the idle connections; those in use close when they are given back."""
        for slot in self._stack.drain():
            await slot.connection.aclose()


async def _read_all(response: httpcore.Response, limit: int) -> Raw:
    try:
        reader = BodyReader(response.headers, limit)
        async for chunk in response.aiter_stream():
            reader.feed(chunk)
        return Raw(response.status, response.headers, reader.finish())
    except UNREADABLE:
        return without_body(response.status, response.headers)


@contextmanager
def interrupting(slot: Slot[AsyncWire, AsyncConnection], cancel: Cancel) -> Iterator[None]:
    """Let the switch end what waits on a connection while the block runs."""
    loop = asyncio.get_running_loop()
    running = True

    def end() -> None:
        if running and slot.wire.stream is not None:  # else it may serve somebody else by now
            slot.spent = True
            slot.wire.stream.interrupt()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed, and with it the exchange over
            loop.call_soon_threadsafe(end)

    with cancel.watching(wake):
        try:
            yield
        finally:
            running = False


async def closing_with_the_loop(one: AsyncPool | httpx.AsyncClient) -> AsyncIterator[None]:
    """Close it when its loop shuts its asynchronous generators down, as `asyncio.run` does."""
    try:
        yield
    finally:
        await one.aclose()
