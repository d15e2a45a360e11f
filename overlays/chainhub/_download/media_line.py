"""One exchange about the bytes of a video: a connection of its own, asked once, then closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from chainhub._transport import Head, Headers, Request, Route, StreamedExchange

if TYPE_CHECKING:
    import httpx

READ = 128 * 1024
"""Bytes that are read at once; more is slower: such memory comes from the kernel each time."""


class Line(Protocol):
    """A connection for one request."""

    @property
    def surplus(self) -> int:
        """How many bytes have come behind the answer."""

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET; the head must come by the instant `until` (monotonic)."""

    def body(self) -> Iterator[bytes]:
        """Yield the body as it comes."""

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""

    def shut(self) -> None:
        """Make whatever waits here fail at once, from any thread."""

    def close(self) -> None:
        """Close the connection."""


class OwnLine:
    """A line over our own sockets, whose every operation keeps the instant."""

    def __init__(self, route: Route) -> None:
        exchange = self._exchange = StreamedExchange(route, READ)
        self.body = exchange.body
        self.extend = exchange.extend
        self.shut = exchange.shut
        self.close = exchange.close

    @property
    def surplus(self) -> int:
        """How many bytes have come behind the answer."""
        return self._exchange.surplus

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET and return the head of the answer."""
        request = Request(b"GET", url.raw_path, [(b"Host", url.netloc), *headers])
        return self._exchange.ask(request, until, connect)
