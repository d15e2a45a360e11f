"""Where requests may go: the base URL and its sources; spans and counts that a person gives."""

import math

import httpx
import pytest

from chainhub._session import base_url_from, seconds, timeouts_of, whole
from chainhub.errors import ConfigurationError

SERVER = "https://api.example.com"
SERVERS = (SERVER, "https://spare.example.com")


@pytest.mark.parametrize(
    ("argument", "environ", "expected"),
    [
        (None, {}, SERVER),
        (None, {"CHAINHUB_BASE_URL": " "}, SERVER),
        (None, {"CHAINHUB_BASE_URL": "https://gate.example.com/"}, "https://gate.example.com"),
        ("https://own.example.com", {"CHAINHUB_BASE_URL": "nonsense"}, "https://own.example.com"),
    ],
)
def test_argument_beats_environment_beats_contract(argument, environ, expected):
    """The first source that says something decides."""
    assert base_url_from(argument, environ, SERVERS, allow_insecure=False) == expected


def test_contract_without_a_server_asks_for_one():
    """Nothing is guessed."""
    with pytest.raises(ConfigurationError, match="pass base_url= or set CHAINHUB_BASE_URL"):
        base_url_from(None, {}, (), allow_insecure=False)
    with pytest.raises(ConfigurationError, match=r"^CHAINHUB_BASE_URL: .*characters"):
        base_url_from(None, {"CHAINHUB_BASE_URL": "https://é"}, SERVERS, allow_insecure=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.example.com//", "https://api.example.com"),
        (" https://api.example.com/proxy/ ", "https://api.example.com/proxy"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.1.2.3:8000", "http://127.1.2.3:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("HTTPS://api.example.com", "https://api.example.com"),
    ],
)
def test_usable_urls_lose_their_slash(text, expected):
    """Spaces around it and slashes behind it do not matter."""
    assert base_url_from(text, {}, (), allow_insecure=False) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must look like"),
        ("api.example.com", "must look like"),
        ("ftp://api.example.com", "must look like"),
        ("https://", "must look like"),
        ("https://api.example.com:0", "must look like"),
        ("https://api.example.com:99999", "is not valid"),
        ("https://[::1", "is not valid"),
        ("https://api.exämple.com", "characters"),
        ("https://api.example.com/a b", "characters"),
        ("https://api.example.com/v1", "remove the /v1.*https://api.example.com$"),
        ("https://u:p@api.example.com/x/v1/", "https://api.example.com/x$"),
        ("https://user:secret@api.example.com", "user information"),
        ("https://api.example.com?x=1", "query"),
        ("https://api.example.com#x", "fragment"),
        ("http://api.example.com", "unencrypted"),
    ],
)
def test_unusable_urls_get_a_sentence(text, words):
    """The sentence names the source and never shows user information."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        base_url_from(text, {}, SERVERS, allow_insecure=False)
    assert str(caught.value).startswith("base_url=: ")
    assert "secret" not in str(caught.value)


def test_plain_http_needs_a_word():
    """`allow_insecure` is that word."""
    url = "http://gate.internal.example"
    assert base_url_from(url, {}, (), allow_insecure=True) == url


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (10, (10.0, 5.0)),
        (2.5, (2.5, 2.5)),
        (None, (math.inf, 5.0)),
        (httpx.Timeout(9, connect=3), (9.0, 3.0)),
        (httpx.Timeout(None), (math.inf, math.inf)),
    ],
)
def test_timeout_gives_two_spans(timeout, expected):
    """One for the attempt, one for connecting."""
    assert timeouts_of(timeout) == expected


@pytest.mark.parametrize("value", [0, -1, math.nan, True, "5", [], httpx.Timeout(-1)])
def test_spans_must_be_positive(value):
    """Nonsense gets a sentence that names the argument."""
    with pytest.raises(ConfigurationError, match=r"timeout.* must be a positive number"):
        timeouts_of(value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "5"])
def test_counts_must_be_positive_whole_numbers(value):
    """Nonsense gets a sentence that names the argument."""
    with pytest.raises(ConfigurationError, match="max_body must be a positive whole number"):
        whole("max_body", value)
    assert whole("max_body", 3) == 3


def test_no_limit_is_infinite():
    """None stands for no limit, everywhere."""
    assert seconds("deadline", None) == math.inf
