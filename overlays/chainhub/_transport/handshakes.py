"""What is said on a connection before the first request: TLS, CONNECT, SOCKS; without sockets."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import h11

from chainhub._transport.failure import Failure, tls_failure
from chainhub._transport.http1 import CUT, MAX_HEAD, SecretBytes, Talk

if TYPE_CHECKING:
    from chainhub._transport.proxies import ProxySetting

T = TypeVar("T")

RECORD = 64 * 1024
"""Bytes that are read at once below TLS."""


class TLSLayer:
    """TLS over bytes that somebody else carries, or over another layer of TLS.

    asyncio's own TLS cannot be put over TLS by every loop, and none tells an end that was announced
    from one that was not.

    Args:
        context: Whom to trust.
        hostname: The name the certificate must have.
        below: The layer that carries this one: an https proxy's.
    """

    def __init__(
        self, context: ssl.SSLContext, hostname: str, below: TLSLayer | None = None
    ) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    @property
    def holds_bytes(self) -> bool:
        """Whether something has come that nobody has read yet."""
        here = bool(self._incoming.pending or self._tls.pending())
        return here or (self._below is not None and self._below.holds_bytes)

    def handshake(self) -> Talk[None]:
        """Agree on keys."""
        yield from self._run(self._tls.do_handshake)

    def read(self, size: int) -> Talk[bytes]:
        """Return up to `size` bytes, nothing at the end."""
        try:
            return (yield from self._run(lambda: self._tls.read(size)))
        except ssl.SSLEOFError:
            return CUT

    def write(self, data: bytes) -> Talk[None]:
        """Write all of it."""
        view = memoryview(data)
        while view:
            piece = view[:RECORD]
            view = view[(yield from self._run(lambda: self._tls.write(piece))) :]  # noqa: B023 - it runs at once

    def _run(self, step: Callable[[], T]) -> Talk[T]:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                yield from self._flush()
                data = yield from self._receive()
                self._incoming.write(data) if data else self._incoming.write_eof()
            except ssl.SSLError:
                yield from self._flush()  # the alert that tells the other side why
                raise
            else:
                yield from self._flush()
                return result

    def _flush(self) -> Talk[None]:
        if self._outgoing.pending:
            data = self._outgoing.read()
            if self._below is None:
                yield data
            else:
                yield from self._below.write(data)

    def _receive(self) -> Talk[bytes]:
        if self._below is None:
            return (yield b"")
        return (yield from self._below.read(RECORD))


def http_tunnel(proxy: ProxySetting, host: str, port: int) -> Talk[None]:
    """Ask an HTTP proxy to connect to a host (CONNECT).

    Raises:
        Failure: it refuses, or does not speak HTTP.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    headers = [(b"Host", target.encode()), (b"Accept", b"*/*"), *proxy.headers]
    request = h11.Request(method=b"CONNECT", target=target.encode(), headers=headers)
    yield SecretBytes(connection.send(request) or b"")
    failure = None
    try:
        connection.send(h11.EndOfMessage())
        while not isinstance(event := connection.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                connection.receive_data((yield b""))
    except h11.RemoteProtocolError as error:
        failure = Failure("proxy", f"{proxy.shown} hung up or does not speak HTTP ({error})")
    else:
        if 200 <= event.status_code < 300:
            return
        reason = event.reason.decode("ascii", "replace")
        failure = Failure("proxy", f"{event.status_code} {reason}")
    raise failure


def socks_tunnel(proxy: ProxySetting, host: str, port: int) -> Talk[None]:
    """Ask a SOCKS 5 proxy to connect to a host; it looks the name up.

    Raises:
        Failure: it refuses, or does not speak SOCKS 5.
    """
    from socksio import SOCKSError, socks5

    connection = socks5.SOCKS5Connection()

    def asked(request: object) -> Talk[Any]:
        connection.send(request)
        yield SecretBytes(connection.data_to_send())
        return connection.receive_data((yield b""))  # a reply to this request, or a SOCKSError

    method = socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if proxy.auth is not None:
        method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    try:
        offer = socks5.SOCKS5AuthMethodsRequest([method])
        agreed = yield from asked(offer)
        if agreed.method != method:
            raise _refused(proxy, f"asks for another way to log in ({agreed.method.name})")
        if proxy.auth is not None:
            login = socks5.SOCKS5UsernamePasswordRequest(*proxy.auth)
            logged_in = yield from asked(login)
            if not logged_in.success:
                raise _refused(proxy, "refuses the user name and password")
        target = socks5.SOCKS5CommandRequest.from_address(
            socks5.SOCKS5Command.CONNECT, (host, port)
        )
        reply = yield from asked(target)
        if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
            words = reply.reply_code.name.lower().replace("_", " ")
            raise _refused(proxy, f"could not connect: {words}")
    except SOCKSError:
        failure = _refused(proxy, "hung up or does not speak SOCKS 5")
    else:
        return
    raise failure


def _refused(proxy: ProxySetting, what: str) -> Failure:
    return Failure("proxy", f"{proxy.shown} {what}")


def handshake_of(layer: TLSLayer, host: str) -> Talk[None]:
    """Agree on keys with a host, or say in words why that failed.

    Raises:
        Failure: the handshake failed.
    """
    try:
        yield from layer.handshake()
    except ssl.SSLError as error:
        failure = tls_failure(error, host)
    else:
        return
    raise failure
