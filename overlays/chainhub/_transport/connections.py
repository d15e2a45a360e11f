"""Connections, for threads and for asyncio alike: routes, limits, and the connections not in use.

A `Route` is where to connect and what to send there before the first request; a `Connector` has
the route to the origin of one client. A `Stream` is a connection, and `IdleConnections` keeps them
between exchanges. The most recently used one is taken first, and those unused for long are closed.
A response that was not requested is never returned: bytes that arrive before a request, or after
the end of a response, close the connection.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._transport.addresses import (
    DEFAULT_PORTS,
    AddressCheck,
    is_loopback,
    origin_of,
    refuse_remote,
)
from chainhub._transport.http1 import Connection, Failure, FailureKind, Flow, Request, Response
from chainhub._transport.proxies import ProxySetting, ProxySettings, choose_proxy, httpx_proxy
from chainhub._transport.tls import TLSConfig, TLSLayer, certifi_path, hardened, tls_context

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)
S = TypeVar("S", bound="Stream")
logger = logging.getLogger("chainhub")

KEEPALIVE = 55.0
"""Seconds an idle connection is kept: above the pace of polls, below the 60 s of load balancers."""


@attrs.define(kw_only=True)
class Limits:
    """What one attempt may take."""

    timeout: float  # seconds for the attempt, from the moment a connection is handed out
    connect: float  # seconds for connecting, and for each TLS handshake
    # The instant (monotonic) at which the call ends; only this limits the wait for a connection.
    deadline: float
    max_body: int  # bytes of a decompressed body
    fresh: bool = False  # whether a connection that has served before must not be used
    cancel: Cancel | None = None  # ends the attempt from outside
    reused: bool = False  # whether the connection that was used has served before; set by the pool

    def cancelled(self) -> bool:
        """Tell whether the attempt was ended from outside."""
        return self.cancel is not None and self.cancel.is_set()

    def until(self) -> float:
        """Return the instant at which an attempt that starts now ends."""
        return min(_clock.monotonic() + self.timeout, self.deadline)


def seconds_until(until: float) -> float:
    """Return the seconds until an instant, or raise TimeoutError."""
    # Sockets do not take an infinite limit; eleven days are as good.
    seconds = min(until - _clock.monotonic(), 1_000_000.0)
    if seconds <= 0:  # a socket would take 0 for "do not wait"
        raise TimeoutError("timed out")
    return seconds


def cancel_scope(
    cancel: Cancel | None, waker: Callable[[], Callable[[], None]]
) -> AbstractContextManager[None]:
    """Let `cancel`, if there is one, call what `waker` returns while the block runs."""
    return nullcontext() if cancel is None else cancel.watching(waker())


def os_text(error: OSError) -> str:
    """Return the operating system's own text, which Python and asyncio wrap in different ones."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return "timed out" if isinstance(error, TimeoutError) else str(error) or "broken"


def os_failure(error: OSError) -> Failure:
    """Return the failure of a read or a write on a socket."""
    kind: FailureKind = "timeout" if isinstance(of_system(error), TimeoutError) else "closed"
    return Failure(kind, os_text(error))


def may_have_answered(error: OSError) -> bool:
    """Tell whether a write failed because the peer has closed: what it said before can be read."""
    # A server that takes no more of a large body says why, 413 say, and closes.
    return isinstance(of_system(error), BrokenPipeError | ConnectionResetError)


def of_system(error: E) -> E:
    """Return an error of a system call; raise it if a signal handler raised it inside the call."""
    # An alarm is often a TimeoutError: it belongs to the caller, who may expect it.
    frame = error.__traceback__
    while frame is not None and (inner := frame.tb_next) is not None:
        # Python passes the frame that it interrupts to a signal handler, and to nothing else.
        for value in inner.tb_frame.f_locals.values():
            values = value if isinstance(value, tuple) else (value,)
            if any(item is frame.tb_frame for item in values):
                raise error
        frame = inner
    return error


def is_readable(descriptor: int) -> bool:
    """Tell whether a read would return at once; a closed socket counts as readable."""
    return descriptor < 0 or bool(ready([descriptor], 0.0))


def ready(descriptors: list[int], seconds: float, *, writable: bool = False) -> list[int]:
    """Return which sockets can be read or written within so many seconds."""
    if not hasattr(select, "poll"):  # pragma: no cover  # Windows
        reading, writing = ([], descriptors) if writable else (descriptors, [])
        groups = select.select(reading, writing, writing, seconds)
        return [descriptor for group in groups for descriptor in group]
    # Unlike the others, poll needs no descriptor of its own, and takes those above 1023.
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLOUT if writable else select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]


class TLS(NamedTuple):
    """A step on a route: the TLS handshake with the host of this name."""

    context: ssl.SSLContext
    hostname: str


