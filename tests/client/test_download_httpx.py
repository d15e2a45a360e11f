"""Downloads through a transport or client of the user's own, such as a mock."""

import asyncio
import functools
import time

import httpcore
import httpx
import pytest

import chainhub
from chainhub._session import is_mocked
from chainhub._transport import AsyncStreamedResponse, Failure
from tests.client.video import TASK_ID, SampleVideo, later, threads
from tests.loopback import SOON

URL = "https://cdn.example.com/v.mp4?sig=1"


class Mock:
    """Answers what a test says, and remembers what was asked."""

    def __init__(self):
        self.sample = SampleVideo()
        self.requests = []
        self.answers = [httpx.Response(200, content=self.sample.data)]

    def __call__(self, request):
        if request.url.path == "/v1/video/query":
            task = {"id": TASK_ID, "status": "completed", "video_url": URL}
            task |= {"enhanced_prompt": None, "status_update_time": 1}
            return httpx.Response(200, json=task)
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def mock():
    """Give a mock."""
    return Mock()


def pieces(mode, data, delay=0.0, size=10_000, before=lambda: None):
    """Return a body that comes in pieces, for the sync or the async client."""

    def sync():
        for place in range(0, len(data), size):
            time.sleep(delay)
            before()
            yield data[place : place + size]

    async def asynchronous():
        for place in range(0, len(data), size):
            await asyncio.sleep(delay)
            before()
            yield data[place : place + size]

    return asynchronous() if mode.asynchronous else sync()


def test_a_mock_transport_is_asked_for_the_video_too(mode, mock, tmp_path):
    """Nothing goes past it, and it gets no key for another origin."""
    client = mode.client(httpx_args={"transport": httpx.MockTransport(mock)})
    told = []
    place = mode(client.video.download(TASK_ID, tmp_path / "v", progress=told.append))
    assert place.read_bytes() == mock.sample.data
    assert str(mock.requests[0].url) == URL
    assert "authorization" not in mock.requests[0].headers
    assert told[-1].fraction == 1.0


def test_signed_address_is_in_no_log(mode, mock, tmp_path, caplog):
    """Whole URLs are what httpx logs; of the API's own, the id may be known."""
    caplog.set_level("DEBUG")
    client = mode.client(httpx_args={"transport": httpx.MockTransport(mock)})
    mode(client.video.download(TASK_ID, tmp_path / "v"))
    assert "/v1/video/query?id=veo3.1-fast%3A" in caplog.text
    assert "https://cdn.example.com/v.mp4?sig=***" in caplog.text
    assert "sig=1" not in caplog.text


def test_a_client_of_the_users_own_sends_without_its_headers(mode, mock, tmp_path):
    """They are meant for the API."""
    own = mode.own(
        transport=httpx.MockTransport(mock),
        headers={"X-Mine": "private"},
        cookies={"c": "private"},
        auth=("user", "private"),
    )
    client = mode.client()
    mode.give(client, own)
    mode(client.video.download(TASK_ID, tmp_path / "v"))
    assert (tmp_path / "v").read_bytes() == mock.sample.data
    assert set(mock.requests[0].headers) == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }


def test_a_patched_httpx_is_asked(mode, mock, tmp_path, monkeypatch):
    """As test libraries do it."""

    def handle_request(self, request):
        return mock(request)

    async def handle_async_request(self, request):
        return mock(request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle_request)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async_request)
    client = mode.client()
    assert mode(client.video.download(TASK_ID, tmp_path / "v")).read_bytes() == mock.sample.data


def test_a_patched_httpcore_is_asked(mode, mock, tmp_path, monkeypatch):
    """As respx does it; wrappers bear the old name."""

    def answered(request):
        url = httpx.URL(bytes(request.url).decode())
        answer = mock(httpx.Request("GET", url, headers=request.headers))
        return httpcore.Response(answer.status_code, content=answer.content)

    @functools.wraps(httpcore.ConnectionPool.handle_request)
    def handle_request(self, request):
        return answered(request)

    @functools.wraps(httpcore.AsyncConnectionPool.handle_async_request)
    async def handle_async_request(self, request):
        return answered(request)

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", handle_request)
    monkeypatch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", handle_async_request)
    client = mode.client()
    assert mode(client.video.download(TASK_ID, tmp_path / "v")).read_bytes() == mock.sample.data
    monkeypatch.undo()
    assert not is_mocked()


