"""What answers about the bytes of a video mean, as tables."""

import random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainhub._download import Kind
from chainhub._download.media import (
    SNIFFED,
    BodyRange,
    Redirect,
    ResumePoint,
    StartOver,
    fields_of,
    is_expiry,
    is_truncated,
    judge_head,
    range_headers,
    strong_etag,
    suffix_of,
    suffixes,
    text_kind,
    unexpected_content,
)
from chainhub.errors import ContentRefusedError

KEPT = ResumePoint('"v1"', 1000, 400)


def headers(*lines: str) -> dict[bytes, str]:
    """Return lines as the headers of a response."""
    pairs = (line.partition(": ") for line in lines)
    return fields_of([(name.encode(), value.encode("latin-1")) for name, _, value in pairs])


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (None, []),
        (KEPT, [(b"Range", b"bytes=400-"), (b"If-Range", b'"v1"')]),
        (ResumePoint('"v1"', 1000, 1000), [(b"Range", b"bytes=999-"), (b"If-Range", b'"v1"')]),
        (ResumePoint('"v1"', 1, 1), [(b"Range", b"bytes=0-"), (b"If-Range", b'"v1"')]),
    ],
)
def test_a_request_asks_for_what_is_missing(kept, expected):
    """Of a file that seems complete, the last byte is confirmed."""
    assert range_headers(kept) == expected


STRANGE = ['W/"abc"', "abc", '""', '"a b"', '"a"b"', '"a\r\nX: 1"', '"ä"', f'"{"a" * 201}"', None]


def test_only_strong_etags_count():
    """A weak one allows other bytes; a strange one does not belong in a request."""
    assert [strong_etag(text) for text in ('"abc"', '"a-b:c/d+e="')] == ['"abc"', '"a-b:c/d+e="']
    assert [strong_etag(text) for text in STRANGE] == [None] * len(STRANGE)


LENGTH, ETAG = "Content-Length: 1000", 'ETag: "v1"'
GOOD = BodyRange(0, 1000, '"v1"', False, True, 1000)
FIXED = BodyRange(0, 1000, None, False, True, 1000)
GZIPPED = BodyRange(0, None, None, True, True, 1000)
ENDLESS = BodyRange(0, None, None, False, False, None)


@pytest.mark.parametrize("kept", [None, KEPT])
@pytest.mark.parametrize(
    ("status", "lines", "expected"),
    [
        (200, [LENGTH, ETAG], GOOD),
        (203, [LENGTH, ETAG], GOOD),
        (200, ["content-length: 1000,1000", 'etag: "v1"'], GOOD),
        (200, [LENGTH, ETAG, "Accept-Ranges: bytes"], GOOD),
        (200, [LENGTH, ETAG, "Accept-Ranges: None"], FIXED),
        (200, [LENGTH, 'ETag: W/"v1"'], FIXED),
        (200, [LENGTH], FIXED),
        (200, [LENGTH, ETAG, "Content-Encoding: identity"], GOOD),
        (200, [LENGTH, ETAG, "Content-Encoding: "], GOOD),
        (200, [LENGTH, ETAG, "Content-Encoding: GZip"], GZIPPED),
        (200, [LENGTH, ETAG, "Content-Encoding: x-gzip"], GZIPPED),
        (200, [ETAG], ENDLESS),
        (200, [ETAG, "Content-Length: many"], ENDLESS),
        (200, [ETAG, "Content-Length: 0"], BodyRange(0, 0, None, False, True, 0)),
        (200, [ETAG, "Transfer-Encoding: chunked", LENGTH], BodyRange(0, None, None, False, True)),
        (301, ["Location: "], Redirect("")),
        (303, ["LOCATION: http://a/"], Redirect("http://a/")),
        *((status, ["Location: /x"], Redirect("/x")) for status in (302, 307, 308)),
        (300, ["Location: /x"], None),
        *((status, [LENGTH], None) for status in (201, 204, 302, 400, 401, 404, 500, 999)),
    ],
)
def test_a_head_says_what_a_body_is_good_for(status, lines, expected, kept):
    """Whether or not a part was asked for, unless it is one."""
    assert judge_head(status, headers(*lines), kept) == expected


