"""Connections for the tasks of an event loop: the async versions of `sockets` and `pools`.

Any loop that asyncio allows will do: nothing is asked of its transports but what asyncio documents.
What they bring is kept until somebody reads it; whoever waits is woken by bytes, by the end, by a
timer or by a `Cancel`. A wait that runs out of time gets an exception of its own and is not
cancelled, so that one timer per wait is enough.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from chainhub import _clock
from chainhub._transport.addresses import AddressCheck
from chainhub._transport.exchange import Failure, Limits, Response, cancel_scope, left, os_failure
from chainhub._transport.http1 import Flow, Request
from chainhub._transport.pools import IdleConnections, PooledConnection
from chainhub._transport.routes import TLS, Route
from chainhub._transport.sockets import (
    AddressInfo,
    LookUp,
    addresses,
    head_starts,
    is_readable,
    numeric_address,
    start_look_up,
)
from chainhub._transport.tls import TLSLayer

T = TypeVar("T")

HIGH_WATER = 256 * 1024
"""Bytes that may stand unread before the socket is left alone for a while."""


class AsyncStream(asyncio.Protocol):
    """One connection to a server, used by one task at a time.

    Attributes:
        until: The instant (monotonic) at which whatever is done here must end.
    """

    def __init__(self) -> None:
        self.until = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._layers: list[TLSLayer] = []  # the innermost first
        self._unread = b""
        self._ended = False
        self._lost: OSError | None = None
        self._full = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._cancellable: object = None
        self._interrupted = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > HIGH_WATER and not self._paused:
            assert self._transport is not None
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return True  # what is under way may still be written

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if exc is not None:
            self._lost = exc if isinstance(exc, OSError) else ConnectionResetError(str(exc))
        self._full = False
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def _wake(self, *_: object) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, seconds: float) -> None:
        """Wait until something happens.

        Raises:
            TimeoutError: nothing did.
            ConnectionAbortedError: a `Cancel` was set.
        """
        if self._interrupted:
            raise ConnectionAbortedError("cancelled")
        # A future of our own instead of asyncio.timeout, which would cancel the task to wake it.
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, _fail, waiter, TimeoutError())
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    # Opening a connection.

    async def open(self, route: Route, until: float, connect: float) -> None:
        """Take a route from its beginning to where requests can be sent, as `SocketStream.open`."""
        self.until = until
        try:
            await self.connect(route.host, route.port, connect, route.check)
        except Failure as error:
            failure = route.failure(error)
        else:
            for step in route.steps:
                if isinstance(step, TLS):
                    self.until = min(until, _clock.monotonic() + connect)
                    await self.start_tls(step.context, step.hostname)
                else:
                    self.until = until
                    await self.run(step())
            return
        raise failure

    async def connect(self, host: str, port: int, limit: float, check: AddressCheck | None) -> None:
        """Connect to the first address of a host that answers, as `SocketStream.connect`."""
        try:
            infos = addresses(host, port, await self._look_up(host, port), check)
            sock = await self._first_to_answer(infos, limit)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self._loop.create_connection(lambda: self, sock=sock)
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            failure = os_failure(error).before_connected()
        else:
            return
        raise failure

    async def _look_up(self, host: str, port: int) -> LookUp | None:
        if (numeric := numeric_address(host, port)) is not None:
            return numeric
        found: list[LookUp] = []

        def done(what: LookUp) -> None:
            found.append(what)
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(self._wake)

        start_look_up(host, port, done)
        with suppress(TimeoutError):
            while not found:
                await self._wait(left(self.until))
            return found[0]
        return None

    async def _first_to_answer(self, infos: list[AddressInfo], limit: float) -> socket.socket:
        """Return the first socket that is connected; all others are closed."""
        attempts: set[asyncio.Task[socket.socket]] = set()
        failures: list[BaseException] = []
        try:
            for info, pause in zip(infos, head_starts(len(infos), limit), strict=True):
                attempts.add(attempt := self._loop.create_task(_connected(info)))
                attempt.add_done_callback(self._wake)
                until = min(_clock.monotonic() + pause, self.until)
                with suppress(TimeoutError):  # the next one is tried beside those under way
                    while attempts:
                        await self._wait(left(until))
                        for attempt in [attempt for attempt in attempts if attempt.done()]:
                            attempts.discard(attempt)
                            if (failure := attempt.exception()) is None:
                                return attempt.result()
                            failures.append(failure)
            raise TimeoutError if attempts else failures[-1]
        finally:
            # Cancelling is not enough: one may have connected in this very turn of the loop.
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_close_late)

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> None:
        """Agree on keys, as `SocketStream.start_tls`."""
        layer = TLSLayer(context, hostname)
        try:
            await self.run(layer.handshake())
        except Failure as error:
            failure = (layer.failure or error).before_connected()
        else:
            self._layers.insert(0, layer)
            return
        raise failure

    # Using it.

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow, as `SocketStream.run`."""
        for layer in self._layers:
            flow = layer.encrypted(flow)
        try:
            outgoing = next(flow)
            while True:
                if outgoing:
                    await self._send(outgoing)
                    outgoing = flow.send(b"")
                else:
                    outgoing = flow.send(await self._receive())
        except StopIteration as end:
            result: T = end.value
        return result

    async def _receive(self) -> bytes:
        try:
            while not self._unread and not self._ended:
                await self._wait(left(self.until))
            if not self._unread and self._lost is not None:
                raise self._lost
        except OSError as error:
            failure = os_failure(error)
        else:
            data, self._unread = self._unread, b""
            if self._paused:
                assert self._transport is not None
                self._paused = False
                self._transport.resume_reading()
            return data
        raise failure

    async def _send(self, data: bytes) -> None:
        assert self._transport is not None
        try:
            left(self.until)
            # A transport that is closing drops what is written without a word.
            if self._transport.is_closing():
                raise self._lost or ConnectionResetError("the connection is closed")
            self._transport.write(data)
            while self._full:
                await self._wait(left(self.until))
            if self._lost is not None:
                raise self._lost
        except OSError as error:
            failure = os_failure(error)
        else:
            return
        raise failure

    def readable(self) -> bool:
        """Tell whether bytes or the end stand here or wait in the socket, or it was interrupted."""
        if self._unread or self._ended or self._interrupted or self._transport is None:
            return True
        # The loop's buffer says nothing of what a layer of TLS has read.
        for layer in self._layers:
            if layer.holds_bytes:
                return True
        sock: socket.socket = self._transport.get_extra_info("socket")
        return is_readable(sock.fileno())

    # Ending it.

    def waker(self) -> Callable[[], None]:
        """Return a function that ends what is under way from now on; from any thread."""
        scope = self._cancellable = object()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed, and with it the exchange over
                self._loop.call_soon_threadsafe(self._interrupt, scope)

        return wake

    def detach_cancel(self) -> None:
        """Let a function that `waker` returned end nothing any more: others may use the stream."""
        self._cancellable = None

    def _interrupt(self, scope: object) -> None:
        if scope is self._cancellable:
            self._interrupted = True
            if self._waiter is not None:
                _fail(self._waiter, ConnectionAbortedError("cancelled"))

    def close(self) -> None:
        """Close the socket, without waiting for anything to be sent; the loop does so next."""
        if self._transport is not None:
            self._transport.abort()


