"""What the sandbox answers over HTTP."""

import asyncio
import re
import socket
from contextlib import suppress

import httpx
import pytest

from chainhub.sandbox import (
    Sandbox,
    Step,
    answer,
    close,
    completed,
    cut,
    html,
    pending,
    reset,
    slow,
    status,
    trickle,
)
from chainhub.sandbox import _server as server
from tests.unit.sandbox.conftest import KEY, PLAIN, QUERY, ask


def video_url(sandbox: Sandbox, client: httpx.Client, media: list[Step]) -> str:
    """Return the URL of a finished task's video."""
    url: str = ask(client, sandbox.add([completed], media=media)).json()["video_url"]
    return url


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", f"Basic {KEY}", "Bearer sk-wrong", "Bearer ü", KEY]
)
def test_without_the_key_nothing_is_told(sandbox: Sandbox, authorization: str | None) -> None:
    """A missing or wrong key gets the 401 envelope, which quotes the request id of the header."""
    headers = {} if authorization is None else {b"Authorization": authorization.encode()}
    url = f"{sandbox.base_url}{QUERY}?id=veo:completes"
    got = PLAIN.get(url, headers=headers)
    error = got.json()["error"]
    assert (got.status_code, error["type"], error["code"]) == (401, "new_api_error", "")
    assert error["message"] == f"Invalid token (request id: {got.headers['x-oneapi-request-id']})"
    # The name of the scheme is case-insensitive, as HTTP has it.
    assert PLAIN.get(url, headers={"Authorization": f"bearer  {KEY}"}).status_code == 200


@pytest.mark.parametrize("query", ["", "?id=", "?other=1", "?id=&id=veo:completes"])
def test_a_request_needs_an_id(client: httpx.Client, query: str) -> None:
    """Without an id, or with an empty one, the answer is a 400 that says so."""
    got = client.get(f"{QUERY}{query}")
    error = got.json()["error"]
    assert (got.status_code, error["param"]) == (400, "id")
    assert error["message"].startswith("id is required (request id: ")


@pytest.mark.parametrize("task_id", ["unknown", "veo3.1-fast:1-a", "\x00", "a" * 5000, "ü/../%"])
def test_an_unknown_task_does_not_exist(client: httpx.Client, task_id: str) -> None:
    """An unknown id gets the service's 400, which is no envelope."""
    got = ask(client, task_id)
    body = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
    assert (got.status_code, got.json()) == (400, body)


@pytest.mark.parametrize(
    ("method", "path", "code", "allowed"),
    [
        ("GET", "/", 404, set()),
        ("GET", "/" + "x" * 200, 404, set()),
        ("POST", "/v1/video/made-up", 404, set()),
        ("GET", f"{QUERY}/", 404, set()),
        ("GET", "/media/a/b.mp4", 404, set()),
        ("POST", QUERY, 405, {"GET", "HEAD"}),
        ("OPTIONS", QUERY, 405, {"GET", "HEAD"}),
        ("DELETE", "/media/a.mp4", 405, {"GET", "HEAD"}),
    ],
)
def test_other_routes_do_not_exist(client, method, path, code, allowed) -> None:
    """A wrong route or method gets the envelope; a wrong method is told the right ones."""
    got = client.request(method, path)
    assert got.status_code == code
    # A long path is not repeated whole.
    assert got.json()["error"]["message"] == f"Invalid URL ({method} {path[:200]})"
    assert set(filter(None, got.headers.get("allow", "").split(", "))) == allowed


def test_every_answer_carries_a_request_id(sandbox: Sandbox, client: httpx.Client) -> None:
    """Good, bad, faulty and media answers carry an id in the service's form, each its own."""
    url = video_url(sandbox, client, [])
    task_id = sandbox.add([status(503), html()])
    answers = [
        client.get("/nowhere"),
        ask(client, "unknown"),
        ask(client, task_id),
        ask(client, task_id),
        client.get(url),
        client.get(url, headers={"Range": "bytes=99999999-"}),
    ]
    ids = {got.headers["x-oneapi-request-id"] for got in answers}
    assert len(ids) == len(answers)
    assert all(re.fullmatch(r"20\d{18}000[A-Za-z0-9]{8}", found) for found in ids)


