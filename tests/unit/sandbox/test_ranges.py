"""What part of a file a request asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub.sandbox._ranges import Part, Selection, select

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, "whole"),
        ("bytes=0-0", Part(0, 0)),
        ("bytes=2-5", Part(2, 5)),
        ("bytes=2-", Part(2, 9)),
        ("bytes=2-99", Part(2, 9)),
        ("Bytes= 2-5 ", Part(2, 5)),
        ("bytes=-3", Part(7, 9)),
        ("bytes=-99", Part(0, 9)),
        ("bytes=9-", Part(9, 9)),
        ("bytes=10-", "unsatisfiable"),
        ("bytes=10-12", "unsatisfiable"),
        ("bytes=-0", "unsatisfiable"),
        ("bytes=5-2", "whole"),
        ("bytes=-", "whole"),
        ("bytes=0-1,3-4", "whole"),
        ("items=0-1", "whole"),
        ("bytes=٢-٥", "whole"),
        ("bytes=+1-2", "whole"),
        ("bytes=" + "9" * 19 + "-", "whole"),
        ("", "whole"),
    ],
)
def test_a_range_selects(asked: str | None, expected: Selection) -> None:
    """A single range of bytes selects its part; what is not one means the whole file."""
    assert select(asked, None, etag=ETAG, size=10) == expected


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (ETAG, Part(2, 5)),
        ('"other"', "whole"),
        (f"W/{ETAG}", "whole"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "whole"),
        ("", "whole"),
    ],
)
def test_if_range_must_be_the_strong_tag(if_range: str, expected: Selection) -> None:
    """Any other validator than the very same strong tag means the whole file."""
    assert select("bytes=2-5", if_range, etag=ETAG, size=10) == expected


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-1"])
def test_an_empty_file_has_no_part(asked: str) -> None:
    """No range of an empty file can be satisfied."""
    assert select(asked, None, etag=ETAG, size=0) == "unsatisfiable"


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_lies_within_the_file(first: int, last: int, size: int) -> None:
    """What is selected agrees with slicing, and is never outside the file."""
    part = select(f"bytes={first}-{last}", None, etag=ETAG, size=size)
    data = bytes(range(size))
    if isinstance(part, Part):
        assert data[part.first : part.last + 1] == data[first : last + 1] != b""
    else:
        assert part == ("whole" if last < first else "unsatisfiable")
