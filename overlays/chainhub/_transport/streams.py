"""Connections for the tasks of an event loop: the async versions of `sockets`.

Any loop that asyncio allows can be used: of its interface only the part for plain sockets is
needed, so that a socket that is shut down or closed is so for every loop. With hundreds of requests
in flight each of them waits twice, for a connection and for its response: a socket is watched until
it is closed, and one timer serves all waiting requests.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._transport import sockets
from chainhub._transport.connections import (
    IdleConnections,
    Limits,
    Route,
    Stream,
    cancel_scope,
    may_have_answered,
    of_system,
    os_failure,
    seconds_until,
)
from chainhub._transport.http1 import Failure, Flow, Request, Response

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F", bound="asyncio.Future[Any]")


class Timeouts:
    """Ends waits in an event loop that take too long."""

    # A timer for each wait would take a tenth of a request's CPU time, and hardly one is needed.
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends: dict[asyncio.Future[Any], float] = {}  # in the loop's own time
        self._timer: asyncio.TimerHandle | None = None
        self._at = math.inf  # the instant of the timer

    async def wait(self, waiter: asyncio.Future[R], seconds: float) -> R:
        """Return the result of a future; end it with a TimeoutError if that takes too long."""
        end = self._ends[waiter] = self._loop.time() + seconds
        if end < self._at:
            self._set(end)
        try:
            return await waiter
        finally:
            del self._ends[waiter]
            if not self._ends:
                self._set(math.inf)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        self._timer = None if math.isinf(at) else self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        now = self._loop.time()
        for waiter, end in self._ends.items():
            if end <= now:
                _fail(waiter)
        ends = (end for waiter, end in self._ends.items() if not waiter.done())
        self._set(min(ends, default=math.inf))


class AsyncStream(Stream):
    """One connection to a server, used by one task at a time."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        super().__init__()
        self._timeouts = timeouts or Timeouts()
        self._loop = asyncio.get_running_loop()
        self._cancellation: asyncio.Future[None] = self._loop.create_future()
        self._watched_socket: socket.socket | None = None  # the loop reports when it is readable
        self._waiter: asyncio.Future[bytes] | None = None  # for the bytes that are read
        self._has_read = False  # whether something was read since the last write

    async def open(self, route: Route, until: float, connect: float) -> None:
        """Connect and do all steps of a route, as `SocketStream.open`."""
        self.until = until
        try:
            self._socket = await self._connect(await self._addresses(route), connect)
            self._open_sockets.append(self._socket)
            self._raise_if_shut()  # `shut` has not found this socket
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self.run(self._set_up(route, until, connect))
        except (Failure, OSError) as error:
            raise self._opening_failure(error, route) from None

    async def _addresses(self, route: Route) -> list[sockets.AddressInfo]:
        lookup: asyncio.Future[sockets.LookupResult] = self._loop.create_future()
        on_result = partial(_call_soon, self._loop, _set_result, lookup)
        sockets.look_up(route.host, route.port, on_result)
        await self._wait({lookup}, self.until)
        return sockets.addresses(route, lookup.result() if lookup.done() else None)

    async def _connect(self, infos: list[sockets.AddressInfo], limit: float) -> socket.socket:
        """Return the first socket that is connected; all others are closed."""
        attempts: set[asyncio.Task[socket.socket]] = set()
        failures: list[BaseException] = []
        try:
            for info in infos:
                attempts.add(self._loop.create_task(_connect_to(info)))
                pause = limit if info is infos[-1] else sockets.ATTEMPT_DELAY
                until = min(_clock.monotonic() + pause, self.until)
                # If none is done by then, the next one is tried in parallel to the pending ones.
                while attempts and (done := await self._wait(attempts, until)):
                    for attempt in done:
                        attempts.discard(attempt)
                        if (failure := attempt.exception()) is None:
                            return attempt.result()
                        failures.append(of_system(failure))
            raise TimeoutError if attempts else failures[-1]
        finally:
            # Cancelling is not enough: one may have connected in the same turn of the loop.
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_close_late)

    async def _wait(self, futures: set[F], until: float) -> list[F]:
        """Return the futures that are done, at the latest at an instant; fail if it was shut."""
        awaited: set[asyncio.Future[Any]] = {*futures, self._cancellation}
        if (remaining := until - _clock.monotonic()) > 0:
            await asyncio.wait(awaited, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        self._raise_if_shut()
        return [future for future in futures if future.done()]

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
        assert self._socket is not None
        try:
            limit = seconds_until(self.until)
            view = memoryview(outgoing)
            with suppress(BlockingIOError):
                if outgoing:
                    view, self._has_read = view[self._socket.send(view) :], False
                    if not view:  # as a rule a request is sent at once, without a wait
                        return b""
                elif self._has_read:  # uvloop reports data and a broken connection only once
                    return self._socket.recv(sockets.READ_SIZE)
            if not outgoing and self._watch(self._socket):
                self._has_read, self._waiter = True, self._loop.create_future()
                return await self._timeouts.wait(self._waiter, limit)
            async with asyncio.timeout(limit):
                if not outgoing:
                    return await self._loop.sock_recv(self._socket, sockets.READ_SIZE)
                await self._loop.sock_sendall(self._socket, view)
                return b""
        except OSError as error:
            if outgoing and self.http.sent and may_have_answered(error):
                return b""
            raise os_failure(error) from None

    def _watch(self, sock: socket.socket) -> bool:
        """Let the loop call `_on_readable`; return whether it can."""
        if self._watched_socket is None:
            with suppress(NotImplementedError):  # by the usual loop of Windows
                self._loop.add_reader(sock, self._on_readable, sock)
                self._watched_socket = sock
        return self._watched_socket is not None

    def _on_readable(self, sock: socket.socket) -> None:
        assert self._waiter is not None
        if self._waiter.done():  # bytes that nothing waits for stay in the socket
            self._unwatch()
            return
        try:
            self._waiter.set_result(sock.recv(sockets.READ_SIZE))
        except BlockingIOError:
            pass
        except Exception as error:  # noqa: BLE001 - a signal handler may raise anything here
            self._waiter.set_exception(error)

    def _unwatch(self) -> None:
        if self._watched_socket is not None:
            self._loop.remove_reader(self._watched_socket)
            self._watched_socket = None

    def close(self) -> None:
        """Close the socket."""
        self._unwatch()
        super().close()

    def shut(self) -> None:
        """Make all waiting here fail at once, as `Stream.shut`; connecting too."""
        super().shut()
        _call_soon(self._loop, _set_result, self._cancellation, None)


async def _connect_to(info: sockets.AddressInfo) -> socket.socket:
    sock = socket.socket(*info[:3])
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, info[4])
        return sock
    except BaseException:
        sock.close()
        raise


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    """Close a socket that was connected at the same moment as the one in use."""
    with suppress(asyncio.CancelledError, OSError):  # then it has closed its socket itself
        attempt.result().close()


