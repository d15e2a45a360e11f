"""Sockets that keep a deadline, for asyncio: the async version of `_network`.

Below a stream lies a `Line`: what asyncio's transport brings is kept until somebody reads it, and
whoever waits is woken by bytes, by the end or by the clock. A waiter that runs out of time gets
an exception of its own and is not cancelled, so that one timer per wait is enough.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import httpcore

from chainhub._network import (
    AddressInfo,
    Wire,
    address_info,
    is_readable,
    lookup_failed,
    translated,
)

T = TypeVar("T")

HIGH_WATER = 256 * 1024
"""Bytes that may stand unread before the socket is left alone for a while."""

RECORD = 64 * 1024  # bytes per read below TLS


class Line(asyncio.Protocol):
    """One TCP connection: bytes in both directions, each wait with a limit."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._ended = False
        self._lost: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._full = False
        self._paused = False
        self._interrupted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came; leave the socket alone while too much stands unread."""
        self._came += data
        if len(self._came) > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Note the end; what is under way may still be written."""
        self._ended = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why the connection is gone; who waits finds out."""
        self._ended, self._lost = True, exc
        self._full = False
        self._wake()

    def pause_writing(self) -> None:
        """Note that the receiver is slow."""
        self._full = True

    def resume_writing(self) -> None:
        """Let the writer continue."""
        self._full = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, limit: float, error: type[Exception]) -> None:
        if self._interrupted:
            raise error("cancelled")
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(limit, _end, waiter, error)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def interrupt(self) -> None:
        """End the wait under way, or the next one, as if its time were over."""
        self._interrupted = True
        if self._waiter is not None:
            _end(self._waiter, httpcore.ReadTimeout)

    async def receive(self, size: int, left: Callable[[], float]) -> bytes:
        """Return up to `size` bytes, nothing at the end.

        Raises:
            httpcore.ReadTimeout: nothing came in time.
            OSError: the connection broke.
        """
        while not self._came and not self._ended:
            await self._wait(left(), httpcore.ReadTimeout)
        if not self._came and self._lost is not None:
            raise self._lost
        data = bytes(self._came[:size])
        del self._came[:size]
        if self._paused and not self._came:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def send(self, data: bytes, left: Callable[[], float]) -> None:
        """Write all of `data`.

        Raises:
            httpcore.WriteTimeout: the receiver did not take it in time.
            OSError: the connection broke.
        """
        if self._transport.is_closing():
            raise self._lost or ConnectionResetError("the connection is closed")
        self._transport.write(data)
        while self._full:
            await self._wait(left(), httpcore.WriteTimeout)
        if self._lost is not None:
            raise self._lost

    async def close(self) -> None:
        """Close the socket, without waiting for anything to be sent."""
        self._transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn

    def readable(self) -> bool:
        """Tell whether bytes or the end stand here, or wait in the socket."""
        if self._came or self._ended:
            return True
        sock: socket.socket = self._transport.get_extra_info("socket")
        return is_readable(sock.fileno())


def _end(waiter: asyncio.Future[None], error: type[Exception]) -> None:
    if not waiter.done():
        waiter.set_exception(error("timed out"))


class Encrypted:
    """TLS over a line, or over TLS: an https API behind an https proxy."""

    def __init__(
        self, outer: Line | Encrypted, context: ssl.SSLContext, hostname: str | None
    ) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    async def shake_hands(self, left: Callable[[], float]) -> None:
        """Agree on keys."""
        await self._run(self.inner.do_handshake, left)

    async def _run(self, step: Callable[[], T], left: Callable[[], float]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush(left)
                data = await self._outer.receive(RECORD, left)
                self._incoming.write(data) if data else self._incoming.write_eof()
            except ssl.SSLError:
                with suppress(OSError, httpcore.TimeoutException):
                    await self._flush(left)  # the alert that tells the server why
                raise
            else:
                await self._flush(left)
                return result

    async def _flush(self, left: Callable[[], float]) -> None:
        if self._outgoing.pending:
            await self._outer.send(self._outgoing.read(), left)

    async def receive(self, size: int, left: Callable[[], float]) -> bytes:
        """Return up to `size` bytes, nothing at the end."""
        try:
            return await self._run(lambda: self.inner.read(size), left)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    async def send(self, data: bytes, left: Callable[[], float]) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            written = await self._run(lambda: self.inner.write(view), left)  # noqa: B023 - it runs at once
            view = view[written:]

    def interrupt(self) -> None:
        """End the wait under way, as if its time were over."""
        self._outer.interrupt()

    async def close(self) -> None:
        """Close the socket."""
        await self._outer.close()

    def readable(self) -> bool:
        """Tell whether bytes or the end stand here, or wait in the socket."""
        return bool(self._incoming.pending or self.inner.pending()) or self._outer.readable()


class AsyncWire(Wire, httpcore.AsyncNetworkBackend):
    """Opens sockets that keep the wire's instant."""

    stream: AsyncWireStream | None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that answers."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for info in self.permitted(host, port, await self._resolve(host, port)):
            try:
                return await self._connect(info)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None  # there is at least one address
        raise failure

    async def _connect(self, info: AddressInfo) -> httpcore.AsyncNetworkStream:
        family, kind, protocol, _, address = info
        loop = asyncio.get_running_loop()
        left = self.left(self.connect_limit, httpcore.ConnectTimeout)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(left):
                await loop.sock_connect(sock, address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _, line = await loop.create_connection(Line, sock=sock)
        except BaseException as error:
            sock.close()
            if not isinstance(error, OSError):
                raise
            kinds = httpcore.ConnectTimeout, httpcore.ConnectError
            raise translated(error, *kinds) from error
        self.reused = False
        return AsyncWireStream(self, line)

    async def _resolve(self, host: str, port: int) -> Iterable[AddressInfo]:
        if (literal := address_info(host, port)) is not None:
            return [literal]  # needs no thread to be looked up in
        loop = asyncio.get_running_loop()
        try:
            return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]  # typeshed also describes Pythons built without IPv6
        except (OSError, UnicodeError) as error:
            failure = lookup_failed(host, error)
        raise failure


