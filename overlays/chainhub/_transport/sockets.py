"""Connections for threads: lookup, connecting to the first address that answers, exchanges.

Everything done on a socket has an instant at which it ends. A request that finds its connection
dead is sent once more on a new one; a request that must not be repeated always gets a new one, so
that it is never sent twice.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import zip_longest
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from chainhub import _clock
from chainhub._transport.connections import (
    IdleConnections,
    Limits,
    Route,
    Stream,
    may_have_answered,
    of_system,
    os_failure,
    os_text,
    ready,
    seconds_until,
)
from chainhub._transport.http1 import Failure, Flow, Head, Headers, Request, Response

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
LookupResult = list[AddressInfo] | BaseException

READ_SIZE = 64 * 1024
"""Bytes that are read at once, unless they belong to a file."""

ATTEMPT_DELAY = 0.25
"""Seconds after which the next address is tried in parallel (RFC 8305, section 5)."""


def look_up(host: str, port: int, on_result: Callable[[LookupResult], object]) -> None:
    """Look a name up in a separate thread, which calls `on_result` with addresses or an error."""
    for family, suffix in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        # A lookup of a numeric address would first load the tables of international names.
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError) as error:
            of_system(error)
        else:
            on_result([(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *suffix))])
            return

    def in_thread() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits for it
            on_result(error)
        else:
            on_result(infos)  # type: ignore[arg-type]  # typeshed also describes Pythons built without IPv6

    # The system's resolver has no time limit and cannot be interrupted: the thread goes on when
    # the wait for it has ended.
    try:
        threading.Thread(target=in_thread, name="chainhub-lookup", daemon=True).start()
    except RuntimeError:  # no further thread can be started
        in_thread()


def addresses(route: Route, result: LookupResult | None) -> list[AddressInfo]:
    """Return the addresses to try; the route's check has accepted each of them.

    Raises:
        Failure: the name has no address, or (for None) the lookup took too long.
    """
    label = repr(route.host[:100])
    if result is None:
        raise Failure("connect_timeout", f"looking up {label} took too long")
    if isinstance(result, OSError | UnicodeError):
        detail = os_text(of_system(result)) if isinstance(result, OSError) else "no host name"
        busy = False
        if isinstance(result, socket.gaierror):
            detail, busy = result.strerror or detail, result.errno == socket.EAI_AGAIN
        raise Failure("lookup", f"the host name {label} was not found ({detail})", passing=busy)
    if isinstance(result, BaseException):
        raise result
    # Some resolvers return an address more than once.
    infos = list({info[4][0]: info for info in result}.values())
    if not infos:
        raise Failure("lookup", f"the host name {label} has no address")
    if route.check is not None:
        for info in infos:
            route.check(route.host, route.port, info[4][0])
    # Families alternate (RFC 8305, section 4), so that a network without one of them costs little.
    primary = [info for info in infos if info[0] == infos[0][0]]
    secondary = [info for info in infos if info[0] != infos[0][0]]
    return [info for pair in zip_longest(primary, secondary) for info in pair if info is not None]


class SocketStream(Stream):
    """One connection to a server, for threads."""

    def __init__(self, read_size: int = READ_SIZE) -> None:
        super().__init__()
        self._read_size = read_size
        self._lookup_results: SimpleQueue[LookupResult] = SimpleQueue()

    def open(self, route: Route, until: float, connect: float) -> None:
        """Connect and do all steps of a route, so that requests can be sent, by `until`.

        That is an instant (monotonic); `connect` is the limit in seconds for connecting, and for
        each TLS handshake.
        """
        self.until = until
        try:
            self._socket = self._connect(self._addresses(route), connect)
            # A request is one small write: Nagle's algorithm would only delay it.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.run(self._set_up(route, until, connect))
        except (Failure, OSError) as error:
            raise self._opening_failure(error, route) from None

    def _addresses(self, route: Route) -> list[AddressInfo]:
        look_up(route.host, route.port, self._lookup_results.put)
        with suppress(Empty):
            return addresses(route, self._lookup_results.get(timeout=seconds_until(self.until)))
        return addresses(route, None)

    def _connect(self, infos: list[AddressInfo], limit: float) -> socket.socket:
        """Return the first socket that is connected; all others are closed."""
        pending: dict[int, socket.socket] = {}
        failures: list[OSError] = []
        winner: socket.socket | None = None
        try:
            for info in infos:
                pause = limit if info is infos[-1] else ATTEMPT_DELAY
                try:
                    sock = socket.socket(*info[:3])
                    self._open_sockets.append(sock)
                    self._raise_if_shut()  # `shut` has not found this socket
                    # Several connect at the same time (RFC 8305), so none of them may block.
                    sock.setblocking(False)
                    with suppress(BlockingIOError):
                        sock.connect(info[4])
                    pending[sock.fileno()] = sock
                except OSError as error:
                    failures.append(of_system(error))
                while pending:
                    timeout = min(pause, seconds_until(self.until))
                    descriptors = ready(list(pending), timeout, writable=True)
                    if not descriptors:
                        break  # the next one is tried in parallel to the pending ones
                    self._raise_if_shut()
                    for descriptor in descriptors:
                        sock = pending.pop(descriptor)
                        if not (code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                            winner = sock
                            return winner
                        failures.append(OSError(code, ""))
            raise TimeoutError if pending else failures[-1]
        finally:
            # Also after an interrupt: a socket that is not closed is a leak.
            for sock in self._open_sockets:
                if sock is not winner:
                    sock.close()
            self._open_sockets = [sock for sock in self._open_sockets if sock is winner]

    def run(self, flow: Flow[T]) -> T:
        """Run a flow: write what it yields, read when it yields nothing; return its result."""
        flow = self._layered(flow)
        try:
            outgoing = next(flow)
            while True:
                outgoing = flow.send(self._carry(outgoing))
        except StopIteration as end:
            result: T = end.value
        return result

    def _carry(self, outgoing: bytes) -> bytes:
        assert self._socket is not None
        view = memoryview(outgoing)
        try:
            while view:
                self._socket.settimeout(seconds_until(self.until))
                # In slices, so that a slow receiver meets the deadline between two of them.
                view = view[self._socket.send(view[: 64 * 1024]) :]
            if outgoing:
                return b""
            self._socket.settimeout(seconds_until(self.until))
            return self._socket.recv(self._read_size)
        except OSError as error:
            if outgoing and self.http.sent and may_have_answered(error):
                return b""
            raise os_failure(error) from None

    def shut(self) -> None:
        """Make all waiting here fail at once, as `Stream.shut`; a lookup too."""
        super().shut()
        self._lookup_results.put(ConnectionAbortedError("cancelled"))


class ConnectionPool:
    """Connections to one origin, for threads; exchanges wait while `max_connections` are in use."""

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[SocketStream] = IdleConnections()
        # A semaphore's lock could be held by the thread that a signal handler interrupts.
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(max_connections):
            self._permits.put(None)

    def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response.

        Raises:
            Failure: there was no response, or it cannot be used.
        """
        permits: list[None] = []
        try:
            self._acquire_permit(limits, permits)
            until = limits.until()
            stream = (None if limits.fresh else self._idle.pop()) or SocketStream()
            while True:
                http, route = stream.http, self._route()
                try:
                    with stream.scope(limits):
                        if not http.used:
                            stream.open(route, until, limits.connect)
                        stream.until = until
                        flow = http.exchange(route.request(request), limits.max_body)
                        response = stream.run(flow)
                    self._idle.push(stream)
                    return response
                except Failure as failure:
                    resend = limits.reused and not limits.cancelled()
                    if (error_response := stream.on_failure(failure, resend=resend)) is not None:
                        return error_response
                except BaseException:  # of a signal handler: the response may still arrive
                    stream.close()
                    raise
                stream = SocketStream()
        finally:
            for permit in permits:
                self._permits.put(permit)

    def _acquire_permit(self, limits: Limits, permits: list[None]) -> None:
        while not limits.cancelled():
            remaining = max(limits.deadline - _clock.monotonic(), 0.0)
            # A Cancel cannot wake a queue: poll it often enough to react within 50 ms.
            pause = 3600.0 if limits.cancel is None else 0.02
            with suppress(Empty):
                # In one step: what a signal handler raises between two would cost the permit.
                permits.extend(map(self._permits.get, (True,), (min(remaining, pause),)))
                return
            if remaining <= pause:
                raise Failure("timeout", "all connections stayed in use")
        raise Failure("timeout", "cancelled")

    def close(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()


class StreamedExchange:
    """One request whose response is read piece by piece, on a connection of its own.

    It is taken from `idle` and given back there, if the whole response was read.
    """

    def __init__(self, route: Route, idle: IdleConnections[SocketStream] | None = None) -> None:
        self._route = route
        self._idle = idle
        # Less is slower, and so is more, for which the kernel allocates new memory each time.
        self._stream = SocketStream(read_size=128 * 1024)
        self._shut = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET and return the head of its response; fail if it does not come by `until`."""
        direct = Request(b"GET", url.raw_path, [(b"Host", url.netloc), *headers])
        request, new_stream = self._route.request(direct), self._stream
        idle_stream = None if self._idle is None else self._idle.pop()
        while True:
            stream = self._stream = idle_stream or new_stream
            if self._shut:  # in the meantime: `shut` has not found this one
                stream.shut()
            try:
                if not stream.http.used:
                    stream.open(self._route, until, connect)
                stream.until = until
                return stream.run(stream.http.ask(request))
            except Failure as failure:
                stream.on_failure(failure, resend=idle_stream is not None and not self._shut)
            idle_stream = None

    def body(self) -> Iterator[bytes]:
        """Yield the body as it is received; fail if it is cut off."""
        while data := self._stream.run(self._stream.http.next_data()):
            yield data

    def extend(self, until: float) -> None:
        """Set another instant for the end of what follows."""
        self._stream.until = until

    @property
    def surplus(self) -> int:
        """The number of bytes received after the response."""
        return self._stream.http.surplus

    def shut(self) -> None:
        """Make all waiting here fail at once, for good; from any thread, or a signal handler."""
        self._shut = True
        self._stream.shut()

    def close(self) -> None:
        """Give the connection back, or close it."""
        if self._idle is None or self._shut:
            self._stream.close()
        else:
            self._idle.push(self._stream)
