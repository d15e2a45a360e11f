"""What part of a file a request asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub.sandbox._media import requested_range

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, None),
        ("bytes=0-0", range(1)),
        ("bytes=2-5", range(2, 6)),
        ("bytes=2-", range(2, 10)),
        ("bytes=2-99", range(2, 10)),
        ("Bytes= 2-5 ", range(2, 6)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        ("bytes=9-", range(9, 10)),
        ("bytes=10-", range(0)),
        ("bytes=10-12", range(0)),
        ("bytes=-0", range(0)),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=٢-٥", None),
        ("bytes=+1-2", None),
        ("bytes=" + "9" * 19 + "-", None),
        ("", None),
    ],
)
def test_a_range_selects(asked: str | None, expected: range | None) -> None:
    """A single range of bytes selects its part; what is not one means the whole file."""
    assert requested_range(asked, None, etag=ETAG, size=10) == expected


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (ETAG, range(2, 6)),
        ('"other"', None),
        (f"W/{ETAG}", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("", None),
    ],
)
def test_if_range_must_be_the_strong_tag(if_range: str, expected: range | None) -> None:
    """Any other validator than the very same strong tag means the whole file."""
    assert requested_range("bytes=2-5", if_range, etag=ETAG, size=10) == expected


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-1"])
def test_an_empty_file_has_no_part(asked: str) -> None:
    """No range of an empty file can be satisfied."""
    assert requested_range(asked, None, etag=ETAG, size=0) == range(0)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_lies_within_the_file(first: int, last: int, size: int) -> None:
    """What is selected agrees with slicing, and is never outside the file."""
    part = requested_range(f"bytes={first}-{last}", None, etag=ETAG, size=size)
    data = bytes(range(size))
    if part is None:
        assert last < first
    else:
        assert data[part.start : part.stop] == data[first : last + 1]
        assert bool(part) is (first < size)
