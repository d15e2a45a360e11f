"""Where an answer ends, and what came behind it."""

import pytest

from chainhub import _ending
from chainhub._ending import Counter, plain_length

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
THREE = [(b"Content-Length", b"3")]
CHUNKED = [(b"Transfer-Encoding", b"chunked")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (ANSWER[:-1], None),
        (ANSWER, len(ANSWER)),
        (ANSWER + b"abc\r\n\r\n", len(ANSWER)),
        (EARLY, None),
        (EARLY + ANSWER[:-1], None),
        (EARLY * 2 + ANSWER + b"abc", len(EARLY * 2 + ANSWER)),
        (b"HTTP/1.1 200 OK\n\nabc", 17),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_end_of_a_head(data, expected, size):
    """Of the final answer, behind the interim ones, in whatever pieces it comes."""
    counter = Counter()
    for place in range(0, len(data), size):
        counter.saw(data[place : place + size])
    assert counter.head_ends == expected


def test_a_head_that_trickles_is_not_searched_from_its_beginning(monkeypatch):
    """Each byte of it costs the same."""
    searched = []

    def spy(data, start):
        searched.append(len(data) - start)

    monkeypatch.setattr(_ending, "_end_of_head", spy)
    counter = Counter()
    for _ in range(1000):
        counter.saw(b"X")
    assert max(searched) <= 4


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"Content-Length", b"7")], 7),
        ([(b"content-length", b"0")], 0),
        ([(b"Content-Length", b"7"), (b"Content-Encoding", b"gzip")], 7),
        ([], None),
        ([(b"Content-Length", b"7"), (b"Transfer-Encoding", b"chunked")], None),
        ([(b"Content-Length", b"7"), (b"Content-Length", b"7")], None),
        ([(b"Content-Length", b"+7")], None),
        ([(b"Content-Length", b"7, 7")], None),
        ([(b"Content-Length", b"")], None),
    ],
)
def test_only_one_plain_length_counts(headers, expected):
    """Whatever has to be understood is left to a reader of HTTP."""
    assert plain_length(headers) == expected


CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "behind", "expected"),
    [
        (b"GET", 200, THREE, b"abc", b"", True),
        (b"GET", 200, THREE, b"abc", b"d", False),
        (b"GET", 404, THREE, b"abc", b"HTTP/1.1 200 OK\r\nX-Half: ", False),
        (b"GET", 204, [], b"", b"", True),
        (b"GET", 304, THREE, b"", b"", True),
        (b"GET", 204, [], b"", b"x", False),
        (b"HEAD", 200, THREE, b"", b"", True),
        (b"HEAD", 200, THREE, b"", b"x", False),
        (b"GET", 200, CHUNKED, CHUNKS, b"", True),
        (b"GET", 200, CHUNKED, CHUNKS[:-2] + b"X-Trailer: a\r\n\r\n", b"", True),
        (b"GET", 200, CHUNKED, CHUNKS, b"HTTP/1.1", False),
        (b"GET", 200, CHUNKED, CHUNKS, b"\r\n", False),
        (b"GET", 200, THREE * 2, b"abc", b"", False),
    ],
)
def test_an_answer_is_all_that_came(method, status, headers, body, behind, expected, size):
    """Or it is not, and the connection cannot be trusted with another one."""
    counter = Counter()
    for round_ in range(2):
        data = (EARLY if round_ else b"") + ANSWER + body + behind
        for place in range(0, len(data), size):
            counter.saw(data[place : place + size])
        assert counter.ended(method, status, headers) is expected
        counter.reset()
