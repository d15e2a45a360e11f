"""Where the bytes of a video may come from, who is told what, and the sockets that bring them.

Nothing of the client's session takes part. The API's own scheme, host and port get the key;
everybody else gets a request that carries nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import httpcore

from chainhub._address import check_url, is_allowed, is_loopback, origin_of, refusal
from chainhub._media import Headers
from chainhub._network import AddressCheck, SyncWire
from chainhub._proxy import choose_proxy, sync_connection
from chainhub._tls import Trust, context
from chainhub.errors import AddressRefusedError

if TYPE_CHECKING:
    import httpx

    from chainhub._connector import Connector

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_NO_CREDENTIALS: Headers = [
    (b"Accept", b"video/*, application/octet-stream;q=0.9, */*;q=0.1"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
]


@attrs.frozen(kw_only=True)
class Route:
    """Where media may come from, and how they are reached.

    Attributes:
        connector: The API's own, for proxies, certificates and the API's origin.
        allow_hosts: Hosts allowed although they are not public.
        own_headers: Headers for the API's own origin, without the key.
        auth_header: The header that carries the key there.
        prefix: What stands before the key.
        user_agent: What everybody else is told of us.
        secrets: What must be masked in texts that come from outside.
    """

    connector: Connector
    allow_hosts: tuple[str, ...]
    own_headers: Headers = attrs.field(repr=False)
    auth_header: str
    prefix: str
    user_agent: str
    secrets: Callable[[], tuple[str, ...]] = attrs.field(repr=False)

    def checked(self, url: str, previous: str | None = None) -> httpx.URL:
        """Return an address that may be followed.

        Raises:
            AddressRefusedError: it may not.
        """
        return check_url(url, self.allow_hosts, self.connector.base_url, previous)

    def is_own(self, url: httpx.URL) -> bool:
        """Tell whether an address is the API's own: the same scheme, host and port."""
        return self.connector.reaches(url)

    def headers(self, key: str | None) -> Headers:
        """Return the headers of a request, with the key if it is for the API itself."""
        if key is None:
            return [(b"User-Agent", self.user_agent.encode("ascii")), *_NO_CREDENTIALS]
        ours = {name.lower() for name, _ in _NO_CREDENTIALS} | {b"host", b"range", b"if-range"}
        value = f"{self.prefix} {key}" if self.prefix else key
        return [
            *(pair for pair in self.own_headers if pair[0].lower() not in ours),
            *_NO_CREDENTIALS,
            (self.auth_header.encode("ascii"), value.encode("ascii")),
        ]

    def open(self, url: httpx.URL) -> tuple[MediaWire, httpcore.ConnectionInterface]:
        """Return a connection, not yet opened, and the wire below it."""
        scheme, host, port = origin_of(url)
        proxy = choose_proxy(scheme, host, port, self.connector.proxies)
        allowed = is_allowed(url, self.allow_hosts, self.connector.base_url)
        # Behind a proxy the address connected to is the proxy's, which the user has named.
        wire = MediaWire(None if allowed or proxy is not None else refuse_private)
        encrypted = scheme == "https" or (proxy is not None and proxy.encrypted)
        connection = sync_connection(
            proxy,
            httpcore.Origin(scheme.encode(), host.encode(), port),
            ssl_context=context(self._trust(allowed)) if encrypted else None,
            backend=wire,
            keepalive=0.0,
        )
        return wire, connection

    def _trust(self, allowed: bool) -> Trust:
        trust = self.connector.trust
        # "Accept any certificate" on this machine was not said of the world.
        local = trust.kind == "nothing" and is_loopback(self.connector.host)
        return Trust("bundled") if local and not allowed else trust


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
        self._received = 0
        self._head = bytearray()
        self._head_ends: int | None = None

    def shut(self) -> None:
        """Shut the socket down, also one that is still to be opened."""
        self._ended = True
        super().shut()

    def left(self, limit: float, error: type[httpcore.TimeoutException]) -> float:
        """Return the seconds an operation may take; none after the end."""
        if self._ended:
            raise error("the connection was shut")
        return super().left(limit, error)

    def wrote(self) -> None:
        """Note a write: what is read from here on may answer it."""
        super().wrote()
        self._received, self._head_ends = 0, None
        self._head.clear()

    def saw(self, data: bytes) -> bytes:
        """Note a read, and where the head of the answer ends."""
        self._received += len(data)
        if self._head_ends is None:
            self._head += data
            self._head_ends = end_of_head(self._head)
        return super().saw(data)

    def surplus(self, body: int) -> int:
        """Return how many bytes came behind a body of so many bytes."""
        return self._received - (self._head_ends or 0) - body

    def dispose(self) -> None:
        """Close the socket, also one that a connection that failed has left open."""
        if self.socket is not None:
            self.socket.close()


def end_of_head(data: bytes | bytearray) -> int | None:
    """Return where the head of the final answer ends, behind any interim ones."""
    begin = 0
    for found in _END_OF_HEAD.finditer(data):
        if not data.startswith(b"HTTP/1.1 1", begin):
            return found.end()
        begin = found.end()
    return None
