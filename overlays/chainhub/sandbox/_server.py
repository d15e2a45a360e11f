"""A server in a separate thread: uvicorn on a bound socket, quiet, and stopped without delay."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from chainhub.sandbox._state import SandboxError

_BACKLOG = 2048  # tests open hundreds of connections at once, and none may be refused
_KEEP_ALIVE = 75  # seconds, as common gateways have it, so that idle connections end as there
_TICK = 1.0  # seconds; the Date header counts whole ones
_TURNS = 100  # of the event loop
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0
_LOGGERS = ("uvicorn.error", "uvicorn.access")


class _Connection(H11Protocol):
    """A connection that passes its transport to the application, in the request's state."""

    def connection_made(  # type: ignore[override]  # upstream narrows the parameter likewise
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        # asyncio sets this only if the listener has its protocol, which create_server does not
        # set; without it every response on a reused connection would be 40 ms late.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class Background(uvicorn.Server):
    """Serves an application on a bound socket, which it closes at the end, in a separate thread.

    It is stopped by an event instead of a flag that is checked periodically.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            workers=1,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        super().__init__(config)
        self._listener = listener
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="chainhub-sandbox", daemon=True)

    def start(self) -> None:
        """Begin to serve; return once requests are answered, within 10 s at most."""
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT) or self._failure is not None:
            self.stop()
            raise SandboxError("The sandbox's server did not start.") from self._failure

    def stop(self) -> None:
        """End the server, its connections and its thread, within 5 s at most."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_TIMEOUT)
        self._listener.close()

    def _run(self) -> None:
        thread = threading.get_ident()

        # A filter, because levels and handlers are shared with any other server of the process.
        def is_logged(record: logging.LogRecord) -> bool:
            return record.thread != thread or record.levelno >= logging.ERROR

        loggers = [logging.getLogger(name) for name in _LOGGERS]
        for logger in loggers:
            logger.addFilter(is_logged)
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self.serve(sockets=[self._listener]))
        except BaseException as error:  # noqa: BLE001  # raised again by `start`
            self._failure = error
        finally:
            self._ready.set()
            for logger in loggers:
                logger.removeFilter(is_logged)

    async def main_loop(self) -> None:
        """Serve until `stop`; the date of the responses is renewed once a second."""
        self._loop = asyncio.get_running_loop()
        stop = self._loop.create_task(self._stop.wait())
        while not stop.done():
            await self.on_tick(0)
            self._ready.set()
            await asyncio.wait([stop], timeout=_TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and end every connection at once, also during a response."""
        for server in self.servers:
            server.close()
        # A new connection is registered, and a response ends, only some turns of the loop later.
        for _ in range(_TURNS):
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)


def listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Return a listening socket, on a free port if `port` is 0."""
    if not host:
        raise SandboxError("The host must not be empty.")
    if not 0 <= port <= 65535:
        raise SandboxError(f"The port must be from 0 to 65535, not {port}.")
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        infos = []
    if not infos:
        raise SandboxError(f"The host {host!r} cannot be resolved.")
    # Of several addresses the one of IPv4, which every client tries.
    family, _, _, _, (address, *_) = min(infos, key=lambda info: info[0] != socket.AF_INET)
    if not allow_remote and not ipaddress.ip_address(str(address).partition("%")[0]).is_loopback:
        raise SandboxError(
            f"{host} is not a loopback address: anybody who reaches it could use the sandbox;"
            " allow that with --allow-remote (allow_remote=True)."
        )
    try:
        return socket.create_server((str(address), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "another program uses it; choose another port, or 0 for a free one",
            errno.EACCES: "that is not allowed; choose a port of 1024 or more",
        }
        reason = reasons.get(error.errno or 0) or error.strerror or "the system refuses"
    raise SandboxError(f"Cannot listen on {host}, port {port}: {reason}.")


def origin(host: str, listener: socket.socket) -> str:
    """Return the origin under which this machine reaches the listener."""
    port: int = listener.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
