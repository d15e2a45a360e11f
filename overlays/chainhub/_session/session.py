"""What a client shares with its copies: credentials, connections, the retry budget, being closed.

Here are the two loops that carry a call out, one for threads and one for asyncio; what to do next
is decided in `_call`.
"""

from __future__ import annotations

import atexit
import os
import random
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from chainhub import _clock, _transport
from chainhub._session.call import Call, CallResult
from chainhub._session.credentials import Credentials, Key
from chainhub._session.events import UNDER_WAY, Observers, logger
from chainhub._session.options import Options
from chainhub._session.request import PreparedRequest, origin_of
from chainhub._session.retry import RetryBudget
from chainhub._transport import ConnectionPool, Connector, Failure, Limits, Response
from chainhub.errors import ClientClosedError, ConfigurationError

# Threads need nothing of asyncio, nor a process that makes one call of what waits and errors need:
# with these imports it would take a tenth longer.
if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

    from chainhub._transport import AsyncConnectionPool

    Closable = TypeVar("Closable", AsyncConnectionPool, httpx.AsyncClient)
    SyncExchange = Callable[[PreparedRequest, Key, Limits], Response]
    AsyncExchange = Callable[[PreparedRequest, Key, Limits], Awaitable[Response]]


class Session:
    """Connections, credentials and budget of one client and its copies."""

    def __init__(
        self, connector: Connector, credentials: Credentials, observers: Observers
    ) -> None:
        self._random = random.Random()
        self.connector = connector
        self.credentials = credentials
        self.observers = observers
        self._origin = origin_of(httpx.URL(connector.base_url))
        self._under_way = connector.base_url, credentials.secrets
        self.budget = RetryBudget()
        self.closed = False
        self._reset()
        _sessions.add(self)
        logger.debug("new client for %s, key from %s", connector.base_url, credentials.source)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._sync_pool: ConnectionPool | None = None
        self._async_pools: dict[asyncio.AbstractEventLoop, AsyncConnectionPool] = {}
        self._ordinary: httpx.Client | None = None
        self._async_ordinary: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._lifetimes: dict[asyncio.AbstractEventLoop, list[AsyncIterator[None]]] = {}

    def __repr__(self) -> str:
        return f"<Session {self.connector.base_url}>"

    def call(
        self, prepared: PreparedRequest, options: Options, exchange: SyncExchange | None = None
    ) -> CallResult:
        """Carry a call out and return how it ended.

        Raises:
            ClientClosedError: the client was closed.
            CancelledByUser: the switch of the options was set.
            ConfigurationError: no request can be sent with this key, proxy or certificate.
        """
        call = self._begin(prepared, options)
        exchange = exchange or self._exchange
        while True:
            key = self.credentials.key(call.left())
            outcome = self._attempt(call, key, exchange)
            if call.wants_new_key(outcome) and self.credentials.refresh(key, call.left()):
                call.report_attempt(outcome)
                continue
            step = call.next_step(outcome)
            if isinstance(step, CallResult):
                return step
            _clock.sleep(step, options.cancel)

    async def acall(
        self, prepared: PreparedRequest, options: Options, exchange: AsyncExchange | None = None
    ) -> CallResult:
        """Carry a call out as `call` does, in the running event loop."""
        running_loop()
        call = self._begin(prepared, options)
        exchange = exchange or self._aexchange
        while True:
            key = await self.credentials.akey()
            outcome = await self._aattempt(call, key, exchange)
            if call.wants_new_key(outcome) and await self.credentials.arefresh(key):
                call.report_attempt(outcome)
                continue
            step = call.next_step(outcome)
            if isinstance(step, CallResult):
                return step
            await _clock.asleep(step, options.cancel)

    def _begin(self, prepared: PreparedRequest, options: Options) -> Call:
        if self.closed:
            raise ClientClosedError("the client is closed; create a new one")
        if prepared.origin != self._origin:
            url = httpx.URL(prepared.origin)
            raise ConfigurationError(
                f"this client and its key are for {self.connector.base_url}; "
                f"it sends no requests to {url.scheme}://{url.host}"
            )
        return Call(
            prepared,
            options,
            self.budget,
            self.observers,
            started=_clock.monotonic(),
            secrets=self.credentials.secrets,
            random=self.random,
        )

    def _attempt(self, call: Call, key: Key, exchange: SyncExchange) -> Response | Failure:
        limits = call.begin()
        outer = UNDER_WAY.get()
        UNDER_WAY.set(self._under_way)
        _clock.request_under_way(1)
        try:
            return exchange(call.outgoing, key, limits)
        except Failure as failure:
            return failure.without_frames()
        except BaseException as error:
            call.broke_off(error)
            raise
        finally:
            UNDER_WAY.set(outer)
            _clock.request_under_way(-1)

    async def _aattempt(self, call: Call, key: Key, exchange: AsyncExchange) -> Response | Failure:
        limits = call.begin()
        # Not by a token: a coroutine may be closed in another context.
        outer = UNDER_WAY.get()
        UNDER_WAY.set(self._under_way)
        _clock.request_under_way(1)
        try:
            return await exchange(call.outgoing, key, limits)
        except Failure as failure:
            return failure.without_frames()
        except BaseException as error:
            call.broke_off(error)
            raise
        finally:
            UNDER_WAY.set(outer)
            _clock.request_under_way(-1)

    def _exchange(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        pool = self._sync_pool or self._make_sync_pool()
        return pool.exchange(prepared.with_key(key), limits)

    async def _aexchange(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        pool = self._async_pools.get(running_loop()) or await self._make_async_pool()
        return await pool.exchange(prepared.with_key(key), limits)

    def _make_sync_pool(self) -> ConnectionPool:
        with self._lock:
            self._sync_pool = self._sync_pool or ConnectionPool(
                self.connector.route, self.connector.max_connections
            )
            return self._sync_pool

    async def _make_async_pool(self) -> AsyncConnectionPool:
        # It loads asyncio, of which threads need nothing.
        pool = _transport.AsyncConnectionPool(self.connector.route, self.connector.max_connections)
        await self._keep(self._async_pools, pool)
        return pool

    async def _keep(self, kept: dict[asyncio.AbstractEventLoop, Closable], one: Closable) -> None:
        """Keep something for the running event loop and close it with it, whoever forgot to.

        asyncio.run closes asynchronous generators before it closes the loop, so what is held by
        one is closed in time.
        """
        loop = running_loop()
        for theirs in (self._async_pools, self._async_ordinary, self._lifetimes):
            for other in [loop for loop in list(theirs) if loop.is_closed()]:
                del theirs[other]
        kept[loop], lifetime = one, _closing_with_the_loop(one)
        self._lifetimes.setdefault(loop, []).append(lifetime)
        await anext(lifetime)

    def ordinary(self, arguments: Mapping[str, Any]) -> httpx.Client:
        """Return httpx's own client for these arguments; all copies of a client have the same."""
        with self._lock:
            if self._ordinary is None:
                self._ordinary = httpx.Client(**self.connector.httpx_settings(arguments))
            return self._ordinary

    async def async_ordinary(self, arguments: Mapping[str, Any]) -> httpx.AsyncClient:
        """Return httpx's own client for these arguments and the running event loop."""
        client = self._async_ordinary.get(running_loop())
        if client is None:
            client = httpx.AsyncClient(**self.connector.httpx_settings(arguments))
            await self._keep(self._async_ordinary, client)
        return client

    @property
    def random(self) -> Callable[[], float]:
        """The source of jitter; a forked child has one of its own."""
        return self._random.random

    def close(self) -> None:
        """Close all connections; twice does no harm. Those of other event loops close there."""
        self.closed = True
        for mine in (self._sync_pool, self._ordinary):
            if mine is not None:
                mine.close()
        others: list[tuple[asyncio.AbstractEventLoop, AsyncConnectionPool | httpx.AsyncClient]]
        others = [*self._async_pools.items(), *self._async_ordinary.items()]
        for loop, theirs in others:
            with suppress(RuntimeError):  # the loop is closed, and with it the connections
                loop.call_soon_threadsafe(_close_soon, loop, theirs)

    async def aclose(self) -> None:
        """Close all connections, those of this event loop before returning."""
        loop = running_loop()
        own = self._async_pools.pop(loop, None), self._async_ordinary.pop(loop, None)
        self.close()
        for one in own:
            if one is not None:
                await one.aclose()

    def let_go(self) -> None:
        """Close what is idle when the interpreter ends, while all that closing needs is there."""
        if self._sync_pool is not None:
            self._sync_pool.close()
        if self._ordinary is not None:
            ordinary, self._ordinary = self._ordinary, None
            ordinary.close()
        for loop, lifetimes in list(self._lifetimes.items()):
            # Sockets of a loop that is closed are beyond reach; one that runs closes its own.
            if loop.is_closed() or loop.is_running():
                continue
            for theirs in (self._async_pools, self._async_ordinary, self._lifetimes):
                theirs.pop(loop, None)
            for lifetime in lifetimes:
                closing = cast("AsyncGenerator[None, None]", lifetime).aclose()
                with suppress(Exception):
                    closing.send(None)
                    closing.close()  # it waits for something, and nobody can any more

    def __del__(self, _ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if _ends():  # modules are torn down, and with them what closing needs
            return
        # Attributes may be missing when construction failed.
        sync_pool = getattr(self, "_sync_pool", None)
        if sync_pool is not None:
            sync_pool.close()
        pools = {} if self.closed else getattr(self, "_async_pools", {})
        if any(pool.idle and not loop.is_closed() for loop, pool in list(pools.items())):
            warnings.warn(
                "an AsyncClient was dropped with open connections; use `async with` or aclose()",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )

    def after_fork(self) -> None:
        """Reset in a child process, without touching the parent's connections."""
        # Closing them would end conversations that are the parent's; dropping them would too.
        mine = (self._sync_pool, self._async_pools, self._lifetimes)
        _abandoned.append((*mine, self._ordinary, self._async_ordinary))
        self._reset()
        self._random.seed()
        self.budget.reset_after_fork()
        self.credentials.reset_after_fork()


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs here.

    Raises:
        ConfigurationError: none of asyncio's does.
    """
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    raise ConfigurationError("AsyncClient runs under asyncio only; other event loops need Client")


async def _closing_with_the_loop(
    one: AsyncConnectionPool | httpx.AsyncClient,
) -> AsyncIterator[None]:
    """Close it when its loop shuts its asynchronous generators down, as `asyncio.run` does."""
    try:
        yield
    finally:
        await one.aclose()


def _close_soon(
    loop: asyncio.AbstractEventLoop, one: AsyncConnectionPool | httpx.AsyncClient
) -> None:
    task = loop.create_task(one.aclose())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_abandoned: list[object] = []
_closing: set[asyncio.Task[None]] = set()  # a task nobody holds may be collected half done


def _let_go_of_all() -> None:
    for session in list(_sessions):
        session.let_go()


atexit.register(_let_go_of_all)


def _after_fork_in_child() -> None:
    for session in list(_sessions):
        session.after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
