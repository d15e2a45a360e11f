"""What a response with the bytes of a video means: values in, value out.

A request for bytes follows from what is kept on disk; of its answer the head decides where the
body belongs, and the first bytes of the body whether it is a video at all.
"""

from __future__ import annotations

import re

import attrs

from chainhub.errors import ContentRefusedError

Headers = list[tuple[bytes, bytes]]

EXPIRED = frozenset({401, 403, 404, 410})
"""How servers of signed addresses say that one is no longer good."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
_LENGTH = re.compile(r"([0-9]{1,18})(?:,|$)")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


@attrs.frozen
class ResumePoint:
    """What an earlier attempt left: so many bytes of a file with this ETag and length."""

    etag: str
    length: int
    size: int

    @property
    def offset(self) -> int:
        """The offset to resume at; if the file seems complete, its last byte is requested again."""
        return min(self.size, self.length - 1)


@attrs.frozen
class BodyRange:
    """Write the body from `offset` on.

    Attributes:
        offset: Where the body belongs in the file.
        length: Bytes of the whole file, None if nobody says.
        etag: The strong ETag that allows to resume, or None.
        packed: Whether the body must be inflated.
        delimited: Whether the body says where it ends, so that a cut is noticed.
        announced: The Content-Length, if it is what delimits the body.
        end: Where the body ends in the file, if it is shorter than what was requested.
    """

    offset: int = 0
    length: int | None = None
    etag: str | None = None
    packed: bool = False
    delimited: bool = True
    announced: int | None = None
    end: int | None = None


@attrs.frozen
class Redirect:
    """Ask at another address."""

    location: str


@attrs.frozen
class StartOver:
    """What is kept is not the beginning of what the server has: forget it and ask for the whole.

    Attributes:
        text: Why.
        on_disk: Whether that is another program's doing, not the server's.
    """

    text: str
    on_disk: bool = False


@attrs.frozen
class Failed:
    """The status is no success; the address itself may have expired."""

    expired: bool


def strong_etag(text: str | None) -> str | None:
    """Return the ETag if bytes under it are the same bytes for ever, else None."""
    return text if text is not None and _STRONG_ETAG.fullmatch(text) else None


def range_headers(kept: ResumePoint | None) -> Headers:
    """Return the headers that ask for what is missing, if the file is still the same."""
    if kept is None:
        return []
    return [
        (b"Range", b"bytes=%d-" % kept.offset),
        (b"If-Range", kept.etag.encode("ascii")),
    ]


def judge_head(
    status: int, headers: Headers, kept: ResumePoint | None
) -> BodyRange | Redirect | StartOver | Failed:
    """Decide what an answer to a request for bytes is good for.

    Raises:
        ContentRefusedError: the body is encoded in a way nobody asked for.
    """
    location = header(headers, b"location")
    if status in _REDIRECTS and location is not None:
        return Redirect(location)
    if status == 206:
        return _part(headers, kept)
    if status == 416 and kept is not None:
        return StartOver("the server does not have the requested range")
    if status not in (200, 203):
        return Failed(status in EXPIRED)
    return _whole(headers)


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
        whole = (first, last) == (0, length - 1)
        return (
            _whole(headers)
            if whole
            else StartOver("the server sent a part instead of the whole file")
        )
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
    return length is not None, None if length is None else int(length[1])


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
    """Tell whether an error says that a signed address has expired; some say so with a 400."""
    return status in EXPIRED or (status == 400 and b"xpired" in body[:4096])