class AsyncWireStream(httpcore.AsyncNetworkStream):
    """A line whose every wait ends at the wire's instant, and which reports to the wire."""

    def __init__(self, wire: AsyncWire, line: Line | Encrypted) -> None:
        self._wire = wire
        self._line = line
        self._replay: bytes | None = None
        wire.stream = self

    def replay(self, came: bytes) -> None:
        """Begin the exchange again for another reader: its request is sent, `came` has come."""
        self._replay = came
        # Else what that reader still holds of an earlier answer would pass for this one.
        self._wire.reads, self._wire.headers_came = 0, False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, waiting no longer than what is left."""
        came, self._replay = self._replay, None
        if came:
            return self._wire.saw(came)
        try:
            data = await self._line.receive(max_bytes, self._left_to_read)
        except OSError as error:
            raise translated(error, httpcore.ReadTimeout, httpcore.ReadError) from error
        return self._wire.saw(data)

    def _left_to_read(self) -> float:
        return self._wire.left(math.inf, httpcore.ReadTimeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of `buffer` within what is left."""
        if buffer and self._replay is None:
            self._wire.left(math.inf, httpcore.WriteTimeout)
            self._wire.wrote()
            try:
                await self._line.send(buffer, self._left_to_write)
            except OSError as error:
                raise translated(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    def _left_to_write(self) -> float:
        return self._wire.left(math.inf, httpcore.WriteTimeout)

    async def aclose(self) -> None:
        """Close the socket."""
        await self._line.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Shake hands within what is left of connecting."""
        try:
            encrypted = Encrypted(self._line, ssl_context, server_hostname)
            async with asyncio.timeout(
                self._wire.left(self._wire.connect_limit, httpcore.ConnectTimeout)
            ):
                await encrypted.shake_hands(self._left_to_read)
        except BaseException as error:
            # Nobody else knows the socket of a handshake that the clock has cut off.
            await self.aclose()
            if not isinstance(error, OSError):
                raise
            kinds = httpcore.ConnectTimeout, httpcore.ConnectError
            raise translated(error, *kinds) from error
        return AsyncWireStream(self._wire, encrypted)

    def interrupt(self) -> None:
        """End the wait under way, as if its time were over."""
        self._line.interrupt()

    def readable(self) -> bool:
        """Tell whether bytes or the end stand here, or wait in the socket."""
        return self._line.readable()

    def get_extra_info(self, info: str) -> object:
        """Tell httpcore whether bytes or the end wait to be read, and which protocol TLS agreed."""
        if info == "is_readable":
            return self.readable()
        if info == "ssl_object" and isinstance(self._line, Encrypted):
            return self._line.inner
        return None
