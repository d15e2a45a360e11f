"""What a client shares with its copies: credentials, connections, retry budget, and `closed`.

Here are the two loops that carry out a call, one for threads and one for asyncio; `call` decides
what they do next.
"""

from __future__ import annotations

import atexit
import errno
import os
import sys
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, closing, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from chainhub import _clock, _transport
from chainhub._redaction import redact_text
from chainhub._session.call import Call, CallContext, CallResult, Options
from chainhub._session.credentials import Credentials, Key
from chainhub._session.events import Observers, logger
from chainhub._session.request import PreparedRequest
from chainhub._transport import (
    ConnectionPool,
    Connector,
    Failure,
    Limits,
    Response,
    of_system,
)
from chainhub.errors import ClientClosedError, ConfigurationError

# Threads do not need asyncio, and a process that makes one call needs nothing of waits and errors:
# with these imports it would take a tenth longer.
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

    import httpx

    SyncExchange = Callable[[PreparedRequest, Key, Limits], Response]
    AsyncExchange = Callable[[PreparedRequest, Key, Limits], Awaitable[Response]]


class Session(CallContext):
    """Connections, credentials and budget of one client and its copies."""

    def __init__(
        self, connector: Connector, credentials: Credentials, observers: Observers
    ) -> None:
        super().__init__(connector.base_url, credentials, observers)
        self.connector = connector
        self.closed = False
        self._reset()
        _sessions.add(self)
        logger.debug("new client for %s, key from %s", connector.base_url, credentials.source)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._pool = ConnectionPool(self.connector.route, self.connector.max_connections)
        self._httpx_client: httpx.Client | None = None
        self._loops: dict[asyncio.AbstractEventLoop, LoopConnections] = {}

    def __repr__(self) -> str:
        return f"<Session {self.connector.base_url}>"

    def __reduce__(self) -> NoReturn:
        # Here too: the methods of a client's resources lead to the session, not to the client.
        raise TypeError(
            "a client holds connections and a key and cannot be pickled or copied; "
            "make one where it is needed, or use with_options() for a copy"
        )

    def call(
        self, prepared: PreparedRequest, options: Options, exchange: SyncExchange | None = None
    ) -> CallResult:
        """Carry out a call and return how it ended.

        Raises:
            ClientClosedError: the client was closed.
            CancelledByUser: the switch of the options was set.
            ConfigurationError: no request can be sent with this key, proxy or certificate.
        """
        call = self._begin(prepared, options)
        exchange = exchange or self._exchange
        while True:
            key = self.credentials.key(call.remaining())
            with call:
                call.outcome = exchange(call.next_request, key, call.limits)
            if call.wants_new_key() and self.credentials.key(call.remaining(), key) != key:
                call.report_attempt()
                continue
            step = call.next_step()
            if isinstance(step, CallResult):
                return step
            _clock.sleep(step, options.cancel)

    async def acall(
        self, prepared: PreparedRequest, options: Options, exchange: AsyncExchange | None = None
    ) -> CallResult:
        """Carry out a call as `call` does, in the running event loop."""
        running_loop()
        call = self._begin(prepared, options)
        exchange = exchange or self._aexchange
        while True:
            key = await self.credentials.akey(call.remaining())
            with call:
                call.outcome = await exchange(call.next_request, key, call.limits)
            if call.wants_new_key() and await self.credentials.akey(call.remaining(), key) != key:
                call.report_attempt()
                continue
            step = call.next_step()
            if isinstance(step, CallResult):
                return step
            await _clock.asleep(step, options.cancel)

    def _begin(self, prepared: PreparedRequest, options: Options) -> Call:
        if self.closed:
            raise ClientClosedError("the client is closed; create a new one")
        # httpx does not change IPv6 addresses to lower case.
        if prepared.origin.lower() != self.connector.origin.lower():
            raise ConfigurationError(
                f"this client and its key are for {self.connector.base_url}; "
                f"it sends no requests to {prepared.origin}"
            )
        return Call(prepared, options, self)

    def _exchange(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        return self._pool.exchange(prepared.with_key(key), limits)

    async def _aexchange(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        connections = self._loops.get(running_loop()) or await self._open_connections()
        return await connections.pool.exchange(prepared.with_key(key), limits)

    async def _open_connections(self) -> LoopConnections:
        """Return new connections of the running event loop, which has none yet."""
        for loop in [loop for loop in list(self._loops) if loop.is_closed()]:
            del self._loops[loop]
        connections = self._loops[running_loop()] = LoopConnections(self.connector)
        await anext(connections.lifetime)
        return connections

    def httpx_client(self, arguments: Mapping[str, Any]) -> httpx.Client:
        """Return the httpx client for these arguments, the same one for all copies of a client."""
        with self._lock:
            if self._httpx_client is None:
                self._httpx_client = self._make_client("Client", arguments)
            return self._httpx_client

    async def async_httpx_client(self, arguments: Mapping[str, Any]) -> httpx.AsyncClient:
        """Return the httpx client for these arguments and the running event loop."""
        connections = self._loops.get(running_loop()) or await self._open_connections()
        if connections.httpx_client is None:
            connections.httpx_client = self._make_client("AsyncClient", arguments)
            connections.exit_stack.push_async_callback(connections.httpx_client.aclose)
        return connections.httpx_client

    def _make_client(self, name: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of either class
        import httpx

        try:
            transport = arguments.get("transport")
            sends = "handle_request" if name == "Client" else "handle_async_request"
            if transport is not None and not hasattr(transport, sends):
                raise TypeError(f"this transport is not one for httpx.{name}")
            return getattr(httpx, name)(**self.connector.httpx_settings(arguments))
        except (ImportError, httpx.InvalidURL, OSError, TypeError, ValueError) as error:
            number = of_system(error).errno if isinstance(error, OSError) else None
            if number in (errno.EMFILE, errno.ENFILE):
                raise Failure("connect", os.strerror(number)) from None
            text = redact_text(f"{type(error).__name__}: {error}", self.credentials.secrets())
        raise ConfigurationError(f"httpx makes no client of these httpx_args ({text})")

    def close(self) -> None:
        """Close all connections; twice does no harm. Those of other event loops close there."""
        self.closed = True
        self._close_sync()
        for loop, connections in list(self._loops.items()):
            with suppress(RuntimeError):  # the loop is closed, and with it the connections
                loop.call_soon_threadsafe(_close_soon, loop, connections)

    async def aclose(self) -> None:
        """Close all connections, those of this event loop before returning."""
        connections = self._loops.pop(running_loop(), None)
        self.close()
        if connections is not None:
            await connections.exit_stack.aclose()

    def _close_sync(self) -> None:
        self._pool.close()
        if self._httpx_client is not None:
            self._httpx_client.close()

    def close_idle(self) -> None:
        """Close idle connections when the interpreter ends, while closing still works."""
        self._close_sync()
        self._httpx_client = None
        self._close_stopped_loops()

    def _close_stopped_loops(self) -> None:
        for loop, connections in list(self._loops.items()):
            # The sockets of a closed loop cannot be closed any more; a running loop closes its own.
            if loop.is_closed() or loop.is_running():
                continue
            del self._loops[loop]
            with suppress(Exception), closing(connections.lifetime.aclose()) as awaitable:
                awaitable.send(None)  # one step only: no loop runs that could wait

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if _is_finalizing():  # closing needs modules that may be gone
            return
        self._pool.close()
        loops = [] if self.closed else list(self._loops.items())
        is_open = any(connections.pool.idle and not loop.is_closed() for loop, connections in loops)
        self._close_stopped_loops()  # a running one does it itself
        if is_open:
            warnings.warn(
                "an AsyncClient was dropped with open connections; use `async with` or aclose()",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )

    def after_fork(self) -> None:
        """Reset in a child process, without touching the parent's connections."""
        # Closing them would end connections of the parent, and so would garbage collection.
        _parent_connections.append((self._pool, self._httpx_client, self._loops))
        self._reset()
        self._random.seed()
        self.budget.reset_after_fork()
        self.credentials.reset_after_fork()


class LoopConnections:
    """The connections of one event loop, which are closed with it if nobody closes them before.

    `asyncio.run` closes asynchronous generators before it closes the loop; one of them, `lifetime`,
    closes the connections.
    """

    def __init__(self, connector: Connector) -> None:
        # It loads asyncio, of which threads need nothing.
        self.pool = _transport.AsyncConnectionPool(connector.route, connector.max_connections)
        self.httpx_client: httpx.AsyncClient | None = None
        self.exit_stack = AsyncExitStack()
        self.exit_stack.push_async_callback(self.pool.aclose)
        # It gets the stack only: with this object it would be a reference cycle.
        self.lifetime = _lifetime(self.exit_stack)


async def _lifetime(exit_stack: AsyncExitStack) -> AsyncGenerator[None]:
    async with exit_stack:
        yield


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


def _close_soon(loop: asyncio.AbstractEventLoop, connections: LoopConnections) -> None:
    task = loop.create_task(connections.exit_stack.aclose())
    _closing_tasks.add(task)
    task.add_done_callback(_closing_tasks.discard)


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_parent_connections: list[object] = []
_closing_tasks: set[asyncio.Task[None]] = set()  # tasks without references are collected


def _close_all_idle() -> None:
    for session in list(_sessions):
        session.close_idle()


atexit.register(_close_all_idle)


def _after_fork_in_child() -> None:
    for session in list(_sessions):
        session.after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
