"""Where a request carries the key: as the contract's security schemes say."""

from __future__ import annotations

import h11
import pytest

from chainhub._session import Key, KeyPlace, PreparedRequest

KEY = "user:pass word"


@pytest.mark.parametrize(
    ("place", "target", "carried"),
    [
        (KeyPlace("header", "Authorization", "Bearer"), "/v1?a=1", [b"Bearer user:pass word"]),
        (KeyPlace("header", "X-Key"), "/v1?a=1", [b"user:pass word"]),
        (KeyPlace("basic", "Authorization", "Basic"), "/v1?a=1", [b"Basic dXNlcjpwYXNzIHdvcmQ="]),
        (KeyPlace("query", "key"), "/v1?a=1&key=user%3Apass+word", []),
        (KeyPlace("none", ""), "/v1?a=1", []),
    ],
)
def test_the_key_is_there_alone(place, target, carried):
    """It is in one place of what is sent, and nowhere in what is shown."""
    own = [(b"Host", b"api.example"), (b"Accept", b"*/*")]
    prepared = PreparedRequest("GET", "https://api.example", b"/v1?a=1", own, place)
    key = Key(KEY)
    method, url, headers, _ = prepared.for_httpx(key)
    assert (method, url) == ("GET", f"https://api.example{target}")
    assert [value for name, value in headers if (name, value) not in own] == carried
    for _ in range(2):  # the second time from the one that was kept
        sent = prepared.with_key(key).send_on(h11.Connection(h11.CLIENT))
        assert sent.startswith(f"GET {target} HTTP/1.1\r\n".encode())
        assert all(value in sent for value in carried)
    for shown in (repr(headers), repr(sent), repr(prepared.with_key(key)), prepared.url):
        assert "pass" not in shown
        assert "dXNl" not in shown


def test_a_first_parameter_needs_no_other():
    """A target without a query gets one."""
    prepared = PreparedRequest("GET", "https://a.example", b"/v1", [], KeyPlace("query", "k"))
    assert prepared.for_httpx(Key("x"))[1] == "https://a.example/v1?k=x"
