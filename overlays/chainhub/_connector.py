"""Opens connections to the one origin a client is for: directly or by proxy, plain or with TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore
import httpx

from chainhub._pool import KEEPALIVE
from chainhub._proxy import ProxySettings, async_connection, choose_proxy, sync_connection
from chainhub._tls import Trust, context

if TYPE_CHECKING:
    import ssl

    from chainhub._async_network import AsyncWire
    from chainhub._network import SyncWire

DEFAULT_PORTS = {"http": 80, "https": 443}


class Connector:
    """Where a client connects to, and how.

    It knows neither client nor session, so that dropping those drops their connections at once.

    Raises:
        ConfigurationError: the proxy chosen for the base URL cannot be used.
    """

    def __init__(
        self, *, base_url: str, trust: Trust, proxies: ProxySettings, max_connections: int
    ) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url
        self.trust = trust
        self.proxies = proxies
        self.max_connections = max_connections
        self.scheme = parts.scheme
        self.host = parts.hostname or ""
        self.port = parts.port or DEFAULT_PORTS[parts.scheme]
        # A proxy that cannot be used is a mistake to hear of now, not at the first request.
        choose_proxy(self.scheme, self.host, self.port, self.proxies)

    def reaches(self, url: httpx.URL) -> bool:
        """Tell whether a URL has the scheme, host and port that the key is for."""
        host = url.raw_host.decode("ascii").strip("[]").lower()
        port = url.port or DEFAULT_PORTS.get(url.scheme)
        return (url.scheme, host, port) == (self.scheme, self.host, self.port)

    def open(self, wire: SyncWire) -> httpcore.ConnectionInterface:
        """Return a connection, not yet opened, that uses the sockets of `wire`."""
        proxy = choose_proxy(self.scheme, self.host, self.port, self.proxies)
        encrypted = self.scheme == "https" or (proxy is not None and proxy.encrypted)
        wire.direct = proxy is None
        return sync_connection(
            proxy,
            self._origin(),
            ssl_context=self.trust_context() if encrypted else None,
            backend=wire,
            keepalive=KEEPALIVE,
        )

    def aopen(self, wire: AsyncWire) -> httpcore.AsyncConnectionInterface:
        """Return a connection as `open` does, for asyncio."""
        proxy = choose_proxy(self.scheme, self.host, self.port, self.proxies)
        encrypted = self.scheme == "https" or (proxy is not None and proxy.encrypted)
        wire.direct = proxy is None
        return async_connection(
            proxy,
            self._origin(),
            ssl_context=self.trust_context() if encrypted else None,
            backend=wire,
            keepalive=KEEPALIVE,
        )

    def trust_context(self) -> ssl.SSLContext:
        """Return the TLS context, shared by all clients that trust the same certificates."""
        return context(self.trust)

    def _origin(self) -> httpcore.Origin:
        return httpcore.Origin(self.scheme.encode(), self.host.encode(), self.port)
