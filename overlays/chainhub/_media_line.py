"""One conversation about the bytes of a video: a connection of its own, asked once, then closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

import httpcore

from chainhub._address import refusal
from chainhub._download.media import Headers
from chainhub._ending import Counter, plain_length
from chainhub._network import AddressCheck, SyncWire
from chainhub.errors import AddressRefusedError

if TYPE_CHECKING:
    import httpx

READ = 256 * 1024
"""Bytes that are read at once; more is no faster."""

_LONGEST = 86_400.0  # seconds; a socket does not take an infinite time-out


class Reply(NamedTuple):
    """The head of an answer, and its raw body as it comes."""

    status: int
    headers: Headers
    chunks: Iterator[bytes | memoryview]
    """Each is good until the next one is asked for."""


class Line(Protocol):
    """A connection for one request."""

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Reply:
        """Send a GET; the head must come by the instant `until` (monotonic)."""

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""

    def surplus(self, body: int) -> int:
        """Return how many bytes have come behind a body of so many bytes."""

    def shut(self) -> None:
        """Make whatever waits here fail at once, from any thread."""

    def close(self) -> None:
        """Close the connection."""


class OwnLine:
    """A line over our own sockets, whose every operation keeps the instant."""

    def __init__(self, wire: MediaWire, connection: httpcore.ConnectionInterface) -> None:
        self._wire = wire
        self._connection = connection
        self.extend = wire.extend
        self.surplus = wire.surplus
        self.shut = wire.shut

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Reply:
        """Send a GET and return the head of the answer."""
        self._wire.begin(until, connect, reused=False)
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        request = httpcore.Request(b"GET", target, headers=[(b"Host", url.netloc), *headers])
        response = self._connection.handle_request(request)
        length = plain_length(response.headers) if response.status in (200, 206) else None
        chunks = response.iter_stream() if length is None else self._wire.body(length)
        return Reply(response.status, response.headers, chunks)

    def close(self) -> None:
        """Close the connection, also one that failed half open."""
        self._connection.close()
        if self._wire.socket is not None:
            self._wire.socket.close()


def refuse_private(host: str, port: int, address: str) -> None:
    """Refuse to connect to an address that is not public.

    Raises:
        AddressRefusedError: it is not.
    """
    reason = refusal(address)
    if reason is not None:
        raise AddressRefusedError(
            f"refused {host[:100]}: its address is {reason};"
            " allow the host with allow_hosts= if it is meant"
        )


class MediaWire(SyncWire):
    """Sockets that can be shut for good, and that count what came behind the last request."""

    def __init__(self, check: AddressCheck | None) -> None:
        super().__init__(check)
        self._ended = False
        self.counter = self._counter = Counter()

    def shut(self) -> None:
        """Shut the socket down, also one that is still to be opened."""
        self._ended = True
        super().shut()

    def left(self, limit: float, error: type[httpcore.TimeoutException]) -> float:
        """Return the seconds an operation may take; none after the end."""
        if self._ended:
            raise error("the connection was shut")
        return min(super().left(limit, error), _LONGEST)

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""
        self.until = until

    def body(self, length: int) -> Iterator[memoryview]:
        """Read a body of so many bytes from the socket: httpcore would copy each byte thrice.

        Raises:
            httpcore.RemoteProtocolError: the connection ended before.
            httpcore.ReadTimeout, httpcore.ReadError: reading failed.
        """
        assert self.stream is not None
        buffer = memoryview(bytearray(READ))
        came = memoryview(self._counter.begun())
        left = length
        while left > 0:
            if not came:
                got = self.stream.read_into(buffer)
                if not got:
                    raise httpcore.RemoteProtocolError(f"peer closed connection {left} bytes early")
                self._counter.received += got
                came = buffer[:got]
            yield came[:left]
            left -= len(came)
            came = came[:0]

    def surplus(self, body: int) -> int:
        """Return how many bytes came behind a body of so many bytes."""
        return self._counter.surplus(body)
