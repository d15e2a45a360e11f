"""The whole response of a call, and requests that the contract does not describe."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

import chainhub
from tests.loopback import FAST, KEY, TASK

JSON = "Content-Type: application/json"


def test_the_last_response_of_a_wait(mode, server, http):
    """Of a method that makes several calls it is the one that ended it."""
    done = TASK | {"status": "completed", "video_url": "https://example.com/a.mp4"}
    server.answers = [http(), http(200, done, "X-Request-Id: last")]
    client = mode.client(base_url=server.url)
    response = mode(chainhub.raw_response(client.video.wait, "a", interval=0.01))
    assert response.parsed.status == "completed"
    assert (response.request_id, json.loads(response.content)) == ("last", done)


def test_what_fails_raises_what_it_always_raises(mode, server, http):
    """With its status and request id; nothing of the response is lost by asking for it."""
    server.answers = [http(404, {"error": {"message": "no"}}, "X-Request-Id: r")]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.NotFoundError) as caught:
        mode(chainhub.raw_response(client.video.query, "a"))
    assert (caught.value.status, caught.value.request_id) == (404, "r")


def test_a_traceback_shows_no_key(mode, server, http):
    """Whoever records the variables of frames records no secret of a call that was good."""
    server.answers = [http(), http(404, {"error": {"message": "no"}})]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.NotFoundError) as caught:
        mode(chainhub.raw_response(client.video.wait, "a", interval=0.01))
    frames = [entry.frame.raw for entry in caught.traceback]
    package = str(Path(chainhub.__file__).parent)
    ours = [frame for frame in frames if frame.f_code.co_filename.startswith(package)]
    assert any(frame.f_code.co_name in ("raw_response", "_araw_response") for frame in ours)
    assert not [frame for frame in ours if KEY in repr(frame.f_locals)]


def test_what_makes_no_call_has_no_response():
    """The sentence says what is wanted."""

    async def nothing():
        return 1

    with pytest.raises(chainhub.ConfigurationError, match=r"such as client\.video\.query"):
        chainhub.raw_response(lambda: 1)
    with pytest.raises(chainhub.ConfigurationError, match=r"such as client\.video\.query"):
        asyncio.run(chainhub.raw_response(nothing))


def test_calls_at_once_do_not_mix(server, http):
    """Tasks of one loop, and calls made inside of another, each have their own response."""

    def by_id(connection, head):
        task_id = head.partition(b"id=")[2].partition(b" ")[0].decode()
        connection.sendall(http(200, TASK | {"id": task_id}, f"X-Request-Id: {task_id}"))

    server.answers = [by_id]

    async def scenario():
        async with chainhub.AsyncClient(KEY, base_url=server.url) as client:
            ids = [f"t{number}" for number in range(20)]
            calls = (chainhub.raw_response(client.video.query, one) for one in ids)
            for task_id, response in zip(ids, await asyncio.gather(*calls), strict=True):
                assert task_id == response.parsed.id == response.request_id

    asyncio.run(scenario())

    with chainhub.Client(KEY, base_url=server.url) as client:
        inner = []

        def outer():
            inner.append(chainhub.raw_response(client.video.query, "inner"))
            return client.video.query("outer")

        assert chainhub.raw_response(outer).request_id == "outer"
        assert inner[0].request_id == "inner"
        assert client.video.query("outer").id == "outer"


def test_a_response_shows_no_content(server, http):
    """Neither headers nor bodies belong into a log; what tells one response from another does."""
    server.answers = [http(200, TASK, "X-Request-Id: r", "Set-Cookie: secret=1")]
    with chainhub.Client(KEY, base_url=server.url) as client:
        response = chainhub.raw_response(client.video.query, "a")
    assert "secret" not in repr(response)
    assert "cow" not in repr(response)
    assert repr(response).startswith("RawResponse(status_code=200, request_id='r', attempts=1")
    assert isinstance(response.headers, httpx.Headers)


def test_a_request_id_that_echoes_the_key_is_masked(server, http):
    """As in errors."""
    key = "moonlit-harbour-0123456789"  # nothing that looks like a key
    server.answers = [http(200, TASK, f"X-Request-Id: {key}")]
    with chainhub.Client(key, base_url=server.url) as client:
        assert key not in chainhub.raw_response(client.video.query, "a").request_id


def test_a_path_that_the_contract_does_not_describe(mode, server, http):
    """With the key, retries, and what came as the answer's own type says."""
    server.answers = [http(503, b""), http(200, {"data": [1]}, JSON)]
    client = mode.client(base_url=server.url, retry=FAST, headers={"X-Mine": "1"})
    response = mode(
        client.request("get", "/v1/models?a=1", headers={"X-Mine": "2"}, timeout=3, deadline=9)
    )
    assert response.parsed == {"data": [1]}
    assert (response.status_code, response.attempts) == (200, 2)
    head = server.requests[1]
    assert head.startswith(b"GET /v1/models?a=1 HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}".encode() in head
    assert b"X-Mine: 2" in head
    assert b"X-Mine: 1" not in head


@pytest.mark.parametrize(
    ("given", "sent", "content_type"),
    [
        ({"json": {"a": [None, "ü"]}}, '{"a":[null,"ü"]}', b"application/json"),
        ({"json": []}, "[]", b"application/json"),
        ({"content": "a=b", "headers": {"Content-Type": "text/x"}}, "a=b", b"text/x"),
        ({"content": b"\xff"}, b"\xff".decode("latin-1"), None),
        ({}, "", None),
    ],
)
def test_bodies(mode, given, sent, content_type):
    """JSON by value, anything else as it is to be sent."""
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(200, text="fine", headers={"Content-Type": "text/plain"})

    client = mode.client(
        base_url="https://api.example.com",
        httpx_args={"transport": httpx.MockTransport(lambda request: answer(request))},
    )
    response = mode(client.request("POST", "/v1/tasks", params={"n": 1, "m": ["x", "y"]}, **given))
    assert response.parsed == "fine"
    (request,) = seen
    assert str(request.url) == "https://api.example.com/v1/tasks?n=1&m=x&m=y"
    assert request.headers.get("content-type") == (content_type and content_type.decode())
    encoding = "latin-1" if sent == "ÿ" else "utf-8"
    assert request.read().decode(encoding) == sent


def test_a_post_is_not_sent_twice(mode, server, http):
    """It may have been processed."""
    server.answers = [http(502, b""), http()]
    client = mode.client(base_url=server.url, retry=FAST)
    with pytest.raises(chainhub.AmbiguousOutcome):
        mode(client.request("POST", "/v1/video/create", json={"prompt": "a cow"}))
    assert len(server.requests) == 1


def test_errors_are_typed(mode, server, http):
    """By status, and inside a 200."""
    client = mode.client(base_url=server.url)
    for answer, kind in [
        (http(401, {"error": {"message": f"bad {KEY}"}}), chainhub.AuthenticationError),
        (http(200, {"success": False, "message": "busy"}, JSON), chainhub.StatusError),
        (http(200, b"{", JSON), chainhub.ResponseError),
    ]:
        server.answers = [answer]
        with pytest.raises(kind) as caught:
            mode(client.request("GET", "/v1/other"))
        assert caught.value.attempts == 1
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "url", "options", "told"),
    [
        (
            "GET",
            "https://elsewhere.example/v1",
            {},
            "it sends no requests to https://elsewhere.example",
        ),
        ("GET", "http://127.0.0.1:1/v1", {}, "it sends no requests to http://127.0.0.1"),
        ("GET", "", {}, "url must not be empty"),
        ("", "/v1", {}, "method must not be empty"),
        ("GET", "/v1\n", {}, "request cannot be called with these arguments"),
        ("POST", "/v1", {"json": {1, 2}}, "request cannot be called with these arguments"),
        ("GET", "/v1", {"headers": {"authorization": "Bearer x"}}, "carries the key"),
        ("GET", "/v1", {"deadline": 0}, "deadline must be"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(mode, server, method, url, options, told):
    """Nothing is sent, and the key goes to the client's own origin only."""
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.ConfigurationError) as caught:
        mode(client.request(method, url, **options))
    assert told in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("url", ["v1/other", "/v1/other", "//elsewhere.example/v1/other"])
def test_a_path_stays_on_the_base_url(mode, server, url):
    """Whatever it looks like."""
    client = mode.client(base_url=server.url)
    mode(client.request("GET", url))
    (head,) = server.requests
    assert head.partition(b" HTTP/")[0].endswith(b"/v1/other")
    assert f"Host: 127.0.0.1:{server.port}".encode() in head


def test_a_whole_url_of_the_base_url_is_taken(mode, server):
    """As it stands in an answer, say."""
    client = mode.client(base_url=server.url)
    assert mode(client.request("GET", f"{server.url}/v1/next?page=2")).status_code == 200
    assert server.requests[0].startswith(b"GET /v1/next?page=2 ")


def test_an_empty_answer_is_none(mode, server, http):
    """As of an operation that declares nothing."""
    server.answers = [http(204, b"")]
    response = mode(mode.client(base_url=server.url).request("DELETE", "/v1/tasks/1"))
    assert (response.parsed, response.status_code, response.content) == (None, 204, b"")
