"""HTTP/1.1 on one connection, without input and output: h11 decides what a response is.

What takes several steps is a `Talk`, a generator: it yields bytes to be written, or nothing (`b""`)
when it must read, and is sent what was read. So one core serves threads and asyncio, and each of
them needs a single loop that carries a talk out (`converse` of the two streams).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

import h11

from chainhub._transport.failure import Failure, Head, Headers, Response

T = TypeVar("T")
Talk = Generator[bytes, bytes, T]

DECODED = (b"content-encoding", b"content-length", b"transfer-encoding")
"""Headers that say nothing true about a body that was decompressed already."""

MAX_HEAD = 100 * 1024
"""Bytes of a head, or of the lines around chunks, that are kept until they are complete."""

PIECE = 256 * 1024
"""Bytes that are decompressed at once."""


class _Cut(bytes):
    """An end that may be somebody's attack: TLS says goodbye before it closes."""


CUT = _Cut()
"""What reading returns at the end of an encrypted connection that was not announced."""


class SecretBytes(bytes):
    """Bytes that hold a key or a password, so they do not show themselves."""

    def __repr__(self) -> str:
        return f"<{len(self)} secret bytes>"


def _local(step: Callable[[], T]) -> T:
    """Return what a step returns; what h11 refuses to send becomes a failure."""
    try:
        return step()
    except h11.LocalProtocolError as error:
        failure = Failure("local", str(error))
    raise failure


class Request:
    """A request as it goes out; it holds the key, so it does not show itself.

    Args:
        method: The method, upper case.
        target: Path and query, or the whole URL for a proxy.
        headers: All headers, those that frame the body among them.
        body: The body.

    Raises:
        Failure: HTTP cannot carry it.
    """

    __slots__ = ("_body", "_head")

    def __init__(self, method: bytes, target: bytes, headers: Headers, body: bytes = b"") -> None:
        self._head = _local(lambda: h11.Request(method=method, target=target, headers=headers))
        self._body = body

    def __repr__(self) -> str:
        return f"<Request {self._head.method.decode()}>"

    def aimed_at(self, target: bytes) -> Request:
        """Return the same request for another target; its headers are not looked at again.

        Raises:
            Failure: HTTP cannot carry the target.
        """
        other = object.__new__(Request)
        head = self._head
        other._head = _local(
            lambda: h11.Request(method=head.method, target=target, headers=head.headers)
        )
        other._body = self._body
        return other

    def forwarded(self, origin: bytes, more: Iterable[tuple[bytes, bytes]]) -> Request:
        """Return the request for a proxy that forwards it: with a whole URL and further headers."""
        headers = [*more, *self._head.headers.raw_items()]
        return Request(self._head.method, origin + self._head.target, headers, self._body)

    def send_on(self, connection: h11.Connection) -> SecretBytes:
        """Return the bytes of the whole request."""
        sent = SecretBytes(connection.send(self._head) or b"")
        if self._body:
            sent = SecretBytes(sent + (connection.send(h11.Data(data=self._body)) or b""))
        connection.send(h11.EndOfMessage())  # nothing to send: no body of ours comes in chunks
        return sent


