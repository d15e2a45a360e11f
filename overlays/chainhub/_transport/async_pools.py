"""Connections to one origin for the tasks of one event loop: the async version of `pools`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from chainhub import _clock
from chainhub._transport.failure import Failure, Response
from chainhub._transport.http1 import Request
from chainhub._transport.limits import Limits, cancel_scope
from chainhub._transport.pools import IdleConnections, PooledConnection, of_the_way
from chainhub._transport.routes import TLS, Route
from chainhub._transport.streams import AsyncStream


class AsyncConnectionPool:
    """Connections to one origin, for the tasks of one event loop.

    Args:
        route: Returns the way to the origin.
        max_connections: How many may be in use at the same time; further exchanges wait.
    """

    def __init__(self, route: Callable[[], Route], max_connections: int) -> None:
        self._route = route
        self._idle: IdleConnections[AsyncStream] = IdleConnections()
        self._permits = asyncio.Semaphore(max_connections)

    @property
    def idle(self) -> int:
        """How many connections are open and unused."""
        return len(self._idle)

    async def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and return its whole response.

        Raises:
            Failure: no response came, or it cannot be used.
        """
        await self._queue(limits)
        try:
            until = limits.until()
            response = None
            if not limits.fresh and (kept := self._idle.pop()) is not None:
                response = await self._run(kept, request, limits, until)
            if response is None:
                fresh = PooledConnection(AsyncStream())
                response = await self._run(fresh, request, limits, until)
            assert response is not None  # a fresh connection is never stale
            return response
        finally:
            self._permits.release()

    async def _queue(self, limits: Limits) -> None:
        if not self._permits.locked():
            await self._permits.acquire()
            return
        left = limits.deadline - _clock.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as scope:
                with cancel_scope(limits.cancel, lambda: _clock.waker(scope)):
                    await self._permits.acquire()
        except TimeoutError:
            failure = Failure("timeout", "all connections stayed in use")
        else:
            return
        raise failure

    async def _run(
        self,
        connection: PooledConnection[AsyncStream],
        request: Request,
        limits: Limits,
        until: float,
    ) -> Response | None:
        """Run one exchange; None says that the connection was dead and the request unheard."""
        stream, http = connection.stream, connection.http
        reused = limits.reused = http.used
        route = self._route()
        try:
            with cancel_scope(limits.cancel, stream.waker):
                if not reused:
                    await open_stream(stream, route, until, limits.connect)
                stream.until = until
                talk = http.exchange(route.request(request), limits.max_body)
                response = await stream.converse(talk)
        except Failure as error:
            failure = error
        except BaseException:
            stream.close()
            raise
        else:
            stream.unwatch()
            self._idle.push(connection)
            return response
        return connection.failed(failure, again=reused and not limits.cancelled())

    async def aclose(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._idle.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn


async def open_stream(stream: AsyncStream, route: Route, until: float, connect: float) -> None:
    """Take a way from its beginning to where requests can be sent, as the one for threads does.

    Raises:
        Failure: it cannot be taken.
    """
    stream.until = until
    try:
        await stream.connect(route.host, route.port, connect, route.check)
    except Failure as failure:
        raise of_the_way(failure, route) from None
    for step in route.steps:
        if isinstance(step, TLS):
            stream.until = min(until, _clock.monotonic() + connect)
            await stream.start_tls(step.context, step.hostname)
        else:
            stream.until = until
            await stream.converse(step())
