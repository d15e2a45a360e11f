"""What pip is told of indexes is read in one place, and told to uv."""

import os

import pytest

from requirements import environment

pip_settings = environment.pip_settings

LISTING = """\
global.cert='/ca.pem'
global.find-links='\\n/one\\n/two'
global.index-url='https://ann:sk-test-1@packages.example.com/simple/'
global.prefix='/usr'
install.cert='/other.pem'
download.index-url='https://elsewhere.example.com/'
a line of another kind
:env:.cert="/an 'odd' name.pem"
:env:.find-links=''
:env:.target='/tmp'
"""
CHOSEN = {
    "cert": "/an 'odd' name.pem",
    "find-links": "\n/one\n/two",
    "index-url": "https://ann:sk-test-1@packages.example.com/simple/",
}


def test_the_strongest_setting_is_chosen() -> None:
    """A variable before what is said for installs before the rest; an empty one says nothing."""
    assert pip_settings.choose(LISTING) == CHOSEN


def test_pip_is_told_nothing_else() -> None:
    """No file and no variable of the person has a say beside what was chosen."""
    told = pip_settings.for_pip(CHOSEN, {"HOME": "/home", "PIP_TARGET": "/tmp", "PIP_USER": "1"})
    assert told == {
        "HOME": "/home",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CERT": "/an 'odd' name.pem",
        "PIP_FIND_LINKS": "\n/one\n/two",
        "PIP_INDEX_URL": "https://ann:sk-test-1@packages.example.com/simple/",
    }


ALWAYS = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",
    "UV_NO_CONFIG": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}
SYSTEM = {"UV_SYSTEM_CERTS": "1"}


@pytest.mark.parametrize(
    ("settings", "environ", "expected"),
    [
        ({}, {}, SYSTEM),
        ({"index-url": "https://a/"}, {}, {"UV_DEFAULT_INDEX": "https://a/", **SYSTEM}),
        ({"extra-index-url": "https://a/ b"}, {}, {"UV_INDEX": "https://a/ b", **SYSTEM}),
        ({"find-links": "\n/one\n/two"}, {}, {"UV_FIND_LINKS": "/one,/two", **SYSTEM}),
        ({"constraint": "/c.txt"}, {}, {"UV_CONSTRAINT": "/c.txt", **SYSTEM}),
        ({"trusted-host": "a b:1"}, {}, {"UV_INSECURE_HOST": "a b:1", **SYSTEM}),
        ({"timeout": "9"}, {}, {"UV_HTTP_TIMEOUT": "9", **SYSTEM}),
        ({"default-timeout": "9"}, {}, {"UV_HTTP_TIMEOUT": "9", **SYSTEM}),
        ({"keyring-provider": "import"}, {}, {"UV_KEYRING_PROVIDER": "subprocess", **SYSTEM}),
        ({"client-cert": "/c.pem"}, {}, {"SSL_CLIENT_CERT": "/c.pem", **SYSTEM}),
        ({"cert": "/ca.pem"}, {}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"cert": "/ca.pem"}, {"SSL_CERT_FILE": "/b.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({}, {"SSL_CERT_DIR": os.curdir}, {"SSL_CERT_DIR": os.curdir}),
        (
            {},
            {"REQUESTS_CA_BUNDLE": "/b.pem"},
            {"REQUESTS_CA_BUNDLE": "/b.pem", "SSL_CERT_FILE": "/b.pem"},
        ),
        (
            {"proxy": "http://p:1"},
            {"HTTPS_PROXY": "http://q:1"},
            dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://p:1") | SYSTEM,
        ),
        (
            {},
            {"UV_INDEX_URL": "https://a/", "UV_CACHE_DIR": "/c"},
            {"UV_CACHE_DIR": "/c", **SYSTEM},
        ),
    ],
)
def test_uv_asks_whom_pip_asks(
    settings: dict[str, str], environ: dict[str, str], expected: dict[str, str]
) -> None:
    """Index, proxy, certificates and limits are pip's; what uv alone was told is dropped."""
    assert pip_settings.for_uv(settings, environ) == {**ALWAYS, **expected}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "the public index"),
        (CHOSEN, "https://packages.example.com/simple/, /one, /two"),
        ({"extra-index-url": "https://a:b@c/ d"}, "the public index, https://c/, d"),
        ({"no-index": "true", "extra-index-url": "x", "find-links": "/one"}, "/one"),
        ({"no-index": "1"}, "no index"),
    ],
)
def test_what_is_asked_is_named_without_passwords(settings: dict[str, str], expected: str) -> None:
    """A sentence can be pasted where others read it."""
    assert pip_settings.shown(settings) == expected


UNREAD = "1 Could not fetch URL https://ann:****@p.example/s/attrs/: "
ASKED = {"index-url": "https://ann:sk-test-1@p.example/s/"}
SAID = "ERROR: No matching distribution found for attrs==26.1.0"
REFUSED = "[Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", ""),
        (
            f"{UNREAD}connection error: {REFUSED} - skipping",
            f" (https://p.example/s/attrs/: {REFUSED})",
        ),
        (
            f"{UNREAD}connection error: Pool(host='a'): Max retries exceeded (Caused by"
            f" ProxyError('x', Y('<a b>: {REFUSED}'))) - skipping",
            f" (https://p.example/s/attrs/: the proxy, {REFUSED})",
        ),
        (
            f"{UNREAD}404 Client Error: Not Found for url: https://p.example/s/attrs/ - skipping",
            " (https://p.example/s/attrs/: 404 Client Error: Not Found)",
        ),
        (
            "2 WARNING: The repository located at p.example is not a trusted or secure host and is"
            " being ignored. If this",
            " (The repository located at p.example is not a trusted or secure host and is being"
            " ignored)",
        ),
    ],
)
def test_what_stopped_pip_is_told(log: str, why: str) -> None:
    """Of pip's log, what it comes down to; of its last words, what was looked for."""
    expected = f"no attrs==26.1.0 was found at https://p.example/s/{why}."
    assert environment.not_found(SAID, log, ASKED) == expected


def test_another_failure_keeps_pips_own_words() -> None:
    """They say why."""
    assert environment.not_found("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "", ASKED) is None
