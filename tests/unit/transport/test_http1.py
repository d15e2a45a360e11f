"""HTTP without sockets: a request becomes bytes, and bytes become a response or one failure."""

from __future__ import annotations

import gzip
import itertools

import pytest

from chainhub._transport import Failure, Gunzip, Request, http1

HOST = (b"Host", b"api.example")
GET = Request(b"GET", b"/v1?id=a", [HOST, (b"Authorization", b"Bearer sk-test-secret")])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LIMIT = 1000


def play(connection, came, request=GET, limit=LIMIT):
    """Carry an exchange out against bytes in these pieces; return it and what was sent."""
    flow = connection.exchange(request, limit)
    pieces, sent = iter(came), b""
    outgoing = next(flow)
    while True:
        try:
            sent += outgoing
            outgoing = flow.send(b"" if outgoing else next(pieces))
        except StopIteration as end:
            return end.value, sent


def answered(*came, **options):
    """Return the response to one request on a connection of its own."""
    return play(http1.Connection(), came, **options)[0]


def parts(response):
    """Return what a response has, None without one."""
    return response and (response.status, response.headers, response.body)


def failed(*came, **options):
    """Return the failure of one request on a connection of its own, which then ends."""
    with pytest.raises(Failure) as caught:
        answered(*came, b"", b"", **options)
    return caught.value


def spelt(*headers, body=b"", status="200 OK", version="HTTP/1.1"):
    """Write a response."""
    return "\r\n".join([f"{version} {status}", *headers, "", ""]).encode() + body


CHUNKED = spelt("Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n")
PACKED = gzip.compress(b"ok")
RESPONSES = {
    "a length": OK,
    "chunks and trailers": CHUNKED,
    "gzip": spelt(f"Content-Length: {len(PACKED)}", "Content-Encoding: gzip", body=PACKED),
    "gzip by its old name": spelt(
        f"Content-Length: {len(PACKED) * 2}", "Content-Encoding: x-gzip", body=PACKED * 2
    ),
    "gzip with padding": spelt(
        f"Content-Length: {len(PACKED) + 9}", "Content-Encoding: gzip", body=PACKED + bytes(9)
    ),
    "a coding that is none": spelt("Content-Length: 2", "Content-Encoding: identity", body=b"ok"),
    "interim responses": spelt("Link: x", status="103 Early Hints") * 3 + OK,
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_response_may_come_in_any_pieces(name, size):
    """Wherever it is cut; then the connection may be used again."""
    connection, data = http1.Connection(), RESPONSES[name]
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    for _ in range(3):
        response, sent = play(connection, pieces)
        assert (response.status, response.body) in ((200, b"ok"), (200, b"okok"))
        assert sent == (
            b"GET /v1?id=a HTTP/1.1\r\nHost: api.example\r\n"
            b"Authorization: Bearer sk-test-secret\r\n\r\n"
        )
        assert connection.reusable
    assert connection.surplus == 0


def test_headers_keep_order_and_spelling():
    """As they came."""
    response = answered(spelt("X-b: 1", "x-A: 2", "Content-Length: 0"))
    assert response.headers == [(b"X-b", b"1"), (b"x-A", b"2"), (b"Content-Length", b"0")]


def test_a_body_travels_with_its_request():
    """In one piece with its head."""
    post = Request(b"POST", b"/", [HOST, (b"Content-Length", b"3")], b"abc")
    response, sent = play(http1.Connection(), [OK], post)
    assert parts(response) == (200, [(b"Content-Length", b"2")], b"ok")
    assert sent.endswith(b"Content-Length: 3\r\n\r\nabc")


def test_a_response_to_head_has_no_body():
    """Whatever length it announces."""
    assert answered(OK[:-2], request=Request(b"HEAD", b"/", [HOST])).body == b""


def test_a_request_may_be_aimed_elsewhere():
    """All but its target stays; a proxy that forwards gets the whole URL and headers of its own."""
    _, sent = play(http1.Connection(), [OK], GET.aimed_at(b"/v2"))
    assert sent.startswith(b"GET /v2 HTTP/1.1\r\nHost: api.example\r\nAuthorization: ")
    proxied = GET.forwarded(b"http://api.example:80", [(b"Proxy-Authorization", b"x")])
    _, sent = play(http1.Connection(), [OK], proxied)
    assert sent.startswith(b"GET http://api.example:80/v1?id=a HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: x\r\n" in sent


def test_nothing_shows_the_key():
    """Neither a request nor its bytes."""
    flow = http1.Connection().ask(GET)
    assert "sk-test" not in f"{GET!r} {next(flow)!r}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Request(b"GET", b"/", []),
        lambda: Request(b"GET", b"/", [HOST, (b"X A", b"1")]),
        lambda: Request(b"GET", b"/", [HOST, (b"X", b"a\nb")]),
        lambda: GET.aimed_at(b"/a b"),
        lambda: answered(request=Request(b"POST", b"/", [HOST, (b"Content-Length", b"9")], b"a")),
    ],
)
def test_what_http_cannot_carry_is_our_own_fault(make):
    """And nothing of it is sent."""
    with pytest.raises(Failure) as caught:
        make()
    assert (caught.value.kind, caught.value.sent) == ("local", False)


