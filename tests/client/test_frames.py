"""The key stands in no frame of a traceback: error trackers record the locals of each."""

import asyncio
import base64
import traceback

import pytest

import chainhub
from chainhub_api.api.video import query
from tests.client.video import TASK_ID, SampleVideo, answer, task
from tests.loopback import KEY, ONCE, response

SOON = chainhub.RetryPolicy(base=0.001, throttled_base=0.001)


def slip(*_):
    """Fail as code of a user's own may."""
    raise ZeroDivisionError


def frames(mode, work):
    """Return everything that is recorded of what a call raises, from the call on."""
    try:
        mode(work())
    except BaseException as error:  # noqa: BLE001 - whatever is raised is looked at
        chain = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(chain.format())
    pytest.fail("nothing was raised")


@pytest.mark.parametrize("named", ["argument", "environment"])
def test_proxies_that_cannot_be_used(mode, monkeypatch, named):
    """Their URL may hold a password; the environment may hold others."""
    arguments = {"proxy": "x://user:pass-word@a"} if named == "argument" else {"verify_ssl": "/no"}
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass-word@proxy.example")
    monkeypatch.setenv("OTHER_TOKEN", "pass-word")
    with pytest.raises(chainhub.ConfigurationError) as caught:
        mode.client(base_url="http://127.0.0.1:9", **arguments)
    made = caught.value.__traceback__.tb_next.tb_next  # without this test and `mode`
    recorded = traceback.TracebackException(
        type(caught.value), caught.value, made, capture_locals=True
    )
    text = "".join(recorded.format())
    assert "_client.py" in text
    assert "pass-word" not in text


def test_plain_generated_functions_that_fail(mode, server):
    """What is half made there can be shown, as all else."""
    server.answers = [response(401)]
    client = mode.client(base_url=server.url, retry=ONCE)
    call = query.asyncio_detailed if mode.asynchronous else query.sync_detailed
    assert_clean(frames(mode, lambda: call(client=client, id="a")))


@pytest.mark.parametrize("observer", ["on_attempt", "on_retry", "on_call"])
def test_observers_that_raise(mode, server, observer):
    """What they raise passes through the session."""
    server.answers = [response(503)]
    client = mode.client(base_url=server.url, retry=SOON, **{observer: slip})
    assert_clean(frames(mode, lambda: client.video.query("a")))


@pytest.mark.parametrize(
    "behaviour",
    [None, response(401), response(200, b"no JSON"), response(200, {}), b"nonsense\r\n\r\n"],
)
@pytest.mark.parametrize("more", [{}, {"httpx_args": {"http2": False}}])
def test_calls_that_fail(mode, server, behaviour, more):
    """Below HTTP, by status, by what came; through our sockets and through httpx."""
    server.answers = [behaviour]
    client = mode.client(base_url=server.url, retry=ONCE, **more)
    assert_clean(frames(mode, lambda: client.video.query("a")))


def test_downloads_that_fail(mode, server, tmp_path):
    """From the API's own host, which gets the key."""
    sample = SampleVideo()
    for behaviour in (answer(404), answer(200, b"<html>page</html>"), sample.send):
        server.answers = [task(f"{server.url}/v"), behaviour]
        server.requests.clear()
        client = mode.client(base_url=server.url, retry=ONCE)
        found = frames(
            mode,
            lambda client=client: client.video.download(
                TASK_ID, tmp_path / "v", progress=slip, sha256="0" * 64
            ),
        )
        assert_clean(found)


@pytest.mark.parametrize("more", [{}, {"httpx_args": {"trust_env": False}}])
@pytest.mark.parametrize(
    "behaviour",
    [
        None,
        answer(404),
        answer(200, b"<html>page</html>"),
        SampleVideo().send,
        response(302, b"", "Location: http://10.0.0.1/?signature=abc"),
        response(302, b"", "Location: http://[?signature=abc"),
    ],
)
def test_signed_urls_of_downloads(mode, server, cdn, tmp_path, behaviour, more):
    """They are as good as a password, those of redirects too."""
    server.answers, cdn.answers = [task(f"{cdn.url}/v?signature=abc")], [behaviour]
    client = mode.client(base_url=server.url, retry=ONCE, **more)
    limits = {"allow_hosts": ["127.0.0.1"], "sha256": "0" * 64}
    found = frames(mode, lambda: client.video.download(TASK_ID, tmp_path / "v", **limits))
    assert "download.py" in found
    assert "signature=abc" not in found


