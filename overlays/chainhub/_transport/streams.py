"""Connections for the tasks of an event loop: the async version of `sockets`.

Any loop that asyncio allows will do: nothing is asked of its transports but what asyncio documents.
What they bring is kept until somebody reads it; whoever waits is woken by bytes, by the end, by a
timer or by a `Cancel`. A wait that runs out of time gets an exception of its own and is not
cancelled, so that one timer per wait is enough.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from chainhub import _clock
from chainhub._transport.failure import Failure, broken, connecting
from chainhub._transport.handshakes import TLSLayer, handshake_of
from chainhub._transport.http1 import Talk
from chainhub._transport.limits import left
from chainhub._transport.resolver import (
    AddressCheck,
    AddressInfo,
    Found,
    address_info,
    addresses,
    head_starts,
    start_look_up,
)
from chainhub._transport.sockets import READ, is_readable

T = TypeVar("T")

HIGH_WATER = 256 * 1024
"""Bytes that may stand unread before the socket is left alone for a while."""


class AsyncStream(asyncio.Protocol):
    """One connection to a server, used by one task at a time.

    Attributes:
        until: The instant (monotonic) at which whatever is done here must end.
    """

    def __init__(self) -> None:
        self.until = 0.0
        self._loop = asyncio.get_running_loop()
        self._host = ""
        self._transport: asyncio.Transport | None = None
        self._layer: TLSLayer | None = None
        self._came = b""
        self._ended = False
        self._lost: OSError | None = None
        self._full = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._watched: object = None
        self._interrupted = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        """Keep what came; leave the socket alone while too much stands unread."""
        self._came = self._came + data if self._came else data
        if len(self._came) > HIGH_WATER and not self._paused:
            assert self._transport is not None
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
        self._ended = True
        if exc is not None:
            self._lost = exc if isinstance(exc, OSError) else ConnectionResetError(str(exc))
        self._full = False
        self._wake()

    def pause_writing(self) -> None:
        """Note that the receiver is slow."""
        self._full = True

    def resume_writing(self) -> None:
        """Let the writer continue."""
        self._full = False
        self._wake()

    def _wake(self, *_: object) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, seconds: float) -> None:
        """Wait until something happens.

        Raises:
            TimeoutError: nothing did.
            ConnectionAbortedError: a `Cancel` was set.
        """
        if self._interrupted:
            raise ConnectionAbortedError("cancelled")
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, _fail, waiter, TimeoutError())
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    # Opening a connection.

    async def connect(self, host: str, port: int, limit: float, check: AddressCheck | None) -> None:
        """Connect to the first address of a host that answers, as `SocketStream.connect` does.

        Raises:
            Failure: no address answers, or the name has none.
        """
        self._host = host
        try:
            infos = addresses(host, port, await self._look_up(host, port), check)
            sock = await self._first_to_answer(infos, limit)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self._loop.create_connection(lambda: self, sock=sock)
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            failure = connecting(broken(error, host))
        else:
            return
        raise failure

    async def _look_up(self, host: str, port: int) -> Found:
        if (literal := address_info(host, port)) is not None:
            return [literal]  # needs no thread to be looked up in
        found: list[Found] = []

        def tell(what: Found) -> None:
            found.append(what)
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(self._wake)

        start_look_up(host, port, tell)
        with suppress(TimeoutError):
            while not found:
                await self._wait(left(self.until))
            return found[0]
        raise Failure("connect_timeout", f"looking up {host[:100]!r} took too long")

    async def _first_to_answer(self, infos: list[AddressInfo], limit: float) -> socket.socket:
        attempts: set[asyncio.Task[socket.socket]] = set()
        failures: list[BaseException] = []
        try:
            for info, pause in zip(infos, head_starts(len(infos), limit), strict=True):
                attempt = self._loop.create_task(_connected(info))
                attempt.add_done_callback(self._wake)
                attempts.add(attempt)
                if (winner := await self._answered(attempts, pause, failures)) is not None:
                    return winner
            raise TimeoutError if attempts else failures[-1]
        finally:
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_close_late)

    async def _answered(
        self,
        attempts: set[asyncio.Task[socket.socket]],
        pause: float,
        failures: list[BaseException],
    ) -> socket.socket | None:
        """Return a socket that is connected; None if the pause is over, or all have failed."""
        until = min(_clock.monotonic() + pause, self.until)
        while attempts:
            for attempt in [attempt for attempt in attempts if attempt.done()]:
                attempts.discard(attempt)
                failure = attempt.exception()
                if failure is None:
                    return attempt.result()
                failures.append(failure)
            if attempts:
                try:
                    await self._wait(left(until))
                except TimeoutError:
                    return None
        return None

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> None:
        """Agree on keys; once more on an encrypted connection puts TLS into TLS.

        Raises:
            Failure: the handshake failed.
        """
        layer = TLSLayer(context, hostname, self._layer)
        try:
            await self._carry(handshake_of(layer, hostname), self._receive, self._send)
        except Failure as error:
            failure = connecting(error)
        else:
            self._layer = layer
            return
        raise failure

    # Talking on it.

    async def converse(self, talk: Talk[T]) -> T:
        """Carry a talk out: write what it yields, read when it yields nothing; return its result.

        Raises:
            Failure: the connection broke, or the talk failed.
        """
        if self._layer is None:
            return await self._carry(talk, self._receive, self._send)
        return await self._carry(talk, self._read, self._write)

    async def _carry(
        self,
        talk: Talk[T],
        read: Callable[[], Awaitable[bytes]],
        write: Callable[[bytes], Awaitable[None]],
    ) -> T:
        try:
            outgoing = next(talk)
            while True:
                if outgoing:
                    await write(outgoing)
                    outgoing = talk.send(b"")
                else:
                    outgoing = talk.send(await read())
        except StopIteration as end:
            result: T = end.value
        return result

    async def _read(self) -> bytes:
        assert self._layer is not None
        return await self._carry(self._layer.read(READ), self._receive, self._send)

    async def _write(self, data: bytes) -> None:
        assert self._layer is not None
        await self._carry(self._layer.write(data), self._receive, self._send)

    async def _receive(self) -> bytes:
        """Return what came, nothing at the end."""
        try:
            while not self._came and not self._ended:
                await self._wait(left(self.until))
            if not self._came and self._lost is not None:
                raise self._lost
        except OSError as error:
            failure = broken(error, self._host)
        else:
            data, self._came = self._came, b""
            if self._paused:
                assert self._transport is not None
                self._paused = False
                self._transport.resume_reading()
            return data
        raise failure

    async def _send(self, data: bytes) -> None:
        """Write all of it."""
        assert self._transport is not None
        try:
            left(self.until)
            if self._transport.is_closing():
                raise self._lost or ConnectionResetError("the connection is closed")
            self._transport.write(data)
            while self._full:
                await self._wait(left(self.until))
            if self._lost is not None:
                raise self._lost
        except OSError as error:
            failure = broken(error, self._host)
        else:
            return
        raise failure

    def readable(self) -> bool:
        """Tell whether bytes or the end stand here or wait in the socket, or it was interrupted."""
        if self._came or self._ended or self._interrupted or self._transport is None:
            return True
        if self._layer is not None and self._layer.holds_bytes:
            return True
        sock: socket.socket = self._transport.get_extra_info("socket")
        return is_readable(sock.fileno())

    # Ending it.

    def waker(self) -> Callable[[], None]:
        """Return a function that ends what is under way from now on; from any thread."""
        watched = self._watched = object()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed, and with it the exchange over
                self._loop.call_soon_threadsafe(self._interrupt, watched)

        return wake

    def unwatch(self) -> None:
        """Let a function that `waker` returned end nothing any more: others may use the stream."""
        self._watched = None

    def _interrupt(self, watched: object) -> None:
        if watched is self._watched:
            self._interrupted = True
            if self._waiter is not None:
                _fail(self._waiter, ConnectionAbortedError("cancelled"))

    def close(self) -> None:
        """Close the socket, without waiting for anything to be sent; the loop does so next."""
        if self._transport is not None:
            self._transport.abort()


def _fail(waiter: asyncio.Future[None], error: OSError) -> None:
    if not waiter.done():
        waiter.set_exception(error)


async def _connected(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    """Close what was connected in the same moment as the winner."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
