"""What connections are, whoever carries their bytes: routes, limits, those that nobody uses.

A `Route` says where to connect and what is said there before the first request; a `Connector` knows
that of the one origin that a client is for. A `Stream` is a connection, and `IdleConnections` keeps
them between exchanges. The warmest is used first and the coldest expire. A response that nobody
asked for is never handed out: what stands on a connection before we have asked, or comes behind a
response, closes it.
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
    # The instant (monotonic) at which the call ends; waiting for a connection counts here alone.
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


def left(until: float) -> float:
    """Return the seconds until an instant, or raise TimeoutError."""
    # Sockets do not take an infinite limit; eleven days are as good.
    rest = min(until - _clock.monotonic(), 1_000_000.0)
    if rest <= 0:  # a socket would take 0 for "do not wait"
        raise TimeoutError("timed out")
    return rest


def cancel_scope(
    cancel: Cancel | None, waker: Callable[[], Callable[[], None]]
) -> AbstractContextManager[None]:
    """Let `cancel`, if there is one, call what `waker` returns while the block runs."""
    return nullcontext() if cancel is None else cancel.watching(waker())


def os_text(error: OSError) -> str:
    """Return the operating system's own words, which Python and asyncio wrap in different ones."""
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
    """Return an error of a system call; raise one that a signal handler raised inside of it."""
    # An alarm is often a TimeoutError: the caller's, who may wait for it, and not the socket's.
    frame = error.__traceback__
    while frame is not None and (inner := frame.tb_next) is not None:
        # Python hands a handler the frame that it interrupts; nobody else is given it.
        for held in inner.tb_frame.f_locals.values():
            if any(one is frame.tb_frame for one in (held if isinstance(held, tuple) else (held,))):
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
        found = select.select(reading, writing, writing, seconds)
        return [descriptor for kind in found for descriptor in kind]
    # Unlike the others, poll needs no descriptor of its own, and takes those above 1023.
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLOUT if writable else select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]


class TLS(NamedTuple):
    """A step on a route: agree on keys with the host of this name."""

    context: ssl.SSLContext
    hostname: str


Step = TLS | Callable[[], Flow[None]]


class Route(NamedTuple):
    """The route to one origin."""

    host: str  # to connect to: the origin's or the proxy's
    port: int
    steps: tuple[Step, ...] = ()  # what is said there, in this order
    check: AddressCheck | None = None  # refuses addresses of the host
    shown: str = ""  # the proxy, for errors of connecting to it; empty without one
    # For a proxy that forwards: the origin, put before path and query, and headers of its own.
    prefix: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()

    def request(self, request: Request) -> Request:
        """Return a request as it must be written on this route."""
        return request.forwarded(self.prefix, self.headers) if self.prefix else request


