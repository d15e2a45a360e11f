"""The videos behind URLs: signed links that expire, and parts of a file."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainhub.sandbox import Sandbox, completed
from tests.unit.sandbox.conftest import PLAIN, get

DATA = b"0123456789"


@pytest.fixture(scope="module")
def link():
    """Give the URL of a video of ten bytes."""
    with Sandbox(video=DATA) as sandbox:
        yield get(sandbox, sandbox.add(completed)).json()["video_url"]


def fetch(link: str, **headers: str) -> httpx.Response:
    """Ask for the video with these headers."""
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return PLAIN.get(link, headers=given)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=2-5", slice(2, 6)),
        ("bytes=2-", slice(2, 10)),
        ("bytes=2-99", slice(2, 10)),
        ("Bytes= 2-5", slice(2, 6)),
        ("bytes=-3", slice(7, 10)),
        ("bytes=-99", slice(0, 10)),
        ("bytes=9-", slice(9, 10)),
        ("bytes=10-", None),
        ("bytes=10-12", None),
        ("bytes=-0", None),
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
def test_a_range_selects(link: str, asked: str, part: slice | str | None) -> None:
    """A single range of bytes selects its part; what is not one means the whole file."""
    got = fetch(link, range=asked)
    if isinstance(part, slice):
        expected = (206, DATA[part], f"bytes {part.start}-{part.stop - 1}/10")
    else:
        expected = (200, DATA, None) if part else (416, b"", "bytes */10")
    assert (got.status_code, got.content, got.headers.get("content-range")) == expected
    assert got.headers["accept-ranges"] == "bytes"


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 15), last=st.integers(0, 15))
def test_a_part_lies_within_the_file(link: str, first: int, last: int) -> None:
    """What is selected agrees with slicing, and is never outside the file."""
    got = fetch(link, range=f"bytes={first}-{last}")
    if last < first:
        assert got.content == DATA
    else:
        assert got.content == DATA[first : last + 1]
        assert got.status_code == (206 if first < 10 else 416)


@pytest.mark.parametrize(
    ("validator", "status"),
    [
        ("{}", 206),
        ('"other"', 200),
        ("W/{}", 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
        ("", 200),
    ],
)
def test_if_range_must_be_the_strong_tag(link: str, validator: str, status: int) -> None:
    """Any other validator than the very same strong tag means the whole file."""
    etag = fetch(link).headers["etag"]
    got = fetch(link, range="bytes=2-5", if_range=validator.format(etag))
    assert (got.status_code, got.headers["etag"]) == (status, etag)


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-1"])
def test_an_empty_file_has_no_part(asked: str) -> None:
    """No range of an empty file can be satisfied."""
    with Sandbox(video=b"") as sandbox:
        url = get(sandbox, sandbox.add(completed)).json()["video_url"]
        assert fetch(url, range=asked).status_code == 416


@pytest.mark.parametrize(
    ("after", "status", "later"),
    [
        (0, 200, 0),
        (49.9, 200, 0),
        (50, 200, 50),
        (99.9, 200, 50),
        (100, 403, 100),
        (8999, 403, 8950),
    ],
)
def test_a_link_works_for_its_lifetime(monkeypatch, after, status, later) -> None:
    """A link for 100 s is refused at 100 s; the one that is told is renewed after half of that."""
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 1_700_000_010.0)  # halves are exact then
        sandbox = Sandbox(speed=0, url_lifetime=100)
    with sandbox:
        task_id = sandbox.add(completed)
        old = get(sandbox, task_id).json()["video_url"]
        sandbox.advance(after)
        new = get(sandbox, task_id).json()["video_url"]
        assert PLAIN.get(old).status_code == status
        assert PLAIN.get(new).status_code == 200
    first, second = (int(parse_qs(urlsplit(url).query)["expires"][0]) for url in (old, new))
    assert (first, second - first) == (1_700_000_110, later)


def test_a_changed_link_is_refused(link: str) -> None:
    """Neither the video, nor the expiry, nor the signature can be changed."""
    path, _, query = link.partition("?")
    expires, signature = (parse_qs(query)[name][0] for name in ("expires", "signature"))
    for changed in (
        path,
        f"{path}?expires={expires}",
        f"{path}?expires={expires}&signature=a",
        f"{path}?expires={expires}&signature=ü",
        f"{path}?expires={expires}&signature={signature[::-1]}",
        f"{path}?expires=&signature={signature}",
        f"{path}?expires={int(expires) + 1}&signature={signature}",
        f"{path}?expires=99999999999&signature={signature}",
        link + "x",
        link.replace("/media/", "/media/f00"),
    ):
        got = PLAIN.get(changed)
        assert (got.status_code, got.headers["content-type"]) == (403, "application/xml"), changed
    assert PLAIN.get(link).status_code == 200
