"""Calls: credentials, retries, what becomes an error, and who is told."""

import asyncio
import gzip
import logging
import pickle
import socket
import threading
import time
import traceback
from contextlib import suppress

import httpx
import pytest

import chainhub
from chainhub_api.api.video import query
from tests.loopback import FAST, KEY, ONCE, SOON, silent


def test_observers_are_told(mode, server, http):
    """Every attempt, every retry and every call is told once, URLs redacted."""
    attempts, retries, calls = [], [], []
    server.answers = [http(503, b"", "X-Oneapi-Request-Id: r-1"), http(404, b"{}")]
    client = mode.client(
        base_url=server.url,
        retry=FAST,
        on_attempt=attempts.append,
        on_retry=retries.append,
        on_call=calls.append,
    )
    with pytest.raises(chainhub.NotFoundError):
        mode(client.video.query("a"))
    assert [(event.attempt, event.status) for event in attempts] == [(1, 503), (2, 404)]
    assert attempts[0].request_id == "r-1"
    assert [(event.attempt, type(event.error)) for event in retries] == [(1, chainhub.ServerError)]
    assert retries[0].delay > 0
    assert [(event.attempts, event.status) for event in calls] == [(2, 404)]
    assert isinstance(calls[0].error, chainhub.NotFoundError)
    assert calls[0].url.endswith("/v1/video/query?id=a")


def test_attempt_without_an_answer_says_why(mode, server):
    """An observer learns why there was no answer."""
    attempts, calls = [], []
    server.answers = [None]
    client = mode.client(
        base_url=server.url, retry=ONCE, on_attempt=attempts.append, on_call=calls.append
    )
    with pytest.raises(chainhub.ConnectionFailedError):
        mode(client.video.query("a"))
    assert (attempts[0].status, bool(attempts[0].trouble)) == (None, True)
    assert (attempts[0].request_id, calls[0].status) == (None, None)


def test_one_line_is_logged_per_attempt(mode, server, http, caplog):
    """The line has method, redacted URL, status and request id, and never the key."""
    caplog.set_level(logging.INFO)
    server.answers = [http(503, b"", "X-Oneapi-Request-Id: r-1"), http()]
    client = mode.client(base_url=server.url, retry=FAST)
    mode(client.video.query("a"))
    ours = [record for record in caplog.records if record.name == "chainhub"]
    lines = [record.getMessage() for record in ours if record.levelno == logging.INFO]
    assert [line.split(" in ")[0] for line in lines] == [
        f"GET {server.url}/v1/video/query?id=a: 503",
        "trying again",
        f"GET {server.url}/v1/video/query?id=a: 200",
    ]
    assert "r-1" in lines[0]
    assert KEY not in caplog.text


def test_an_attempt_without_a_response_is_logged_beside_an_event_hook(mode, server, caplog):
    """Both say why there was none."""
    caplog.set_level(logging.INFO, "chainhub")
    attempts = []
    server.answers = [None]
    client = mode.client(base_url=server.url, retry=ONCE, on_attempt=attempts.append)
    with pytest.raises(chainhub.ConnectionFailedError):
        mode(client.video.query("a"))
    (line,) = [one for one in caplog.messages if "(attempt 1, request id -)" in one]
    assert attempts[0].trouble in line


def test_error_carries_the_facts(mode, server, http):
    """Status, code, request id, method, URL, attempts, elapsed and an excerpt, on one line."""
    body = {"error": {"message": f"bad key {KEY}", "type": "new_api_error", "code": "E1"}}
    server.answers = [http(401, body, "X-Oneapi-Request-Id: r-7")]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.AuthenticationError) as caught:
        mode(client.video.query("a"))
    error = caught.value
    assert (error.status, error.code, error.request_id) == (401, "E1", "r-7")
    assert (error.method, error.attempts) == ("GET", 1)
    assert error.url == f"{server.url}/v1/video/query?id=a"
    assert 0 < error.elapsed < SOON
    assert "\n" not in str(error)
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__dict__)
    assert KEY not in shown
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY.encode() not in pickle.dumps(error)


def test_rejected_key_is_asked_for_again_once(mode, server, http):
    """A callable is asked again after a 401, and the call goes on with the new key."""
    keys = iter(["sk-test-old-11111111", "sk-test-new-22222222", "sk-test-never-3333333"])
    server.answers = [http(401, b"{}"), http()]
    client = mode.client(lambda: next(keys), base_url=server.url)
    assert mode(client.video.query("a")).status == "pending"
    mode(client.video.query("a"))
    sent = [head.partition(b"Bearer ")[2].split(b"\r\n")[0] for head in server.requests]
    assert sent == [b"sk-test-old-11111111", b"sk-test-new-22222222", b"sk-test-new-22222222"]


def test_second_rejection_is_an_error(mode, server, http):
    """A new key that is refused too is not asked for a third time."""
    keys = iter(f"sk-test-{n}-12345678" for n in range(9))
    server.answers = [http(401, b"{}")]
    client = mode.client(lambda: next(keys), base_url=server.url)
    with pytest.raises(chainhub.AuthenticationError):
        mode(client.video.query("a"))
    assert len(server.requests) == 2


def test_key_goes_nowhere_else(mode, server):
    """A request for another origin is refused before it is sent."""
    client = mode.client(base_url=server.url)
    raw = mode.httpx(client)
    for url in (
        "https://elsewhere.example/x",
        f"{server.url}0/x",
        f"https://127.0.0.1:{server.port}",
    ):
        with pytest.raises(chainhub.ConfigurationError, match="sends no requests to"):
            mode(raw.get(url))
    assert server.requests == []


def test_a_base_url_may_be_in_capitals(mode):
    """A request is for the client's own origin, whoever builds it."""
    sent = httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url)))
    for host in ("[::FFFF:127.0.0.1]", "API.Example.com"):
        client = mode.client(base_url=f"HTTPS://{host}", httpx_args={"transport": sent})
        for method in ("GET", "POST"):
            found = mode(client.request(method, "/v1/other")).content.decode()
            assert found.lower() == f"https://{host}/v1/other".lower()


def test_headers_may_be_latin_1(mode, server):
    """Of the client, of a call, and beside cookies; what HTTP has no byte for is refused before."""
    for settings in ({}, {"cookies": {"a": "b"}}):
        client = mode.client(base_url=server.url, headers={"X-A": "\xe9"}, **settings)
        mode(client.video.query("a"))
        mode(client.video.query("a", headers={"X-B": "\xff"}))
    assert all(b"\r\nX-A: \xe9\r\n" in head for head in server.requests)
    assert [b"\r\nX-B: \xff\r\n" in head for head in server.requests] == [False, True] * 2
    with pytest.raises(chainhub.ConfigurationError, match="outside Latin-1"):
        mode.client(base_url=server.url, headers={"X-A": "\u20ac"})


def test_header_that_carries_the_key_cannot_be_given_twice(mode, server):
    """The key has one way in."""
    with pytest.raises(chainhub.ConfigurationError, match="api_key="):
        mode.client(base_url=server.url, headers={"authorization": "Bearer sk-test-x"})
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.ConfigurationError, match="api_key="):
        client.with_headers({"AUTHORIZATION": "x"})


def test_key_may_travel_in_another_header(mode, server):
    """Gateways with a header of their own are served, and it replaces no other."""
    client = mode.client(base_url=server.url, auth_header_name="X-Api-Key", prefix="")
    mode(client.video.query("a"))
    assert f"X-Api-Key: {KEY}".encode() in server.requests[0]
    assert b"Authorization" not in server.requests[0]


def test_error_inside_a_200_is_the_error_it_is(mode, server, http):
    """A relay that answers 200 with an error does not hide it."""
    server.answers = [http(200, {"success": False, "message": "model overloaded"})]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.StatusError, match="model overloaded"):
        mode(client.video.query("a"))
    plain = query.asyncio if mode.asynchronous else query.sync
    with pytest.raises(chainhub.StatusError, match="model overloaded"):
        mode(plain(client=client, id="a"))


def test_gzip_is_asked_for_and_inflated(mode, server, http):
    """Only gzip is asked for, and only by us."""
    body = b'{"id":"a","status":"packed","status_update_time":1}'
    server.answers = [http(200, gzip.compress(body), "Content-Encoding: gzip")]
    client = mode.client(base_url=server.url)
    assert mode(client.video.query("a")).status == "packed"
    assert b"Accept-Encoding: gzip\r\n" in server.requests[0]
    plain = query.asyncio if mode.asynchronous else query.sync
    assert mode(plain(client=client, id="a")).status == "packed"


def test_own_user_agent_is_short_and_can_be_changed(mode, server):
    """Nothing about the machine is told."""
    client = mode.client(base_url=server.url)
    mode(client.video.query("a"))
    mode(client.with_headers({"User-Agent": "mine/1"}).video.query("a"))
    agents = [head.partition(b"User-Agent: ")[2].split(b"\r\n")[0] for head in server.requests]
    assert agents == [f"chainhub-python/{chainhub.__version__}".encode(), b"mine/1"]


def test_cancel_ends_a_call_within_50_ms(mode, server):
    """A blocked read ends when the switch is set, and so do later calls."""
    client = mode.client(base_url=server.url)

    def seconds():
        cancel, set_at = chainhub.Cancel(), []

        def stall(connection, head):
            time.sleep(0.05)
            set_at.append(time.monotonic())
            cancel.set()
            silent(connection, head)

        server.answers = [stall]
        server.requests.clear()
        switched = client.with_options(cancel=cancel)
        with pytest.raises(chainhub.CancelledByUser):
            mode(switched.video.query("a"))
        took = time.monotonic() - set_at[0]
        with pytest.raises(chainhub.CancelledByUser):
            mode(switched.video.query("a"))
        assert len(server.requests) == 1
        return took

    # A busy machine is late now and then, not always.
    assert any(seconds() < 0.5 for _ in range(5))


def test_cancel_ends_a_back_off(mode, server, http):
    """So does the sleep between two attempts."""
    cancel = chainhub.Cancel()
    server.answers = [http(503, b"")]
    slow = chainhub.RetryPolicy(base=20, throttled_base=20, cap=20)
    client = mode.client(base_url=server.url, retry=slow).with_options(cancel=cancel)
    threading.Timer(0.1, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.query("a"))
    assert time.monotonic() - began < SOON


def test_cancel_ends_queueing(mode, server):
    """So does waiting for a connection."""
    cancel, stop = chainhub.Cancel(), chainhub.Cancel()
    asked = threading.Event()

    def stall(connection, head):
        asked.set()
        silent(connection, head)

    server.answers = [stall]
    client = mode.client(base_url=server.url, max_connections=1, retry=ONCE)
    blocking, switched = (client.with_options(cancel=switch) for switch in (stop, cancel))

    async def queued():
        blocker = asyncio.ensure_future(blocking.video.query("a"))
        await asyncio.to_thread(asked.wait, SOON)
        threading.Timer(0.05, cancel.set).start()
        with pytest.raises(chainhub.CancelledByUser):
            await switched.video.query("b")
        stop.set()
        with pytest.raises(chainhub.CancelledByUser):
            await blocker

    def block():
        with pytest.raises(chainhub.CancelledByUser):
            blocking.video.query("a")

    began = time.monotonic()
    if mode.asynchronous:
        mode(queued())
    else:
        blocker = threading.Thread(target=block)
        blocker.start()
        assert asked.wait(SOON)
        threading.Timer(0.05, cancel.set).start()
        with pytest.raises(chainhub.CancelledByUser):
            switched.video.query("b")
        stop.set()
        blocker.join(SOON)
        assert not blocker.is_alive()
    assert time.monotonic() - began < SOON
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda client, into: client.video.query("a"),
        lambda client, into: client.video.wait("a"),
        lambda client, into: anext(client.video.watch("a")),
        lambda client, into: client.video.wait_many(["a"]),
        lambda client, into: anext(client.video.as_completed(["a"])),
        lambda client, into: client.video.download("a", into=into),
        lambda client, into: client.video.download_many(["a"], into=into),
        lambda client, into: client.get_async_httpx_client().get("/v1"),
        lambda client, into: client.aclose(),
    ],
)
def test_async_client_outside_asyncio_says_so(call, tmp_path):
    """Another event loop gets a sentence from every method, not an AttributeError."""
    client = chainhub.AsyncClient("sk-test-trio", base_url="http://127.0.0.1:9")
    coroutine = call(client, tmp_path)
    with pytest.raises(chainhub.ConfigurationError, match="asyncio"):
        coroutine.send(None)


def test_a_slip_in_a_callback_is_not_swallowed(mode, server):
    """An exception of an observer ends the call and propagates as it is."""

    def slip(event):
        raise ZeroDivisionError

    client = mode.client(base_url=server.url, on_attempt=slip)
    with pytest.raises(ZeroDivisionError):
        mode(client.video.query("a"))


class Stub:
    """A transport of the user's, sync and async."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


GOOD = {"id": "a", "status": "mocked", "status_update_time": 1}


def good():
    """Give a mock's good answer."""
    return httpx.Response(200, json=GOOD)


def streamed():
    """Give a mock's good answer that is compressed and not yet read."""

    async def chunks():
        yield gzip.compress(b'{"id":"a","status":"mocked",')
        yield gzip.compress(b'"status_update_time":1}')

    class Both(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            yield gzip.compress(b'{"id":"a","status":"mocked","status_update_time":1}')

        def __aiter__(self):
            return chunks()

    return httpx.Response(200, stream=Both(), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("way", ["httpx_args", "client"])
@pytest.mark.parametrize("answer", [good, streamed])
def test_mock_transports_keep_auth_retries_and_errors(mode, way, answer):
    """People's tests patch httpx; what they put in goes through the same decisions."""
    stub = Stub(httpx.Response(503), httpx.ReadError("reset"), answer)
    transport = httpx.MockTransport(stub)
    options = {"httpx_args": {"transport": transport}} if way == "httpx_args" else {}
    client = mode.client(base_url="https://api.example.com", retry=FAST, **options)
    if way == "client":
        client = mode.give(client, mode.own(transport=transport))
    assert mode(client.video.query("a")).status == "mocked"
    assert mode(client.with_options(deadline=50).video.query("a")).status == "mocked"
    assert stub.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert str(stub.requests[0].url) == "https://api.example.com/v1/video/query?id=a"


def test_mock_that_never_connects_is_told_from_one_that_broke(mode):
    """A request that was certainly not sent may be sent again, whatever its method."""
    stub = Stub(httpx.ConnectError("refused"), good)
    client = mode.client(
        base_url="https://api.example.com",
        retry=FAST,
        httpx_args={"transport": httpx.MockTransport(stub)},
    )
    raw = mode.httpx(client)
    assert mode(raw.post("/v1/video/create", json={})).json()["status"] == "mocked"
    stub.answers = [httpx.ReadError("reset")]
    with pytest.raises(chainhub.AmbiguousOutcome):
        mode(raw.post("/v1/video/create", json={}))


def test_slips_in_a_mock_are_not_swallowed(mode):
    """A failing assertion of somebody's test comes through as it is."""
    stub = Stub(AssertionError("mine"))
    client = mode.client(
        base_url="https://api.example.com", httpx_args={"transport": httpx.MockTransport(stub)}
    )
    with pytest.raises(AssertionError, match="mine"):
        mode(client.video.query("a"))


def test_patched_httpx_keeps_calls_off_the_network(mode, monkeypatch):
    """Test libraries that replace httpx's transport methods see our requests."""

    def handle(self, request):
        return good()

    async def ahandle(self, request):
        return good()

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", ahandle)
    client = mode.client(base_url="https://api.example.com")
    assert mode(client.video.query("a")).status == "mocked"


def test_deadlines_hold_between_reads_through_httpx(mode, server, http):
    """A trickling body ends at the attempt's limit there too, between two reads."""

    def trickle(connection: socket.socket, head: bytes) -> None:
        connection.sendall(http(length=1900))
        with suppress(OSError):
            for _ in range(1200):  # a minute
                time.sleep(0.05)
                connection.sendall(b" ")

    server.answers = [trickle]
    client = mode.client(base_url=server.url, timeout=0.3, retry=ONCE, httpx_args={"http2": False})
    began = time.monotonic()
    with pytest.raises(chainhub.RequestTimeoutError):
        mode(client.video.query("a"))
    assert time.monotonic() - began < SOON


def test_post_always_opens_a_fresh_connection(mode, server, http):
    """A request that cannot be repeated takes no connection that may be dead."""
    client = mode.client(base_url=server.url)
    raw = mode.httpx(client)
    mode(client.video.query("a"))
    mode(raw.post("/v1/video/create", json={}))
    assert server.connections == 2


def test_rate_limited_post_is_tried_again(mode, server, http):
    """A 429 was certainly not carried out."""
    server.answers = [http(429, b""), http()]
    client = mode.client(base_url=server.url, retry=FAST)
    raw = mode.httpx(client)
    assert mode(raw.post("/v1/video/create", content=b"x")).status_code == 200


def test_retry_after_beyond_the_deadline_fails_at_once(mode, server, http):
    """A wait that cannot fit is not begun, and the error says why."""
    server.answers = [http(429, b"", "Retry-After: 30")]
    client = mode.client(base_url=server.url, deadline=20)
    with pytest.raises(chainhub.RateLimitError, match="asks to wait 30 s") as caught:
        mode(client.video.query("a"))
    assert (caught.value.retry_after, caught.value.attempts) == (30, 1)


def test_user_cookies_travel_and_the_servers_are_not_kept(mode, server, http):
    """Calls stay independent of what earlier answers set."""
    server.answers = [http(200, GOOD, "Set-Cookie: theirs=1")]
    client = mode.client(base_url=server.url, cookies={"mine": "1"})
    raw = mode.httpx(client)
    for _ in range(2):
        mode(client.video.query("a"))
        mode(raw.get("/v1/video/query", params={"id": "a"}))
    assert all(b"mine=1" in head for head in server.requests)
    assert not any(b"theirs" in head for head in server.requests)


def test_response_of_a_plain_function_can_be_pickled(server):
    """Its secrets for redaction stay behind."""
    with chainhub.Client(KEY, base_url=server.url) as client:
        response = client.get_httpx_client().get("/v1/video/query", params={"id": "a"})
    copied = pickle.dumps(response)
    assert KEY.encode() not in copied
    assert pickle.loads(copied).json()["status"] == "pending"