class Stream:
    """A connection to a server: what is the same for threads and event loops."""

    def __init__(self) -> None:
        # Instants (monotonic): at which all that is done here must end, at which it was given back.
        self.until = self.idle_since = 0.0
        self.http = Connection()  # the requests and responses on it
        self._layers: list[TLSLayer] = []  # the innermost first
        self._handshaking: TLSLayer | None = None
        self._socket: socket.socket | None = None
        self._open: list[socket.socket] = []  # while connecting, all that are tried
        self._shut = False

    def readable(self) -> bool:
        """Tell whether bytes or the end wait to be read, in memory or in the socket."""
        # The socket says nothing of what a layer of TLS has read and nobody has asked for.
        if self._socket is None or any(layer.holds_bytes for layer in self._layers):
            return True
        return is_readable(self._socket.fileno())

    def shut(self) -> None:
        """Make whatever waits here fail at once, for good; from any thread, or a signal handler."""
        # No lock: a signal handler may run while this very thread uses the connection.
        self._shut = True
        for sock in tuple(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                of_system(error)

    def _refuse_shut(self) -> None:
        if self._shut:
            raise ConnectionAbortedError("cancelled")

    def scope(self, limits: Limits) -> AbstractContextManager[None]:
        """Note that an attempt uses it, which the switch of its limits ends, inside the block."""
        limits.reused = self.http.used
        return cancel_scope(limits.cancel, lambda: self.shut)

    def close(self) -> None:
        """Close the socket."""
        for sock in self._open:
            sock.close()

    def failed(self, failure: Failure, *, again: bool) -> Response | None:
        """Return what is left of an exchange that failed, or raise the failure.

        None says that the connection was dead, so that the request may be sent `again` elsewhere.
        """
        self.close()
        if again and self.http.is_stale(failure):
            logger.debug("a kept connection had been closed by the server: trying a new one")
            return None
        failure.sent = self.http.sent
        return failure.response_to(self.http.head)

    def _layered(self, flow: Flow[T]) -> Flow[T]:
        for layer in self._layers:
            flow = layer.encrypted(flow)
        return flow

    def _opening(self, route: Route, until: float, connect: float) -> Flow[None]:
        """Do what is to be done on a new connection before the first request."""
        for step in route.steps:
            if isinstance(step, TLS):
                self.until = min(until, _clock.monotonic() + connect)
                layer = self._handshaking = TLSLayer(*step)
                yield from self._layered(layer.handshake())
                self._layers.insert(0, layer)
                self._handshaking = None
            else:
                self.until = until
                yield from self._layered(step())

    def _failed_opening(self, error: Failure | OSError, route: Route) -> Failure:
        if self._handshaking is not None:
            assert isinstance(error, Failure)
            # Sending the alert often fails, because the peer has closed; the cause says more.
            failure = (self._handshaking.failure or error).before_connected()
            if route.shown and not self._layers and isinstance(route.steps[0], TLS):  # its own
                failure.text = f"{route.shown}: {failure.text}"
            return failure
        failure = (error if isinstance(error, Failure) else os_failure(error)).before_connected()
        if route.shown and failure.kind in ("connect", "connect_timeout", "lookup"):
            problem = "cannot be reached" if self._socket is None else "does not answer"
            failure.text = f"{route.shown} {problem}: {failure.text}"
        return failure


class IdleConnections(Generic[S]):
    """The connections nobody uses, the warmest on top."""

    def __init__(self) -> None:
        self._idle: deque[S] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle)

    def push(self, stream: S) -> None:
        """Take a connection back, and let the coldest go if it has waited too long."""
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
        """Return the warmest connection that still lives; those above it are closed."""
        # Nothing here waits, so nobody can be cancelled between taking one and using it.
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
        """Close all of them, and from now on those that are given back."""
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
    """Return the route to an origin, whose host has no brackets; `context` makes one if need be.

    Behind a proxy nothing is looked up here, so that `check` has no address to refuse.
    """
    # The context is made here, so that a file that cannot be read is said before anything is sent.
    encrypted: tuple[Step, ...] = (TLS(context(), host),) if scheme == "https" else ()
    if proxy is None:
        return Route(host, port, encrypted, check)
    to_proxy: tuple[Step, ...] = (TLS(context(), proxy.host),) if proxy.scheme == "https" else ()
    if proxy.socks or encrypted:
        steps = (*to_proxy, lambda: proxy.tunnel(host, port), *encrypted)
        return Route(proxy.host, proxy.port, steps, None, proxy.shown)
    prefix = f"http://{f'[{host}]' if ':' in host else host}:{port}".encode()
    return Route(proxy.host, proxy.port, to_proxy, None, proxy.shown, prefix, proxy.headers)


ROUTING = frozenset({"mounts", "proxy", "transport", "trust_env"})
"""Arguments for httpx that say which route requests take; downloads take it too."""


@attrs.define(kw_only=True, eq=False, repr=False, slots=False)
class Connector:
    """Where a client connects to, and how.

    It knows no session: dropping a client drops its connections at once.

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
        # A proxy that cannot be used is a mistake to hear of now, not at the first request.
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
        # Two threads may both make it: that costs less than a lock at every call.
        if self._route is None:
            # Where the host was trusted because it is this machine, its name must lead here.
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
        # Without this httpx would read the environment a second time, by rules of its own.
        settings = {"trust_env": False, **arguments, "verify": verify}
        chosen = self.proxy if ROUTING.isdisjoint(arguments) else None
        proxy = arguments.get("proxy") or chosen
        if proxy is not None:
            settings["proxy"] = httpx_proxy(proxy, self.trust_context)
        return settings

    def trust_context(self) -> ssl.SSLContext:
        """Return the TLS context, shared by all clients that trust the same certificates."""
        return tls_context(self.trust)
