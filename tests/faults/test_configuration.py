"""Wrong settings are reported before or at the first request, by name, and without the value."""

import errno
import importlib.util
import logging
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import Mock

import pytest

import chainhub
from tests.faults import identities
from tests.faults.queries import Result, options, query
from tests.faults.server import Act, Close, HalfClose, Hang, Reset, Send, Server, Stage, Tunnel
from tests.faults.table import GOOD, KEY, answer, steps
from tests.faults.test_faults import assert_presentable
from tests.loopback import SOON, Mode, full

SECRET = "hunter2"


def case(name: str, *says: str, **settings: object) -> object:
    """Return a case: arguments, environment variables in upper case, and words of the error."""
    variables = {key: value for key, value in settings.items() if key.isupper()}
    arguments = {key: value for key, value in settings.items() if not key.isupper()}
    return pytest.param(says, arguments, variables, id=name)


CASES = [
    case("an empty key", "key", api_key=""),
    case("a key of spaces", "key", api_key="  \n"),
    case("a key with a line end", "key", api_key=f"sk-test-{SECRET}\nx"),
    case("a key with a header", "key", api_key=f"sk-test-{SECRET}\r\nX-Injected: 1"),
    case("a key with NUL", "key", api_key=f"sk-test-{SECRET}\0"),
    case("a key with a typographic quote", "key", api_key=f"\u2018sk-test-{SECRET}\u2019"),
    case("a key that is a number", "key", api_key=5),
    case("a key that is bytes", "key", api_key=b"sk-test-x"),
    case("no key", "CHAINHUB_API_KEY", api_key=None),
    case(
        "a bad key in the environment",
        "CHAINHUB_API_KEY",
        api_key=None,
        CHAINHUB_API_KEY=f"sk-test-{SECRET}\nx",
    ),
    case(
        "a key file that is not there",
        "CHAINHUB_API_KEY_FILE",
        api_key=None,
        CHAINHUB_API_KEY_FILE="/nowhere/key",
    ),
    case(
        "a key file that is a folder",
        "CHAINHUB_API_KEY_FILE",
        api_key=None,
        CHAINHUB_API_KEY_FILE=str(Path(__file__).parent),
    ),
    case("another scheme", "https://", base_url="ftp://127.0.0.1:9"),
    case("no scheme", "https://", base_url="api.example.com"),
    case("a host and port only", "https://", base_url="127.0.0.1:80"),
    case("an empty base URL", "base_url", base_url=""),
    case("no host", "base_url", base_url="https://"),
    case("a port only", "base_url", base_url="https://:443"),
    case("an empty label", "base_url", base_url="https://api..x.com"),
    case("a label too long", "base_url", base_url=f"https://{'x' * 64}.com"),
    case("a host too long", "base_url", base_url=f"https://{'x.' * 126}com"),
    case("a port too high", "base_url", base_url="https://x.com:99999"),
    case("port 0", "base_url", base_url="https://x.com:0"),
    case("a port of letters", "base_url", base_url="https://x.com:a"),
    case("a space in the host", "base_url", base_url="https://x y.com"),
    case("a line end", "base_url", base_url="https://x.com/\nx"),
    case("half a bracket", "base_url", base_url="https://[::1"),
    case("no address in brackets", "base_url", base_url="https://[x]"),
    case("no punycode", "base_url", base_url="https://xn--"),
    case("no address", "base_url", base_url="https://1.2.3.400"),
    case("a base URL that is a number", "base_url", base_url=5),
    case("a base URL that is bytes", "base_url", base_url=b"https://x"),
    case("/v1", "https://x.com", base_url="https://x.com/v1"),
    case("/v1/", "https://x.com", base_url="https://x.com/v1/"),
    case("a password in the base URL", "base_url", base_url=f"https://u:{SECRET}@x.com"),
    case("a query in the base URL", "base_url", base_url=f"https://x.com/?key={SECRET}"),
    case("http to a stranger", "https://", base_url="http://x.com"),
    case(
        "a bad base URL in the environment",
        "CHAINHUB_BASE_URL",
        base_url=None,
        CHAINHUB_BASE_URL="ftp://x.com",
    ),
    case("a time-out of 0", "timeout", timeout=0),
    case("a time-out below 0", "timeout", timeout=-1),
    case("a time-out that is NaN", "timeout", timeout=float("nan")),
    case("a time-out as text", "timeout", timeout="5"),
    case("a time-out that is True", "timeout", timeout=True),
    case("a deadline of 0", "deadline", deadline=0),
    case("a deadline as text", "deadline", deadline="5"),
    case("a policy as text", "retry", retry="no"),
    case("a policy as a number", "retry", retry=3),
    case("no bytes at all", "max_body", max_body=0),
    case("no connections", "max_connections", max_connections=0),
    case("the key's header", "api_key=", headers={"authorization": SECRET}),
    case("a bad proxy", "proxy", proxy=f"ftp://u:{SECRET}@x.com"),
    case(
        "a bad proxy in the environment",
        "HTTPS_PROXY",
        "trust_env=False",
        HTTPS_PROXY=f"http://u:{SECRET}@x.com:port",
    ),
    case(
        "a SOCKS proxy without its package",
        "ALL_PROXY",
        "pip install",
        "trust_env=False",
        ALL_PROXY=f"socks5://u:{SECRET}@x.com",
    ),
    case(
        "an exception from proxies that is none",
        "NO_PROXY",
        HTTPS_PROXY="http://x.com",
        NO_PROXY="http://a b:x",
    ),
    case(
        "authorities that are not there",
        "SSL_CERT_FILE",
        "/nowhere.pem",
        SSL_CERT_FILE="/nowhere.pem",
    ),
    case(
        "a folder of authorities that is not there",
        "SSL_CERT_DIR",
        "/nowhere",
        SSL_CERT_DIR="/nowhere",
    ),
    case("a path that is not there", "verify", "/nowhere.pem", verify_ssl="/nowhere.pem"),
    case("nothing checked", "allow_insecure=True", verify_ssl=False),
    case("nothing said about trust", "verify", verify_ssl=None),
]


