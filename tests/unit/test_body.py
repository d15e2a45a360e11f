"""Bodies are read and inflated under a limit."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._body import BodyError, BodyReader

GZIP = [(b"Content-Encoding", b"gzip")]


def read(headers, chunks, limit=1000):
    """Read a whole body."""
    reader = BodyReader(headers, limit)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish()


def test_plain_body_is_joined():
    """Chunks come out as one body."""
    assert read([(b"content-encoding", b"identity")], [b"ab", b"", b"c"]) == b"abc"


@pytest.mark.parametrize("encoding", [b"gzip", b" X-GZIP "])
def test_gzip_is_inflated_byte_by_byte(encoding):
    """However the chunks are cut, and with several members."""
    packed = gzip.compress(b"hello ") + gzip.compress(b"world")
    chunks = [packed[i : i + 1] for i in range(len(packed))]
    assert read([(b"content-encoding", encoding)], chunks) == b"hello world"


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_body_survives_any_cut(body, size):
    """Inflating gives back what was packed."""
    packed = gzip.compress(body)
    assert read(GZIP, [packed[i : i + size] for i in range(0, len(packed), size)]) == body


def test_empty_body_needs_no_gzip():
    """An answer without a body may claim to be compressed."""
    assert read(GZIP, []) == b""


@pytest.mark.parametrize(
    ("headers", "chunks", "kind", "words"),
    [
        ([], [b"x" * 1001], "too_large", "larger than the limit of 1000 bytes"),
        ([], [b"x" * 600, b"x" * 600], "too_large", "limit"),
        ([(b"Content-Length", b"1001")], [], "too_large", "limit"),
        ([(b"Content-Length", b"9" * 5000)], [], "too_large", "limit"),
        (GZIP, [gzip.compress(b"x" * 1001)], "too_large", "limit"),
        (GZIP, [gzip.compress(b"x" * 600) * 2], "too_large", "limit"),
        (GZIP, [b"{}"], "decode", "claims to be gzip"),
        (GZIP, [gzip.compress(b"x") + b"rubbish"], "decode", "claims to be gzip"),
        (GZIP, [gzip.compress(b"x" * 100)[:-9]], "truncated", "ends in the middle"),
        ([(b"content-encoding", b"br")], [b"x"], "decode", "'br', which was not asked for"),
        ([(b"content-encoding", b"gzip, br")], [b"x"], "decode", "not asked for"),
    ],
)
def test_bad_bodies_are_named(headers, chunks, kind, words):
    """What is wrong decides whether it is worth another attempt."""
    with pytest.raises(BodyError, match=words) as caught:
        read(headers, chunks)
    assert caught.value.kind == kind


def test_a_bomb_is_stopped_at_the_limit():
    """A megabyte that inflates to a gigabyte never exists in memory."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(BodyError, match="limit"):
        read(GZIP, [bomb], limit=1_000_000)
