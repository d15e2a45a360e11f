"""Sockets that keep an instant: the network backend below httpcore's connections, for threads.

httpcore hands every operation the same span again, so a server that trickles one byte at a time
holds a caller for ever. A wire knows the instant at which the attempt ends and gives each connect
(per address), handshake, read and write what is left of it. It also counts the reads since the
last write: bytes that were there before anything was asked are left over from an earlier answer.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpcore

from chainhub import _clock

if TYPE_CHECKING:
    from typing import Protocol

    from chainhub._ending import Counter

    class Stream(Protocol):
        """What sync and async streams can tell."""

        def readable(self) -> bool: ...


T = TypeVar("T")

LONGEST = 1_000_000.0  # seconds, eleven days: more than sockets take is no limit at all
SLICE = 64 * 1024  # bytes per write, so that a slow receiver is noticed between two of them

AddressCheck = Callable[[str, int, str], None]
"""Called with host, port and numeric address before connecting; raises to refuse the address."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class NameLookupError(httpcore.ConnectError):
    """The name of a host was not turned into an address; `passing` if asking again may help."""

    def __init__(self, text: str, passing: bool) -> None:
        super().__init__(text)
        self.passing = passing


class LeftOver(httpcore.RemoteProtocolError):
    """Bytes stood on a reused connection that answer nothing we asked."""


class Wire:
    """What both backends share: the limits of the exchange under way and what it has seen.

    Attributes:
        until: The instant (monotonic) at which the exchange ends.
        connect_limit: Seconds for connecting to one address, and for a handshake.
        reads: How many reads brought something since the last write.
        heard: The first bytes that came.
        written: Whether anything was written.
        reused: Whether the connection has served before.
        headers_came: Whether the head of an answer came.
        direct: Whether there is no proxy between the streams of this wire and the API.
        counter: Counts the answer, if somebody wants to know where it ended.
    """

    def __init__(self, check: AddressCheck | None = None) -> None:
        self.until = math.inf
        self.connect_limit = math.inf
        self.reads = 0
        self.heard = b""
        self.written = False
        self.reused = False
        self.headers_came = False
        self.direct = False
        self.counter: Counter | None = None
        self.stream: Stream | None = None
        self._check = check

    def begin(self, until: float, connect_limit: float, *, reused: bool) -> None:
        """Start an exchange that ends at the instant `until` (monotonic)."""
        self.until = until
        self.connect_limit = connect_limit
        self.reads = 0
        self.heard = b""
        self.written = False
        self.reused = reused
        self.headers_came = False

    def left(self, limit: float, error: type[httpcore.TimeoutException]) -> float:
        """Return the seconds an operation may take; nothing left raises (0 means non-blocking)."""
        left = min(limit, self.until - _clock.monotonic(), LONGEST)
        if left <= 0:
            raise error("no time is left")
        return left

    def saw(self, data: bytes) -> bytes:
        """Note a read; refuse a first one on a reused connection that is no start of an answer."""
        if self.counter is not None:
            self.counter.saw(data)
        if data:
            self.reads += 1
            if self.reads == 1:
                self.heard = data[:5]
                if self.reused and not b"HTTP/".startswith(self.heard):
                    raise LeftOver("left-over bytes stood on the connection")
        return data

    def wrote(self) -> None:
        """Note a write: what is read from here on may answer it."""
        self.written = True
        self.reads = 0
        if self.counter is not None:
            self.counter.reset()

    def permitted(self, host: str, port: int, found: Iterable[AddressInfo]) -> list[AddressInfo]:
        """Return the addresses to try, after the check has passed each of them."""
        addresses = list({info[4][0]: info for info in found}.values())
        if not addresses:
            raise NameLookupError(f"the host name {host[:100]!r} has no address", passing=False)
        if self._check is not None:
            for info in addresses:
                self._check(host, port, info[4][0])
        return addresses


def lookup_failed(host: str, error: OSError | UnicodeError) -> NameLookupError:
    """Say that a name was not found, and whether asking again may help."""
    passing = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    detail = error.strerror if isinstance(error, OSError) and error.strerror else "no host name"
    return NameLookupError(f"the host name {host[:100]!r} was not found ({detail})", passing)


def is_address(host: str) -> bool:
    """Tell whether a host is a plain numeric address."""
    return address_info(host, 0) is not None


def address_info(host: str, port: int) -> AddressInfo | None:
    """Return how to connect to a plain numeric address, None for a name, which must be looked up.

    A lookup of an address would first load the tables of international names.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, host)
            place = (host, port) if family == socket.AF_INET else (host, port, 0, 0)
            return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place
    return None


class SyncWire(Wire, httpcore.NetworkBackend):
    """Opens sockets that keep the wire's instant."""

    stream: SyncWireStream | None

    def __init__(self, check: AddressCheck | None = None) -> None:
        super().__init__(check)
        self.socket: socket.socket | None = None
        self._ended = False

    def shut(self) -> None:
        """Shut the socket down, so that a blocked connect, read or write returns at once."""
        self._ended = True
        if self.socket is not None:
            with suppress(OSError):
                # SSLSocket.shutdown would also drop the TLS state under the feet of a reader.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def watch(self, sock: socket.socket) -> None:
        """Make `sock` the one that `shut` shuts down.

        Raises:
            ConnectionAbortedError: the wire was shut before.
        """
        self.socket = sock
        # Whoever shuts the wire from now on finds the socket; before, this is what is found.
        if self._ended:
            raise ConnectionAbortedError("cancelled")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that answers."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for info in self.permitted(host, port, self._resolve(host, port)):
            try:
                return self._connect(info)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None  # there is at least one address
        raise failure

    def _resolve(self, host: str, port: int) -> Iterable[AddressInfo]:
        if (literal := address_info(host, port)) is not None:
            return [literal]
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]  # typeshed also describes Pythons built without IPv6
        except (OSError, UnicodeError) as error:
            failure = lookup_failed(host, error)
        raise failure

    def _connect(self, info: AddressInfo) -> httpcore.NetworkStream:
        family, kind, protocol, _, address = info
        left = self.left(self.connect_limit, httpcore.ConnectTimeout)
        sock = socket.socket(family, kind, protocol)
        try:
            self.watch(sock)
            sock.settimeout(left)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException as error:
            sock.close()
            if not isinstance(error, OSError):
                raise
            kinds = httpcore.ConnectTimeout, httpcore.ConnectError
            raise translated(error, *kinds) from error
        self.reused = False
        return SyncWireStream(self, sock)