def _call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object
) -> None:
    """Have a loop call a function, from any thread."""
    with suppress(RuntimeError):  # the loop is closed, and nothing waits in it
        loop.call_soon_threadsafe(function, *arguments)


def _set_result(future: asyncio.Future[R], result: R) -> None:
    if not future.done():
        future.set_result(result)


def _fail(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


class Permits:
    """Permits to use a connection, acquired in the order of the calls.

    With hundreds of requests in flight almost each one waits here: a future costs less than
    asyncio's semaphore with a timeout around it.
    """

    def __init__(self, count: int, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._free = count
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def acquire(self, deadline: float = math.inf, cancel: Cancel | None = None) -> None:
        """Take a permit; raise TimeoutError at the deadline, or when `cancel` is set."""
        if self._free:
            self._free -= 1
            return
        limit = seconds_until(deadline)
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            with cancel_scope(cancel, lambda: partial(_call_soon, self._loop, _fail, waiter)):
                await self._timeouts.wait(waiter, limit)
        except BaseException:
            # A task may get its permit at the moment at which it is cancelled.
            if not waiter.cancel() and not waiter.cancelled() and waiter.exception() is None:
                self.release()
            raise

    def release(self) -> None:
        """Give a permit back: to the task that has waited longest."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1


class AsyncConnectionPool:
    """Connections to one origin, for the tasks of one event loop, as `ConnectionPool`."""

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[AsyncStream] = IdleConnections()
        self._timeouts = Timeouts()
        self._permits = Permits(max_connections, self._timeouts)

    @property
    def idle(self) -> int:
        """The number of connections that are open and not in use."""
        return len(self._idle)

    async def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response, or raise a Failure."""
        try:
            await self._permits.acquire(limits.deadline, limits.cancel)
        except TimeoutError as error:
            of_system(error)
            raise Failure("timeout", "all connections stayed in use") from None
        try:
            until = limits.until()
            stream = (None if limits.fresh else self._idle.pop()) or AsyncStream(self._timeouts)
            while True:
                http, route = stream.http, self._route()
                try:
                    with stream.scope(limits):
                        if not http.used:
                            await stream.open(route, until, limits.connect)
                        stream.until = until
                        flow = http.exchange(route.request(request), limits.max_body)
                        response = await stream.run(flow)
                    self._idle.push(stream)
                    return response
                except Failure as failure:
                    resend = limits.reused and not limits.cancelled()
                    if (error_response := stream.on_failure(failure, resend=resend)) is not None:
                        return error_response
                except BaseException:  # a cancelled task: the response may still arrive
                    stream.close()
                    raise
                stream = AsyncStream(self._timeouts)
        finally:
            self._permits.release()

    async def aclose(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()