def _fail(waiter: asyncio.Future[None], error: OSError) -> None:
    if not waiter.done():
        waiter.set_exception(error)


async def _connected(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    """Close what was connected in the same moment as the winner."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


class AsyncConnectionPool:
    """Connections to one origin, for the tasks of one event loop.

    Args:
        route: Returns the route to the origin.
        max_connections: How many may be in use at the same time; further exchanges wait.
    """

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[AsyncStream] = IdleConnections()
        self._permits = asyncio.Semaphore(max_connections)

    @property
    def idle(self) -> int:
        """How many connections are open and unused."""
        return len(self._idle)

    async def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response.

        Raises:
            Failure: no response came, or it cannot be used.
        """
        await self._queue(limits)
        try:
            until = limits.until()
            response = None
            if not limits.fresh and (kept := self._idle.pop()) is not None:
                response = await self._run(kept, request, limits, until)
            if response is None:
                fresh = PooledConnection(AsyncStream())
                response = await self._run(fresh, request, limits, until)
            assert response is not None  # a fresh connection is never stale
            return response
        finally:
            self._permits.release()

    async def _queue(self, limits: Limits) -> None:
        if not self._permits.locked():
            await self._permits.acquire()
            return
        left = limits.deadline - _clock.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as scope:
                with cancel_scope(limits.cancel, lambda: _clock.waker(scope)):
                    await self._permits.acquire()
        except TimeoutError:
            failure = Failure("timeout", "all connections stayed in use")
        else:
            return
        raise failure

    async def _run(
        self,
        connection: PooledConnection[AsyncStream],
        request: Request,
        limits: Limits,
        until: float,
    ) -> Response | None:
        """Run one exchange; None says that the connection was dead and the request unheard."""
        stream, http = connection.stream, connection.http
        limits.reused = http.used
        route = self._route()
        try:
            with cancel_scope(limits.cancel, stream.waker):
                if not http.used:
                    await stream.open(route, until, limits.connect)
                stream.until = until
                response = await stream.run(http.exchange(route.request(request), limits.max_body))
        except Failure as error:
            failure = error
        except BaseException:  # a task that is cancelled: what it has sent may still be answered
            stream.close()
            raise
        else:
            stream.detach_cancel()
            self._idle.push(connection)
            return response
        return connection.failed(failure, again=limits.reused and not limits.cancelled())

    async def aclose(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn
