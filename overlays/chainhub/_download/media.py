"""What a response with the bytes of a file means: values in, value out.

The request depends on what is kept on disk. The head of the response decides where the body is
written, and the first bytes of the body whether it is of the requested kind. The formats are those
that players and viewers support. The Content-Type is not used: error pages are sent as `video/mp4`,
videos as `text/plain`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from chainhub._transport import HiddenURL
from chainhub.errors import ContentRefusedError

Headers = list[tuple[bytes, bytes]]
Kind = Literal["video", "audio", "image", "file"]
"""The kind of content to accept; a "file" may be anything except an error page."""

# How servers of signed URLs report that one has expired.
_EXPIRED = frozenset({401, 403, 404, 410})
# Some answer If-Range with a failed precondition, instead of sending the whole file.
_NO_REST = frozenset({304, 412, 416})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
_LENGTH = re.compile(r"([0-9]{1,18})(?:,|$)")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


class ResumePoint(NamedTuple):
    """Where to resume: `size` bytes are on disk, of a file with this ETag and length."""

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
    delimited: bool = True  # its end is marked, so that a truncated one is noticed
    announced: int | None = None  # the Content-Length, if it is what delimits the body
    end: int | None = None  # where it ends in the file, if it is shorter than requested


class Redirect(NamedTuple):
    """Send the request to another URL."""

    location: str


class StartOver(Exception):
    """The part is not the beginning of the server's file: discard it and request the whole file."""

    def __init__(self, text: str, on_disk: bool = False) -> None:
        super().__init__(text, on_disk)
        self.text = text
        self.on_disk = on_disk  # caused by another program, not by the server


def strong_etag(text: str | None) -> str | None:
    """Return the ETag if bytes under it are the same bytes for ever, else None."""
    return text if text is not None and _STRONG_ETAG.fullmatch(text) else None


def range_headers(resume_point: ResumePoint | None) -> Headers:
    """Return the headers that request the missing bytes, if the file is still the same."""
    if resume_point is None:
        return []
    return [
        (b"Range", b"bytes=%d-" % resume_point.offset),
        (b"If-Range", resume_point.etag.encode("ascii")),
    ]


def fields_of(headers: Headers) -> dict[bytes, str]:
    """Return headers by their names in lower case; of repeated ones the first."""
    return {name.lower(): _decoded(value) for name, value in reversed(headers)}


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:  # addresses in `Location` are often not encoded
        return value.decode("latin-1")