class Connection:
    """What was said on one connection.

    Attributes:
        head: The head of the response under way, None before it has come.
        used: Whether a whole response has come on it already.
        sent: Whether the request under way was handed out to be written.
    """

    __slots__ = ("_h11", "_heard", "head", "sent", "used")

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._heard = b""
        self.head: Head | None = None
        self.used = False
        self.sent = False

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: nobody closes, and nothing came behind."""
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        return done and self._h11.trailing_data == (b"", False)

    @property
    def surplus(self) -> int:
        """How many bytes came that belong to no response."""
        return len(self._h11.trailing_data[0])

    def exchange(self, request: Request, max_body: int) -> Talk[Response]:
        """Send a request and take its whole response.

        Raises:
            Failure: the response broke off, is no HTTP, or its body cannot be used.
        """
        status, headers = yield from self.ask(request)
        body = Body(headers, max_body)
        while data := (yield from self.next_data()):
            body.feed(data)
        return Response(status, headers, body.finish())

    def ask(self, request: Request) -> Talk[Head]:
        """Send a request and take the head of its response."""
        if self.used:
            self._h11.start_next_cycle()
        self._heard, self.head, self.used, self.sent = b"", None, False, False
        outgoing = _local(lambda: request.send_on(self._h11))
        self.sent = True
        yield outgoing
        return (yield from self._final_head())

    def _final_head(self) -> Talk[Head]:
        while True:
            event = yield from self._next_event()
            if isinstance(event, h11.Response):
                self.head = Head(event.status_code, event.headers.raw_items())
                return self.head
            if not isinstance(event, h11.InformationalResponse):
                raise self._switched()  # PAUSED, by an upgrade that the caller's headers ask for
            if event.http_version != b"1.1":
                # HTTP/1.0 has no interim responses: whoever sends one means something else.
                raise Failure("protocol", "an interim response (1xx) came over HTTP/1.0")

    def next_data(self) -> Talk[bytes]:
        """Take the next bytes of the body as they come, nothing at its end."""
        event = yield from self._next_event()
        if isinstance(event, h11.Data):
            return event.data
        self.used = True  # EndOfMessage
        return b""

    def _next_event(self) -> Talk[object]:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                self._receive((yield b""))
        except h11.RemoteProtocolError as error:
            failure = self._no_http(str(error))
        else:
            return event
        raise failure

    def _receive(self, data: bytes) -> None:
        if self.head is None:
            if not data:
                raise self._early_end()
            self._hear(data)
        elif data is CUT:
            raise Failure("truncated", "the encrypted connection ended without notice")
        self._h11.receive_data(data)

    def _hear(self, data: bytes) -> None:
        """Look at the first bytes: h11 would wait for the end of a line that is no status line."""
        self._heard += data[: 12 - len(self._heard)]
        if not b"HTTP/".startswith(self._heard[:5]):
            raise Failure("protocol", f"it begins with {self._heard[:5]!r}")

    def _early_end(self) -> Failure:
        if self._heard:
            return Failure("truncated", "the connection ended inside the head of the response")
        return Failure("closed", "the server disconnected without sending a response")

    def _no_http(self, text: str) -> Failure:
        if self.head is not None and self._h11.trailing_data[1]:
            return Failure("truncated", text)
        if self.head is None and self._heard[9:] == b"101":
            return self._switched()
        return Failure("protocol", text)

    def _switched(self) -> Failure:
        return Failure("protocol", "it switched protocols (101), which was not requested")

    def is_stale(self, failure: Failure) -> bool:
        """Tell whether a failure on a connection that has served is only that it was dead or dirty.

        Then nothing of a response to our request has come, and it may be sent once more.
        """
        if self.head is not None:
            return False
        return failure.kind in ("protocol", "truncated") or (
            failure.kind == "closed" and not self._heard
        )


class Body:
    """Collects a body under a limit that also holds for what it decompresses to.

    Args:
        headers: The headers of the response.
        limit: Bytes that are kept at most.

    Raises:
        Failure: it is announced as larger, or is compressed in a way nobody asked for.
    """

    __slots__ = ("_gunzip", "_limit", "_parts", "_size")

    def __init__(self, headers: Headers, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._gunzip: Gunzip | None = None
        for name, value in headers:
            match name.lower():
                case b"content-encoding":
                    self._gunzip = Gunzip() if is_gzip(value) else None
                case b"content-length" if value.isdigit() and int(value[:18]) > limit:
                    raise self._too_large()

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Failure: the body is too large or cannot be decompressed.
        """
        if self._gunzip is None:
            self._take(data)
        else:
            for piece in self._gunzip.feed(data):
                self._take(piece)

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise self._too_large()
        self._parts.append(data)

    def _too_large(self) -> Failure:
        text = f"the body is larger than the limit of {self._limit} bytes"
        return Failure("too_large", text)

    def finish(self) -> bytes:
        """Return the whole body.

        Raises:
            Failure: a compressed body ended early.
        """
        if self._gunzip is not None and not self._gunzip.whole:
            raise Failure("truncated", "the compressed body is incomplete")
        return b"".join(self._parts)


class Gunzip:
    """Decompresses gzip members one behind the other, piece by piece, so that a bomb shows early.

    httpx would decompress gzip in one go, and brotli and zstandard if their packages are there.
    """

    __slots__ = ("_member",)

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what the next bytes decompress to, at most `PIECE` bytes at once.

        Raises:
            Failure: it is not gzip.
        """
        while data:
            member = self._member = self._member or zlib.decompressobj(wbits=31)
            piece = self._decompress(member, data)
            data = member.unconsumed_tail or member.unused_data
            if member.eof:
                self._member = None
            if piece:
                yield piece

    def _decompress(self, member: zlib._Decompress, data: bytes | memoryview) -> bytes:
        try:
            return member.decompress(data, PIECE)
        except zlib.error as error:
            text = f"the body is declared as gzip but is not gzip ({str(error)[:100]})"
        raise Failure("decode", text)

    @property
    def whole(self) -> bool:
        """Whether the last member has ended."""
        return self._member is None


def is_gzip(encoding: bytes) -> bool:
    """Tell whether a Content-Encoding is gzip rather than nothing.

    Raises:
        Failure: it is neither; nobody asked for that.
    """
    match encoding.strip().lower():
        case b"" | b"identity":
            return False
        case b"gzip" | b"x-gzip":
            return True
        case other:
            name = other[:40].decode("ascii", "replace")
            text = f"the body is compressed with {name!r}, which was not requested"
            raise Failure("decode", text)
