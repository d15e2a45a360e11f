"""The proxies of the environment are read as httpx reads them, and never show their passwords."""

import base64
import importlib.util
import os
import ssl
import sys
import traceback
import urllib.request
from pathlib import Path

import httpcore
import httpx
import pytest

import chainhub
from chainhub._transport import choose_proxy, proxies_of, read_environment
from chainhub._transport.proxies import ProxySetting, ProxySettings
from chainhub.errors import ConfigurationError

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PROXY = "http://proxy.example:3128"
PACKAGE = str(Path(chainhub.__file__).parent)  # a checkout may have its name too

URLS = """
    http://example.com https://example.com https://example.com:443 https://example.com:8443
    http://example.com:80 http://www.example.com http://wwwexample.com https://a.b.example.com
    https://localhost https://localhost:8000 https://app.localhost https://127.0.0.1
    https://127.0.0.1:9 http://10.1.2.3 http://192.168.0.0 https://[::1] https://[::1]:8080
    https://bücher.example https://xn--bcher-kva.example
"""

ENVIRONMENTS = [
    {},
    {"http_proxy": PROXY},
    {"HTTP_PROXY": PROXY},
    {"https_proxy": "http://user:p%40ss@proxy.example:3128"},
    {"HTTPS_PROXY": "https://proxy.example"},
    {"ALL_PROXY": PROXY},
    {"ALL_PROXY": "socks5://proxy.example"},
    {"all_proxy": "socks5h://u:p@proxy.example:1081", "https_proxy": PROXY},
    {"HTTP_PROXY": "http://upper.example:1", "http_proxy": "http://lower.example:2"},
    {"http_proxy": "http://lower.example:2", "HTTP_PROXY": "http://upper.example:1"},
    {"HTTP_PROXY": PROXY, "http_proxy": ""},
    {"Http_Proxy": PROXY, "hTTPS_proxy": "http://mixed.example:3"},
    {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"},
    {"HTTP_PROXY": PROXY, "http_proxy": "http://lower.example:2", "REQUEST_METHOD": "GET"},
    {"HTTPS_PROXY": PROXY, "REQUEST_METHOD": ""},
    {"http_proxy": "proxy.example:3128"},
    {"http_proxy": "proxy.example"},
    {"http_proxy": "HTTP://Proxy.Example:3128/path?x=1"},
    {"http_proxy": "http://[::1]:3128"},
    {"http_proxy": "http://user@proxy.example"},
    {"http_proxy": "http://:secret@proxy.example"},
    {"http_proxy": ""},
    {"TRAVIS_APT_PROXY": PROXY},
    {"FTP_PROXY": PROXY, "_proxy": PROXY, "proxy": PROXY},
    {"NO_PROXY": "[::1]"},
]

EXCEPTIONS = """
    * example.com .example.com *.example.com www.example.com EXAMPLE.com example.com:8443
    http://example.com https://example.com https://*.example.com https:// http:// all:// all://*
    all://example.com:8443 localhost
    LOCALHOST .localhost localhost:8000 127.0.0.1 127.0.0.1:9 ::1
    ::1,localhost,127.0.0.1,example.com xn--bcher-kva.example example.com,.com,com com
    e*ample.com https://example.com,http://proxy
"""


def by_httpx(url):
    """Ask httpx which proxy it would take."""
    client = httpx.Client(verify=CONTEXT)
    pool = client._transport_for_url(httpx.URL(url))._pool
    if isinstance(pool, httpcore.HTTPProxy):
        headers = dict(pool._proxy_headers)
        auth = headers.get(b"Proxy-Authorization", b"").removeprefix(b"Basic ")
        origin = pool._proxy_url.origin
        return origin.scheme, origin.host, origin.port, base64.b64decode(auth) or None
    if isinstance(pool, httpcore.SOCKSProxy):
        origin, pair = pool._proxy_url.origin, pool._proxy_auth
        return origin.scheme, origin.host, origin.port, b":".join(pair) if pair else None
    return None


def by_us(url):
    """Ask ourselves, in the same form."""
    parsed = httpx.URL(url)
    found = choose_proxy(parsed.scheme, parsed.host, parsed.port, read_environment())
    if found is None:
        return None
    auth = b":".join(found.auth) if found.auth else None
    return found.scheme.encode(), found.host.encode(), found.port, auth


def read(variables):
    """Read these variables and no others."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        return read_environment()


def with_locals(error):
    """Return what error trackers keep of the frames of this package."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    return str([frame.locals for frame in frames if frame.filename.startswith(PACKAGE)])


@pytest.fixture
def environment(monkeypatch):
    """Take away every variable that could name a proxy."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("variables", ENVIRONMENTS, ids=str)
def test_variables_are_read_as_httpx_reads_them(variables, environment):
    """For every URL the chosen proxy, its port and its credentials are those of httpx."""
    for name, value in variables.items():
        environment.setenv(name, value)
    if variables.get("NO_PROXY"):
        with pytest.raises(httpx.InvalidURL):
            by_httpx(PROXY)
        assert [by_us(url) for url in URLS.split()] == [None] * len(URLS.split())
    else:
        assert [by_us(url) for url in URLS.split()] == [by_httpx(url) for url in URLS.split()]


@pytest.mark.parametrize(
    ("variable", "entries"),
    [
        *(
            ("NO_PROXY", entries)
            for entries in ["", " , ,", "localhost, * ,x", *EXCEPTIONS.split()]
        ),
        ("no_proxy", "example.com"),
    ],
)
def test_no_proxy_is_read_as_httpx_reads_it(variable, entries, environment):
    """For every URL the exceptions hold that hold for httpx, with its quirks."""
    environment.setenv("HTTP_PROXY", PROXY)
    environment.setenv("ALL_PROXY", "http://all.example:1")
    environment.setenv(variable, entries)
    assert [by_us(url) for url in URLS.split()] == [by_httpx(url) for url in URLS.split()]


@pytest.mark.parametrize(
    ("entry", "url", "direct"),
    [
        ("[::2]", "http://[::2]:8080", True),
        ("[::2]:8080", "http://[::2]:8080", True),
        ("[::2]:8080", "http://[::2]:8081", False),
        ("fd00::/8", "http://[fd00::9]", True),
        ("[fd00::]/8", "http://[fd00::9]", True),
        ("fd00::/8", "http://[fc00::9]", False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/8", "http://[::2]", False),
        ("10.1.2.3/8", "https://10.9.9.9:444", True),
        ("10.1.2.3/32", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://ten.example", False),
        ("10.0.0.0/99", "http://10.0.0.0", True),
        ("example.com:443", "https://example.com", True),
        ("example.com:443", "https://example.com:8443", False),
        ("example.com:443", "http://example.com", False),
        ("example.com:80", "http://www.example.com:80", True),
        ("https://example.com:443", "https://example.com", True),
        ("https://example.com:443", "https://example.com:8443", False),
        ("[::2]:443", "https://[::2]", True),
        ("all://", "https://example.com", True),
        ("all://*", "https://example.com", False),
    ],
)
def test_no_proxy_understands_what_httpx_does_not(entry, url, direct):
    """IPv6 in brackets, networks, and a port that is the scheme's own."""
    table = read({"all_proxy": PROXY, "no_proxy": entry})
    parsed = httpx.URL(url)
    assert (choose_proxy(parsed.scheme, parsed.host, parsed.port, table) is None) is direct
    if ":" in parsed.host:
        assert (
            choose_proxy(parsed.scheme, f"[{parsed.host}]", parsed.port, table) is None
        ) is direct


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "app.localhost"])
def test_what_may_be_unencrypted_stays_here(host):
    """Plain http to this machine goes through no proxy but one that is given by argument."""
    table = read({"all_proxy": PROXY})
    assert choose_proxy("http", host, 8000, table) is None
    assert choose_proxy("https", host, 8000, table) is not None
    assert choose_proxy("http", host, 8000, proxies_of(PROXY, {})) is not None


