"""Connections for the tasks of an event loop: the async versions of `sockets`.

Any loop that asyncio allows will do: its own transports are not used, only what it says of plain
sockets, so that one that is shut down or closed is so for every loop. With hundreds of requests in
flight each of them waits twice, for a connection and for its response: a socket is watched as long
as it lives, and one timer serves all that wait.
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
    left,
    may_have_answered,
    of_system,
    os_failure,
)
from chainhub._transport.http1 import Failure, Flow, Request, Response

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F", bound="asyncio.Future[Any]")


class Timeouts:
    """Ends what has waited too long in an event loop."""

    # A timer for each wait would take a tenth of a request's CPU time, and hardly one goes off.
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends: dict[asyncio.Future[Any], float] = {}  # in the loop's own time
        self._timer: asyncio.TimerHandle | None = None
        self._at = math.inf  # when the timer goes off

    async def wait(self, waiter: asyncio.Future[R], seconds: float) -> R:
        """Return what a future brings; end it with a TimeoutError if that takes too long."""
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
        self._timer = None if math.isinf(at) else self._loop.call_at(at, self._go_off)

    def _go_off(self) -> None:
        now = self._loop.time()
        for waiter, end in self._ends.items():
            if end <= now:
                _fail(waiter)
        later = (end for waiter, end in self._ends.items() if not waiter.done())
        self._set(min(later, default=math.inf))


class AsyncStream(Stream):
    """One connection to a server, used by one task at a time."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        super().__init__()
        self._timeouts = timeouts or Timeouts()
        self._loop = asyncio.get_running_loop()
        self._cancelled: asyncio.Future[None] = self._loop.create_future()
        self._watched: socket.socket | None = None  # of this one the loop tells when to read
        self._waiter: asyncio.Future[bytes] | None = None  # for what is read
        self._answered = False  # whether something was read since the last write

    async def open(self, route: Route, until: float, connect: float) -> None:
        """Take a route from its beginning to where requests can be sent, as `SocketStream.open`."""
        self.until = until
        try:
            self._socket = await self._first_to_answer(await self._addresses(route), connect)
            self._open.append(self._socket)
            self._refuse_shut()  # `shut` has not found this socket
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self.run(self._opening(route, until, connect))
        except (Failure, OSError) as error:
            raise self._failed_opening(error, route) from None

    async def _addresses(self, route: Route) -> list[sockets.AddressInfo]:
        found: asyncio.Future[sockets.LookUp] = self._loop.create_future()
        done = partial(_call_soon, self._loop, _set_result, found)
        sockets.look_up(route.host, route.port, done)
        await self._wait({found}, self.until)
        return sockets.addresses(route, found.result() if found.done() else None)

    async def _first_to_answer(
        self, infos: list[sockets.AddressInfo], limit: float
    ) -> socket.socket:
        """Return the first socket that is connected; all others are closed."""
        attempts: set[asyncio.Task[socket.socket]] = set()
        failures: list[BaseException] = []
        try:
            for info in infos:
                attempts.add(self._loop.create_task(_connected(info)))
                pause = limit if info is infos[-1] else sockets.HEAD_START
                until = min(_clock.monotonic() + pause, self.until)
                # If none is done by then, the next one is tried beside those under way.
                while attempts and (done := await self._wait(attempts, until)):
                    for attempt in done:
                        attempts.discard(attempt)
                        if (failure := attempt.exception()) is None:
                            return attempt.result()
                        failures.append(of_system(failure))
            raise TimeoutError if attempts else failures[-1]
        finally:
            # Cancelling is not enough: one may have connected in this very turn of the loop.
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_close_late)

    async def _wait(self, futures: set[F], until: float) -> list[F]:
        """Return which are done, at the latest at an instant; fail if it was shut."""
        waiting: set[asyncio.Future[Any]] = {*futures, self._cancelled}
        if (left := until - _clock.monotonic()) > 0:
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        self._refuse_shut()
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
            limit = left(self.until)
            rest = memoryview(outgoing)
            with suppress(BlockingIOError):
                if outgoing:
                    rest, self._answered = rest[self._socket.send(rest) :], False
                    if not rest:  # as a rule a request goes out at once, so that nobody waits
                        return b""
                elif self._answered:  # uvloop says once that something came and that it broke
                    return self._socket.recv(sockets.READ_SIZE)
            if not outgoing and self._is_watched(self._socket):
                self._answered, self._waiter = True, self._loop.create_future()
                return await self._timeouts.wait(self._waiter, limit)
            async with asyncio.timeout(limit):
                if not outgoing:
                    return await self._loop.sock_recv(self._socket, sockets.READ_SIZE)
                await self._loop.sock_sendall(self._socket, rest)
                return b""
        except OSError as error:
            if outgoing and self.http.sent and may_have_answered(error):
                return b""
            raise os_failure(error) from None

    def _is_watched(self, sock: socket.socket) -> bool:
        """Tell whether the loop calls `_read` when something comes, and ask it to."""
        if self._watched is None:
            with suppress(NotImplementedError):  # by the usual loop of Windows
                self._loop.add_reader(sock, self._read, sock)
                self._watched = sock
        return self._watched is not None

    def _read(self, sock: socket.socket) -> None:
        assert self._waiter is not None
        if self._waiter.done():  # what nobody waits for stays where it is
            self._unwatch()
            return
        try:
            self._waiter.set_result(sock.recv(sockets.READ_SIZE))
        except BlockingIOError:
            pass
        except Exception as error:  # noqa: BLE001 - a signal handler may raise here what it likes
            self._waiter.set_exception(error)

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched)
            self._watched = None

    def close(self) -> None:
        """Close the socket."""
        self._unwatch()
        super().close()

    def shut(self) -> None:
        """Make whatever waits here fail at once, as `Stream.shut`; connecting too."""
        super().shut()
        _call_soon(self._loop, _set_result, self._cancelled, None)


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
    with suppress(asyncio.CancelledError, OSError):  # then it has closed its socket by itself
        attempt.result().close()


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *of: object) -> None:
    """Have a loop call a function, from any thread."""
    with suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(function, *of)


def _set_result(future: asyncio.Future[R], result: R) -> None:
    if not future.done():
        future.set_result(result)


def _fail(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


class Permits:
    """Permits to use a connection, given out in the order in which they are asked for.

    With hundreds of requests in flight almost each one waits here: a future costs it less than
    asyncio's semaphore and a timeout around it.
    """

    def __init__(self, count: int, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self, deadline: float = math.inf, cancel: Cancel | None = None) -> None:
        """Take a permit; raise TimeoutError at the deadline, or when `cancel` is set."""
        if self._free:
            self._free -= 1
            return
        limit = left(deadline)
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            with cancel_scope(cancel, lambda: partial(_call_soon, self._loop, _fail, waiter)):
                await self._timeouts.wait(waiter, limit)
        except BaseException:
            # A task that is cancelled may have been given its permit in the same moment.
            if not waiter.cancel() and not waiter.cancelled() and waiter.exception() is None:
                self.release()
            raise

    def release(self) -> None:
        """Give a permit back: to the one that has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
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
        """How many connections are open and unused."""
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
                        asked = http.exchange(route.request(request), limits.max_body)
                        response = await stream.run(asked)
                    self._idle.push(stream)
                    return response
                except Failure as failure:
                    dead = limits.reused and not limits.cancelled()
                    if (answered := stream.failed(failure, again=dead)) is not None:
                        return answered
                except BaseException:  # a cancelled task: what it has sent may still be answered
                    stream.close()
                    raise
                stream = AsyncStream(self._timeouts)
        finally:
            self._permits.release()

    async def aclose(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()
