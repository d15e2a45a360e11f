"""Connections to one origin for threads: kept while idle, handed out in O(1), checked each time.

A free connection is the top of a stack, so the warmest one is used first and the coldest ones
expire at the bottom. A response that nobody asked for is never handed out: what stands on a
connection before we have asked, or comes behind a response, closes it. A request that finds its
connection dead is sent once more on a fresh one; one that must not be repeated always gets a fresh
one, so that it never needs to be.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import httpx

from chainhub import _clock
from chainhub._transport.exchange import Failure, Head, Headers, Limits, Response, cancel_scope
from chainhub._transport.http1 import Request
from chainhub._transport.routes import Route, Stream
from chainhub._transport.sockets import SocketStream

logger = logging.getLogger("chainhub")

KEEPALIVE = 55.0
"""Seconds an idle connection is kept: above the pace of polls, below the 60 s of load balancers."""


S = TypeVar("S", bound=Stream)


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


class ConnectionPool:
    """Connections to one origin, for threads; exchanges wait while `max_connections` are in use."""

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[SocketStream] = IdleConnections()
        # A semaphore's lock could be held by the very thread that a signal handler interrupts.
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(max_connections):
            self._permits.put(None)

    def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response.

        Raises:
            Failure: no response came, or it cannot be used.
        """
        held: list[None] = []
        try:
            self._queue(limits, held)
            until = limits.until()
            kept = None if limits.fresh else self._idle.pop()
            while True:
                response = self._run(kept or SocketStream(), request, limits, until)
                if response is not None:
                    return response
                kept = None
        finally:
            for permit in held:
                self._permits.put(permit)

    def _queue(self, limits: Limits, held: list[None]) -> None:
        while not limits.cancelled():
            left = max(limits.deadline - _clock.monotonic(), 0.0)
            # A queue cannot be woken by a Cancel: look at it often enough to keep 50 ms.
            pause = 3600.0 if limits.cancel is None else 0.02
            with suppress(Empty):
                # In one step: what a signal handler raises between two would cost the permit.
                held.extend(map(self._permits.get, (True,), (min(left, pause),)))
                return
            if left <= pause:
                raise Failure("timeout", "all connections stayed in use")
        raise Failure("timeout", "cancelled")

    def _run(
        self, stream: SocketStream, request: Request, limits: Limits, until: float
    ) -> Response | None:
        """Run one exchange; None says that the connection was dead and the request unheard."""
        http, route = stream.http, self._route()
        limits.reused = http.used
        try:
            with cancel_scope(limits.cancel, stream.waker):
                if not http.used:
                    stream.open(route, until, limits.connect)
                stream.until = until
                response = stream.run(http.exchange(route.request(request), limits.max_body))
            self._idle.push(stream)
            return response
        except Failure as error:
            failure = error
        except BaseException:  # of a signal handler, say: what was sent may still be answered
            stream.close()
            raise
        return stream.failed(failure, again=limits.reused and not limits.cancelled())

    def close(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()


class StreamedExchange:
    """One request whose response is read piece by piece, on a connection of its own.

    It is taken from `idle` and given back there, if the whole response was read.
    """

    def __init__(self, route: Route, idle: IdleConnections[SocketStream] | None = None) -> None:
        self._route = route
        self._idle = idle
        # Less is slower, and so is more: the kernel gives such memory anew each time.
        self._stream = SocketStream(read_size=128 * 1024)
        self._shut = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET and return the head of its response; fail if it does not come by `until`."""
        get = Request(b"GET", url.raw_path, [(b"Host", url.netloc), *headers])
        request, fresh = self._route.request(get), self._stream
        kept = None if self._idle is None else self._idle.pop()
        while True:
            stream = self._stream = kept or fresh
            if self._shut:  # meanwhile: `shut` has not found this one
                stream.shut()
            try:
                if not stream.http.used:
                    stream.open(self._route, until, connect)
                stream.until = until
                return stream.run(stream.http.ask(request))
            except Failure as error:
                failure = error
            stream.failed(failure, again=kept is not None and not self._shut)
            kept = None

    def body(self) -> Iterator[bytes]:
        """Yield the body as it comes; fail if it breaks off."""
        while data := self._stream.run(self._stream.http.next_data()):
            yield data

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""
        self._stream.until = until

    @property
    def surplus(self) -> int:
        """How many bytes have come behind the response."""
        return self._stream.http.surplus

    def shut(self) -> None:
        """Make whatever waits here fail at once, for good; from any thread, or a signal handler."""
        self._shut = True
        self._stream.shut()

    def close(self) -> None:
        """Give the connection back, or close it."""
        if self._idle is None or self._shut:
            self._stream.close()
        else:
            self._idle.push(self._stream)