def test_a_host_that_is_no_host_is_matched_as_it_stands():
    """A host no URL can have goes to the proxy, which will refuse it."""
    table = read({"http_proxy": PROXY, "no_proxy": "x y"[:1]})
    assert choose_proxy("http", "exa\nmple", None, table) is not None
    assert choose_proxy("http", "xn--", None, table) is not None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("ftp://proxy.example", "not by 'ftp'"),
        ("socks4://user:hunter2@proxy.example", "not by 'socks4'"),
        ("http://user:hunter2@proxy..example", "names no host"),
        ("http://", "names no host"),
        ("http://:3128", "names no host"),
        ("http://user:hunter2@proxy.example:port", "not a URL"),
        ("http://user:hunter2@proxy.example:99999", "99999 is not between"),
        ("http://proxy.example:0", "0 is not between"),
        ("http://user:hunter2@proxy\x7f.example", "not a URL"),
        ("http://user:hunter2@[::1", "not a URL"),
        ("http://xn--", "not a URL"),
        ("http://hunter2\udc80@proxy.example", "not a URL"),
        ("socks5://user:" + "hunter2" * 40 + "@proxy.example", "255 bytes"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "all_proxy"])
def test_a_bad_proxy_is_a_sentence_naming_its_variable(variable, value, words):
    """The error says which variable is wrong and how to do without, and shows no password."""
    table = read({variable: value})
    with pytest.raises(ConfigurationError) as caught:
        choose_proxy("http", "example.com", None, table)
    text = str(caught.value)
    assert variable in text
    assert words in text
    assert "trust_env=False" in text
    assert "hunter2" not in text + repr(table) + repr(caught.value)
    assert "hunter2" not in with_locals(caught.value)
    assert caught.value.__context__ is None


