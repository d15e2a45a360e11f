"""Connections through a proxy: what fails on the way to it is said of the proxy.

Without this, somebody whose proxy is down would look for the fault at the service. And httpcore's
SOCKS connection neither closes its socket when the proxy refuses nor translates the errors of the
package that speaks SOCKS.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpcore


class ViaProxy(httpcore.NetworkBackend):
    """Opens the stream to a proxy by another backend, and keeps it."""

    def __init__(self, backend: httpcore.NetworkBackend, shown: str) -> None:
        self._backend = backend
        self._shown = shown
        self.stream: httpcore.NetworkStream | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the proxy, or say that it cannot be reached."""
        try:
            self.stream = self._backend.connect_tcp(
                host,
                port,
                timeout=timeout,
                local_address=local_address,
                socket_options=socket_options,
            )
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            failure = _named(error, self._shown)
        else:
            return self.stream
        raise failure


class AsyncViaProxy(httpcore.AsyncNetworkBackend):
    """The same for asyncio."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, shown: str) -> None:
        self._backend = backend
        self._shown = shown
        self.stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the proxy, or say that it cannot be reached."""
        try:
            self.stream = await self._backend.connect_tcp(
                host,
                port,
                timeout=timeout,
                local_address=local_address,
                socket_options=socket_options,
            )
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            failure = _named(error, self._shown)
        else:
            return self.stream
        raise failure


def _named(error: Exception, shown: str) -> Exception:
    """Return the failure with the proxy's name; a specific kind, such as a lookup, says more."""
    if type(error) not in (httpcore.ConnectError, httpcore.ConnectTimeout):
        return error
    return type(error)(f"{shown} cannot be reached: {error}")


def _nonsense() -> tuple[type[Exception], ...]:
    """Return what is raised for bytes that are not SOCKS.

    httpcore asserts what kind of reply came; optimised Python stumbles over it a little later.
    """
    from socksio import SOCKSError

    return SOCKSError, AssertionError, AttributeError


class _Socks:
    """What sync and async share: the methods ask the connection below."""

    def __init__(
        self, below: httpcore.ConnectionInterface | httpcore.AsyncConnectionInterface, shown: str
    ) -> None:
        self._below = below
        self._shown = shown
        self._ready = False

    def _refusal(self) -> httpcore.ProxyError:
        return httpcore.ProxyError(f"{self._shown} hung up or does not speak SOCKS 5")

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        """Tell whether this connection leads to an origin."""
        return self._below.can_handle_request(origin)

    def is_available(self) -> bool:
        """Tell whether a request can be sent now."""
        return self._below.is_available()

    def has_expired(self) -> bool:
        """Tell whether the connection was idle for too long, or was closed by the other side."""
        return self._below.has_expired()

    def is_idle(self) -> bool:
        """Tell whether no request is under way."""
        return self._below.is_idle()

    def is_closed(self) -> bool:
        """Tell whether the connection is closed."""
        return self._below.is_closed()

    def info(self) -> str:
        """Return a line for logs."""
        return self._below.info()


class SocksConnection(_Socks, httpcore.ConnectionInterface):
    """A connection through a SOCKS proxy that fails and closes as others do."""

    def __init__(self, below: httpcore.ConnectionInterface, via: ViaProxy, shown: str) -> None:
        super().__init__(below, shown)
        self._connection = below
        self._via = via

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, connecting first if need be."""
        try:
            response = self._connection.handle_request(request)
        except _nonsense():
            if self._ready:
                raise
        else:
            self._ready = True
            return response
        raise self._refusal()

    def close(self) -> None:
        """Close the connection, also one that never came about."""
        self._connection.close()
        if not self._ready and self._via.stream is not None:
            self._via.stream.close()


class AsyncSocksConnection(_Socks, httpcore.AsyncConnectionInterface):
    """The same for asyncio."""

    def __init__(
        self, below: httpcore.AsyncConnectionInterface, via: AsyncViaProxy, shown: str
    ) -> None:
        super().__init__(below, shown)
        self._connection = below
        self._via = via

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, connecting first if need be."""
        try:
            response = await self._connection.handle_async_request(request)
        except _nonsense():
            if self._ready:
                raise
        else:
            self._ready = True
            return response
        raise self._refusal()

    async def aclose(self) -> None:
        """Close the connection, also one that never came about."""
        await self._connection.aclose()
        if not self._ready and self._via.stream is not None:
            await self._via.stream.aclose()