@pytest.mark.parametrize(
    ("step", "code", "headers", "body"),
    [
        (status(429, retry_after=2), 429, {"retry-after": "2"}, b""),
        (status(520), 520, {"content-type": "text/html; charset=utf-8"}, b"<title>520"),
        (html(), 200, {"content-type": "text/html; charset=utf-8"}, b"<!DOCTYPE html>"),
        (answer("null"), 200, {"content-type": "application/json"}, b"null"),
        (answer(b"\xff", content_type=None, headers={"X-A": "b"}), 200, {"x-a": "b"}, b"\xff"),
    ],
)
def test_a_fault_answers_instead(sandbox, client, step, code, headers, body) -> None:
    """A fault's answer takes the task's place for one request."""
    task_id = sandbox.add([step, completed])
    got = ask(client, task_id)
    assert got.status_code == code
    assert headers.items() <= dict(got.headers).items()
    assert body in got.content
    assert ask(client, task_id).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("step", "error", "words"),
    [
        (reset, httpx.ReadError, "reset"),
        (close, httpx.RemoteProtocolError, "without sending"),
        (cut(0.5), httpx.RemoteProtocolError, "without sending complete"),
        (cut(0), httpx.RemoteProtocolError, "without sending complete"),
        (cut(hard=True), httpx.ReadError, "reset"),
    ],
)
def test_a_connection_can_break(sandbox, client, step, error, words) -> None:
    """A reset, a close and a cut end the connection; the next request is answered."""
    task_id = sandbox.add([step, completed])
    with pytest.raises(error, match=words):
        ask(client, task_id)
    assert ask(client, task_id).json()["status"] == "completed"


def test_a_cut_answer_has_begun(sandbox: Sandbox, client: httpx.Client) -> None:
    """Before the cut, headers and exactly the asked share of the body arrive."""
    url = video_url(sandbox, client, [cut(0.25)])
    with client.stream("GET", url) as got, pytest.raises(httpx.RemoteProtocolError):
        got.read()
    assert got.num_bytes_downloaded == int(got.headers["content-length"]) // 4


@pytest.mark.parametrize("step", [slow(0.05), trickle(0.05), slow(0, completed), trickle(0)])
def test_a_slow_answer_is_whole_in_the_end(sandbox, client, step) -> None:
    """Late or in small pieces, the whole answer comes."""
    task_id = sandbox.add([pending, step])
    ask(client, task_id)
    assert ask(client, task_id).json()["status"] in ("pending", "completed")


@pytest.mark.parametrize("step", [slow(60), trickle(60)])
def test_a_client_that_leaves_is_not_waited_for(sandbox, client, step) -> None:
    """When the client times out, the next request is answered as if nothing had been."""
    task_id = sandbox.add([step, completed])
    with pytest.raises(httpx.ReadTimeout):
        client.get(QUERY, params={"id": task_id}, timeout=0.1)
    assert ask(client, task_id).json()["status"] == "completed"


