"""HTTP/1.1 on one connection, without a socket: requests, and responses or failures.

h11 decides what a response is. What takes several steps is a `Flow`, a generator as in httpx's
authentication: it yields bytes to be written, or nothing (`b""`) when it must read, and is sent
what was read. So one core serves threads and asyncio, and each of them needs a single loop that
runs a flow (`run` of a stream).

Code that uses a socket raises `Failure` and nothing else. Its text is for people: it has what the
operating system, OpenSSL or h11 reports, and may repeat what a server sent, so it is redacted
before it is shown.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import Literal, NamedTuple, TypeVar

import h11

T = TypeVar("T")
Flow = Generator[bytes, bytes, T]

Headers = list[tuple[bytes, bytes]]

FailureKind = Literal[
    "connect",
    "connect_timeout",
    "lookup",
    "tls",
    "proxy",
    "timeout",
    "closed",
    "truncated",
    "protocol",
    "decode",
    "too_large",
    "local",
]


class Head(NamedTuple):
    """Status and headers of a response, with the order and case in which they were received."""

    status: int
    headers: Headers


class Response:
    """A whole response, its body decompressed.

    Its body may echo a key, so its repr does not show it, and it is no tuple, into which error
    trackers look.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    def header(self, name: bytes) -> str | None:
        """Return the first header of this lower-case name, or None."""
        for header, value in self.headers:
            if header.lower() == name:
                return value.decode("latin-1")
        return None


class Failure(Exception):
    """An exchange without a usable response.

    Attributes:
        kind: What happened, in a word.
        text: One readable line.
        sent: Whether some byte of the request may have reached the server.
        passing: Whether a failure of a usually permanent kind ("lookup", "tls", "proxy") is
            temporary: a resolver that did not answer, not a name that does not exist.
    """

    def __init__(
        self, kind: FailureKind, text: str, *, sent: bool = False, passing: bool = False
    ) -> None:
        super().__init__(text)
        self.kind: FailureKind = kind
        self.text = text
        self.sent = sent
        self.passing = passing

    def __repr__(self) -> str:
        return f"<Failure {self.kind}>"

    def without_frames(self) -> Failure:
        """Return it without its traceback, to be stored: the frames may hold a key."""
        self.__context__ = self.__cause__ = None
        return self.with_traceback(None)

    def before_connected(self) -> Failure:
        """Return the same failure as one from before the connection was ready."""
        if self.kind in ("timeout", "closed"):
            self.kind = "connect_timeout" if self.kind == "timeout" else "connect"
        return self

    def response_to(self, head: Head | None) -> Response:
        """Return a response whose body failed if its status is an error, else raise the failure."""
        # Such a status is enough. After a timeout the whole response may still come.
        of_body = self.kind in ("decode", "too_large", "truncated", "closed", "protocol")
        if head is None or 200 <= head.status < 300 or not of_body:
            raise self
        return Response(*head, b"")


DECODED = (b"content-encoding", b"content-length", b"transfer-encoding")
"""Headers that are not true of a body that was decompressed already."""

MAX_HEAD = 100 * 1024
"""Bytes of a head, or of the lines around chunks, that are kept until they are complete."""

PIECE = 256 * 1024
"""Bytes that are decompressed at once."""

SWITCHING_PROTOCOLS = "it switched protocols (101), which was not requested"


END = h11.EndOfMessage()


class SecretBytes(bytes):
    """Bytes that hold a key or a password, which their repr does not show."""

    def __repr__(self) -> str:
        return f"<{len(self)} secret bytes>"


TRUNCATION = SecretBytes()  # unlike b"", an object of its own
"""The end of an encrypted connection without close_notify: it may be a truncation attack."""


class Request:
    """A request as it is sent, with all its headers; it holds the key, so its repr has none.

    Raises:
        Failure: HTTP cannot carry it.
    """

    __slots__ = ("_body", "_head")

    def __init__(self, method: bytes, target: bytes, headers: Headers, body: bytes = b"") -> None:
        try:
            self._head = h11.Request(method=method, target=target, headers=headers)
        except h11.LocalProtocolError as error:
            raise Failure("local", str(error)) from None
        self._body = body

    def aimed_at(self, target: bytes) -> Request:
        """Return the same request for a target; its headers are not checked again."""
        if target == self._head.target:
            return self
        headers: Headers = self._head.headers  # type: ignore[assignment]  # h11's own kind of list
        return Request(self._head.method, target, headers, self._body)

    def forwarded(self, origin: bytes, proxy_headers: Iterable[tuple[bytes, bytes]]) -> Request:
        """Return the request for a proxy that forwards it: with a whole URL and further headers."""
        headers = [*proxy_headers, *self._head.headers.raw_items()]
        return Request(self._head.method, origin + self._head.target, headers, self._body)

    def send_on(self, connection: h11.Connection) -> SecretBytes:
        """Return the bytes of the whole request; fail if its headers have another length."""
        try:
            data = SecretBytes(connection.send(self._head) or b"")
            if self._body:
                data = SecretBytes(data + (connection.send(h11.Data(data=self._body)) or b""))
            connection.send(END)  # no bytes: our bodies are never chunked
            return data
        except h11.LocalProtocolError as error:
            raise Failure("local", str(error)) from None


