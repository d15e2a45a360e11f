"""What a response with the bytes of a video means: values in, value out.

A request for bytes follows from what is kept on disk; of its answer the head decides where the
body belongs, and the first bytes of the body whether it is a video at all. Known are the containers
that players know. What a server calls a body says nothing: pages come as `video/mp4`, videos as
`text/plain`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from chainhub.errors import ContentRefusedError

Headers = list[tuple[bytes, bytes]]

# How servers of signed URLs say that one is no longer good.
_EXPIRED = frozenset({401, 403, 404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
_LENGTH = re.compile(r"([0-9]{1,18})(?:,|$)")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


class ResumePoint(NamedTuple):
    """What an earlier attempt left: so many bytes of a file with this ETag and length."""

    etag: str
    length: int
    size: int

    @property
    def offset(self) -> int:
        """The offset to resume at; if the file seems complete, its last byte is requested again."""
        return min(self.size, self.length - 1)


class BodyRange(NamedTuple):
    """Write the body from `offset` on."""

    offset: int = 0
    length: int | None = None  # of the whole file
    etag: str | None = None  # a strong one, which allows to resume
    packed: bool = False  # to be inflated
    delimited: bool = True  # says where it ends, so that a cut is noticed
    announced: int | None = None  # the Content-Length, if it is what delimits the body
    end: int | None = None  # where it ends in the file, if it is shorter than requested


class Redirect(NamedTuple):
    """Ask at another URL."""

    location: str


class StartOver(Exception):
    """What is kept is not the beginning of what the server has: forget it and ask for the whole."""

    def __init__(self, text: str, on_disk: bool = False) -> None:
        super().__init__(text, on_disk)
        self.text = text
        self.on_disk = on_disk  # another program's doing, not the server's


def strong_etag(text: str | None) -> str | None:
    """Return the ETag if bytes under it are the same bytes for ever, else None."""
    return text if text is not None and _STRONG_ETAG.fullmatch(text) else None


def range_headers(kept: ResumePoint | None) -> Headers:
    """Return the headers that ask for what is missing, if the file is still the same."""
    if kept is None:
        return []
    return [(b"Range", b"bytes=%d-" % kept.offset), (b"If-Range", kept.etag.encode("ascii"))]


def judge_head(
    status: int, headers: Headers, kept: ResumePoint | None
) -> BodyRange | Redirect | StartOver | None:
    """Decide what the response to a request for bytes is good for; None if it is an error."""
    location = header(headers, b"location")
    if status in _REDIRECTS and location is not None:
        return Redirect(location)
    if status == 206:
        return _part(headers, kept)
    if status == 416 and kept is not None:
        return StartOver("the server does not have the requested range")
    return _whole(headers) if status in (200, 203) else None


def _whole(headers: Headers) -> BodyRange:
    packed = _is_packed(headers)
    delimited, announced = _framing(headers)
    ranges = (header(headers, b"accept-ranges") or "").strip().lower() != "none"
    etag = strong_etag(header(headers, b"etag")) if ranges and not packed else None
    length = None if packed else announced
    return BodyRange(0, length, etag if length else None, packed, delimited, announced)


def _part(headers: Headers, kept: ResumePoint | None) -> BodyRange | StartOver:
    found = _CONTENT_RANGE.fullmatch((header(headers, b"content-range") or "").strip())
    if found is None or _is_packed(headers):
        return StartOver("the server does not say which part it sends")
    first, last, length = (int(number) for number in found.groups())
    delimited, announced = _framing(headers)
    if not first <= last < length or announced not in (None, last - first + 1):
        return StartOver("the headers of the partial response contradict each other")
    if kept is None:
        if (first, last) == (0, length - 1):
            return _whole(headers)
        return StartOver("the server sent a part instead of the whole file")
    if (first, length) != (kept.offset, kept.length):
        return StartOver("the server sent a different part than requested")
    if header(headers, b"etag") != kept.etag:
        return StartOver("the file has changed on the server")
    end = None if last + 1 == length else last + 1
    return BodyRange(first, length, kept.etag, False, delimited, announced, end)


def _framing(headers: Headers) -> tuple[bool, int | None]:
    """Return whether the body says where it ends, and the length if that is how."""
    if header(headers, b"transfer-encoding") is not None:
        return True, None
    length = _LENGTH.match(header(headers, b"content-length") or "")
    return (False, None) if length is None else (True, int(length[1]))


def _is_packed(headers: Headers) -> bool:
    encoding = (header(headers, b"content-encoding") or "identity").strip().lower()
    if encoding in ("", "identity", "gzip", "x-gzip"):
        return "gzip" in encoding
    raise ContentRefusedError(
        f"the video was sent encoded as {encoding[:40]!r}, which was not requested"
    )


def header(headers: Headers, name: bytes) -> str | None:
    """Return the first header of this name, in any letter case, or None."""
    value = next((value for key, value in headers if key.lower() == name), None)
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def is_expiry(status: int, body: bytes) -> bool:
    """Tell whether an error says that a signed URL has expired; some say so with a 400."""
    return status in _EXPIRED or (status == 400 and b"xpired" in body[:4096])


SNIFFED = 512
"""Bytes at the beginning that are looked at; a transport stream shows itself within 377."""


def refused_content(head: bytes) -> str | None:
    """Say what a body is if it is no video, by its first bytes; None for a video."""
    if _is_video(head):
        return None
    if not head:
        return "an empty response"
    known = next((name for magic, name in _OTHERS if magic in head[: len(magic) + 8]), None)
    return known or text_kind(head) or f"an unknown format (first bytes {head[:12].hex(' ')})"


_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_PICTURES = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1"})
_MAGIC = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"OggS",
    b"0&\xb2u\x8ef\xcf\x11",  # Windows Media
    b"\x00\x00\x01\xba",  # MPEG programme stream
    b"\x00\x00\x01\xb3",  # MPEG video
)
_OTHERS = (
    (b"\x89PNG\r\n", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"WEBPVP8", "an image (WebP)"),
    (b"ftyp", "an image (AVIF or HEIC)"),
    (b"%PDF-", "a document (PDF)"),
    (b"\x1f\x8b", "gzip data that is not declared as such"),
    (b"PK\x03\x04", "an archive (ZIP)"),
)
_PACKET = 188  # bytes of a packet of an MPEG transport stream, each beginning with 0x47


def _is_video(head: bytes) -> bool:
    if head[4:8] in _BOXES:
        return head[4:8] != b"ftyp" or head[8:12] not in _PICTURES
    if head.startswith(_MAGIC):
        return True
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    packets = head[: 2 * _PACKET + 1 : _PACKET]
    return len(packets) == 3 and set(packets) == {0x47}


def text_kind(head: bytes) -> str | None:
    """Say which text a body is, by its first bytes; None if nothing that a person can read."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML)"
    if text.startswith(b"<"):
        return "XML"
    if text.startswith((b"{", b"[")):
        return "JSON"
    if text.startswith(b"#extm3u"):
        return "a playlist (M3U8)"
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return None if control else "text"


_CONTENTS = _BOXES | {b"meta", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"uuid", b"emsg"}
_MOST_BOXES = 100_000


def is_cut(read: Callable[[int, int], bytes], size: int) -> bool:
    """Tell whether a file of the MP4 family ends within a box; `read` takes offset and size."""
    place = 0
    for _ in range(_MOST_BOXES):
        head = read(place, 16)
        if not head or (len(head) >= 8 and head[4:8] not in _CONTENTS):
            return False
        length, least = int.from_bytes(head[:4]), 8
        if length == 1:  # too long for four bytes
            length, least = int.from_bytes(head[8:16]), 16
        if len(head) < least:
            return True
        if length == 0:  # it reaches to the end, wherever that is
            return False
        if length < least or place + length > size:
            return True
        place += length
    return False