def translated(error: OSError, timeout: type[Exception], failure: type[Exception]) -> Exception:
    """Return an error of a socket as one of httpcore's."""
    return timeout("timed out") if isinstance(error, TimeoutError) else failure(str(error))


class SyncWireStream(httpcore.NetworkStream):
    """A socket whose every operation ends at the wire's instant."""

    def __init__(self, wire: SyncWire, sock: socket.socket | InnerTLS) -> None:
        self._wire = wire
        self._socket = sock
        self._replay: bytes | None = None
        wire.stream = self

    def replay(self, came: bytes) -> None:
        """Begin the exchange again for another reader: its request is sent, `came` has come."""
        self._replay = came
        # Else what that reader still holds of an earlier answer would pass for this one.
        self._wire.reads, self._wire.headers_came = 0, False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, waiting no longer than what is left."""
        came, self._replay = self._replay, None
        if came:
            return self._wire.saw(came)
        self._socket.settimeout(self._wire.left(math.inf, httpcore.ReadTimeout))
        try:
            data = self._socket.recv(max_bytes)
        except OSError as error:
            raise translated(error, httpcore.ReadTimeout, httpcore.ReadError) from error
        return self._wire.saw(data)

    def read_into(self, buffer: memoryview) -> int:
        """Read what is there into `buffer`, waiting no longer than what is left."""
        self._socket.settimeout(self._wire.left(math.inf, httpcore.ReadTimeout))
        try:
            return self._socket.recv_into(buffer)
        except OSError as error:
            raise translated(error, httpcore.ReadTimeout, httpcore.ReadError) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of `buffer` in slices, each with what is left."""
        if self._replay is not None:
            return
        view = memoryview(buffer)
        while view:
            self._socket.settimeout(self._wire.left(math.inf, httpcore.WriteTimeout))
            self._wire.wrote()
            try:
                view = view[self._socket.send(view[:SLICE]) :]
            except OSError as error:
                raise translated(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Shake hands within what is left of connecting."""
        wire, sock = self._wire, self._socket
        try:
            sock.settimeout(wire.left(wire.connect_limit, httpcore.ConnectTimeout))
            if isinstance(sock, ssl.SSLSocket | InnerTLS):
                left = partial(wire.left, math.inf, httpcore.ReadTimeout)
                return SyncWireStream(wire, InnerTLS(sock, ssl_context, server_hostname, left))
            # Wrapping takes the descriptor over: a socket that waits in the handshake must be
            # the one that is watched and closed.
            encrypted = self._socket = ssl_context.wrap_socket(
                sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            wire.watch(encrypted)
            encrypted.do_handshake()
        except BaseException as error:
            self.close()
            if not isinstance(error, OSError):
                raise
            kinds = httpcore.ConnectTimeout, httpcore.ConnectError
            raise translated(error, *kinds) from error
        return SyncWireStream(wire, encrypted)

    def readable(self) -> bool:
        """Tell whether bytes or the end wait to be read."""
        return is_readable(self._socket.fileno())

    def get_extra_info(self, info: str) -> object:
        """Tell httpcore whether bytes or the end wait to be read, and which protocol TLS agreed."""
        if info == "is_readable":
            return self.readable()
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


def is_readable(descriptor: int) -> bool:
    """Tell whether a read would return at once; a closed socket counts as readable."""
    import select

    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # pragma: no cover  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class InnerTLS:
    """TLS inside TLS: an https API behind an https proxy, with the methods of a socket we use."""

    def __init__(
        self,
        outer: ssl.SSLSocket | InnerTLS,
        context: ssl.SSLContext,
        hostname: str | None,
        left: Callable[[], float],
    ) -> None:
        self._outer = outer
        self._left = left
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self._run(self._inner.do_handshake)

    def _run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                # One record may trickle in over many reads, each of which gets what is left.
                self._outer.settimeout(self._left())
                data = self._outer.recv(16 * 1024)
                self._incoming.write(data) if data else self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        while self._outgoing.pending:
            data = memoryview(self._outgoing.read())
            while data:
                data = data[self._outer.send(data) :]

    def recv(self, size: int) -> bytes:
        return self._run(lambda: self._inner.read(size))

    def recv_into(self, buffer: memoryview) -> int:
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: memoryview | bytes) -> int:
        return self._run(lambda: self._inner.write(data))

    def settimeout(self, seconds: float) -> None:
        self._outer.settimeout(seconds)

    def fileno(self) -> int:
        return self._outer.fileno()

    def close(self) -> None:
        self._outer.close()
