"""The usual exchange is spelt and read exactly as h11 would."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._lane import LONGEST_BODY, LONGEST_HEAD, Reading, read_head, spell, spell_get

HEADERS = [
    (b"Accept", b"application/json, */*"),
    (b"Host", b"api.example.com:8080"),
    (b"Connection", b"keep-alive"),
    (b"X-Mine", b"tab\there, \xe9"),
    (b"Empty", b""),
    (b"Authorization", b"Bearer sk-test-lane"),
]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Mine:\t 1 \r\ncontent-length: 2\r\n\r\n"


def spelt_by_h11(target, headers):
    """Return what h11 makes of a GET."""
    connection = h11.Connection(h11.CLIENT)
    sent = connection.send(h11.Request(method="GET", target=target, headers=headers))
    return sent + connection.send(h11.EndOfMessage())


def read_by_h11(data):
    """Return status, headers and end of the body, None if h11 waits or reads something else."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    event = connection.next_event()
    assert isinstance(event, h11.Response)
    return event.status_code, event.headers.raw_items()


def test_requests_are_spelt_as_h11_spells_them():
    """The service sees no difference."""
    assert spell_get(b"/v1?id=a%20b", spell(HEADERS)) == spelt_by_h11("/v1?id=a%20b", HEADERS)


@pytest.mark.parametrize(
    "change",
    [
        [(b"Transfer-Encoding", b"chunked")],
        [(b"Content-Length", b"0")],
        [(b"Expect", b"100-continue")],
        [(b"connection", b"close")],
        [(b"Upgrade", b"h2c")],
        [(b"Bad Name", b"1")],
        [(b"X-Bad", b"line\r\nbreak")],
        [(b"X-Bad", b" leading")],
        [(b"X-Bad", b"trailing ")],
        [(b"host", b"another")],
    ],
)
def test_other_requests_are_left_alone(change):
    """Whatever says more than "give me this" is for httpcore."""
    assert spell(HEADERS + change) is None


@pytest.mark.parametrize("target", [b"v1", b"/a b", b"/a\r\n", b"", b"http://h/", b"/\xe9"])
def test_odd_targets_are_left_alone(target):
    """A target that could break the request line is not put into one."""
    assert spell_get(target, b" HTTP/1.1\r\n\r\n") is None


def test_a_usual_head_is_read_as_h11_reads_it():
    """Names keep their letter case, values lose the blanks around them."""
    head = read_head(GOOD + b"{}", len(GOOD))
    assert (head.status, head.headers) == read_by_h11(GOOD)
    assert (head.start, head.end, head.plain) == (len(GOOD), len(GOOD) + 2, True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"http/1.1"),
        (b" OK\r\n", b"\r\n"),
        (b"200", b"100"),
        (b"200", b"101"),
        (b"200", b"204"),
        (b"200", b"304"),
        (b"200", b"600"),
        (b"200", b"20"),
        (b"X-Mine:", b"X-Mine :"),
        (b"X-Mine:", b"X Mine:"),
        (b"X-Mine:", b": 1\r\nX-Mine:"),
        (b"\t 1 ", b"1\r\n folded"),
        (b"\t 1 ", b"1\nX-Other: 2"),
        (b"\t 1 ", b"1\x00"),
        (b"\t 1 ", b"1\x0b"),
        (b"X-Mine", b"Transfer-Encoding"),
        (b"X-Mine", b"Upgrade"),
        (b"X-Mine:\t 1", b"Connection: close"),
        (b"X-Mine:\t 1", b"Connection: keep-alive, close"),
        (b"X-Mine:\t 1", b"Content-Length: 2"),
        (b"X-Mine:\t 1", b"Content-Length: 3"),
        (b"content-length: 2", b"content-length: +2"),
        (b"content-length: 2", b"content-length: 2, 2"),
        (b"content-length: 2", b"content-length: 0x2"),
        (b"content-length: 2", b"content-length: 1234567890"),
        (b"content-length: 2", b"x: 2"),
    ],
)
def test_heads_out_of_the_ordinary_are_left_alone(old, new):
    """Every doubt is for httpcore to settle."""
    data = GOOD.replace(old, new, 1)
    assert data != GOOD
    assert read_head(data, len(data)) is None


PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 503 ",
        b"HTTP/1.1 200",
        b"\r\n",
        b"\n",
        b"\r",
        b"Content-Length: 2",
        b"Content-Length: 2",
        b"content-length:02",
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Connection: close",
        b"X-A: b",
        b"X-A:\t\xe9 ",
        b": ",
        b" ",
        b"\x00",
        b"\x7f",
        b"a",
    ]
)


@given(st.lists(PIECES, max_size=9))
def test_what_is_read_here_h11_reads_the_same(pieces):
    """There is no head that both take and understand differently."""
    data = b"".join([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", *pieces, b"\r\n\r\n"])
    start = data.find(b"\r\n\r\n") + 4
    head = read_head(data, start)
    if head is not None:
        assert (head.status, head.headers) == read_by_h11(data[:start])
        assert [value for name, value in head.headers if name.lower() == b"content-length"] in (
            [b"2"],
            [b"02"],
        )


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_may_come_in_pieces(size):
    """However it is cut, the whole is read and nothing more is asked for."""
    data = GOOD + b"{}"
    reading, wanted = Reading(100), True
    for at in range(0, len(data), size):
        assert wanted
        wanted = reading.feed(data[at : at + size])
    assert (wanted, reading.unusual, reading.surplus) == (False, False, False)
    assert reading.body() == b"{}"


@pytest.mark.parametrize(
    ("pieces", "limit"),
    [
        ([b""], 10),
        ([GOOD, b""], 10),
        ([GOOD + b"{", b""], 10),
        ([GOOD[:30], b""], 10),
        ([GOOD], 1),
        ([GOOD.replace(b"h: 2", b"h: %d" % (LONGEST_BODY + 1))], 10**9),
        ([b"x" * (LONGEST_HEAD + 1)], 10),
        ([b"no HTTP\r\n\r\n"], 10),
        ([b"HTTP/1.1 200 OK\n"], 10),
        ([b"HTTP/1.1 200 OK\r\nA: b\n\n"], 10),
    ],
)
def test_readings_out_of_the_ordinary_keep_what_came(pieces, limit):
    """An early end, too much, or no answer at all: httpcore gets every byte."""
    reading = Reading(limit)
    wanted = [reading.feed(piece) for piece in pieces]
    assert wanted == [True] * (len(pieces) - 1) + [False]
    assert (reading.unusual, reading.came) == (True, b"".join(pieces))


def test_more_than_an_answer_is_noticed():
    """What stands behind an answer belongs to nobody."""
    reading = Reading(10)
    assert not reading.surplus
    assert not reading.feed(GOOD + b"{}HTTP")
    assert (reading.surplus, reading.body()) == (True, b"{}")
