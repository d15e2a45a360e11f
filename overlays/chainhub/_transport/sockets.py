"""Connections for threads: lookup, connecting to the first address that answers, exchanges.

What is done on a socket ends at an instant. A request that finds its connection dead is sent once
more on a fresh one; one that must not be repeated always gets a fresh one, so that it never needs
to be.
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
    left,
    may_have_answered,
    of_system,
    os_failure,
    os_text,
    ready,
)
from chainhub._transport.http1 import Failure, Flow, Head, Headers, Request, Response

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
LookUp = list[AddressInfo] | BaseException

READ_SIZE = 64 * 1024
"""Bytes that are read at once, unless they belong to a file."""

HEAD_START = 0.25
"""Seconds an address has before the next one is tried beside it (RFC 8305, section 5)."""


def look_up(host: str, port: int, done: Callable[[LookUp], object]) -> None:
    """Look a name up in a thread of its own, which calls `done` with what was found or raised."""
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        # A lookup of a numeric address would first load the tables of international names.
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError) as error:
            of_system(error)
        else:
            done([(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *rest))])
            return

    def in_thread() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except BaseException as error:  # noqa: BLE001 - it is raised where the lookup was asked for
            done(error)
        else:
            done(found)  # type: ignore[arg-type]  # typeshed also describes Pythons built without IPv6

    # The system's resolver has no time limit and cannot be interrupted: the thread is left behind
    # when nobody wants to wait any longer.
    try:
        threading.Thread(target=in_thread, name="chainhub-lookup", daemon=True).start()
    except RuntimeError:  # no further thread can be had
        in_thread()


def addresses(route: Route, found: LookUp | None) -> list[AddressInfo]:
    """Return the addresses to try, after the route's check has passed each of them.

    Raises:
        Failure: the name has no address, or (for None) looking it up took too long.
    """
    shown = repr(route.host[:100])
    if found is None:
        raise Failure("connect_timeout", f"looking up {shown} took too long")
    if isinstance(found, OSError | UnicodeError):
        detail = os_text(of_system(found)) if isinstance(found, OSError) else "no host name"
        busy = False
        if isinstance(found, socket.gaierror):
            detail, busy = found.strerror or detail, found.errno == socket.EAI_AGAIN
        raise Failure("lookup", f"the host name {shown} was not found ({detail})", passing=busy)
    if isinstance(found, BaseException):
        raise found
    # Some resolvers tell an address more than once.
    infos = list({info[4][0]: info for info in found}.values())
    if not infos:
        raise Failure("lookup", f"the host name {shown} has no address")
    if route.check is not None:
        for info in infos:
            route.check(route.host, route.port, info[4][0])
    # Families take turns (RFC 8305, section 4): a network without one of them costs a moment.
    first = [info for info in infos if info[0] == infos[0][0]]
    others = [info for info in infos if info[0] != infos[0][0]]
    return [info for pair in zip_longest(first, others) for info in pair if info is not None]


class SocketStream(Stream):
    """One connection to a server, for threads."""

    def __init__(self, read_size: int = READ_SIZE) -> None:
        super().__init__()
        self._read_size = read_size
        self._looked_up: SimpleQueue[LookUp] = SimpleQueue()

    def open(self, route: Route, until: float, connect: float) -> None:
        """Take a route from its beginning to where requests can be sent, by `until` (monotonic).

        Connecting has so many seconds, and so has each TLS handshake.
        """
        self.until = until
        try:
            self._socket = self._first_to_answer(self._addresses(route), connect)
            # A request is one small write: Nagle's algorithm would only delay it.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.run(self._opening(route, until, connect))
        except (Failure, OSError) as error:
            raise self._failed_opening(error, route) from None

    def _addresses(self, route: Route) -> list[AddressInfo]:
        look_up(route.host, route.port, self._looked_up.put)
        with suppress(Empty):
            return addresses(route, self._looked_up.get(timeout=left(self.until)))
        return addresses(route, None)

    def _first_to_answer(self, infos: list[AddressInfo], limit: float) -> socket.socket:
        """Return the first socket that is connected; all others are closed."""
        trying: dict[int, socket.socket] = {}
        failures: list[OSError] = []
        winner: socket.socket | None = None
        try:
            for info in infos:
                pause = limit if info is infos[-1] else HEAD_START
                try:
                    tried = socket.socket(*info[:3])
                    self._open.append(tried)
                    self._refuse_shut()  # `shut` has not found this socket
                    # Several connect at the same time (RFC 8305), so none may wait by itself.
                    tried.setblocking(False)
                    with suppress(BlockingIOError):
                        tried.connect(info[4])
                    trying[tried.fileno()] = tried
                except OSError as error:
                    failures.append(of_system(error))
                while trying:
                    found = ready(list(trying), min(pause, left(self.until)), writable=True)
                    if not found:
                        break  # the next one is tried beside those that are under way
                    self._refuse_shut()
                    for descriptor in found:
                        tried = trying.pop(descriptor)
                        if not (number := tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                            winner = tried
                            return winner
                        failures.append(OSError(number, ""))
            raise TimeoutError if trying else failures[-1]
        finally:
            # Also after an interrupt: a socket that nobody closes is a leak.
            for sock in self._open:
                if sock is not winner:
                    sock.close()
            self._open = [sock for sock in self._open if sock is winner]

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
                self._socket.settimeout(left(self.until))
                # In slices, so that a slow receiver is noticed between two of them.
                view = view[self._socket.send(view[: 64 * 1024]) :]
            if outgoing:
                return b""
            self._socket.settimeout(left(self.until))
            return self._socket.recv(self._read_size)
        except OSError as error:
            if outgoing and self.http.sent and may_have_answered(error):
                return b""
            raise os_failure(error) from None

    def shut(self) -> None:
        """Make whatever waits here fail at once, as `Stream.shut`; a lookup too."""
        super().shut()
        self._looked_up.put(ConnectionAbortedError("cancelled"))


class ConnectionPool:
    """Connections to one origin, for threads; exchanges wait while `max_connections` are in use."""

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[SocketStream] = IdleConnections()
        # A semaphore's lock could be held by the very thread that a signal handler interrupts.
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(max_connections):
            self._permits.put(None)

    def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response.

        Raises:
            Failure: no response came, or it cannot be used.
        """
        held: list[None] = []
        try:
            self._queue(limits, held)
            until = limits.until()
            stream = (None if limits.fresh else self._idle.pop()) or SocketStream()
            while True:
                http, route = stream.http, self._route()
                try:
                    with stream.scope(limits):
                        if not http.used:
                            stream.open(route, until, limits.connect)
                        stream.until = until
                        asked = http.exchange(route.request(request), limits.max_body)
                        response = stream.run(asked)
                    self._idle.push(stream)
                    return response
                except Failure as failure:
                    dead = limits.reused and not limits.cancelled()
                    if (answered := stream.failed(failure, again=dead)) is not None:
                        return answered
                except BaseException:  # of a signal handler, say: what was sent may be answered yet
                    stream.close()
                    raise
                stream = SocketStream()
        finally:
            for permit in held:
                self._permits.put(permit)

    def _queue(self, limits: Limits, held: list[None]) -> None:
        while not limits.cancelled():
            left = max(limits.deadline - _clock.monotonic(), 0.0)
            # A queue cannot be woken by a Cancel: look at it often enough to keep 50 ms.
            pause = 3600.0 if limits.cancel is None else 0.02
            with suppress(Empty):
                # In one step: what a signal handler raises between two would cost the permit.
                held.extend(map(self._permits.get, (True,), (min(left, pause),)))
                return
            if left <= pause:
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
        # Less is slower, and so is more: the kernel gives such memory anew each time.
        self._stream = SocketStream(read_size=128 * 1024)
        self._shut = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET and return the head of its response; fail if it does not come by `until`."""
        get = Request(b"GET", url.raw_path, [(b"Host", url.netloc), *headers])
        request, fresh = self._route.request(get), self._stream
        kept = None if self._idle is None else self._idle.pop()
        while True:
            stream = self._stream = kept or fresh
            if self._shut:  # meanwhile: `shut` has not found this one
                stream.shut()
            try:
                if not stream.http.used:
                    stream.open(self._route, until, connect)
                stream.until = until
                return stream.run(stream.http.ask(request))
            except Failure as failure:
                stream.failed(failure, again=kept is not None and not self._shut)
            kept = None

    def body(self) -> Iterator[bytes]:
        """Yield the body as it comes; fail if it breaks off."""
        while data := self._stream.run(self._stream.http.next_data()):
            yield data

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""
        self._stream.until = until

    @property
    def surplus(self) -> int:
        """How many bytes have come behind the response."""
        return self._stream.http.surplus

    def shut(self) -> None:
        """Make whatever waits here fail at once, for good; from any thread, or a signal handler."""
        self._shut = True
        self._stream.shut()

    def close(self) -> None:
        """Give the connection back, or close it."""
        if self._idle is None or self._shut:
            self._stream.close()
        else:
            self._idle.push(self._stream)
