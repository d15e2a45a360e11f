"""Inflating under control."""

import gzip
import random
import zlib

import pytest

from chainhub._download.decompress import PIECE, Unzip
from chainhub.errors import ContentRefusedError

VIDEO = random.Random(1).randbytes(100_000)


def inflated(unzip: Unzip, data: bytes, size: int) -> bytes:
    """Return what chunks of a size inflate to."""
    chunks = (data[place : place + size] for place in range(0, len(data), size))
    return b"".join(piece for chunk in chunks for piece in unzip.feed(chunk))


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_it_inflates_whatever_the_chunks(size):
    """Also several members one behind the other."""
    unzip = Unzip()
    packed = gzip.compress(VIDEO[:3000]) + gzip.compress(VIDEO[3000:6000])
    assert inflated(unzip, packed, size) == VIDEO[:6000]
    assert unzip.whole


def test_it_notices_an_early_end():
    """A cut is not the end."""
    unzip = Unzip()
    inflated(unzip, gzip.compress(VIDEO)[:-1], 50_000)
    assert not unzip.whole


@pytest.mark.parametrize("damage", [lambda data: data[1:], lambda data: data[:-8] + bytes(8)])
def test_it_refuses_what_is_no_gzip(damage):
    """At the beginning, or by the checksum at the end."""
    with pytest.raises(ContentRefusedError, match="claims to be gzip"):
        inflated(Unzip(), damage(gzip.compress(VIDEO)), 10_000)


def test_it_refuses_a_bomb():
    """After 16 MiB, in pieces, with what it has taken so far in mind."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(40)) + packer.flush()
    sizes: list[int] = []
    with pytest.raises(ContentRefusedError, match="without end"):
        sizes.extend(map(len, Unzip().feed(bomb)))
    assert 15 * 1024 * 1024 < sum(sizes) <= 16 * 1024 * 1024
    assert max(sizes) <= PIECE


def test_a_video_that_shrinks_much_is_no_bomb():
    """A black one may."""
    black = bytes(10_000_000)
    assert inflated(Unzip(), gzip.compress(black), 65536) == black


def test_what_shrinks_a_little_may_be_large():
    """The allowance is for bombs; a long file grows with what is taken."""
    raw = VIDEO[:50_000].hex().encode()
    packed = gzip.compress(raw, 1)
    unzip, size = Unzip(), 0
    for _ in range(200):
        size += sum(map(len, unzip.feed(packed)))
    assert size == 200 * len(raw) > 16 * 1024 * 1024
