"""Connections to one origin: a stack of single-connection transports, handed out in O(1).

httpcore's own pool scans all its connections several times per request. Here a free connection is
the top of a stack, so the warmest one is used first and the coldest ones expire at the bottom.
An answer that nobody asked for is never handed out: what stands on a reused connection before we
have asked, or does not begin like an answer, discards the connection, and idempotent requests ask
again on a fresh one. Other requests always open a fresh connection, so that they never need to.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, Protocol, TypeVar

import attrs
import httpcore

from chainhub import _clock
from chainhub._body import BodyError, BodyReader
from chainhub._cancel import Cancel
from chainhub._clock import waker
from chainhub._network import AsyncWire, LeftOver, SyncWire, Wire

KEEPALIVE = 55.0
"""Seconds an idle connection is kept: above the pace of polls, below the 60 s of load balancers."""

Headers = list[tuple[bytes, bytes]]


class Raw(NamedTuple):
    """One answer as it came, its body inflated."""

    status: int
    headers: Headers
    body: bytes


@attrs.define
class Attempt:
    """What one attempt may take, whether it may have reached the server, what was heard first.

    `timeout` (seconds) starts when a connection is handed out; `deadline` is an instant
    (monotonic). Queueing for a connection counts against the deadline alone.
    """

    timeout: float
    connect: float
    deadline: float
    max_body: int
    fresh: bool = False
    cancel: Cancel | None = None
    reached: bool = False
    heard: bytes = b""

    def until(self) -> float:
        """Return the instant at which an attempt that starts now ends."""
        return min(_clock.monotonic() + self.timeout, self.deadline)


class Expiring(Protocol):
    """What both colours of httpcore's connections can tell."""

    def has_expired(self) -> bool: ...
    def is_available(self) -> bool: ...