def test_an_empty_body_can_trickle(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """A video without a single byte is sent slowly all the same, and that is no accident."""
    with Sandbox(key=KEY, video=b"") as empty:
        task_id = empty.add([completed], media=[trickle(0.01)])
        url = client.get(f"{empty.base_url}{QUERY}", params={"id": task_id}).json()["video_url"]
        assert client.get(url).content == b""
    assert [record for record in caplog.records if record.name == "uvicorn.error"] == []


def test_the_video_is_a_playable_mp4(sandbox: Sandbox, client: httpx.Client) -> None:
    """Behind the URL is a small MP4 whose boxes fill it exactly, the index before the pictures."""
    got = client.get(video_url(sandbox, client, []))
    assert (got.status_code, got.headers["content-type"]) == (200, "video/mp4")
    boxes, at = [], 0
    while at < len(got.content):
        boxes.append(got.content[at + 4 : at + 8])
        at += int.from_bytes(got.content[at : at + 4], "big")
    assert at == len(got.content) == int(got.headers["content-length"]) < 30_000
    assert [boxes[0], boxes[1], boxes[-1]] == [b"ftyp", b"moov", b"mdat"]


def test_a_head_of_the_video(sandbox: Sandbox, client: httpx.Client) -> None:
    """HEAD has the headers of the whole video, also with a range, and no body."""
    url = video_url(sandbox, client, [])
    head, whole = client.head(url, headers={"Range": "bytes=0-1"}), client.get(url)
    assert (head.status_code, head.content) == (200, b"")
    names = ("content-length", "content-type", "etag", "accept-ranges")
    assert [head.headers[name] for name in names] == [whole.headers[name] for name in names]


def test_a_video_has_faults_of_its_own(sandbox: Sandbox, client: httpx.Client) -> None:
    """The video's script of faults comes before the video."""
    url = video_url(sandbox, client, [status(403), slow(0.01), html()])
    codes = [(got := client.get(url)).status_code for _ in range(4)]
    assert (codes, got.content[4:8]) == ([403, 200, 200, 200], b"ftyp")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("sandbox.test:9", "http://sandbox.test:9/"), ("a b", None), ("evil/@x", None)],
)
def test_a_link_has_the_host_the_client_knows(sandbox, client, host, expected) -> None:
    """A link begins with what the client calls this host; an impossible name is not repeated."""
    got = client.get(QUERY, params={"id": sandbox.add(completed)}, headers={"Host": host})
    assert got.json()["video_url"].startswith(expected or f"{sandbox.base_url}/")
    with Sandbox(key=KEY, host="::1") as other:  # an address of IPv6 stands in brackets
        url = f"{other.base_url}{QUERY}?id={other.add(completed)}"
        link = client.get(url, headers={"Host": host}).json()["video_url"]
        assert link.startswith(expected or f"{other.base_url}/media/")


@pytest.mark.parametrize(
    ("step", "status_and_word"),
    [
        (pending, (200, "pending")),
        (slow(0.0, completed), (200, "completed")),
        (cut(0), (200, "pending")),
        (status(503), (503, None)),
        (reset, (None, None)),
    ],
)
def test_the_log_tells_what_was_answered(step, status_and_word) -> None:
    """Beside a request stands the answer's status and, if it is about the task, its word."""
    with Sandbox(key=KEY) as sandbox, suppress(httpx.TransportError):
        PLAIN.get(
            f"{sandbox.base_url}{QUERY}",
            params={"id": sandbox.add([step])},
            headers={"Authorization": f"Bearer {KEY}"},
        )
    assert (sandbox.requests[0].status, sandbox.requests[0].word) == status_and_word


def test_a_kept_connection_answers_at_once() -> None:
    """Small answers are not held back until the client acknowledges the ones before."""
    sandbox = Sandbox(key=KEY)
    options = set()

    class Watched(server._Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            found = transport.get_extra_info("socket")
            options.add(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_Connection", Watched)
        with sandbox:
            PLAIN.get(sandbox.base_url)
    assert options == {1}


def test_requests_are_logged_without_secrets() -> None:
    """The log tells what was asked, when, and how it ended, but no key and no signature."""
    with Sandbox(key=KEY, speed=0) as sandbox:
        task_id = sandbox.add([completed, reset])
        headers = {"Authorization": f"Bearer {KEY}", "User-Agent": "me"}
        url = f"{sandbox.base_url}{QUERY}?id={task_id}"
        link = PLAIN.get(url, headers=headers).json()["video_url"]
        sandbox.advance(5)
        PLAIN.get(link, headers={"Range": "bytes=0-1"})
        with pytest.raises(httpx.ReadError):
            PLAIN.get(url, headers=headers)
        query, media, broken = sandbox.requests
    assert (query.method, query.path, query.task_id) == ("GET", QUERY, task_id)
    assert [entry.status for entry in (query, media, broken)] == [200, 206, None]
    assert [entry.carried_key for entry in (query, media, broken)] == [True, False, True]
    assert [entry.at for entry in (query, media, broken)] == [0, 5, 5]
    assert (query.headers["user-agent"], media.headers["range"]) == ("me", "bytes=0-1")
    assert media.task_id is None
    assert KEY not in repr(sandbox.requests)
    assert "signature" not in repr(sandbox.requests)
