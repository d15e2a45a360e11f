"""The sync and the async client, and a server with scripted answers, byte for byte."""

import asyncio
import fcntl
import importlib
import inspect
import json
import socket
import ssl
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest

import chainhub
from tests.faults import identities
from tests.faults.server import Stage

KEY = "sk-test-loopback-0123456789"
TASK = {
    "id": "veo3.1-fast:1760545785-abc",
    "status": "pending",
    "video_url": None,
    "enhanced_prompt": "a cow",
    "status_update_time": 1750323167003,
}

ONCE = chainhub.RetryPolicy.off()
FAST = chainhub.RetryPolicy(base=0.01, throttled_base=0.01)

Behaviour = bytes | Callable[[socket.socket, bytes], None] | None

SOON = 10.0
"""Seconds within which something immediate has happened, on any machine.

A wrong wait takes longer: a silent server waits for a minute, a client for 15 s.
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    limit = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def silent(connection: socket.socket, head: bytes) -> None:
    """Send nothing until the other side closes, or the server is closed."""
    connection.settimeout(60)
    with suppress(OSError):
        while connection.recv(65536):
            pass


def unused_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def full(host: str = "127.0.0.1") -> Iterator[int]:
    """Give the port of a listener with a full backlog: connecting gets no answer."""
    with socket.socket() as listener, ExitStack() as fillers:
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def delivered(connection: socket.socket) -> None:
    """Wait until the other system has received all bytes sent: a reset would drop the rest."""
    if sys.platform != "linux":
        time.sleep(0.1)
        return
    limit = time.monotonic() + SOON
    while fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4) != b"\0" * 4:
        closed = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\7"
        if closed or time.monotonic() > limit:
            return
        time.sleep(0.001)


def response(
    status: int = 200, body: object = TASK, *headers: str, length: int | None = None
) -> bytes:
    """Return an answer; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Length: {len(raw) if length is None else length}",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + raw


class Server:
    """Answers the requests in order; the last answer repeats. None closes the connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: list[Behaviour] = [response()]
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._tls = tls
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        with suppress(OSError), self._wrap(connection) as connection:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, _, rest = buffer.partition(b"\r\n\r\n")
                buffer = self._body(connection, head, rest)
                if not self._answer(connection, head):
                    return

    def _wrap(self, connection: socket.socket) -> socket.socket:
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        self._open.append(connection)
        return connection

    def _body(self, connection: socket.socket, head: bytes, rest: bytes) -> bytes:
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
                while len(rest) < length:
                    rest += connection.recv(65536)
                self.bodies.append(rest[:length])
                return rest[length:]
        return rest

    def _answer(self, connection: socket.socket, head: bytes) -> bool:
        with self._lock:
            answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
            self.requests.append(head)
        if answer is None:
            return False
        if callable(answer):
            answer(connection, head)
        else:
            connection.sendall(answer)
        return True

    def close(self) -> None:
        """Close all connections."""
        for open_socket in (self._listener, *self._open):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server on loopback."""
    instance = Server()
    yield instance
    instance.close()


@pytest.fixture
def secure() -> Iterator[Server]:
    """Give a server that speaks TLS, for clients that trust `identities.AUTHORITY`."""
    instance = Server(identities.server_context("server"))
    yield instance
    instance.close()


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Run one event loop for all servers with scripts of a session."""
    instance = Stage()
    yield instance
    instance.close()


class Mode:
    """Runs the same lines against the synchronous and the asynchronous client."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asynchronous = name != "sync"
        loop = importlib.import_module("uvloop").new_event_loop if name == "uvloop" else None
        self._runner = asyncio.Runner(loop_factory=loop)
        self._clients: list[Any] = []

    def client(self, api_key: Any = KEY, **options: Any) -> Any:
        """Make a client of this mode; it is closed after the test."""
        kind = chainhub.AsyncClient if self.asynchronous else chainhub.Client
        self._clients.append(kind(api_key, **options))
        return self._clients[-1]

    def __call__(self, value: Any) -> Any:
        """Return what a call returned, awaiting it if need be."""
        if inspect.isawaitable(value):
            return self._runner.run(self._await(value))
        return value

    async def _await(self, value: Any) -> Any:
        return await value

    def httpx(self, client: Any) -> Any:
        """Return the client of httpx inside a client."""
        return client.get_async_httpx_client() if self.asynchronous else client.get_httpx_client()

    def transport(self, client: Any) -> Any:
        """Return what sends a client's requests."""
        return client._async_transport if self.asynchronous else client._transport

    def own(self, **options: Any) -> Any:
        """Make a client of httpx as users have one."""
        return (httpx.AsyncClient if self.asynchronous else httpx.Client)(**options)

    def give(self, client: Any, own: Any) -> Any:
        """Put a client of httpx of the user's own below a client."""
        give = client.set_async_httpx_client if self.asynchronous else client.set_httpx_client
        return give(own)

    def end(self, client: Any) -> None:
        """Close a client of ours or of httpx."""
        self(client.aclose() if self.asynchronous else client.close())

    def collect(self, items: Any) -> list[Any]:
        """Consume an iterator of either kind."""
        if not self.asynchronous:
            return list(items)

        async def consume() -> list[Any]:
            return [item async for item in items]

        return self(consume())

    def close(self) -> None:
        """Close what the test has opened."""
        for client in self._clients:
            self.end(client)
        self._runner.close()


@pytest.fixture
def cdn(server: Server) -> Iterator[Server]:
    """Give a second server: another port is another origin."""
    second = type(server)()
    yield second
    second.close()


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    """Give sync and async, one after the other."""
    instance = Mode(request.param)
    yield instance
    instance.close()


@pytest.fixture
def http() -> Callable[..., bytes]:
    """Give the function that writes a response: status, body, header lines."""
    return response
