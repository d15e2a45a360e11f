"""Where the bytes of a URL may come from, which headers are sent there, and the connections.

The API's own scheme, host and port get the key; everybody else gets a request that carries nothing
of ours.
"""

import asyncio
from collections.abc import Callable
from copy import copy
from functools import cached_property
from typing import Self, TypeAlias

import httpx

from chainhub import _transport
from chainhub._download.media import Headers, Kind
from chainhub._session import AsyncSessionTransport, Key, SessionTransport, encoded, is_mocked
from chainhub._version import __version__

_OURS = {b"accept", b"accept-encoding", b"connection", b"host", b"if-range", b"range"}
Kept = tuple[_transport.Route, _transport.IdleConnections[_transport.SocketStream]]
Connection: TypeAlias = _transport.StreamedExchange | _transport.StreamedResponse
"""What asks once and yields the body piece by piece; both kinds have the same methods."""


class Address(httpx.URL):
    """A URL that was checked; it may be signed, so it does not show itself."""

    def __repr__(self) -> str:
        return "URL('…')"


class URLPolicy:
    """Where media may come from for a client, and how they are reached.

    `allow_hosts` are allowed although they are not public.
    """

    def __init__(
        self, transport: SessionTransport | AsyncSessionTransport, allow_hosts: tuple[str, ...]
    ) -> None:
        self._transport = transport
        self._allow_hosts = allow_hosts
        self._connector = transport.session.connector
        self._through_httpx = _through_httpx(transport)
        # Connections to use again and how to open them, by origin; None to close each after its
        # response.
        self._kept: dict[tuple[str, str, int], Kept] | None = None

    def checked(self, url: str, previous: str | None = None) -> Address:
        """Return an address that may be followed; AddressRefusedError if it may not."""
        own = self._connector.base_url
        return Address(_transport.check_url(url, self._allow_hosts, own, previous))

    def joined(self, url: httpx.URL, location: str) -> Address:
        """Return where a redirect leads, checked."""
        try:
            target = _transport.HiddenURL(url.join(location))
        except (httpx.InvalidURL, ValueError):
            target = _transport.HiddenURL()
        return self.checked(target, previous=_transport.HiddenURL(url))

    def is_own(self, url: httpx.URL) -> bool:
        """Tell whether an address is the API's own: the same scheme, host and port."""
        return self._connector.reaches(url)

    def headers(self, key: Key | None, kind: Kind = "video") -> Headers:
        """Return the headers of a request, with the key if it is for the API itself."""
        wanted = "*/*" if kind == "file" else f"{kind}/*, application/octet-stream;q=0.9, */*;q=0.1"
        usual = [(b"Accept", wanted.encode("ascii")), (b"Accept-Encoding", b"identity")]
        if self._kept is None:
            usual.append((b"Connection", b"close"))
        if key is None:
            return [(b"User-Agent", f"chainhub-python/{__version__}".encode("ascii")), *usual]
        transport = self._transport
        before = f"{transport.prefix} " if transport.prefix else ""
        secret = _transport.SecretBytes(before.encode("ascii") + key.reveal().encode("ascii"))
        return [*self._own_headers, *usual, (transport.auth_header.encode("ascii"), secret)]

    @cached_property
    def _own_headers(self) -> Headers:
        """The headers and cookies that the user has given for the API."""
        headers, cookies = encoded(self._transport.headers), dict(self._transport.cookies)
        # httpx writes them out; the request itself is never sent.
        request = httpx.Request("GET", self._connector.base_url, headers=headers, cookies=cookies)
        return [pair for pair in request.headers.raw if pair[0].lower() not in _OURS]

    def open(self, url: httpx.URL) -> Connection:
        """Return a connection to where an address is, not yet connected."""
        if self._through_httpx is not None:
            return self._through_httpx()
        if self._kept is None:
            return _transport.StreamedExchange(self._route(url))
        origin = _transport.origin_of(url)
        if origin not in self._kept:
            self._kept[origin] = self._route(url), _transport.IdleConnections()
        # Their address was checked when they were opened, as it would be again.
        return _transport.StreamedExchange(*self._kept[origin])

    def _route(self, url: httpx.URL) -> _transport.Route:
        scheme, host, port = _transport.origin_of(url)
        connector, trust = self._connector, self._connector.trust
        allowed = _transport.is_allowed(url, self._allow_hosts, connector.base_url)
        if trust.kind == "nothing" and _transport.is_loopback(connector.host) and not allowed:
            # "Accept any certificate" on this machine was not said of the world.
            trust = _transport.TLSConfig("bundled")
        # Behind a proxy the address connected to is the proxy's, which the user has named.
        return _transport.route_to(
            scheme,
            host,
            port,
            proxy=connector.proxy_for(scheme, host, port),
            context=lambda: _transport.tls_context(trust),
            check=None if allowed else _transport.refuse_private,
        )

    def keeping(self) -> Self:
        """Return the same policy with connections that are used again until it is closed."""
        policy = copy(self)
        policy._kept = {}
        return policy

    def close(self) -> None:
        """Close the connections that are kept."""
        for _, idle in (self._kept or {}).values():
            idle.close()


def _through_httpx(
    transport: SessionTransport | AsyncSessionTransport,
) -> Callable[[], Connection] | None:
    """Return what makes connections by the route of the user's own arguments, else None."""
    session, arguments = transport.session, transport.httpx_args
    if (
        transport.user_client is None
        and _transport.ROUTING.isdisjoint(arguments)
        and not is_mocked()
    ):
        return None
    if isinstance(transport, AsyncSessionTransport):
        mine, loop = transport.user_client, asyncio.get_running_loop()

        async def sender() -> httpx.AsyncClient:
            return mine or await session.async_httpx_client(arguments)

        return lambda: _transport.AsyncStreamedResponse(sender, loop)
    client = transport.user_client
    return lambda: _transport.StreamedResponse(client or session.httpx_client(arguments))