class SyncConnection(Expiring, Protocol):
    """The part of `httpcore.HTTPConnection` that is used."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response: ...
    def close(self) -> None: ...


class AsyncConnection(Expiring, Protocol):
    """The part of `httpcore.AsyncHTTPConnection` that is used."""

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response: ...
    async def aclose(self) -> None: ...


W = TypeVar("W", bound=Wire)
C = TypeVar("C", bound=Expiring)


class Slot(Generic[W, C]):
    """One connection with its wire."""

    __slots__ = ("connection", "idle_since", "used", "wire")

    def __init__(self, wire: W, connection: C) -> None:
        self.wire = wire
        self.connection = connection
        self.idle_since = 0.0
        self.used = False


class Stack(Generic[W, C]):
    """The idle connections, warmest on top; `dead` yields those to close."""

    def __init__(self) -> None:
        self._idle: deque[Slot[W, C]] = deque()

    def __len__(self) -> int:
        return len(self._idle)

    def pop(self, dead: list[Slot[W, C]]) -> Slot[W, C] | None:
        """Return the warmest connection that can be used; append unusable ones to `dead`."""
        while True:
            try:
                slot = self._idle.pop()
            except IndexError:
                return None
            if not slot.connection.has_expired():
                return slot
            dead.append(slot)

    def push(self, slot: Slot[W, C]) -> Slot[W, C] | None:
        """Keep a connection; return the coldest one if its time is over."""
        slot.used = True
        slot.idle_since = _clock.monotonic()
        self._idle.append(slot)
        with suppress(IndexError):  # another thread may have taken the last one
            if slot.idle_since - self._idle[0].idle_since > KEEPALIVE:
                return self._idle.popleft()
        return None

    def drain(self) -> Iterator[Slot[W, C]]:
        """Take all of them."""
        while self._idle:
            yield self._idle.pop()


def is_stale(error: BaseException, wire: Wire, headers_came: bool) -> bool:
    """Tell whether a failure is only that of a reused connection that was dead or dirty already."""
    if not wire.reused or headers_came:
        return False
    if isinstance(error, httpcore.RemoteProtocolError):  # LeftOver is one, an early end another
        return True
    return not wire.reads and isinstance(error, httpcore.ReadError | httpcore.WriteError)


class SyncPool:
    """Connections to one origin, for threads."""

    def __init__(self, open_connection: Callable[[SyncWire], SyncConnection], limit: int) -> None:
        self._open = open_connection
        self._stack: Stack[SyncWire, SyncConnection] = Stack()
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(limit):
            self._permits.put(None)

    def exchange(self, request: httpcore.Request, attempt: Attempt) -> Raw:
        """Send `request` and read its answer within the limits of `attempt`.

        Raises:
            httpcore.PoolTimeout: no connection came free before the deadline.
            BodyError: the body cannot be used.
            OSError, httpcore.*: the exchange failed.
        """
        self._queue(attempt)
        try:
            until = attempt.until()
            slot = None if attempt.fresh else self._reusable()
            raw = self._run(slot, request, attempt, until) if slot else None
            if raw is None:
                wire = SyncWire()
                raw = self._run(Slot(wire, self._open(wire)), request, attempt, until)
            assert raw is not None  # a fresh connection is never stale
            return raw
        finally:
            self._permits.put(None)

    def _queue(self, attempt: Attempt) -> None:
        left = attempt.deadline - _clock.monotonic()
        while True:
            if attempt.cancel is not None and attempt.cancel.is_set():
                raise httpcore.PoolTimeout("cancelled")
            # A queue cannot be woken by a switch: look at it often enough to keep 50 ms.
            slice_ = min(left, 0.02 if attempt.cancel is not None else 3600.0)
            try:
                return self._permits.get(timeout=max(slice_, 0.0))
            except Empty:
                left = attempt.deadline - _clock.monotonic()
            if left <= 0:
                raise httpcore.PoolTimeout("all connections stayed in use")

    def _reusable(self) -> Slot[SyncWire, SyncConnection] | None:
        dead: list[Slot[SyncWire, SyncConnection]] = []
        slot = self._stack.pop(dead)
        for other in dead:
            other.connection.close()
        return slot

    def _run(
        self,
        slot: Slot[SyncWire, SyncConnection],
        request: httpcore.Request,
        attempt: Attempt,
        until: float,
    ) -> Raw | None:
        """Run one exchange; None says that the connection was stale and the request unheard."""
        wire = slot.wire
        wire.begin(until, attempt.connect, reused=slot.used)
        headers_came = False
        try:
            with watching(attempt.cancel, lambda: wire.shut):
                response = slot.connection.handle_request(request)
                if wire.reused and not wire.reads:
                    raise LeftOver("an answer stood on the connection before anything was asked")
                headers_came = True
                raw = _read(response, attempt.max_body)
                response.close()
        except BaseException as error:
            slot.connection.close()
            if is_stale(error, wire, headers_came):
                return None
            attempt.reached, attempt.heard = wire.written, wire.heard
            raise
        self._release(slot)
        return raw

    def _release(self, slot: Slot[SyncWire, SyncConnection]) -> None:
        if slot.connection.is_available():
            cold = self._stack.push(slot)
            if cold is not None:
                cold.connection.close()
        else:
            slot.connection.close()

    def close(self) -> None:
        """Close the idle connections; those in use close when they are given back."""
        for slot in self._stack.drain():
            slot.connection.close()


UNREADABLE = (BodyError, httpcore.NetworkError, httpcore.ProtocolError)
"""What may happen to a body; of an answer whose status is an error, nothing is lost by it."""


def _read(response: httpcore.Response, limit: int) -> Raw:
    try:
        reader = BodyReader(response.headers, limit)
        for chunk in response.iter_stream():
            reader.feed(chunk)
        return Raw(response.status, response.headers, reader.finish())
    except UNREADABLE:
        return without_body(response.status, response.headers)


async def _aread(response: httpcore.Response, limit: int) -> Raw:
    try:
        reader = BodyReader(response.headers, limit)
        async for chunk in response.aiter_stream():
            reader.feed(chunk)
        return Raw(response.status, response.headers, reader.finish())
    except UNREADABLE:
        return without_body(response.status, response.headers)


def without_body(status: int, headers: Headers) -> Raw:
    """Return an answer whose body cannot be used, if its status says enough; else raise again.

    Called while the failure is handled: an error status is an error whatever its body holds.
    """
    if 200 <= status < 300:
        raise
    return Raw(status, headers, b"")


def watching(
    cancel: Cancel | None, waker: Callable[[], Callable[[], None]]
) -> AbstractContextManager[None]:
    """Let the switch, if there is one, call what `waker` makes."""
    return _UNWATCHED if cancel is None else cancel.watching(waker())


_UNWATCHED: AbstractContextManager[None] = nullcontext()


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

    async def exchange(self, request: httpcore.Request, attempt: Attempt) -> Raw:
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
            async with asyncio.timeout(max(until - _clock.monotonic(), 0.0)) as scope:
                with watching(attempt.cancel, lambda: waker(scope)):
                    return await self._exchange(request, attempt, until)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("timed out") from error
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

    async def _exchange(self, request: httpcore.Request, attempt: Attempt, until: float) -> Raw:
        slot = None if attempt.fresh else await self._reusable()
        raw = await self._run(slot, request, attempt, until) if slot else None
        if raw is None:
            wire = AsyncWire()
            raw = await self._run(Slot(wire, self._open(wire)), request, attempt, until)
        assert raw is not None  # a fresh connection is never stale
        return raw

    async def _reusable(self) -> Slot[AsyncWire, AsyncConnection] | None:
        dead: list[Slot[AsyncWire, AsyncConnection]] = []
        slot = self._stack.pop(dead)
        for other in dead:
            await other.connection.aclose()
        return slot

    async def _run(
        self,
        slot: Slot[AsyncWire, AsyncConnection],
        request: httpcore.Request,
        attempt: Attempt,
        until: float,
    ) -> Raw | None:
        """Run one exchange; None says that the connection was stale and the request unheard."""
        wire = slot.wire
        wire.begin(until, attempt.connect, reused=slot.used)
        headers_came = False
        try:
            response = await slot.connection.handle_async_request(request)
            if wire.reused and not wire.reads:
                raise LeftOver("an answer stood on the connection before anything was asked")
            headers_came = True
            raw = await _aread(response, attempt.max_body)
            await response.aclose()
        except BaseException as error:
            await slot.connection.aclose()
            if is_stale(error, wire, headers_came):
                return None
            attempt.reached, attempt.heard = wire.written, wire.heard
            raise
        await self._release(slot)
        return raw

    async def _release(self, slot: Slot[AsyncWire, AsyncConnection]) -> None:
        if slot.connection.is_available():
            cold = self._stack.push(slot)
            if cold is not None:
                await cold.connection.aclose()
        else:
            await slot.connection.aclose()

    async def aclose(self) -> None:
        """Close the idle connections; those in use close when they are given back."""
        for slot in self._stack.drain():
            await slot.connection.aclose()


async def closing_with_the_loop(pool: AsyncPool) -> AsyncIterator[None]:
    """Close `pool` when its loop shuts its asynchronous generators down, as `asyncio.run` does."""
    try:
        yield
    finally:
        await pool.aclose()