@pytest.mark.parametrize("kind", [chainhub.Client, chainhub.AsyncClient])
@pytest.mark.parametrize(("says", "arguments", "variables"), CASES)
def test_a_client_that_cannot_work_is_not_made(
    says: tuple[str, ...],
    arguments: Mapping[str, object],
    variables: Mapping[str, str],
    kind: Callable[..., object],
    contacts: set[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names argument or variable, shows no secret, and nothing is contacted."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for name, value in {
        **dict.fromkeys(("XDG_CONFIG_HOME", "HOME"), str(tmp_path)),
        **variables,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(chainhub.ChainhubError) as caught:
        kind(**{"api_key": KEY, "base_url": "https://api.example.com", **arguments})
    expected = chainhub.CredentialsError if "api_key" in arguments else chainhub.ConfigurationError
    assert type(caught.value) is expected
    assert_presentable(caught.value, "")
    text = str(caught.value)
    assert [word for word in says if word.lower() not in text.lower()] == []
    assert SECRET not in text + repr(caught.value.__dict__)
    assert not contacts


def assert_refused(result: Result, kinds: str, *says: str) -> None:
    """Check the error of a call."""
    assert type(result.error).__name__ in kinds.split("|"), result
    assert result.error is not None
    assert_presentable(result.error, "")
    missing = [word for word in says if word.lower() not in str(result.error).lower()]
    assert missing == [], str(result.error)
    assert SECRET not in str(result.error)


@pytest.mark.parametrize(
    "identifier",
    ["", None, [], {}, "x" * 100_000, "\ud800"],
    ids=["empty", "None", "list", "dict", "too long", "a surrogate"],
)
def test_an_id_that_cannot_be_asked_for_is_refused(
    identifier: object, mode: Mode, stage: Stage
) -> None:
    """Nothing is sent for an id that no URL can carry."""
    server = Server(script=(GOOD,))
    with stage.serving(server):
        result = query(mode, {"base_url": server.url, **options({})}, identifier=identifier)
    assert_refused(result, "ConfigurationError", "id")
    assert server.requests == []


@pytest.mark.parametrize(
    ("identifier", "target"),
    [
        (12345, b"id=12345"),
        ("12345", b"id=12345"),
        ("grok:a-b", b"id=grok%3Aa-b"),
        ("../../admin?x=1&id=2#y", b"id=..%2F..%2Fadmin%3Fx%3D1%26id%3D2%23y"),
        ("a\r\nX-Injected: 1", b"id=a%0D%0AX-Injected%3A"),
        ("a b+c%20d", b"id=a"),
        ("\N{COW FACE}", b"id=%F0%9F%90%AE"),
        ("x" * 4000, b"id=" + b"x" * 4000),
    ],
    ids=lambda value: repr(value)[:16],
)
def test_an_id_travels_as_one_value(
    identifier: object, target: bytes, mode: Mode, stage: Stage
) -> None:
    """Whatever an id holds, it changes neither path nor query nor headers."""
    server = Server(script=(GOOD,))
    with stage.serving(server):
        result = query(mode, {"base_url": server.url, **options({})}, identifier=identifier)
    assert result.error is None, result
    (request,) = server.requests
    assert request.line.startswith(b"GET /v1/video/query?" + target)
    assert request.line.endswith(b" HTTP/1.1")
    assert request.line.count(b"&") == 0
    assert request.header(b"x-injected") is None


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-A": f"a\r\nX-B: {SECRET}"}, id="a line end"),
        pytest.param({"X-A": "a\0b"}, id="NUL"),
        pytest.param({"X A": "b"}, id="a space"),
        pytest.param({"": "b"}, id="no name"),
        pytest.param({"X-A\r\nX-B": "c"}, id="a line end in the name"),
        pytest.param({"X-\N{COW FACE}": "b"}, id="a cow as name"),
        pytest.param({"X-A": "\N{COW FACE}"}, id="a cow as value"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(
    headers: Mapping[str, object], mode: Mode, stage: Stage
) -> None:
    """A header that would break the request, or be another one, never leaves."""
    server = Server(script=(GOOD,))
    with stage.serving(server):
        arguments = {"base_url": server.url, "headers": headers, **options({})}
        try:
            result = query(mode, arguments)
        except chainhub.ChainhubError as error:
            result = Result(error=error)
    assert_refused(result, "ConfigurationError")
    assert server.requests == []


def through(proxy: Server, mode: Mode, base_url: str, **extra: object) -> Result:
    """Query through a proxy."""
    address = proxy.url.replace("://", f"://user:{SECRET}@")
    arguments = {"base_url": base_url, "proxy": address, **options({}), **extra}
    return query(mode, arguments)


def test_a_proxy_forwards(mode: Mode, stage: Stage) -> None:
    """A plain request goes to the proxy with the whole URL."""
    proxy = Server(script=(GOOD,))
    with stage.serving(proxy):
        result = through(proxy, mode, "http://127.0.0.1:9")
    assert result.value is not None, result
    assert proxy.requests[0].line.startswith(b"GET http://127.0.0.1:9/v1/video/query?id=")
    assert (proxy.requests[0].header(b"proxy-authorization") or b"").startswith(b"Basic ")


def test_a_proxy_tunnels(mode: Mode, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """An https request goes through the proxy unseen, and neither password is logged."""
    caplog.set_level(logging.DEBUG)
    target = Server(script=(GOOD,), tls=identities.server_context("server"))
    proxy = Server()
    with stage.serving(target, proxy):
        proxy.script = ((Send(answer(b"", "200 Connected", length=None)), Tunnel(target.port)),)
        trust = str(identities.AUTHORITY)
        result = through(proxy, mode, target.url, verify_ssl=trust)
        assert stage.run(target.quiet(SOON)) == stage.run(proxy.quiet(SOON)) == 0
    assert result.value is not None, result
    assert proxy.requests[0].line == f"CONNECT 127.0.0.1:{target.port} HTTP/1.1".encode()
    assert KEY.encode() not in proxy.requests[0].head
    assert target.requests[0].header(b"proxy-authorization") is None
    assert SECRET not in caplog.text


PROXY_FAULTS: list[tuple[str, Act, str, tuple[str, ...]]] = [
    ("asks for a password", steps(answer(b"", "407 Auth")), "ProxyError", ("407", "proxy")),
    ("refuses", steps(answer(b"", "403 Forbidden")), "ProxyError", ("403", "proxy")),
    ("cannot connect", steps(answer(b"", "502 Bad Gateway")), "ProxyError", ("502", "proxy")),
    ("closes", (Close(),), "ProxyError|ConnectionFailedError", ()),
    ("resets", (Reset(),), "ProxyError|ConnectionFailedError", ()),
    ("is silent", (Hang(),), "RequestTimeoutError", ()),
    ("speaks garbage", steps(b"\0\1\2\r\n", Close()), "ProxyError|ConnectionFailedError", ()),
    (
        "connects and closes",
        steps(answer(b"", "200 OK", length=None), Close()),
        "ProxyError|ConnectionFailedError|TLSError",
        (),
    ),
    (
        "connects and is silent",
        steps(answer(b"", "200 OK", length=None), Hang()),
        "RequestTimeoutError",
        (),
    ),
    (
        "connects and does not speak TLS",
        steps(answer(b"", "200 OK", length=None), answer(b"", "400 Bad"), HalfClose()),
        "TLSError",
        (),
    ),
]


def timeout_for(kinds: str) -> dict[str, object]:
    """Return a short timeout for faults that end in one, else the default."""
    return {"timeout": 0.1} if "RequestTimeoutError" in kinds else {}


@pytest.mark.parametrize(("name", "act", "kinds", "says"), PROXY_FAULTS)
def test_a_proxy_that_fails_is_said(
    name: str, act: Act, kinds: str, says: tuple[str, ...], mode: Mode, stage: Stage
) -> None:
    """A tunnel that does not come about is the proxy's fault, and leaves nothing open."""
    proxy = Server(script=(act,))
    with stage.serving(proxy):
        result = through(proxy, mode, "https://127.0.0.1:9", **timeout_for(kinds))
        lingering = stage.run(proxy.quiet(SOON))
    assert_refused(result, kinds, *says)
    assert result.elapsed < SOON
    assert lingering == 0
    assert all(KEY.encode() not in request.head for request in proxy.requests)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_said(scheme: str, mode: Mode, stage: Stage) -> None:
    """Somebody who cannot reach the proxy must not look for the fault at the service."""
    proxy = Server(listening=False)
    with stage.serving(proxy):
        result = through(proxy, mode, f"{scheme}://127.0.0.1:9")
    port = f":{proxy.port}"
    assert_refused(
        result, "ProxyError|ConnectionFailedError", "the proxy", port, "cannot be reached"
    )


def test_a_proxy_whose_name_is_not_found_is_said(
    mode: Mode, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt HTTPS_PROXY is no fault of the base URL's name."""
    missing = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=missing))
    result = query(mode, {"proxy": "http://nowhere.intern:3128", **options({})})
    says = "the proxy http://nowhere.intern:3128", "cannot be reached", "was not found"
    assert_refused(result, "ConnectionFailedError", *says)


def test_no_proxy_is_kept(mode: Mode, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is excepted is spoken to directly."""
    server, proxy = Server(script=(GOOD,)), Server()
    with stage.serving(server, proxy):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        result = query(mode, {"base_url": server.url, **options({})})
    assert result.value is not None, result
    assert proxy.connections == 0


SOCKS_FAULTS: list[tuple[str, Act, str]] = [
    ("closes", (Close(),), "ProxyError|ConnectionFailedError"),
    ("resets", (Reset(),), "ProxyError|ConnectionFailedError"),
    ("is silent", (Hang(),), "RequestTimeoutError"),
    ("speaks HTTP", steps(answer(b"", "400 Bad"), Close()), "ProxyError|ConnectionFailedError"),
    ("speaks garbage", steps(b"\xff\xff\xff", Close()), "ProxyError|ConnectionFailedError"),
    ("sends half", steps(b"\x05", Hang()), "ProxyError|ConnectionFailedError|RequestTimeoutError"),
    ("knows no method", steps(b"\x05\xff", Hang()), "ProxyError"),
    ("wants a password", steps(b"\x05\x02", Hang()), "ProxyError"),
]


@pytest.mark.skipif(importlib.util.find_spec("socksio") is None, reason="socksio is not installed")
@pytest.mark.parametrize(("name", "act", "kinds"), SOCKS_FAULTS)
def test_a_socks_proxy_that_fails_is_said(
    name: str, act: Act, kinds: str, mode: Mode, stage: Stage
) -> None:
    """Whatever a SOCKS proxy sends, the error is ours, and nothing stays open."""
    proxy = Server(accept=(act,))
    with stage.serving(proxy):
        address = f"socks5://127.0.0.1:{proxy.port}"
        arguments = {"base_url": "http://127.0.0.1:9", "proxy": address}
        result = query(mode, {**arguments, **options(timeout_for(kinds))})
        lingering = stage.run(proxy.quiet(SOON))
    assert_refused(result, kinds)
    assert result.elapsed < SOON
    assert lingering == 0


@pytest.mark.parametrize(
    ("number", "attempts"), [(socket.EAI_NONAME, 1), (socket.EAI_AGAIN, 2), (errno.EIO, 1)]
)
def test_a_name_that_is_not_found_is_said(
    number: int, attempts: int, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the host; only a resolver that is busy is asked again."""
    hosts = []

    def fail(host: str, *_: object, **__: object) -> None:
        hosts.append(host)
        raise socket.gaierror(number, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    result = query(mode, {"base_url": "https://api.example.invalid", **options({})})
    assert_refused(result, "ConnectionFailedError", "api.example.invalid")
    assert len(hosts) == attempts


def test_the_second_address_is_tried(
    mode: Mode, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host with an address that does not answer is reached at its next one."""
    server = Server(script=(GOOD,))
    with stage.serving(server):
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        base_url = f"http://localhost:{server.port}"
        result = query(mode, {"base_url": base_url, **options({"retry": {"attempts": 1}})})
    assert result.value is not None, result


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a full backlog is silent on Linux only")
def test_a_server_that_does_not_accept_is_not_waited_for(mode: Mode) -> None:
    """A connect that nobody answers ends with the attempt."""
    with full() as port:
        base_url = f"http://127.0.0.1:{port}"
        result = query(mode, {"base_url": base_url, **options({"timeout": 0.2})})
    assert_refused(result, "RequestTimeoutError|ConnectionFailedError")
    assert result.elapsed < SOON