def test_tasks_that_are_cancelled(server):
    """In the middle of a read."""

    async def scenario():
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stall(connection, head):
            loop.call_soon_threadsafe(asked.set)
            connection.recv(1)

        server.answers = [stall]
        async with chainhub.AsyncClient(KEY, base_url=server.url) as client:
            call = asyncio.create_task(client.video.query("a"))
            await asked.wait()
            call.cancel()
            try:
                await call
            except asyncio.CancelledError as error:
                chain = traceback.TracebackException.from_exception(error, capture_locals=True)
                return "".join(chain.format())

    assert_clean(asyncio.run(scenario()))


def assert_clean(text):
    """Look for the key in what is recorded, in the spellings in which it may stand there."""
    assert "chainhub" in text
    assert KEY not in text
    assert base64.b64encode(KEY.encode()).decode() not in text


@pytest.mark.parametrize("arguments", [{"prefix": "Beärer"}, {"auth_header_name": "Schlüssel"}])
def test_headers_that_cannot_carry_a_key(mode, arguments):
    """They are refused before there is one, and a client half made has a repr."""
    kind = chainhub.AsyncClient if mode.asynchronous else chainhub.Client
    with pytest.raises(chainhub.ConfigurationError, match="printable ASCII"):
        kind(KEY, base_url="http://127.0.0.1:9", **arguments)
    assert repr(object.__new__(kind)) == f"<{kind.__name__}>"


@pytest.mark.parametrize("answer", [lambda: f"{KEY}’", lambda: [KEY]])
def test_callables_that_give_no_key(mode, answer):
    """What they give may be nearly one."""
    client = mode.client(answer, base_url="http://127.0.0.1:9")
    assert_clean(frames(mode, lambda: client.video.query("a")))


@pytest.mark.parametrize("named", ["argument", "environment", "file"])
@pytest.mark.parametrize(
    "wrong",
    [
        *({"base_url": url} for url in ("ftp://a", f"https://user:{KEY}@a", f"https://a/?{KEY}")),
        *({"headers": pair} for pair in ({"X": f"{KEY}\n"}, {"Authorization": KEY})),
        {"timeout": -1, "cookies": {"a": KEY}, "httpx_args": {"auth": ("user", KEY)}},
        {"proxy": "x://y"},
        {"verify_ssl": "/nowhere"},
        {},
    ],
)
def test_clients_that_cannot_be_made(mode, monkeypatch, tmp_path, named, wrong):
    """Neither an argument nor the environment shows a key, a good one or nearly one."""
    key = KEY if wrong else f"{KEY}’"
    arguments = {"base_url": "http://127.0.0.1:9", **wrong}
    if named == "argument":
        arguments["api_key"] = key
    elif named == "environment":
        monkeypatch.setenv("CHAINHUB_API_KEY", key)
    else:
        (tmp_path / "key").write_text(key)
        monkeypatch.setenv("CHAINHUB_API_KEY_FILE", str(tmp_path / "key"))
    kind = chainhub.AsyncClient if mode.asynchronous else chainhub.Client
    with pytest.raises(chainhub.ConfigurationError) as caught:
        kind(**arguments)
    frames = caught.value.__traceback__.tb_next  # without this test's own
    recorded = traceback.TracebackException(
        type(caught.value), caught.value, frames, capture_locals=True
    )
    assert_clean("".join(recorded.format()))


def test_headers_that_a_copy_cannot_have(mode):
    """Their values may be the key."""
    client = mode.client(base_url="http://127.0.0.1:9")
    with pytest.raises(chainhub.ConfigurationError, match="carries the key") as caught:
        client.with_headers({"Authorization": KEY})
    made = caught.value.__traceback__.tb_next
    recorded = traceback.TracebackException(
        type(caught.value), caught.value, made, capture_locals=True
    )
    assert_clean("".join(recorded.format()))