def test_exceptions_from_no_proxy_at_all_do_no_harm():
    """Where nothing goes through a proxy, what NO_PROXY says is not even read."""
    assert read({"no_proxy": "http://exa mple:x"}) == ProxySettings()


def test_socks_credentials_may_be_as_long_as_they_can():
    """255 bytes of user name and password still travel."""
    table = read({"http_proxy": f"socks5://{'u' * 255}:{'p' * 255}@proxy.example"})
    found = choose_proxy("http", "example.com", None, table)
    assert found is not None
    assert found.auth == (b"u" * 255, b"p" * 255)
    table = read({"http_proxy": f"socks5://u:{'p' * 256}@proxy.example"})
    with pytest.raises(ConfigurationError, match="255 bytes"):
        choose_proxy("http", "example.com", None, table)


def test_a_bad_proxy_that_is_not_used_does_no_harm():
    """What a variable says is judged when it is chosen, not before."""
    table = read({"http_proxy": "ftp://x", "https_proxy": PROXY})
    assert choose_proxy("https", "example.com", None, table) is not None


@pytest.mark.parametrize("entry", ["http://user:hunter2@exa mple:x", "a\x01", "münchen.de"])
def test_a_bad_exception_is_a_sentence_naming_its_variable(entry):
    """An entry of NO_PROXY that cannot be read is named, unless it may hold a password."""
    with pytest.raises(ConfigurationError, match="no_proxy: the entry") as caught:
        read({"http_proxy": "http://u:sesame@proxy.example", "no_proxy": entry})
    assert "hunter2" not in str(caught.value)
    assert "sesame" not in with_locals(caught.value)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks_without_socksio_says_what_to_install(scheme, monkeypatch):
    """A SOCKS proxy without the package for it names variable, package and the way around."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    table = read({"ALL_PROXY": f"{scheme}://user:hunter2@proxy.example"})
    with pytest.raises(ConfigurationError) as caught:
        choose_proxy("https", "example.com", None, table)
    text = str(caught.value)
    assert text.startswith("ALL_PROXY")
    assert 'pip install --index-url https://INDEX/simple/ "chainhub[socks]"' in text
    assert "trust_env=False" in text
    assert "hunter2" not in text
    with pytest.raises(ConfigurationError, match="the argument proxy= asks for a SOCKS proxy"):
        proxies_of(f"{scheme}://proxy.example", {})


def test_an_argument_goes_before_the_environment():
    """A proxy given by argument is taken for every URL, and is judged at once."""
    table = proxies_of(" proxy.example:3128 ", {})
    for scheme, host in (("http", "localhost"), ("https", "example.com")):
        found = choose_proxy(scheme, host, None, table)
        assert found == ProxySetting("http", "proxy.example", 3128, "the argument proxy=")
    with pytest.raises(ConfigurationError, match="the argument proxy=: a proxy is reached by") as e:
        proxies_of("ftp://user:hunter2@x", {})
    assert "hunter2" not in str(e.value)
    assert "trust_env" not in str(e.value)


def test_credentials_are_never_shown():
    """Neither the table nor the choice nor the bytes handed on show the password."""
    table = read({"http_proxy": "socks5://user:hunter2@proxy.example"})
    found = choose_proxy("http", "example.com", None, table)
    assert found is not None
    assert found.auth == (b"user", b"hunter2")
    assert "hunter2" not in repr((table, found, found.auth)) + str(found)


@pytest.mark.parametrize(
    ("platform", "environ", "asked"),
    [
        ("linux", {"LANG": "C"}, False),
        ("darwin", {"LANG": "C"}, True),
        ("win32", {"LANG": "C"}, True),
        ("linux", {"http_proxy": PROXY}, True),
        ("darwin", {}, False),
        ("win32", {}, False),
    ],
)
def test_the_system_is_asked_where_it_has_settings(platform, environ, asked, monkeypatch):
    """The systems that keep proxies elsewhere are asked, unless `trust_env=False`."""
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": "http://system:1"})
    monkeypatch.setattr(sys, "platform", platform)
    table = proxies_of(None, environ)
    assert (table is not None) is asked
    if table is not None:
        found = choose_proxy("http", "example.com", None, table)
        assert found is not None
        assert (found.host, found.source) == ("system", "the system's proxy settings")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:hunter2@p.example:3128", "the proxy http://p.example:3128 (HTTP_PROXY)"),
        ("socks5://[::1]", "the proxy socks5://[::1]:1080 (HTTP_PROXY)"),
    ],
)
def test_a_proxy_is_shown_with_its_origin(url, shown):
    """People read where the proxy is and who named it, never its password."""
    table = read({"HTTP_PROXY": url})
    found = choose_proxy("http", "example.com", None, table)
    assert found is not None
    assert found.label == shown
    assert found.socks is url.startswith("socks")