Step = TLS | Callable[[], Flow[None]]


class Route(NamedTuple):
    """The route to one origin."""

    host: str  # to connect to: the origin's or the proxy's
    port: int
    steps: tuple[Step, ...] = ()  # what to do there before the first request, in this order
    check: AddressCheck | None = None  # refuses addresses of the host
    label: str = ""  # of the proxy, for errors of connecting to it; empty without one
    # For a proxy that forwards: the origin, put before path and query, and the proxy's headers.
    prefix: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()

    def request(self, request: Request) -> Request:
        """Return a request as it must be written on this route."""
        return request.forwarded(self.prefix, self.headers) if self.prefix else request


class Stream:
    """A connection to a server: what is the same for threads and event loops."""

    def __init__(self) -> None:
        # Instants (monotonic): the end of what is done here, and the beginning of its idle time.
        self.until = self.idle_since = 0.0
        self.http = Connection()  # the requests and responses on it
        self._layers: list[TLSLayer] = []  # the innermost first
        self._handshake_layer: TLSLayer | None = None
        self._socket: socket.socket | None = None
        self._open_sockets: list[socket.socket] = []  # while connecting, those of all attempts
        self._shut = False

    def readable(self) -> bool:
        """Tell whether bytes or the end can be read, from memory or from the socket."""
        # The socket does not show what a TLS layer has read and nothing has taken yet.
        if self._socket is None or any(layer.holds_bytes for layer in self._layers):
            return True
        return is_readable(self._socket.fileno())

    def shut(self) -> None:
        """Make all waiting here fail at once, for good; from any thread, or a signal handler."""
        # No lock: a signal handler may run while its own thread uses the connection.
        self._shut = True
        for sock in tuple(self._open_sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                of_system(error)

    def _raise_if_shut(self) -> None:
        if self._shut:
            raise ConnectionAbortedError("cancelled")

    def scope(self, limits: Limits) -> AbstractContextManager[None]:
        """Let an attempt use it inside the block; the `cancel` of its limits ends the attempt."""
        limits.reused = self.http.used
        return cancel_scope(limits.cancel, lambda: self.shut)

    def close(self) -> None:
        """Close the socket."""
        for sock in self._open_sockets:
            sock.close()

    def on_failure(self, failure: Failure, *, resend: bool) -> Response | None:
        """Close it, and return the error response of an exchange that failed, or raise the failure.

        None means that the connection was dead and, with `resend`, that another one may be used.
        """
        self.close()
        if resend and self.http.is_stale(failure):
            logger.debug("a kept connection had been closed by the server: trying a new one")
            return None
        failure.sent = self.http.sent
        return failure.response_to(self.http.head)

    def _layered(self, flow: Flow[T]) -> Flow[T]:
        for layer in self._layers:
            flow = layer.encrypted(flow)
        return flow

    def _set_up(self, route: Route, until: float, connect: float) -> Flow[None]:
        """Do the steps of a route on a new connection, before the first request."""
        for step in route.steps:
            if isinstance(step, TLS):
                self.until = min(until, _clock.monotonic() + connect)
                layer = self._handshake_layer = TLSLayer(*step)
                yield from self._layered(layer.handshake())
                self._layers.insert(0, layer)
                self._handshake_layer = None
            else:
                self.until = until
                yield from self._layered(step())

    def _opening_failure(self, error: Failure | OSError, route: Route) -> Failure:
        if self._handshake_layer is not None:
            assert isinstance(error, Failure)
            # Sending the alert often fails, because the peer has closed; the cause says more.
            failure = (self._handshake_layer.failure or error).before_connected()
            if route.label and not self._layers and isinstance(route.steps[0], TLS):  # its own
                failure.text = f"{route.label}: {failure.text}"
            return failure
        failure = (error if isinstance(error, Failure) else os_failure(error)).before_connected()
        if route.label and failure.kind in ("connect", "connect_timeout", "lookup"):
            problem = "cannot be reached" if self._socket is None else "does not answer"
            text = f"{route.label} {problem}: {failure.text}"
            failure = Failure(failure.kind, text, passing=failure.passing)
        return failure


class IdleConnections(Generic[S]):
    """The connections that are not in use, the most recently used one last."""

    def __init__(self) -> None:
        self._idle: deque[S] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle)

    def push(self, stream: S) -> None:
        """Take a connection back, and close those that have been idle for too long."""
        if self._closed or not stream.http.reusable:
            logger.debug("closed a connection: the server does not keep it open")
            stream.close()
            return
        now = stream.idle_since = _clock.monotonic()
        self._idle.append(stream)
        try:
            while now - self._idle[0].idle_since > KEEPALIVE:
                self._idle.popleft().close()
        except IndexError:  # another thread has taken the last one
            pass
        if self._closed:  # closed by another thread in between
            self.close()

    def pop(self) -> S | None:
        """Return the most recently used connection that is open; dead ones before it are closed."""
        # Nothing here waits, so no task can be cancelled between taking one and using it.
        while True:
            try:
                stream = self._idle.pop()
            except IndexError:
                return None
            idle = _clock.monotonic() - stream.idle_since
            if idle <= KEEPALIVE and not stream.readable():
                return stream
            logger.debug("closed an idle connection: it was idle too long, or the server closed it")
            stream.close()

    def close(self) -> None:
        """Close all of them, and from now on each one that is given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


def route_to(
    scheme: str,
    host: str,
    port: int,
    *,
    proxy: ProxySetting | None,
    context: Callable[[], ssl.SSLContext],
    check: AddressCheck | None = None,
) -> Route:
    """Return the route to an origin, whose host has no brackets; `context` is called for https.

    With a proxy no name is looked up here, so `check` is not used.
    """
    # The context is made here, so that a file that cannot be read fails before anything is sent.
    tls_steps: tuple[Step, ...] = (TLS(context(), host),) if scheme == "https" else ()
    if proxy is None:
        return Route(host, port, tls_steps, check)
    proxy_steps: tuple[Step, ...] = (TLS(context(), proxy.host),) if proxy.scheme == "https" else ()
    if proxy.socks or tls_steps:
        steps = (*proxy_steps, lambda: proxy.tunnel(host, port), *tls_steps)
        return Route(proxy.host, proxy.port, steps, None, proxy.label)
    prefix = f"http://{f'[{host}]' if ':' in host else host}:{port}".encode()
    return Route(proxy.host, proxy.port, proxy_steps, None, proxy.label, prefix, proxy.headers)


ROUTING = frozenset({"mounts", "proxy", "transport", "trust_env"})
"""Arguments for httpx that choose the route of requests; downloads take the same route."""


@attrs.define(kw_only=True, eq=False, repr=False, slots=False)
class Connector:
    """Where a client connects to, and how.

    It has no reference to a session: dropping a client drops its connections at once.

    Raises:
        ConfigurationError: the proxy chosen for the base URL cannot be used.
    """

    base_url: str
    trust: TLSConfig
    proxies: ProxySettings | None
    max_connections: int
    allow_insecure: bool = False
    _route: Route | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        self.scheme, self.path, self.host = parts.scheme, parts.path, parts.hostname or ""
        self.port = parts.port or DEFAULT_PORTS[parts.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[parts.scheme] else f":{self.port}"
        self.authority = f"{host}{port}"
        self.origin = f"{parts.scheme}://{self.authority}"
        # A proxy that cannot be used is an error now, not at the first request.
        self.proxy = self.proxy_for(self.scheme, self.host, self.port)
        if self.scheme == "https":
            certifi_path()  # the first connection may find no descriptor left to import it with

    def proxy_for(self, scheme: str, host: str, port: int | None) -> ProxySetting | None:
        """Return the proxy for a request, as `choose_proxy` does."""
        return self.proxies and choose_proxy(scheme, host, port, self.proxies)

    def reaches(self, url: httpx.URL) -> bool:
        """Tell whether a URL has the scheme, host and port that the key is for."""
        return origin_of(url) == (self.scheme, self.host, self.port)

    def route(self) -> Route:
        """Return the route to the origin.

        Raises:
            ConfigurationError: the certificates cannot be read.
        """
        # Two threads may both create it: that costs less than a lock at every call.
        if self._route is None:
            # If the host is trusted because it is this machine, its name must resolve to it.
            trusting = self.scheme == "http" or self.trust.kind == "nothing"
            local = trusting and not self.allow_insecure and is_loopback(self.host)
            self._route = route_to(
                self.scheme,
                self.host,
                self.port,
                proxy=self.proxy,
                context=self.trust_context,
                check=refuse_remote if local else None,
            )
        return self._route

    def httpx_settings(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of httpx's own client: the user's arguments, else the client's.

        A context among the arguments is used as it is, a transport too.
        """
        verify = arguments.get("verify")
        if verify is None:
            # httpx loads a client certificate into the context, which others must not share then.
            verify = tls_context(self.trust, shared="cert" not in arguments)
        elif not isinstance(verify, ssl.SSLContext):
            import httpx

            verify = hardened(httpx.create_ssl_context(verify))
        # Without this httpx would read the environment a second time, by different rules.
        settings = {"trust_env": False, **arguments, "verify": verify}
        default = self.proxy if ROUTING.isdisjoint(arguments) else None
        proxy = arguments.get("proxy") or default
        if proxy is not None:
            settings["proxy"] = httpx_proxy(proxy, self.trust_context)
        return settings

    def trust_context(self) -> ssl.SSLContext:
        """Return the TLS context, shared by all clients that trust the same certificates."""
        return tls_context(self.trust)
