"""Where the bytes of a URL may come from, which headers are sent there, and the connections.

Only the API's own scheme, host and port get the key; requests to other servers have no headers of
the client.
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

_RESERVED = {b"accept", b"accept-encoding", b"connection", b"host", b"if-range", b"range"}
OriginPool = tuple[_transport.Route, _transport.IdleConnections[_transport.SocketStream]]
Connection: TypeAlias = _transport.StreamedExchange | _transport.StreamedResponse
"""Sends one request and yields the body in chunks; both classes have the same methods."""


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
        self._httpx_factory = _httpx_factory(transport)
        # Routes and idle connections by origin; None to close each connection after its response.
        self._pools: dict[tuple[str, str, int], OriginPool] | None = None

    def checked(self, url: str, previous: str | None = None) -> Address:
        """Return an address that may be followed; AddressRefusedError if it may not."""
        own = self._connector.base_url
        return Address(_transport.check_url(url, self._allow_hosts, own, previous))

    def joined(self, url: httpx.URL, location: str) -> Address:
        """Return the target of a redirect, checked."""
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
        accept = "*/*" if kind == "file" else f"{kind}/*, application/octet-stream;q=0.9, */*;q=0.1"
        headers = [(b"Accept", accept.encode("ascii")), (b"Accept-Encoding", b"identity")]
        if self._pools is None:
            headers.append((b"Connection", b"close"))
        if key is None:
            return [(b"User-Agent", f"chainhub-python/{__version__}".encode("ascii")), *headers]
        transport = self._transport
        prefix = f"{transport.prefix} " if transport.prefix else ""
        secret = _transport.SecretBytes(prefix.encode("ascii") + key.reveal().encode("ascii"))
        return [*self._user_headers, *headers, (transport.auth_header.encode("ascii"), secret)]

    @cached_property
    def _user_headers(self) -> Headers:
        """The headers and cookies that the user has given for the API."""
        headers, cookies = encoded(self._transport.headers), dict(self._transport.cookies)
        # httpx writes them out; the request itself is never sent.
        request = httpx.Request("GET", self._connector.base_url, headers=headers, cookies=cookies)
        return [pair for pair in request.headers.raw if pair[0].lower() not in _RESERVED]

    def open(self, url: httpx.URL) -> Connection:
        """Return a connection to the host of an address, not yet connected."""
        if self._httpx_factory is not None:
            return self._httpx_factory()
        if self._pools is None:
            return _transport.StreamedExchange(self._route(url))
        origin = _transport.origin_of(url)
        if origin not in self._pools:
            self._pools[origin] = self._route(url), _transport.IdleConnections()
        # Their address was checked when they were opened, as it would be again.
        return _transport.StreamedExchange(*self._pools[origin])

    def _route(self, url: httpx.URL) -> _transport.Route:
        scheme, host, port = _transport.origin_of(url)
        connector, trust = self._connector, self._connector.trust
        allowed = _transport.is_allowed(url, self._allow_hosts, connector.base_url)
        if trust.kind == "nothing" and _transport.is_loopback(connector.host) and not allowed:
            # "Accept any certificate" for this machine does not apply to other hosts.
            trust = _transport.TLSConfig("bundled")
        # With a proxy the address that is connected to is the proxy's, which the user has chosen.
        return _transport.route_to(
            scheme,
            host,
            port,
            proxy=connector.proxy_for(scheme, host, port),
            context=lambda: _transport.tls_context(trust),
            check=None if allowed else _transport.refuse_private,
        )

    def with_keep_alive(self) -> Self:
        """Return the same policy, with connections that are reused until it is closed."""
        policy = copy(self)
        policy._pools = {}
        return policy

    def close(self) -> None:
        """Close the idle connections."""
        for _, idle in (self._pools or {}).values():
            idle.close()


def _httpx_factory(
    transport: SessionTransport | AsyncSessionTransport,
) -> Callable[[], Connection] | None:
    """Return a factory of connections through the user's httpx arguments, None without any."""
    session, arguments = transport.session, transport.httpx_args
    if (
        transport.user_client is None
        and _transport.ROUTING.isdisjoint(arguments)
        and not is_mocked()
    ):
        return None
    if isinstance(transport, AsyncSessionTransport):
        async_client, loop = transport.user_client, asyncio.get_running_loop()

        async def sender() -> httpx.AsyncClient:
            return async_client or await session.async_httpx_client(arguments)

        return lambda: _transport.AsyncStreamedResponse(sender, loop)
    client = transport.user_client
    return lambda: _transport.StreamedResponse(client or session.httpx_client(arguments))
