"""The usual exchange: a GET without a body, and a response with a stated length.

httpcore and h11 read whatever HTTP/1.1 allows, for some 500 function calls per exchange. Nearly
all of ours are of one kind, on a connection that has already served. For those a request is bytes,
and an answer one look at its head. Whatever is out of the ordinary, by so much as a blank, is left
to httpcore: it gets the connection, and the bytes received so far, as if it had sent the request
itself. So nothing is read here that h11 would read otherwise.
"""

from __future__ import annotations

import re
from typing import NamedTuple

READ = 64 * 1024  # bytes per read
LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 256 * 1024
"""Bytes that are collected here; more are read by httpcore, piece by piece."""

Headers = list[tuple[bytes, bytes]]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_NAME = re.compile(_TOKEN)
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
# Nothing but printable characters: h11 also takes lone line feeds and folded lines.
_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*\r\n"
    rb"((?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)+)\r\n"
)
_LENGTH = re.compile(rb"[0-9]{1,9}")

_WITHOUT_BODY = (204, 304)
_UNUSUAL = frozenset({b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"})


def spell(headers: Headers) -> bytes | None:
    """Return all of a GET behind its target, as h11 spells it; None if there is more to it."""
    lines: list[bytes] = []
    hosts: list[bytes] = []
    for name, value in headers:
        lowered = name.lower()
        usual = lowered != b"connection" or value.lower() == b"keep-alive"
        if lowered in _UNUSUAL or lowered == b"content-length" or not usual:
            return None
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            return None
        (hosts if lowered == b"host" else lines).append(b"%b: %b\r\n" % (name, value))
    if len(hosts) != 1:
        return None
    return b" HTTP/1.1\r\n%b%b\r\n" % (hosts[0], b"".join(lines))


def spell_get(target: bytes, rest: bytes) -> bytes | None:
    """Return a whole request; None if its target needs a closer look."""
    return b"GET " + target + rest if _TARGET.fullmatch(target) else None


class Head(NamedTuple):
    """The head of a usual answer: where its body begins and ends, and whether it is plain."""

    status: int
    headers: Headers
    start: int
    end: int
    plain: bool


def read_head(data: bytes, start: int) -> Head | None:
    """Return the head that ends at `start`, None if it is out of the ordinary."""
    found = _HEAD.fullmatch(data, 0, start)
    if found is None:
        return None
    status, headers, lengths, plain = int(found[1]), [], [], True
    for line in found[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        value = value.strip(b" \t")
        headers.append((name, value))
        match name.lower():
            case b"content-length":
                lengths.append(value)
            case b"content-encoding":
                plain = False
            case b"connection" if value.lower() != b"keep-alive":
                return None
            case b"transfer-encoding" | b"upgrade":
                return None
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or status in _WITHOUT_BODY:
        return None
    return Head(status, headers, start, start + int(lengths[0]), plain)


def _doubtful(beginning: bytes) -> bool:
    """Tell whether h11 may already see more in the beginning of a head than we do."""
    lone = beginning.count(b"\n") != beginning.count(b"\r\n")  # two of these end a head for h11
    return lone or len(beginning) > LONGEST_HEAD


class Reading:
    """The bytes of a response so far; `unusual` leaves it to httpcore.

    Args:
        limit: Bytes of a body that are read at most.
    """

    __slots__ = ("_limit", "came", "head", "unusual")

    def __init__(self, limit: int) -> None:
        self._limit = min(limit, LONGEST_BODY)
        self.came = b""
        self.head: Head | None = None
        self.unusual = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; tell whether more are needed."""
        came = self.came = self.came + data if self.came else data
        if self.head is None:
            start = came.find(b"\r\n\r\n") + 4
            self.head = read_head(came, start) if start >= 4 else None
            self.unusual = self.head is None and (start >= 4 or _doubtful(came))
        head = self.head
        # An end comes too early, here or in the head.
        if not data or (head is not None and head.end - head.start > self._limit):
            self.unusual = True
        return not self.unusual and (head is None or len(came) < head.end)

    @property
    def surplus(self) -> bool:
        """Whether more came than belongs to the answer."""
        return self.head is not None and len(self.came) > self.head.end

    def body(self) -> bytes:
        """Return the body as it came."""
        assert self.head is not None  # it is read to its end
        return self.came[self.head.start : self.head.end]
