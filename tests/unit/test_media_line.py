"""Where the bytes of a video may come from, and the sockets that bring them."""

import time

import httpcore
import httpx
import pytest

from chainhub._connector import Connector
from chainhub._download.url_policy import URLPolicy
from chainhub._media_line import MediaWire, refuse_private
from chainhub._proxy import ProxySettings, read_argument
from chainhub._tls import Trust
from chainhub.errors import AddressRefusedError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_comes_behind_a_body_is_counted(size):
    """In whatever pieces it comes, and from each request anew."""
    wire = MediaWire(None)
    wire.begin(time.monotonic() + 9, 9, reused=False)
    for _ in range(2):
        wire.wrote()
        data = EARLY + ANSWER + b"abc" + b"more"
        for place in range(0, len(data), size):
            wire.saw(data[place : place + size])
        assert wire.surplus(3) == 4


class Pieces:
    """A stream that brings these pieces, and then the end."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def read_into(self, buffer):
        piece = self.pieces.pop(0) if self.pieces else b""
        buffer[: len(piece)] = piece
        return len(piece)


def read(came, pieces, length):
    """Read a body of which some has come with the head; return it and what came behind it."""
    wire = MediaWire(None)
    wire.begin(time.monotonic() + 9, 9, reused=False)
    wire.wrote()
    wire.saw(EARLY + ANSWER + came)
    wire.stream = Pieces(*pieces)
    body = b"".join(bytes(chunk) for chunk in wire.body(length))
    return body, wire.surplus(len(body))


@pytest.mark.parametrize(
    ("came", "pieces", "length", "expected"),
    [
        (b"", [], 0, (b"", 0)),
        (b"", [b"abc"], 3, (b"abc", 0)),
        (b"abc", [], 3, (b"abc", 0)),
        (b"a", [b"b", b"c"], 3, (b"abc", 0)),
        (b"a", [b"bcd", b"never asked for"], 3, (b"abc", 1)),
        (b"abcd", [b"never asked for"], 3, (b"abc", 1)),
        (b"ab", [], 0, (b"", 2)),
    ],
)
def test_a_body_is_read_in_whatever_pieces(came, pieces, length, expected):
    """It begins behind the head, ends where it was announced to, and what follows is counted."""
    assert read(came, pieces, length) == expected


def test_a_body_that_ends_early_is_an_error():
    """Told in words that are known to mean a truncated answer."""
    with pytest.raises(httpcore.RemoteProtocolError, match="peer closed connection 2 bytes early"):
        read(b"a", [b"b"], 4)


def test_a_wire_that_was_shut_stays_shut():
    """Also one that has not connected yet."""
    wire = MediaWire(None)
    wire.begin(time.monotonic() + 9, 9, reused=False)
    assert wire.left(1, httpcore.ReadTimeout) == 1
    wire.shut()
    with pytest.raises(httpcore.ReadTimeout, match="shut"):
        wire.left(1, httpcore.ReadTimeout)


@pytest.mark.parametrize(
    ("address", "refused"),
    [("93.184.216.34", False), ("10.0.0.1", True), ("::1", True), ("169.254.169.254", True)],
)
def test_private_addresses_are_refused(address, refused):
    """Whatever name led there."""
    if refused:
        with pytest.raises(AddressRefusedError, match=r"cdn\.example"):
            refuse_private("cdn.example", 443, address)
    else:
        refuse_private("cdn.example", 443, address)


def route(base_url="https://api.example", proxy=None, kind="bundled", **more):
    """Return a route."""
    connector = Connector(
        base_url=base_url,
        trust=Trust(kind),
        proxies=ProxySettings() if proxy is None else read_argument(proxy),
        max_connections=1,
    )
    settings = {
        "allow_hosts": (),
        "own_headers": [(b"Host", b"h"), (b"X-Mine", b"1"), (b"accept", b"a"), (b"Range", b"r")],
        "auth_header": "Authorization",
        "prefix": "Bearer",
        "user_agent": "ua",
        "secrets": tuple,
    }
    return URLPolicy(connector=connector, **settings | more)


def test_a_key_goes_with_the_headers_of_the_client():
    """Except those that this request needs for itself."""
    names = [name.lower() for name, _ in route().headers("sk-test-key")]
    assert names == [b"x-mine", b"accept", b"accept-encoding", b"connection", b"authorization"]
    assert (b"Authorization", b"Bearer sk-test-key") in route().headers("sk-test-key")
    assert "sk-test-key" not in repr(route())


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.example/v", True),
        ("https://api.example:443/v", True),
        ("HTTPS://API.example/v", True),
        ("http://api.example/v", False),
        ("https://api.example:8443/v", False),
        ("https://api.example.evil.example/v", False),
        ("https://cdn.api.example/v", False),
    ],
)
def test_only_one_origin_is_the_api_itself(url, own):
    """The same scheme, host and port."""
    assert route().is_own(httpx.URL(url)) is own


@pytest.mark.parametrize(
    ("url", "options", "checks"),
    [
        ("https://cdn.example/v", {}, True),
        ("https://api.example/v", {}, False),
        ("https://cdn.example/v", {"allow_hosts": ("cdn.example",)}, False),
        ("https://cdn.example/v", {"proxy": "http://10.0.0.1:3128"}, False),
        ("http://cdn.example/v", {"proxy": "https://10.0.0.1:3128"}, False),
        ("http://cdn.example/v", {}, True),
    ],
)
def test_addresses_are_checked_where_they_can_be(url, options, checks):
    """Behind a proxy the address connected to is the proxy's."""
    line = route(**options).open(httpx.URL(url))
    assert line._wire._check is (refuse_private if checks else None)
    line.close()


@pytest.mark.parametrize(
    ("base_url", "kind", "allowed", "expected"),
    [
        ("http://127.0.0.1", "nothing", False, "bundled"),
        ("http://127.0.0.1", "nothing", True, "nothing"),
        ("https://api.example", "nothing", False, "nothing"),
        ("http://127.0.0.1", "system", False, "system"),
    ],
)
def test_any_certificate_is_accepted_only_where_that_was_said(base_url, kind, allowed, expected):
    """`verify_ssl=False` for this machine does not hold for the world."""
    assert route(base_url, kind=kind)._trust(allowed).kind == expected