def judge_head(
    status: int, fields: Mapping[bytes, str], resume_point: ResumePoint | None
) -> BodyRange | Redirect | StartOver | None:
    """Decide how the response to a request for bytes is used; None if it is an error."""
    if status in _REDIRECTS and b"location" in fields:
        return Redirect(HiddenURL(fields[b"location"]))
    if status in _NO_REST and resume_point is not None:
        return StartOver("the server does not have the requested range")
    if status not in (200, 203, 206):
        return None
    encoding = fields.get(b"content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        text = f"the body was sent encoded as {encoding[:40]!r}, which was not requested"
        raise ContentRefusedError(text)
    packed, chunked = "gzip" in encoding, b"transfer-encoding" in fields
    match = None if chunked else _LENGTH.match(fields.get(b"content-length", ""))
    announced = None if match is None else int(match[1])
    length = None if packed else announced
    ranges = fields.get(b"accept-ranges", "").strip().lower() != "none"
    etag = strong_etag(fields.get(b"etag")) if ranges and length else None
    whole = BodyRange(0, length, etag, packed, chunked or match is not None, announced)
    return _partial_body(fields, resume_point, whole) if status == 206 else whole


def _partial_body(
    fields: Mapping[bytes, str], resume_point: ResumePoint | None, whole: BodyRange
) -> BodyRange | StartOver:
    match = _CONTENT_RANGE.fullmatch(fields.get(b"content-range", "").strip())
    if match is None or whole.packed:
        return StartOver("the server does not say which part it sends")
    first, last, length = (int(number) for number in match.groups())
    if not first <= last < length or whole.announced not in (None, last - first + 1):
        return StartOver("the headers of the partial response contradict each other")
    if resume_point is None:
        if (first, last) == (0, length - 1):
            return whole
        return StartOver("the server sent a part instead of the whole file")
    if (first, length) != (resume_point.offset, resume_point.length):
        return StartOver("the server sent a different part than requested")
    if fields.get(b"etag") != resume_point.etag:
        return StartOver("the file has changed on the server")
    end = None if last + 1 == length else last + 1
    return whole._replace(offset=first, length=length, etag=resume_point.etag, end=end)


def describe(
    result: BodyRange | Redirect | StartOver | None, resume_point: ResumePoint | None
) -> str:
    """Return what a response means for the download, without its URL."""
    if isinstance(result, BodyRange):
        start = f"resuming at byte {result.offset}" if result.offset else "from the beginning"
        note = "" if resume_point is None or result.offset else ", the server does not resume"
        hint = "can be resumed" if result.etag else "cannot be resumed: no strong ETag and length"
        return f"{start}{note}, {result.length or 'an unknown number of'} bytes; {hint}"
    if isinstance(result, StartOver):
        return f"starting over: {result.text}"
    return "an error status" if result is None else "a redirect"


def is_expiry(status: int, body: bytes) -> bool:
    """Tell whether an error says that a signed URL has expired; some say so with a 400."""
    return status in _EXPIRED or (status == 400 and b"xpired" in body[:4096])


SNIFFED = 512
"""Bytes at the beginning that are inspected; a transport stream is recognised within 377."""


def unexpected_content(head: bytes, kind: Kind) -> str | None:
    """Return what a body is if it is not of this kind, by its first bytes; None if it is."""
    if not head:
        return "an empty response"
    if kind == "file":
        text = text_kind(head)
        is_error = text in (_HTML, _JSON) or (text == _XML and b"<Error" in head)
        return text if is_error else None
    if (fmt := format_of(head)) is not None:
        return None if kind in fmt.kinds else fmt.name
    return text_kind(head) or f"an unknown format (first bytes {head[:12].hex(' ')})"


def suffix_of(head: bytes, path: str) -> str:
    """Return the suffix for a file that begins like this and came from a URL with this path."""
    fmt = format_of(head)
    if fmt is not None and fmt.kinds:
        return fmt.suffix
    if suffix := _suffix_in(path):
        return suffix
    return fmt.suffix if fmt is not None else ".txt" if text_kind(head) else ".bin"


def suffixes(kind: Kind, path: str) -> list[str]:
    """Return every suffix that `suffix_of` may give a file of this kind."""
    if kind != "file":
        return sorted({fmt.suffix for fmt in _FORMATS if kind in fmt.kinds})
    return sorted({*(fmt.suffix for fmt in _FORMATS), ".txt", ".bin", _suffix_in(path)} - {""})


def _suffix_in(path: str) -> str:
    match = re.search(r"\.[a-z0-9]{1,8}$", path.lower())
    return match[0] if match and match[0] != ".part" else ""


class Format(NamedTuple):
    """A format of files, and of which kinds a file in it may be."""

    name: str
    suffix: str
    kinds: tuple[str, ...] = ()


def format_of(head: bytes) -> Format | None:
    if head[4:8] in _BOXES:
        return _BRANDS.get(head[8:12], _MP4) if head[4:8] == b"ftyp" else _MP4
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    packets = head[: 2 * _PACKET + 1 : _PACKET]
    if len(packets) == 3 and set(packets) == {0x47}:
        return _TRANSPORT_STREAM
    if b"<svg" in head and text_kind(head) == _XML:
        return _SVG
    return next((fmt for magic, fmt in _MAGIC.items() if head.startswith(magic)), None)


_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_PACKET = 188  # bytes of a packet of an MPEG transport stream, each beginning with 0x47
_VIDEO, _AUDIO, _IMAGE, _EITHER = ("video",), ("audio",), ("image",), ("video", "audio")
_MP4 = Format("a video (MP4)", ".mp4", _EITHER)
_M4A = Format("audio (M4A)", ".m4a", _EITHER)
_AVIF = Format("an image (AVIF or HEIC)", ".avif", _IMAGE)
_HEIC = Format("an image (AVIF or HEIC)", ".heic", _IMAGE)
_SVG = Format("an image (SVG)", ".svg", _IMAGE)
_TIFF = Format("an image (TIFF)", ".tiff", _IMAGE)
_MPEG = Format("a video (MPEG)", ".mpg", _VIDEO)
_MP3 = Format("audio (MP3)", ".mp3", _AUDIO)
_AAC = Format("audio (AAC)", ".aac", _AUDIO)
_TRANSPORT_STREAM = Format("a video (MPEG-TS)", ".ts", _VIDEO)
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1"), _HEIC),
    **dict.fromkeys((b"M4A ", b"M4B "), _M4A),
    b"qt  ": Format("a video (QuickTime)", ".mov", _EITHER),
}
_RIFF = {
    b"AVI ": Format("a video (AVI)", ".avi", _VIDEO),
    b"WAVE": Format("audio (WAV)", ".wav", _AUDIO),
    b"WEBP": Format("an image (WebP)", ".webp", _IMAGE),
}
_MAGIC = {
    b"\x1aE\xdf\xa3": Format("a video (WebM)", ".webm", _EITHER),
    b"FLV\x01": Format("a video (FLV)", ".flv", _VIDEO),
    b"OggS": Format("audio or a video (Ogg)", ".ogg", _EITHER),
    b"0&\xb2u\x8ef\xcf\x11": Format("a video (Windows Media)", ".wmv", _EITHER),
    b"\x00\x00\x01\xba": _MPEG,  # a programme stream
    b"\x00\x00\x01\xb3": _MPEG,
    b"ID3": _MP3,
    # What frames without a tag begin with: eleven bits set, then the layer.
    **{bytes((0xFF, second)): _MP3 for second in (0xE2, 0xE3, 0xF2, 0xF3, 0xFA, 0xFB)},
    **{bytes((0xFF, second)): _AAC for second in (0xF0, 0xF1, 0xF8, 0xF9)},
    b"fLaC": Format("audio (FLAC)", ".flac", _AUDIO),
    b"\x89PNG\r\n": Format("an image (PNG)", ".png", _IMAGE),
    b"\xff\xd8\xff": Format("an image (JPEG)", ".jpg", _IMAGE),
    b"GIF8": Format("an image (GIF)", ".gif", _IMAGE),
    b"II*\x00": _TIFF,
    b"MM\x00*": _TIFF,
    b"%PDF-": Format("a document (PDF)", ".pdf"),
    b"glTF": Format("a 3D model (GLB)", ".glb"),
    b"\x1f\x8b": Format("gzip data that is not declared as such", ".gz"),
    b"PK\x03\x04": Format("an archive (ZIP)", ".zip"),
}
_FORMATS = (*_BRANDS.values(), *_RIFF.values(), *_MAGIC.values(), _MP4, _SVG, _TRANSPORT_STREAM)
_HTML, _XML, _JSON = "a web page (HTML)", "XML", "JSON"
_CONTROL = bytes((*range(9), *range(14, 32)))


def text_kind(head: bytes) -> str | None:
    """Return which kind of text a body is, by its first bytes; None if it is not text."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _HTML
    if text.startswith(b"<"):
        return _XML
    if text.startswith((b"{", b"[")):
        return _JSON
    if text.startswith(b"#extm3u"):
        return "a playlist (M3U8)"
    return "text" if head.translate(None, _CONTROL) == head else None


_CONTENTS = _BOXES | {b"meta", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"uuid", b"emsg"}
_MOST_BOXES = 100_000


def is_truncated(read: Callable[[int, int], bytes], size: int) -> bool:
    """Tell whether a file of the MP4 family ends within a box; `read` takes offset and size."""
    offset = 0
    for _ in range(_MOST_BOXES):
        head = read(offset, 16)
        if not head or (len(head) >= 8 and head[4:8] not in _CONTENTS):
            return False
        length, header_size = int.from_bytes(head[:4]), 8
        if length == 1:  # too long for four bytes
            length, header_size = int.from_bytes(head[8:16]), 16
        if len(head) < header_size:
            return True
        if length == 0:  # it reaches to the end, wherever that is
            return False
        if length < header_size or offset + length > size:
            return True
        offset += length
    return False
