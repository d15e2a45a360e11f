"""Opens connections to the one origin a client is for: directly or by proxy, plain or with TLS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpcore
import httpx

from chainhub._pool import KEEPALIVE
from chainhub._tls import Trust, at_least_tls_1_2, context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from chainhub._async_network import AsyncWire
    from chainhub._network import SyncWire
    from chainhub._proxy import ProxySetting, ProxySettings

DEFAULT_PORTS = {"http": 80, "https": 443}


def proxies_of(argument: str | None, environ: Mapping[str, str]) -> ProxySettings | None:
    """Return where requests go through, None if nothing but the way to the API is known.

    Raises:
        ConfigurationError: the argument, or NO_PROXY, cannot be read.
    """
    asked = sys.platform in ("darwin", "win32") or any(
        name.lower().endswith("_proxy") for name in environ
    )
    if not argument and not asked:
        return None
    from chainhub._proxy import read_argument, read_environment  # few have a proxy

    return read_argument(argument) if argument else read_environment(environ)


class Connector:
    """Where a client connects to, and how.

    It knows neither client nor session, so that dropping those drops their connections at once.

    Raises:
        ConfigurationError: the proxy chosen for the base URL cannot be used.
    """

    def __init__(
        self, *, base_url: str, trust: Trust, proxies: ProxySettings | None, max_connections: int
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
        self._proxy()

    def proxy_for(self, scheme: str, host: str, port: int | None) -> ProxySetting | None:
        """Return the proxy for a request, or None if it goes directly.

        Raises:
            ConfigurationError: the chosen proxy cannot be used.
        """
        if self.proxies is None:
            return None
        from chainhub._proxy import choose_proxy

        return choose_proxy(scheme, host, port, self.proxies)

    def _proxy(self) -> ProxySetting | None:
        return self.proxy_for(self.scheme, self.host, self.port)

    def reaches(self, url: httpx.URL) -> bool:
        """Tell whether a URL has the scheme, host and port that the key is for."""
        host = url.raw_host.decode("ascii").strip("[]").lower()
        port = url.port or DEFAULT_PORTS.get(url.scheme)
        return (url.scheme, host, port) == (self.scheme, self.host, self.port)

    def open(self, wire: SyncWire) -> httpcore.ConnectionInterface:
        """Return a connection, not yet opened, that uses the sockets of `wire`."""
        proxy = self._proxy()
        context = self._context(proxy)
        if proxy is None:
            wire.direct = True
            return httpcore.HTTPConnection(
                self._origin(), context, keepalive_expiry=KEEPALIVE, network_backend=wire
            )
        from chainhub._proxy import sync_connection

        return sync_connection(
            proxy, self._origin(), ssl_context=context, backend=wire, keepalive=KEEPALIVE
        )

    def aopen(self, wire: AsyncWire) -> httpcore.AsyncConnectionInterface:
        """Return a connection as `open` does, for asyncio."""
        proxy = self._proxy()
        context = self._context(proxy)
        if proxy is None:
            wire.direct = True
            return httpcore.AsyncHTTPConnection(
                self._origin(), context, keepalive_expiry=KEEPALIVE, network_backend=wire
            )
        from chainhub._proxy import async_connection

        return async_connection(
            proxy, self._origin(), ssl_context=context, backend=wire, keepalive=KEEPALIVE
        )

    def _context(self, proxy: ProxySetting | None) -> ssl.SSLContext | None:
        encrypted = self.scheme == "https" or (proxy is not None and proxy.encrypted)
        return self.trust_context() if encrypted else None

    def trust_context(self) -> ssl.SSLContext:
        """Return the TLS context, shared by all clients that trust the same certificates."""
        return context(self.trust)

    def httpx_settings(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what to make httpx's own client with: the user's arguments, else as `open` does.

        Args:
            arguments: Of `httpx.Client`. A context among them is used as it is, a transport too.
        """
        import ssl

        verify = arguments.get("verify")
        if verify is None:
            # httpx loads the client certificate into the context, which others must not share.
            verify = context(self.trust, shared="cert" not in arguments)
        elif not isinstance(verify, ssl.SSLContext):
            verify = at_least_tls_1_2(httpx.create_ssl_context(verify))
        settings = {"trust_env": False, **arguments, "verify": verify}
        proxy = arguments.get("proxy") or (None if "transport" in arguments else self._proxy())
        if proxy is not None:
            from chainhub._proxy import httpx_proxy

            settings["proxy"] = httpx_proxy(proxy, self.trust_context)
        return settings

    def _origin(self) -> httpcore.Origin:
        return httpcore.Origin(self.scheme.encode(), self.host.encode(), self.port)
