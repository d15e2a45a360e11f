"""Which way requests and downloads take: what a user has chosen holds for both."""

import socket

import httpcore
import httpx
import pytest

import chainhub
from tests.client.video import SampleVideo
from tests.loopback import ONCE, Server, response

PLAIN = {"base_url": "http://api.invalid:9", "allow_insecure": True, "retry": ONCE}
SLIGHT = {"httpx_args": {"http2": False}}


@pytest.fixture
def proxy():
    """Give a server that stands for a proxy."""
    made = Server()
    yield made
    made.close()


@pytest.mark.parametrize("more", [{}, SLIGHT])
def test_no_proxy_of_the_environment_where_it_is_ignored(mode, proxy, server, monkeypatch, more):
    """Arguments for httpx change what they name and nothing else."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    for options in ({}, {"trust_env": False}):
        client = mode.client(base_url=server.url, retry=ONCE, **options, **more)
        assert mode(client.video.query("a")).status == "pending"
    assert proxy.requests == []


@pytest.mark.parametrize("more", [{}, SLIGHT])
def test_a_proxy_of_the_client_is_used(mode, proxy, more):
    """With its credentials."""
    address = proxy.url.replace("://", "://user:word@")
    client = mode.client(**PLAIN, proxy=address, **more)
    assert mode(client.video.query("a")).status == "pending"
    assert b"roxy-Authorization: Basic dXNlcjp3b3Jk" in proxy.requests[0]
    assert proxy.requests[0].startswith(b"GET http://api.invalid:9/v1/video/query?id=a ")


@pytest.mark.parametrize("argument", ["proxy", "mounts"])
def test_a_proxy_for_httpx_takes_downloads_too(mode, proxy, tmp_path, argument):
    """They would go past it otherwise."""
    sample = SampleVideo()
    task = {"id": "a", "status": "completed", "video_url": "http://cdn.invalid/v"}
    task |= {"enhanced_prompt": None, "status_update_time": 1}
    proxy.answers = [response(200, task), sample.send]
    kind = httpx.AsyncHTTPTransport if mode.asynchronous else httpx.HTTPTransport
    values = {"proxy": proxy.url, "mounts": {"all://": kind(proxy=proxy.url)}}
    client = mode.client(**PLAIN, httpx_args={argument: values[argument]})
    path = mode(client.video.download("a", tmp_path / "v", allow_hosts=["cdn.invalid"]))
    assert path.read_bytes() == sample.data
    assert proxy.requests[1].startswith(b"GET http://cdn.invalid/v ")
    assert b"sk-test" not in proxy.requests[1]


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "ip6-localhost"])
def test_a_name_of_this_machine_must_lead_here(mode, server, monkeypatch, host):
    """Else the key would travel unencrypted to whoever the resolver names."""
    places = ["127.0.0.1"]

    def look_up(name, port, *arguments, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in places]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    url = f"http://{host}:{server.port}"
    assert mode(mode.client(base_url=url).video.query("a")).status == "pending"
    places.append("203.0.113.7")
    for more in ({"base_url": url}, {"base_url": f"https://{host}:9", "verify_ssl": False}):
        client = mode.client(**more, retry=ONCE)
        with pytest.raises(chainhub.ConfigurationError, match="does not lead to this machine"):
            mode(client.video.query("a"))
    assert len(server.requests) == 1
    places.pop()
    allowed = mode.client(base_url=url, allow_insecure=True)
    assert mode(allowed.video.query("a")).status == "pending"


def test_what_lies_below_httpx_may_be_mocked_too(mode, monkeypatch, tmp_path):
    """As respx and vcrpy do it, for queries and downloads."""
    sample = SampleVideo()
    task = b'{"id": "a", "status": "completed", "video_url": "https://cdn.example.com/v"'
    task += b', "enhanced_prompt": null, "status_update_time": 1}'
    asked = []

    def answer(request):
        asked.append(request.url.target)
        body = sample.data if request.url.target == b"/v" else task
        return httpcore.Response(
            200, headers=[(b"Content-Length", b"%d" % len(body))], content=body
        )

    async def answer_async(self, request):
        return answer(request)

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", lambda self, one: answer(one))
    monkeypatch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", answer_async)
    client = mode.client(base_url="https://api.example.com")
    assert mode(client.video.query("a")).status == "completed"
    assert mode(client.video.download("a", tmp_path / "v")).read_bytes() == sample.data
    assert asked[-1] == b"/v"


@pytest.mark.parametrize(
    "name", ["HTTPTransport.handle_request", "AsyncHTTPTransport.handle_async_request"]
)
def test_either_way_of_sending_may_be_mocked(mode, monkeypatch, name):
    """A mock of one kind of client takes the other kind off our own sockets too."""
    kind, _, method = name.partition(".")

    def handle(self, request):
        return httpx.Response(200, json={"id": "a", "status": "mocked", "status_update_time": 1})

    async def handle_async(self, request):
        return handle(self, request)

    monkeypatch.setattr(getattr(httpx, kind), method, handle_async if "Async" in kind else handle)
    client = mode.client(base_url="http://127.0.0.1:9", retry=ONCE)
    if ("Async" in kind) is mode.asynchronous:
        assert mode(client.video.query("a")).status == "mocked"
    else:
        with pytest.raises(chainhub.ConnectionFailedError):
            mode(client.video.query("a"))