RANGE = "Content-Range: bytes 400-999/1000"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([RANGE, ETAG], BodyRange(400, 1000, '"v1"', False, False, None)),
        ([RANGE, ETAG, "Content-Length: 600"], BodyRange(400, 1000, '"v1"', False, True, 600)),
        (["content-range:  BYTES 400-999/1000 ", ETAG], BodyRange(400, 1000, '"v1"', False, False)),
        (
            ["Content-Range: bytes 400-499/1000", ETAG, "Content-Length: 100"],
            BodyRange(400, 1000, '"v1"', False, True, 100, 500),
        ),
        ([RANGE, ETAG, "Content-Length: 599"], "contradict each other"),
        ([RANGE, ETAG, "Content-Encoding: gzip"], "which part"),
        ([RANGE], "changed"),
        ([RANGE, 'ETag: "v2"'], "changed"),
        ([RANGE, 'ETag: W/"v1"'], "changed"),
        ([ETAG], "which part"),
        (["Content-Range: bytes */1000", ETAG], "which part"),
        (["Content-Range: bytes 400-999/*", ETAG], "which part"),
        (["Content-Range: lines 400-999/1000", ETAG], "which part"),
        (["Content-Range: bytes 400-1000/1000", ETAG], "contradict each other"),
        (["Content-Range: bytes 400-399/1000", ETAG], "contradict each other"),
        (["Content-Range: bytes 0-999/1000", ETAG], "different part"),
        (["Content-Range: bytes 401-999/1000", ETAG], "different part"),
        (["Content-Range: bytes 400-999/1001", ETAG], "different part"),
    ],
)
def test_a_part_must_be_the_one_that_was_asked_for(lines, expected):
    """Everything about it must agree."""
    found = judge_head(206, headers(*lines), KEPT)
    if isinstance(expected, str):
        assert isinstance(found, StartOver)
        assert expected in found.text
    else:
        assert found == expected


def test_answers_about_parts_nobody_asked_for():
    """A part that is the whole is one."""
    whole = headers("Content-Range: bytes 0-999/1000", LENGTH, ETAG)
    assert judge_head(206, whole, None) == GOOD
    found = judge_head(206, headers("Content-Range: bytes 0-99/1000", ETAG), None)
    assert found.text == "the server sent a part instead of the whole file"
    for status in (304, 412, 416):
        found = judge_head(status, {}, KEPT)
        assert found.text == "the server does not have the requested range"
        assert judge_head(status, {}, None) is None


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 500])
def test_other_encodings_are_refused(encoding):
    """The message stays short."""
    with pytest.raises(ContentRefusedError) as caught:
        judge_head(200, headers(LENGTH, f"Content-Encoding: {encoding}"), None)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("raw", "expected"), [(b"plain", "plain"), ("é".encode(), "é"), (b"caf\xe9", "café")]
)
def test_headers_are_read_as_utf_8_or_latin_1(raw, expected):
    """Addresses in `Location` are often not encoded."""
    found = fields_of([(b"Other", b""), (b"LoCation", raw), (b"location", b"again")])
    assert found == {b"other": "", b"location": expected}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        *((status, b"", True) for status in (401, 403, 404, 410)),
        (400, b"<Code>ExpiredToken</Code>", True),
        (400, b"Request has expired", True),
        (400, b"bad", False),
        (400, b" " * 5000 + b"expired", False),
        (500, b"expired", False),
    ],
)
def test_how_servers_say_that_an_address_has_expired(status, body, expected):
    """Some with a 400."""
    assert is_expiry(status, body) is expected


PACKET = b"\x47" + bytes(187)
ISO, RIFF = b"\x00\x00\x00\x18ftyp", b"RIFF\x00\x00\x00\x00"
PLAYED, VIDEO, AUDIO = {"video", "audio", "file"}, {"video", "file"}, {"audio", "file"}
IMAGE, FILE, NOTHING = {"image", "file"}, {"file"}, set()

