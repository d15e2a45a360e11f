"""Sockets for threads; whatever is done on one ends at an instant."""

from __future__ import annotations

import os
import select
import selectors
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from chainhub._transport.failure import Failure, broken, connecting
from chainhub._transport.handshakes import TLSLayer, handshake_of
from chainhub._transport.http1 import CUT, Talk
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

T = TypeVar("T")

READ = 64 * 1024
"""Bytes that are read at once."""

SLICE = 64 * 1024
"""Bytes that are written at once, so that a slow receiver is noticed between two of them."""

# poll needs no descriptor of its own, and takes those above 1023; Windows has none.
_Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)


class SocketStream:
    """One connection to a server.

    Attributes:
        until: The instant (monotonic) at which whatever is done here must end.
    """

    def __init__(self, read_size: int = READ) -> None:
        self.until = 0.0
        self._read_size = read_size
        self._host = ""
        self._socket: socket.socket | None = None
        self._layer: TLSLayer | None = None
        self._open: list[socket.socket] = []
        self._looked_up: SimpleQueue[Found] = SimpleQueue()
        self._shut = False

    def connect(self, host: str, port: int, limit: float, check: AddressCheck | None) -> None:
        """Connect to the first address of a host that answers.

        Args:
            host: A name or a numeric address.
            port: The port.
            limit: Seconds the last address gets; the ones before it get a head start.
            check: Refuses addresses.

        Raises:
            Failure: no address answers, or the name has none.
        """
        self._host = host
        infos = addresses(host, port, self._look_up(host, port), check)
        try:
            sock = self._socket = self._first_to_answer(infos, limit)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            failure = connecting(broken(error, host))
        else:
            return
        raise failure

    def _look_up(self, host: str, port: int) -> Found:
        if (literal := address_info(host, port)) is not None:
            return [literal]
        start_look_up(host, port, self._looked_up.put)
        with suppress(Empty, TimeoutError):
            return self._looked_up.get(timeout=left(self.until))
        raise Failure("connect_timeout", f"looking up {host[:100]!r} took too long")

    def _first_to_answer(self, infos: list[AddressInfo], limit: float) -> socket.socket:
        failures: list[OSError] = []
        winner = None
        try:
            with _Selector() as selector:
                for info, pause in zip(infos, head_starts(len(infos), limit), strict=True):
                    self._begin(info, selector, failures)
                    winner = self._answered(selector, pause, failures)
                    if winner is not None:
                        return winner
                raise TimeoutError if selector.get_map() else failures[-1]
        finally:
            for sock in self._open:
                if sock is not winner:
                    sock.close()
            self._open = [sock for sock in self._open if sock is winner]

    def _begin(
        self, info: AddressInfo, selector: selectors.BaseSelector, failures: list[OSError]
    ) -> None:
        family, kind, protocol, _, address = info
        try:
            sock = socket.socket(family, kind, protocol)
            self._watch(sock)
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(address)
            selector.register(sock, selectors.EVENT_WRITE, sock)
        except OSError as error:
            failures.append(error)

    def _answered(
        self, selector: selectors.BaseSelector, pause: float, failures: list[OSError]
    ) -> socket.socket | None:
        """Return a socket that is connected; None if the pause is over, or all have failed."""
        while selector.get_map() and (ready := selector.select(min(pause, left(self.until)))):
            self._refuse_shut()
            for key, _ in ready:
                sock: socket.socket = key.data
                selector.unregister(sock)
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not number:
                    return sock
                failures.append(OSError(number, ""))
        return None

    def _watch(self, sock: socket.socket) -> None:
        """Make `sock` one that `shut` finds; whoever has shut the stream before is found here."""
        self._open.append(sock)
        self._refuse_shut()

    def _refuse_shut(self) -> None:
        if self._shut:
            raise ConnectionAbortedError("cancelled")

    def start_tls(self, context: ssl.SSLContext, hostname: str) -> None:
        """Agree on keys; once more on an encrypted connection puts TLS into TLS.

        Raises:
            Failure: the handshake failed.
        """
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                layer = TLSLayer(context, hostname)
                self.converse(handshake_of(layer, hostname))
                self._layer = layer
            else:
                self._encrypt(context, hostname)
        except Failure as error:
            failure = connecting(error)
        except OSError as error:
            failure = connecting(broken(error, hostname))
        else:
            return
        raise failure

    def _encrypt(self, context: ssl.SSLContext, hostname: str) -> None:
        assert self._socket is not None
        # Wrapping leaves a socket open that was reset before.
        if failed := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(failed, os.strerror(failed))
        # Wrapping takes the descriptor over: a socket that waits in the handshake must be the one
        # that is watched and closed.
        encrypted = self._socket = context.wrap_socket(
            self._socket,
            server_hostname=hostname,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        self._open.clear()
        self._watch(encrypted)
        encrypted.settimeout(left(self.until))
        encrypted.do_handshake()

    def converse(self, talk: Talk[T]) -> T:
        """Carry a talk out: write what it yields, read when it yields nothing; return its result.

        Raises:
            Failure: the connection broke, or the talk failed.
        """
        if self._layer is None:
            return self._carry(talk, self._receive, self._send)
        return self._carry(talk, self._read, self._write)

    def _carry(self, talk: Talk[T], read: Callable[[], bytes], write: Callable[[bytes], None]) -> T:
        try:
            outgoing = next(talk)
            while True:
                if outgoing:
                    write(outgoing)
                    outgoing = talk.send(b"")
                else:
                    outgoing = talk.send(read())
        except StopIteration as end:
            result: T = end.value
        return result

    def _read(self) -> bytes:
        assert self._layer is not None
        return self._carry(self._layer.read(self._read_size), self._receive, self._send)

    def _write(self, data: bytes) -> None:
        assert self._layer is not None
        self._carry(self._layer.write(data), self._receive, self._send)

    def _receive(self) -> bytes:
        assert self._socket is not None
        try:
            self._socket.settimeout(left(self.until))
            return self._socket.recv(self._read_size)
        except ssl.SSLEOFError:
            return CUT
        except OSError as error:
            failure = broken(error, self._host)
        raise failure

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        view = memoryview(data)
        try:
            while view:
                self._socket.settimeout(left(self.until))
                view = view[self._socket.send(view[:SLICE]) :]
        except OSError as error:
            failure = broken(error, self._host)
        else:
            return
        raise failure

    def readable(self) -> bool:
        """Tell whether bytes or the end wait to be read, in memory or in the socket."""
        if self._layer is not None and self._layer.holds_bytes:
            return True
        return self._socket is None or is_readable(self._socket.fileno())

    def waker(self) -> Callable[[], None]:
        """Return what ends everything that is under way here."""
        return self.shut

    def shut(self) -> None:
        """Make whatever waits here fail at once, for good; from any thread, or a signal handler."""
        self._shut = True
        self._looked_up.put(ConnectionAbortedError("cancelled"))
        for sock in tuple(self._open):
            with suppress(OSError):
                # SSLSocket.shutdown would also drop the TLS state under the feet of a reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        for sock in self._open:
            sock.close()


def is_readable(descriptor: int) -> bool:
    """Tell whether a read would return at once; a closed socket counts as readable."""
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # pragma: no cover  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