def test_a_body_in_pieces_is_resumed(mode, mock, tmp_path):
    """A stream that breaks is asked for again, with all conditions."""
    data = mock.sample.data
    etag = {"ETag": '"v1"', "Content-Length": str(len(data))}
    rest = {"ETag": '"v1"', "Content-Range": f"bytes 50000-{len(data) - 1}/{len(data)}"}
    mock.answers = [
        httpx.ConnectError("refused"),
        httpx.Response(503),
        httpx.Response(200, headers=etag, content=pieces(mode, data[:50_000])),
        httpx.Response(206, headers=rest, content=pieces(mode, data[50_000:])),
    ]
    quick = chainhub.RetryPolicy(base=0.001, throttled_base=0.001)
    client = mode.client(retry=quick, httpx_args={"transport": httpx.MockTransport(mock)})
    assert mode(client.video.download(TASK_ID, tmp_path / "v")).read_bytes() == data
    assert mock.requests[-1].headers["range"] == "bytes=50000-"


def test_redirects_stay_by_hand(mode, mock, tmp_path):
    """Each is checked."""
    mock.answers = [httpx.Response(302, headers={"Location": "http://169.254.169.254/"})]
    client = mode.client(httpx_args={"transport": httpx.MockTransport(mock)})
    with pytest.raises(chainhub.AddressRefusedError):
        mode(client.video.download(TASK_ID, tmp_path / "v"))


def test_a_deadline_holds_between_two_pieces(mode, mock, tmp_path, chainhub_clock):
    """Closer is not possible without our own sockets."""
    skipped = []

    def skip():
        skipped.append(chainhub_clock.skip(10))

    body = pieces(mode, mock.sample.data, size=20_000, before=skip)
    mock.answers = [httpx.Response(200, content=body)]
    client = mode.client(httpx_args={"transport": httpx.MockTransport(mock)})
    with pytest.raises(chainhub.DeadlineError):
        mode(client.video.download(TASK_ID, tmp_path / "v", deadline=35))
    assert len(skipped) == 4


def test_without_any_limit_it_just_comes(mode, mock, tmp_path):
    """`timeout=None` is the caller's choice."""
    mock.answers = [httpx.Response(200, content=pieces(mode, mock.sample.data))]
    client = mode.client(
        timeout=None, httpx_args={"transport": httpx.MockTransport(mock)}, deadline=None
    )
    assert mode(client.video.download(TASK_ID, tmp_path / "v")).exists()


def test_a_switch_ends_it(mode, mock, tmp_path):
    """At the next piece, or at once where the loop can be told."""
    mock.answers = [httpx.Response(200, content=pieces(mode, mock.sample.data * 9, 0.04))]
    client = mode.client(httpx_args={"transport": httpx.MockTransport(mock)})
    cancel = chainhub.Cancel()
    timer, set_at = later(cancel.set)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.download(TASK_ID, tmp_path / "v", cancel=cancel))
    assert time.monotonic() - set_at[0] < SOON
    timer.join()
    assert threads() == []


def test_cancelling_the_task_ends_what_its_loop_does(mock, tmp_path):
    """The transport's own coroutine included."""
    ended = []

    async def run():
        began = asyncio.Event()

        async def hang(request):
            if request.url.path == "/v1/video/query":
                return mock(request)
            began.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        arguments = {"transport": httpx.MockTransport(hang)}
        async with chainhub.AsyncClient("sk-test-mock", httpx_args=arguments) as client:
            download = asyncio.create_task(client.video.download(TASK_ID, tmp_path / "v"))
            await began.wait()
            download.cancel()
            with pytest.raises(asyncio.CancelledError):
                await download

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < SOON
    assert ended == [True]
    assert threads() == []


def test_a_switch_that_is_set_between_two_steps(mock):
    """What begins afterwards is ended too."""

    async def run():
        sender = httpx.AsyncClient(transport=httpx.MockTransport(mock))

        async def get():
            return sender

        exchange = AsyncStreamedResponse(get, asyncio.get_running_loop())
        exchange.shut()
        exchange.close()
        with pytest.raises(Failure, match="timed out"):
            await asyncio.to_thread(exchange.ask, httpx.URL(URL), [], float("inf"), 1.0)
        await sender.aclose()

    asyncio.run(run())


def test_a_switch_that_is_set_while_a_step_begins(mock, monkeypatch):
    """The step that has begun meanwhile is ended too."""
    begin = asyncio.run_coroutine_threadsafe

    async def run():
        sender = httpx.AsyncClient(transport=httpx.MockTransport(mock))

        async def get():
            await asyncio.Event().wait()

        exchange = AsyncStreamedResponse(get, asyncio.get_running_loop())

        def begun(work, loop):
            exchange.shut()
            return begin(work, loop)

        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", begun)
        with pytest.raises(Failure, match="timed out"):
            await asyncio.to_thread(exchange.ask, httpx.URL(URL), [], float("inf"), 1.0)
        await sender.aclose()

    asyncio.run(run())