FORMATS = [
    (ISO + b"mp42\x00\x00\x00\x00mp42isom", "MP4", ".mp4", PLAYED),
    (ISO, "MP4", ".mp4", PLAYED),
    (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "MP4", ".mp4", PLAYED),
    (b"\x00\x00\x10\x00moov", "MP4", ".mp4", PLAYED),
    (b"\x00\x00\x00\x01mdat", "MP4", ".mp4", PLAYED),
    (b"\x00\x00\x00\x18stypmsdh", "MP4", ".mp4", PLAYED),
    (ISO + b"qt  ", "QuickTime", ".mov", PLAYED),
    (ISO + b"M4A ", "audio (M4A)", ".m4a", PLAYED),
    (ISO + b"avif\x00\x00", "AVIF or HEIC", ".avif", IMAGE),
    (ISO + b"heic\x00\x00", "AVIF or HEIC", ".heic", IMAGE),
    (ISO + b"mif1", "AVIF or HEIC", ".heic", IMAGE),
    (RIFF + b"AVI LIST", "AVI", ".avi", VIDEO),
    (RIFF + b"WAVEfmt ", "audio (WAV)", ".wav", AUDIO),
    (RIFF + b"WEBPVP8 ", "WebP", ".webp", IMAGE),
    (RIFF + b"XXXX", "unknown format", ".bin", FILE),
    (b"\x1aE\xdf\xa3\x01\x00", "WebM", ".webm", PLAYED),
    (b"FLV\x01\x05", "FLV", ".flv", VIDEO),
    (b"OggS\x00\x02", "Ogg", ".ogg", PLAYED),
    (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9", "Windows Media", ".wmv", PLAYED),
    (b"\x00\x00\x01\xba\x44", "MPEG", ".mpg", VIDEO),
    (b"\x00\x00\x01\xb3\x14", "MPEG", ".mpg", VIDEO),
    (PACKET * 3, "MPEG-TS", ".ts", VIDEO),
    (PACKET * 2, "unknown format", ".bin", FILE),
    (PACKET + bytes(188) + PACKET, "unknown format", ".bin", FILE),
    (b"ID3\x04", "MP3", ".mp3", AUDIO),
    (b"\xff\xfb\x90\x44", "MP3", ".mp3", AUDIO),
    (b"\xff\xf1\x50\x80", "AAC", ".aac", AUDIO),
    (b"fLaC\x00", "FLAC", ".flac", AUDIO),
    (b"\x89PNG\r\n\x1a\n", "PNG", ".png", IMAGE),
    (b"\xff\xd8\xff\xe0", "JPEG", ".jpg", IMAGE),
    (b"GIF89a", "GIF", ".gif", IMAGE),
    (b"MM\x00*", "TIFF", ".tiff", IMAGE),
    (b'<svg xmlns="http://www.w3.org/2000/svg">', "SVG", ".svg", IMAGE),
    (b"<?xml version='1.0'?><!-- x --><svg>", "SVG", ".svg", IMAGE),
    (b"%PDF-1.7", "PDF", ".pdf", FILE),
    (b"glTF\x02\x00", "GLB", ".glb", FILE),
    (b"\x1f\x8b\x08\x00", "gzip", ".gz", FILE),
    (b"PK\x03\x04", "ZIP", ".zip", FILE),
    (b"\x00\x00\x00\x18bogus", "unknown format", ".bin", FILE),
    (b"\x00\x00", "first bytes 00 00", ".bin", FILE),
    (b"<?xml version='1.0'?>", "XML", ".txt", FILE),
    (b"#EXTM3U\n#EXT-X", "a playlist", ".txt", FILE),
    (b"Access denied", "text", ".txt", FILE),
    ("Zugriff verweigert für Sie\n".encode(), "text", ".txt", FILE),
    (b"", "empty", None, NOTHING),
    (b"<!DOCTYPE html><svg>", "a web page (HTML)", None, NOTHING),
    (b"\xef\xbb\xbf\r\n <HTML lang=en>", "a web page (HTML)", None, NOTHING),
    (b"<head>", "a web page (HTML)", None, NOTHING),
    (b"<body>", "a web page (HTML)", None, NOTHING),
    (b"<Error>", "XML", None, NOTHING),
    (b'{"error": 1}', "JSON", None, NOTHING),
    (b" [1]", "JSON", None, NOTHING),
]


@pytest.mark.parametrize(("head", "name", "suffix", "kinds"), FORMATS)
def test_a_format_has_a_name_a_suffix_and_kinds(head, name, suffix, kinds):
    """By the formats players know; so that a person sees what went wrong."""
    for kind in get_args(Kind):
        refused = unexpected_content(head, kind)
        assert refused is None if kind in kinds else name in refused
        assert kind not in kinds or suffix in suffixes(kind, "/x")
    assert suffix is None or suffix_of(head, "/x") == suffix


@pytest.mark.parametrize(
    ("path", "suffix"),
    [("/a.b/x.SRT", ".srt"), ("/x.", ".bin"), ("/x.y/z", ".bin"), ("/x.part", ".bin")],
)
def test_a_file_nobody_knows_has_the_suffix_of_its_url(path, suffix):
    """Unless it is that of an unfinished one."""
    assert suffix_of(b"\x00", path) == suffix
    assert suffix in suffixes("file", path)
    assert ".part" not in suffixes("file", path)


def test_only_text_is_shown():
    """Bytes mean nothing to a person."""
    kinds = [text_kind(head) for head in (b"<html>", b"no such file", b"\x89PNG\x00")]
    assert kinds == ["a web page (HTML)", "text", None]


@given(st.binary(max_size=SNIFFED))
@settings(max_examples=200, deadline=None)
def test_anything_gets_a_verdict(head):
    """No beginning is too strange."""
    verdict = unexpected_content(head, "video")
    assert verdict is None or len(verdict) < 100


def box(kind: bytes, size: int) -> bytes:
    """Return a box of the MP4 family."""
    return size.to_bytes(4) + kind + bytes(size - 8)


LARGE = (1).to_bytes(4) + b"mdat" + (40).to_bytes(8) + bytes(24)
WHOLE = box(b"ftyp", 24) + box(b"moov", 100) + LARGE + box(b"free", 8)


def cut(data: bytes) -> bool:
    """Tell whether bytes end in the middle of a box."""
    return is_truncated(lambda place, size: data[place : place + size], len(data))


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