class Connection:
    """The requests and responses on one connection, one after the other."""

    __slots__ = ("_first_bytes", "_h11", "head", "sent", "used")

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._first_bytes = b""
        self.head: Head | None = None  # of the present response, once it was received
        self.used = False  # whether a whole response was received
        self.sent = False  # whether the present request was returned to be written

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: neither side closes, and no bytes are left over."""
        # Bytes after the response belong to no request: the next one must not get them.
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        return done and self._h11.trailing_data == (b"", False)

    @property
    def surplus(self) -> int:
        """The number of received bytes that belong to no response."""
        return len(self._h11.trailing_data[0])

    def exchange(self, request: Request, max_body: int) -> Flow[Response]:
        """Send a request and take its whole response; fail if that cannot be used."""
        status, headers = yield from self.ask(request)
        body = Body(headers, max_body)
        while data := (yield from self.next_data()):
            body.feed(data)
        return Response(status, headers, body.finish())

    def ask(self, request: Request) -> Flow[Head]:
        """Send a request and take the head of its response."""
        if self.used:
            self._h11.start_next_cycle()
        self._first_bytes, self.head, self.used, self.sent = b"", None, False, False
        outgoing = request.send_on(self._h11)
        self.sent = True
        yield outgoing
        self._receive((yield b""))  # nothing can be left over: then it would not be reusable
        while not isinstance(event := (yield from self._next_event()), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise Failure("protocol", SWITCHING_PROTOCOLS)  # the caller's headers ask for it
            if event.http_version != b"1.1":
                # HTTP/1.0 has no interim responses: what follows one has no defined meaning.
                raise Failure("protocol", "an interim response (1xx) came over HTTP/1.0")
        self.head = Head(event.status_code, event.headers.raw_items())
        return self.head

    def next_data(self) -> Flow[bytes]:
        """Take the next bytes of the body as they come, nothing at its end."""
        event = yield from self._next_event()
        if isinstance(event, h11.Data):
            return event.data
        self.used = True  # EndOfMessage
        return b""

    def _next_event(self) -> Flow[object]:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                self._receive((yield b""))
            return event
        except h11.RemoteProtocolError as error:
            text = str(error)
        # h11 has the same text for a body that is cut off and for one that is wrong.
        if self.head is not None and self._h11.trailing_data[1]:
            raise Failure("truncated", text)
        # h11 takes a 101 that was not requested as a broken response.
        switched = self.head is None and self._first_bytes[9:] == b"101"
        raise Failure("protocol", SWITCHING_PROTOCOLS if switched else text)

    def _receive(self, data: bytes) -> None:
        """Give h11 the bytes read, unless its own error would say less, or it would wait."""
        if self.head is not None:
            if data is TRUNCATION:
                raise Failure("truncated", "the encrypted connection ended without notice")
        elif not data and self._first_bytes:
            raise Failure("truncated", "the connection ended inside the head of the response")
        elif not data:
            raise Failure("closed", "the server disconnected without sending a response")
        else:
            # h11 would wait for the end of a line that is no status line.
            self._first_bytes += data[: 12 - len(self._first_bytes)]
            if not b"HTTP/".startswith(self._first_bytes[:5]):
                raise Failure("protocol", f"it begins with {self._first_bytes[:5]!r}")
        self._h11.receive_data(data)

    def is_stale(self, failure: Failure) -> bool:
        """Tell whether a failure means that a used connection was dead or had left-over bytes.

        Then nothing of a response to our request was received, and it may be sent once more.
        """
        # A reset inside a head is another case: the server had begun to answer.
        dead = failure.kind == "closed" and not self._first_bytes
        return self.head is None and (dead or failure.kind in ("protocol", "truncated"))


class Body:
    """Collects a body up to a limit of bytes, which applies to the decompressed body.

    Raises:
        Failure: its Content-Length is larger, or its compression was not requested.
    """

    __slots__ = ("_gunzip", "_limit", "_parts", "_size")

    def __init__(self, headers: Headers, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._gunzip: Gunzip | None = None
        for name, value in headers:
            lower = name.lower()
            if lower == b"content-encoding":
                coding = value.strip().lower()
                if coding not in (b"", b"identity", b"gzip", b"x-gzip"):
                    label = coding[:40].decode("ascii", "replace")
                    text = f"the body is compressed with {label!r}, which was not requested"
                    raise Failure("decode", text)
                self._gunzip = Gunzip() if coding.endswith(b"gzip") else None
            elif lower == b"content-length" and value.isdigit() and int(value[:18]) > limit:
                raise self._too_large()

    def _too_large(self) -> Failure:
        return Failure("too_large", f"the body is larger than the limit of {self._limit} bytes")

    def feed(self, data: bytes) -> None:
        """Take the next bytes; fail if the body is too large or cannot be decompressed."""
        for piece in (data,) if self._gunzip is None else self._gunzip.feed(data):
            self._size += len(piece)
            if self._size > self._limit:
                raise self._too_large()
            self._parts.append(piece)

    def finish(self) -> bytes:
        """Return the whole body; fail if a compressed one ended early."""
        if self._gunzip is not None and not self._gunzip.whole:
            raise Failure("truncated", "the compressed body is incomplete")
        return b"".join(self._parts)


class Gunzip:
    """Decompresses consecutive gzip members piece by piece, so that a bomb is noticed early."""

    __slots__ = ("_member",)

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what the next bytes decompress to, at most `PIECE` bytes at once."""
        # Some servers fill a member up with zeros, which gzip(1), curl and httpx take too.
        while data := bytes(data).lstrip(b"\0") if self._member is None else data:
            member = self._member = self._member or zlib.decompressobj(wbits=31)
            try:
                piece = member.decompress(data, PIECE)
            except zlib.error as error:
                text = f"the body is declared as gzip but is not gzip ({str(error)[:100]})"
                raise Failure("decode", text) from None
            data = member.unconsumed_tail or member.unused_data
            if member.eof:
                self._member = None
            if piece:
                yield piece

    @property
    def whole(self) -> bool:
        """Whether the last member has ended."""
        return self._member is None
