"""What a file is by its bytes, as tables."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainhub._download.media import SNIFFED, is_cut, is_text, refused_content

PACKET = b"\x47" + bytes(187)


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
        b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00",
        b"\x00\x00\x00\x14ftyp",
        b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat",
        b"\x00\x00\x10\x00moov",
        b"\x00\x00\x00\x01mdat",
        b"\x00\x00\x00\x18stypmsdh",
        b"\x1aE\xdf\xa3\x01\x00",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"FLV\x01\x05",
        b"OggS\x00\x02",
        b"0&\xb2u\x8ef\xcf\x11\xa6\xd9",
        b"\x00\x00\x01\xba\x44",
        b"\x00\x00\x01\xb3\x14",
        PACKET * 3,
    ],
)
def test_videos_are_known(head):
    """By the containers players know."""
    assert refused_content(head) is None


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "empty"),
        (b"\x00\x00", "first bytes 00 00"),
        (b"<!DOCTYPE html>", "a web page (HTML)"),
        (b"\xef\xbb\xbf\r\n <HTML lang=en>", "a web page (HTML)"),
        (b"<head>", "a web page (HTML)"),
        (b"<body>", "a web page (HTML)"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"<Error>", "XML"),
        (b'{"error": 1}', "JSON"),
        (b" [1]", "JSON"),
        (b"#EXTM3U\n#EXT-X", "a playlist"),
        (b"Access denied", "text"),
        ("Zugriff verweigert für Sie\n".encode(), "text"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "WebP"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "AVIF or HEIC"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "AVIF or HEIC"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PK\x03\x04", "ZIP"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "unknown format"),
        (PACKET * 2, "unknown format"),
        (PACKET + bytes(188) + PACKET, "unknown format"),
        (b"\x00\x00\x00\x18bogus", "unknown format"),
    ],
)
def test_everything_else_is_named(head, what):
    """So that a person sees what went wrong."""
    assert what in refused_content(head)


def test_only_text_is_shown():
    """Bytes mean nothing to a person."""
    assert is_text(b"<html>")
    assert is_text(b"no such file")
    assert not is_text(b"\x89PNG\x00")


@given(st.binary(max_size=SNIFFED))
@settings(max_examples=200, deadline=None)
def test_anything_gets_a_verdict(head):
    """No beginning is too strange."""
    verdict = refused_content(head)
    assert verdict is None or len(verdict) < 100


def box(kind: bytes, size: int) -> bytes:
    """Return a box of the MP4 family."""
    return size.to_bytes(4) + kind + bytes(size - 8)


LARGE = (1).to_bytes(4) + b"mdat" + (40).to_bytes(8) + bytes(24)
WHOLE = box(b"ftyp", 24) + box(b"moov", 100) + LARGE + box(b"free", 8)


def cut(data: bytes) -> bool:
    """Tell whether bytes end in the middle of a box."""
    return is_cut(lambda place, size: data[place : place + size], len(data))


def test_every_cut_of_a_file_is_noticed():
    """Unless it falls between two boxes."""
    between = {24, 124, 164, 172}
    assert {size for size in range(24, len(WHOLE) + 1) if not cut(WHOLE[:size])} == between


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (WHOLE + bytes(4) + b"mdat" + bytes(99), False),  # a last box without a length
        (box(b"ftyp", 24) + random.Random(1).randbytes(99), False),  # not boxes we know
        (b"\x1aE\xdf\xa3" + bytes(20), False),  # another family
        (box(b"ftyp", 24) + (7).to_bytes(4) + b"mdat", True),  # shorter than its own head
        (box(b"free", 8) * 100_001, False),  # looked at within bounds
    ],
)
def test_what_the_boxes_do_not_tell(data, expected):
    """A doubt is not held against a file."""
    assert cut(data) is expected
