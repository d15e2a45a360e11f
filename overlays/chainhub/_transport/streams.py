"""Connections for the tasks of an event loop: the async versions of `sockets`.

Any loop that asyncio allows will do: nothing is asked of its transports but what asyncio documents.
What they bring is kept until somebody reads it; whoever waits is woken by bytes, by the end, by a
timer or by a `Cancel`. A wait that runs out of time gets an exception of its own and is not
cancelled, so that one timer per wait is enough.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from chainhub import _clock
from chainhub._transport import sockets
from chainhub._transport.connections import (
    IdleConnections,
    Limits,
    Route,
    Stream,
    cancel_scope,
    left,
    of_system,
    os_failure,
)
from chainhub._transport.http1 import Failure, Flow, Request, Response

T = TypeVar("T")


class AsyncStream(Stream, asyncio.Protocol):
    """One connection to a server, used by one task at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
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
        # A bounded part may stand unread; then the socket is left alone for a while.
        if len(self._unread) > 256 * 1024 and not self._paused:
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

    async def _wait(self, until: float) -> None:
        """Wait until something happens; fail if nothing does, or a `Cancel` is set."""
        if self._interrupted:
            raise ConnectionAbortedError("cancelled")
        # A future of our own instead of asyncio.timeout, which would cancel the task to wake it.
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(left(until), _fail, waiter, TimeoutError())
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
            sock = await self._first_to_answer(await self._addresses(route), connect)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self._loop.create_connection(lambda: self, sock=sock)
            except BaseException:
                sock.close()
                raise
            await self.run(self._opening(route, until, connect))
            return
        except (Failure, OSError) as error:
            failure = self._failed_opening(error, route)
        raise failure

    async def _addresses(self, route: Route) -> list[sockets.AddressInfo]:
        found: list[sockets.LookUp | None] = []

        def done(what: sockets.LookUp) -> None:
            found.append(what)
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(self._wake)

        sockets.look_up(route.host, route.port, done)
        try:
            while not found:
                await self._wait(self.until)
        except TimeoutError as error:
            of_system(error)
            found.append(None)
        return sockets.addresses(route, found[0])

    async def _first_to_answer(
        self, infos: list[sockets.AddressInfo], limit: float
    ) -> socket.socket:
        """Return the first socket that is connected; all others are closed."""
        attempts: set[asyncio.Task[socket.socket]] = set()
        failures: list[BaseException] = []
        try:
            for info in infos:
                attempts.add(attempt := self._loop.create_task(_connected(info)))
                attempt.add_done_callback(self._wake)
                pause = limit if info is infos[-1] else sockets.HEAD_START
                until = min(_clock.monotonic() + pause, self.until)
                try:
                    while attempts:
                        await self._wait(until)
                        for attempt in [attempt for attempt in attempts if attempt.done()]:
                            attempts.discard(attempt)
                            if (failure := attempt.exception()) is None:
                                return attempt.result()
                            failures.append(of_system(failure))
                except TimeoutError as error:  # the next one is tried beside those under way
                    of_system(error)
            raise TimeoutError if attempts else failures[-1]
        finally:
            # Cancelling is not enough: one may have connected in this very turn of the loop.
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_close_late)

    # Using it.

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow, as `SocketStream.run`."""
        flow = self._layered(flow)
        try:
            outgoing = next(flow)
            while True:
                outgoing = flow.send(await self._carry(outgoing))
        except StopIteration as end:
            result: T = end.value
        return result

    async def _carry(self, outgoing: bytes) -> bytes:
        assert self._transport is not None
        try:
            if outgoing:
                left(self.until)
                # A transport that is closing drops what is written without a word.
                if self._transport.is_closing():
                    raise self._lost or ConnectionResetError("the connection is closed")
                self._transport.write(outgoing)
                while self._full:
                    await self._wait(self.until)
            else:
                while not self._unread and not self._ended:
                    await self._wait(self.until)
            # What came before the connection broke still counts for who reads.
            if self._lost is not None and (outgoing or not self._unread):
                raise self._lost
        except OSError as error:
            failure = os_failure(error)
        else:
            if outgoing:
                return b""
            data, self._unread = self._unread, b""
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            return data
        raise failure

    def readable(self) -> bool:
        """Tell whether bytes or the end stand here or wait in the socket, or it was interrupted."""
        if self._unread or self._ended or self._interrupted or self._transport is None:
            return True
        sock: socket.socket = self._transport.get_extra_info("socket")
        return super().readable() or sockets.is_readable(sock.fileno())

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


async def _connected(info: sockets.AddressInfo) -> socket.socket:
    sock = socket.socket(*info[:3])
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, info[4])
        return sock
    except BaseException:
        sock.close()
        raise


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    """Close what was connected in the same moment as the winner."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


class AsyncConnectionPool:
    """Connections to one origin, for the tasks of one event loop, as `ConnectionPool`."""

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[AsyncStream] = IdleConnections()
        self._permits = asyncio.Semaphore(max_connections)

    @property
    def idle(self) -> int:
        """How many connections are open and unused."""
        return len(self._idle)

    async def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response, or raise a Failure."""
        await self._queue(limits)
        try:
            until = limits.until()
            kept = None if limits.fresh else self._idle.pop()
            while True:
                response = await self._run(kept or AsyncStream(), request, limits, until)
                if response is not None:
                    return response
                kept = None
        finally:
            self._permits.release()

    async def _queue(self, limits: Limits) -> None:
        if not self._permits.locked():  # then no timer is needed
            await self._permits.acquire()
            return
        left = limits.deadline - _clock.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as scope:
                with cancel_scope(limits.cancel, lambda: _clock.waker(scope)):
                    await self._permits.acquire()
                    return
        except TimeoutError:
            failure = Failure("timeout", "all connections stayed in use")
        raise failure

    async def _run(
        self, stream: AsyncStream, request: Request, limits: Limits, until: float
    ) -> Response | None:
        """Run one exchange; None says that the connection was dead and the request unheard."""
        http, route = stream.http, self._route()
        limits.reused = http.used
        try:
            with cancel_scope(limits.cancel, stream.waker):
                if not http.used:
                    await stream.open(route, until, limits.connect)
                stream.until = until
                response = await stream.run(http.exchange(route.request(request), limits.max_body))
            stream.detach_cancel()
            self._idle.push(stream)
            return response
        except Failure as error:
            failure = error
        except BaseException:  # a task that is cancelled: what it has sent may still be answered
            stream.close()
            raise
        return stream.failed(failure, again=limits.reused and not limits.cancelled())

    async def aclose(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn
