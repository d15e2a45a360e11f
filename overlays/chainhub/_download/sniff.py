"""What a file is, by looking at its bytes: a video, or what servers send instead of one.

Known are the containers that players know. What a server calls a body says nothing: pages come as
`video/mp4`, videos as `text/plain`.
"""

from __future__ import annotations

from collections.abc import Callable

SNIFFED = 512
"""Bytes at the beginning that are looked at; a transport stream shows itself within 377."""


def refused_content(head: bytes) -> str | None:
    """Say what a body is if it is no video, by its first bytes; None for a video.

    Known are the containers that players know. What a server calls it says nothing: pages come as
    `video/mp4`, videos as `text/plain`.
    """
    if _is_video(head):
        return None
    if not head:
        return "an empty response"
    known = next((name for magic, name in _OTHERS if magic in head[: len(magic) + 8]), None)
    return known or _text_kind(head) or f"an unknown format (first bytes {head[:12].hex(' ')})"


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


def _text_kind(head: bytes) -> str | None:
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


def is_text(head: bytes) -> bool:
    """Tell whether the beginning of a body can be shown to a person."""
    return _text_kind(head) is not None


_CONTENTS = _BOXES | {b"meta", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"uuid", b"emsg"}
_MOST_BOXES = 100_000


def is_cut(read: Callable[[int, int], bytes], size: int) -> bool:
    """Tell whether a file of the MP4 family ends in the middle of one of its boxes.

    Args:
        read: Returns so many bytes at an offset.
        size: Bytes of the file.
    """
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
