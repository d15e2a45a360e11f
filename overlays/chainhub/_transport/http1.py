"""HTTP/1.1 on one connection, without a socket: requests, and responses or failures.

h11 decides what a response is. What takes several steps is a `Flow`, a generator as in httpx's
authentication: it yields bytes to be written, or nothing (`b""`) when it must read, and is sent
what was read. So one core serves threads and asyncio, and each of them needs a single loop that
runs a flow (`run` of a stream).

Whoever holds a socket raises `Failure` and nothing else. Its text is for people and holds what the
operating system, OpenSSL or h11 says; it may repeat what a server sent, so whoever shows it redacts
it first.
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
    """Status and headers of a response, in the order and spelling in which they came."""

    status: int
    headers: Headers


class Response:
    """A whole response, its body decompressed.

    It may echo a key, so it does not show itself; error trackers look into tuples.
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
    """An exchange that brought no response.

    Attributes:
        kind: What happened, in a word.
        text: One readable line.
        sent: Whether some byte of the request may have reached the server.
        passing: For a kind that is lasting as a rule ("lookup", "tls", "proxy"), that this one is
            not: a resolver that did not answer rather than a name that does not exist.
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
        """Return it to be kept: the frames that it came through may hold a key."""
        self.__context__ = self.__cause__ = None
        return self.with_traceback(None)

    def before_connected(self) -> Failure:
        """Return the same failure as one that came before the connection was ready."""
        if self.kind in ("timeout", "closed"):
            self.kind = "connect_timeout" if self.kind == "timeout" else "connect"
        return self

    def response_to(self, head: Head | None) -> Response:
        """Return a response whose body failed if its status is an error, else raise the failure."""
        # Such a status says enough. After a timeout the whole answer may still come.
        of_body = self.kind in ("decode", "too_large", "truncated", "closed", "protocol")
        if head is None or 200 <= head.status < 300 or not of_body:
            raise self
        return Response(*head, b"")


DECODED = (b"content-encoding", b"content-length", b"transfer-encoding")
"""Headers that say nothing true about a body that was decompressed already."""

MAX_HEAD = 100 * 1024
"""Bytes of a head, or of the lines around chunks, that are kept until they are complete."""

PIECE = 256 * 1024
"""Bytes that are decompressed at once."""

SWITCHED = "it switched protocols (101), which was not requested"


END = h11.EndOfMessage()


class SecretBytes(bytes):
    """Bytes that hold a key or a password, so they do not show themselves."""

    def __repr__(self) -> str:
        return f"<{len(self)} secret bytes>"


TRUNCATION = SecretBytes()  # unlike b"", an object of its own
"""An encrypted connection's end that was not announced: it may be somebody's attack."""


class Request:
    """A request as it goes out, all its headers given; it holds the key, so it shows none of them.

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
        """Return the same request for a target; its headers are not looked at again."""
        if target == self._head.target:
            return self
        checked: Headers = self._head.headers  # type: ignore[assignment]  # h11's own kind of list
        return Request(self._head.method, target, checked, self._body)

    def forwarded(self, origin: bytes, more: Iterable[tuple[bytes, bytes]]) -> Request:
        """Return the request for a proxy that forwards it: with a whole URL and further headers."""
        headers = [*more, *self._head.headers.raw_items()]
        return Request(self._head.method, origin + self._head.target, headers, self._body)

    def send_on(self, connection: h11.Connection) -> SecretBytes:
        """Return the bytes of the whole request; fail if its headers tell another length."""
        try:
            sent = SecretBytes(connection.send(self._head) or b"")
            if self._body:
                sent = SecretBytes(sent + (connection.send(h11.Data(data=self._body)) or b""))
            connection.send(END)  # no bytes: no body of ours comes in chunks
            return sent
        except h11.LocalProtocolError as error:
            raise Failure("local", str(error)) from None


class Connection:
    """The requests and responses on one connection, one after the other."""

    __slots__ = ("_first_bytes", "_h11", "head", "sent", "used")

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._first_bytes = b""
        self.head: Head | None = None  # of the response under way, once it has come
        self.used = False  # whether a whole response has come
        self.sent = False  # whether the request under way was handed out to be written

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: nobody closes, and nothing came behind."""
        # Bytes behind the response belong to no request: the next one must not get them.
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        return done and self._h11.trailing_data == (b"", False)

    @property
    def surplus(self) -> int:
        """How many bytes came that belong to no response."""
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
        self._receive((yield b""))  # nothing can have come before: then it would not be reusable
        while not isinstance(event := (yield from self._next_event()), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise Failure("protocol", SWITCHED)  # an upgrade that the caller's headers ask for
            if event.http_version != b"1.1":
                # HTTP/1.0 has no interim responses: whoever sends one means something else.
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
        # h11 says the same of a body that breaks off and of one that is wrong.
        if self.head is not None and self._h11.trailing_data[1]:
            raise Failure("truncated", text)
        # h11 takes a 101 that nobody asked for as a broken response.
        switched = self.head is None and self._first_bytes[9:] == b"101"
        raise Failure("protocol", SWITCHED if switched else text)

    def _receive(self, data: bytes) -> None:
        """Give h11 what has come, unless it would explain it less well, or wait behind it."""
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
        """Tell whether a failure says only that a connection that has served was dead or dirty.

        Then nothing of a response to our request has come, and it may be sent once more.
        """
        # A reset inside a head is another thing: somebody had begun to answer.
        dead = failure.kind == "closed" and not self._first_bytes
        return self.head is None and (dead or failure.kind in ("protocol", "truncated"))


class Body:
    """Collects a body under a limit of bytes, which holds for what it decompresses to.

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
            lower = name.lower()
            if lower == b"content-encoding":
                coding = value.strip().lower()
                if coding not in (b"", b"identity", b"gzip", b"x-gzip"):
                    shown = coding[:40].decode("ascii", "replace")
                    text = f"the body is compressed with {shown!r}, which was not requested"
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
    """Decompresses gzip members one behind the other, piece by piece: a bomb shows early."""

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
