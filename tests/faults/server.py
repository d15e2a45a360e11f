"""A loopback server that plays a script, byte by byte, instead of implementing HTTP.

A script has an act for every request (the last one is repeated) and may have one for every
connection that is accepted. An act is a tuple of steps: send these bytes, wait, close, reset, hang.
Servers run on one event loop in a thread of its own, so that sync and async code can be tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Coroutine, Iterator
from typing import Protocol, TypeVar

import attrs

T = TypeVar("T")
_LONGEST_REQUEST = 1 << 20
_HANG = 100.0  # seconds; far beyond every limit under test


class Step(Protocol):
    """One thing a server does on a connection."""

    async def play(self, wire: Wire) -> None:
        """Do it."""


Act = tuple[Step, ...]


@attrs.frozen
class Request:
    """A request: the head as it was received, and the number of its connection."""

    head: bytes
    connection: int

    @property
    def line(self) -> bytes:
        """The request line."""
        return self.head.partition(b"\r\n")[0]

    def header(self, name: bytes) -> bytes | None:
        """Return a header's value, or None."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                return value.strip()
        return None


@attrs.define(eq=False)
class Wire:
    """One accepted connection."""

    server: Server
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    over: bool = False

    async def read_head(self) -> bytes | None:
        """Read up to the empty line; None if the client has closed the connection."""
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def send(self, data: bytes) -> None:
        """Send bytes; that the client has closed the connection is no error."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            self.over = True

    async def wait_for_close(self) -> None:
        """Wait until the client closes the connection."""
        self.server.acts += 1
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_HANG):
                while await self.reader.read(65536):
                    pass
        self.over = True


@attrs.frozen
class Send:
    """Send bytes as they are; `{{self}}` and `{{stranger}}` are filled in."""

    data: bytes = attrs.field(repr=lambda data: f"{data[:40]!r}…")

    async def play(self, wire: Wire) -> None:
        """Send."""
        await wire.send(wire.server.fill(self.data))


@attrs.frozen
class Trickle:
    """Send bytes a few at a time."""

    data: bytes = attrs.field(repr=lambda data: f"{data[:40]!r}…")
    every: float = 0.02
    size: int = 1

    async def play(self, wire: Wire) -> None:
        """Send, sleep, send."""
        for start in range(0, len(self.data), self.size):
            if wire.over or wire.writer.is_closing():
                return
            await wire.send(self.data[start : start + self.size])
            await asyncio.sleep(self.every)


@attrs.frozen
class Flood:
    """Send a block again and again until the client closes the connection."""

    block: bytes = attrs.field(repr=False)
    limit: int = 1 << 30

    async def play(self, wire: Wire) -> None:
        """Send as fast as possible; the sleep lets other connections run."""
        for _ in range(self.limit // len(self.block)):
            if wire.over or wire.writer.is_closing():
                return
            await wire.send(self.block)
            await asyncio.sleep(0)


@attrs.frozen
class Pause:
    """Wait a while."""

    seconds: float

    async def play(self, wire: Wire) -> None:
        """Sleep."""
        await asyncio.sleep(self.seconds)


class Hang:
    """Send nothing more and keep the connection open until the client closes it."""

    async def play(self, wire: Wire) -> None:
        """Wait until the client closes."""
        await wire.wait_for_close()


class Close:
    """Close the connection in order."""

    async def play(self, wire: Wire) -> None:
        """Send FIN."""
        wire.over = True


class HalfClose:
    """Close the sending side only, and wait until the client closes."""

    async def play(self, wire: Wire) -> None:
        """Send FIN and keep reading."""
        with contextlib.suppress(OSError):
            wire.writer.write_eof()
        await wire.wait_for_close()


class Reset:
    """Tear the connection down: what was sent but not yet read is lost."""

    async def play(self, wire: Wire) -> None:
        """Send RST."""
        tcp_socket = wire.writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        wire.writer.transport.abort()
        wire.over = True


@attrs.frozen
class Tunnel:
    """Copy bytes to and from another port of this machine, as a proxy does after CONNECT."""

    port: int

    async def play(self, wire: Wire) -> None:
        """Copy until either side closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            upstream = asyncio.ensure_future(_copy(wire.reader, writer))
            downstream = asyncio.ensure_future(_copy(reader, wire.writer))
            both = (upstream, downstream)
            _, pending = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        finally:
            writer.close()
            wire.over = True


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@attrs.define(eq=False)
class Server:
    """A listener on loopback with its script and the record of its requests.

    Attributes:
        script: An act per request; the last is repeated.
        accept: An act per connection, played before anything is read; the last is repeated.
        tls: Speak TLS with this context.
        late: Seconds after which the port begins to listen.
        requests: The received requests, in order.
        acts: The number of acts that are finished, or wait for the client.
        connections: The number of accepted connections.
    """

    script: tuple[Act, ...] = ()
    accept: tuple[Act, ...] = ()
    tls: ssl.SSLContext | None = None
    late: float = 0.0
    listening: bool = True
    stranger: Server | None = None
    requests: list[Request] = attrs.field(factory=list)
    connections: int = 0
    acts: int = 0
    port: int = 0
    _open: set[Wire] = attrs.field(factory=set)
    _quiet: asyncio.Event = attrs.field(factory=asyncio.Event)
    _listener: asyncio.Server | None = None
    _socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def fill(self, data: bytes) -> bytes:
        """Replace the placeholders by URLs, which are known only at run time."""
        if b"{{" not in data:
            return data
        stranger = self.stranger.url if self.stranger else ""
        return data.replace(b"{{self}}", self.url.encode()).replace(
            b"{{stranger}}", stranger.encode()
        )

    async def start(self) -> None:
        """Take a port, and listen on it now, later or never."""
        self._quiet.set()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        if self.late:
            asyncio.get_running_loop().call_later(self.late, self._listen_soon)
        elif self.listening:
            await self._listen()

    def _listen_soon(self) -> None:
        self._later = asyncio.ensure_future(self._listen())

    _later: asyncio.Future[None] | None = None

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(
            self._serve,
            sock=self._socket,
            ssl=self.tls,
            limit=_LONGEST_REQUEST,
            backlog=64,
            ssl_handshake_timeout=_HANG if self.tls else None,
        )

    async def stop(self) -> None:
        """Close everything, and wait until it is."""
        for _ in range(5):
            # A connection that is being accepted must be complete before its server closes.
            await asyncio.sleep(0)
        if self._listener is not None:
            self._listener.close()
        elif self._socket is not None:
            self._socket.close()
        for wire in list(self._open):
            wire.writer.transport.abort()
        await self.quiet(10.0)

    def is_at_rest(self, acts: int) -> bool:
        """Whether so many acts are finished, and the connections that they end are closed."""
        return self.acts >= acts and not any(wire.over for wire in list(self._open))

    async def quiet(self, seconds: float) -> int:
        """Wait until clients have closed all connections; return the number of those still open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        return len(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(self, self.connections, reader, writer)
        self.connections += 1
        self._open.add(wire)
        self._quiet.clear()
        try:
            await self._play(_act_at(self.accept, wire.number), wire)
            while not wire.over and (head := await wire.read_head()) is not None:
                self.requests.append(Request(head, wire.number))
                await self._play(_act_at(self.script, len(self.requests) - 1), wire)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._open.discard(wire)
            if not self._open:
                self._quiet.set()

    async def _play(self, act: Act, wire: Wire) -> None:
        for step in act:
            if not wire.over:
                await step.play(wire)
        self.acts += bool(act)


def _act_at(acts: tuple[Act, ...], number: int) -> Act:
    return acts[min(number, len(acts) - 1)] if acts else ()


class Stage:
    """The event loop, in its own thread, that servers run on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, T], seconds: float = 60.0) -> T:
        """Run a coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    @contextlib.contextmanager
    def serving(self, *servers: Server) -> Iterator[None]:
        """Start servers, and stop them in the end."""
        try:
            for server in servers:
                self.run(server.start())
            yield
        finally:
            for server in servers:
                self.run(server.stop())

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