@pytest.mark.parametrize(
    ("came", "kind", "words"),
    [
        ([], "closed", "disconnected"),
        ([b"HT"], "truncated", "inside the head"),
        ([OK[:20]], "truncated", "inside the head"),
        ([OK[:-1]], "truncated", "peer closed connection"),
        ([CHUNKED[:-3]], "truncated", "closed connection"),
        ([b"SSH-2.0-OpenSSH"], "protocol", "begins with b'SSH-2'"),
        ([b"\r\n" + OK], "protocol", "begins with"),
        ([b"HTTP/9\r\n\r\n"], "protocol", "status line"),
        ([spelt("Content-Length: x")], "protocol", "Content-Length"),
        ([spelt("Transfer-Encoding: chunked", body=b"x\r\n")], "protocol", "chunk"),
        ([spelt("Upgrade: x", status="101 Switch")], "protocol", "switched protocols"),
        ([spelt(status="103 Hints", version="HTTP/1.0") + OK], "protocol", "HTTP/1.0"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000], "protocol", "too long"),
        ([spelt("Content-Length: 1001")], "too_large", "limit of 1000 bytes"),
        ([spelt("Content-Length: " + "9" * 20)], "too_large", "limit of 1000 bytes"),
        ([spelt(body=b"x" * 1001)], "too_large", "limit of 1000 bytes"),
        ([spelt("Content-Encoding: br", body=b"x")], "decode", "'br', which was not requested"),
        ([spelt("Content-Encoding: gzip", body=b"x" * 99)], "decode", "declared as gzip"),
        ([spelt("Content-Encoding: gzip", body=PACKED + b"x" * 99)], "decode", "declared as gzip"),
        ([spelt("Content-Encoding: gzip", body=PACKED[:-1])], "truncated", "compressed body"),
        (
            [spelt("Content-Encoding: gzip", body=gzip.compress(bytes(100_000)))],
            "too_large",
            "limit",
        ),
    ],
)
def test_a_response_that_is_none_is_a_failure(came, kind, words):
    """Its kind decides about another attempt; its text is one line."""
    failure = failed(*came)
    assert failure.kind == kind
    assert words in failure.text
    assert failure.text.isprintable()


def test_an_upgrade_that_the_caller_asks_for_is_refused_too():
    """Then h11 would stop instead of failing."""
    request = Request(b"GET", b"/", [HOST, (b"Upgrade", b"x"), (b"Connection", b"upgrade")])
    assert "switched protocols" in failed(spelt(status="101 Switch"), request=request).text


def test_an_encrypted_end_that_was_not_announced_ends_no_body():
    """Without a length, everything up to such an end may be a part; elsewhere it is just an end."""
    assert answered(spelt(body=b"ok"), b"").body == b"ok"
    for response in (spelt(body=b"ok"), OK[:-1]):
        with pytest.raises(Failure, match="without notice") as caught:
            answered(response, http1.TRUNCATION)
        assert caught.value.kind == "truncated"
    with pytest.raises(Failure, match="disconnected"):
        answered(http1.TRUNCATION)


@pytest.mark.parametrize(
    "data",
    [
        OK + b"x",
        OK + OK[:9],
        CHUNKED + b"\r\n",
        spelt("Content-Length: 2", "Connection: close", body=b"ok"),
        spelt("Content-Length: 2", version="HTTP/1.0", body=b"ok"),
        spelt(status="204 None") + OK,
    ],
)
def test_a_connection_with_a_rest_is_not_used_again(data):
    """Nor one that a side is going to close."""
    connection = http1.Connection()
    play(connection, [data])
    assert not connection.reusable
    assert connection.used


def test_what_came_behind_a_response_is_counted():
    """It is nobody's."""
    connection = http1.Connection()
    play(connection, [OK + b"more"])
    assert connection.surplus == 4


@pytest.mark.parametrize(
    ("came", "stale"),
    [
        ([b""], True),
        ([OK[:9], b""], True),
        ([b"x"], True),
        ([OK[:-1], b""], False),
    ],
)
def test_a_dead_connection_is_told_from_a_bad_response(came, stale):
    """As long as no head has come, nothing of a response to this request has."""
    connection = http1.Connection()
    play(connection, [OK])
    with pytest.raises(Failure) as caught:
        play(connection, came)
    assert connection.is_stale(caught.value) is stale
    assert not connection.is_stale(Failure("timeout", "timed out"))


def test_a_reset_inside_a_head_is_no_dead_connection():
    """Somebody had begun to answer."""
    connection = http1.Connection()
    flow = connection.ask(GET)
    next(flow)
    flow.send(b"")
    flow.send(OK[:9])
    assert not connection.is_stale(Failure("closed", "reset"))


@pytest.mark.parametrize(
    ("status", "kind", "saved"),
    [
        (500, "truncated", True),
        (404, "decode", True),
        (302, "closed", True),
        (200, "truncated", False),
        (500, "timeout", False),
    ],
)
def test_an_error_status_says_enough(status, kind, saved):
    """Whatever became of its body; time is not to be forgiven."""
    head = http1.Head(status, [(b"X", b"1")])
    failure = Failure(kind, "text")
    if saved:
        assert parts(failure.response_to(head)) == (status, [(b"X", b"1")], b"")
    for found in (None,) if saved else (None, head):
        with pytest.raises(Failure):
            failure.response_to(found)


def test_gzip_is_decompressed_piece_by_piece():
    """So a bomb shows before it is large, and members may follow each other."""
    bomb = gzip.compress(bytes(10_000_000))
    sizes = [len(piece) for piece in itertools.islice(Gunzip().feed(bomb), 3)]
    assert sizes == [http1.PIECE] * 3
    gunzip = Gunzip()
    pieces = [piece for byte in PACKED * 2 for piece in gunzip.feed(bytes([byte]))]
    assert (b"".join(pieces), gunzip.whole) == (b"okok", True)
    assert list(gunzip.feed(PACKED[:9])) == []
    assert not gunzip.whole
