"""The logger `chainhub`, its one switch, and the filter over the loggers below."""

import io
import logging
import os
import re
import subprocess
import sys
import time

import httpx
import pytest

import chainhub
from chainhub._download.media import BodyRange, ResumePoint, StartOver, describe
from chainhub._session import UNDER_WAY, guard_logs
from chainhub._session.events import RedactionFilter
from chainhub._transport import connections as _connections
from tests.client.video import SampleVideo, answer, task
from tests.loopback import TASK

KEY = "Kp7Qw2Xv9Lm4Rt6Yb1Nc"


@pytest.fixture
def under_way():
    """Give a function that says whose request is under way."""

    def say(api):
        UNDER_WAY.set((api, lambda: (KEY,)))

    yield say
    UNDER_WAY.set(None)


def filtered(message, *arguments):
    """Return what a record says after the filter."""
    record = logging.LogRecord("httpx", logging.INFO, "", 1, message, arguments, None)
    assert RedactionFilter().filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    ("api", "message", "arguments", "expected"),
    [
        (
            None,
            "HTTP Request: %s %s",
            ("GET", "https://cdn.example/v.mp4?sig=abc&id=1"),
            "HTTP Request: GET https://cdn.example/v.mp4?sig=***&id=***",
        ),
        (
            "https://api.example",
            'HTTP Request: GET %s "HTTP/1.1 401 %s"',
            ("https://api.example/v1?id=a%3Ab&k=1", KEY),
            'HTTP Request: GET https://api.example/v1?id=a%3Ab&k=*** "HTTP/1.1 401 ***"',
        ),
        (None, "connect host=%r", ("cdn.example",), "connect host='cdn.example'"),
        (
            None,
            "done return_value=%s",
            ([(b"Location", b"/x?sig=abc"), (b"Date", b"today")],),
            "done return_value=…",
        ),
        (None, "Adding %s", ((b"authorization", b"Bearer " + KEY.encode()),), "Adding (b'author"),
    ],
)
def test_what_is_logged_of_our_requests_is_redacted(under_way, api, message, arguments, expected):
    """Every record is kept, without keys, signed addresses and what answers hold."""
    under_way(api)
    shown = filtered(message, *arguments)
    assert shown.startswith(expected)
    assert KEY not in shown


def test_what_others_log_stays_as_it_is():
    """The filter hangs on loggers that the whole process uses."""
    url = "https://user.example/v.mp4?sig=abc return_value=1"
    assert filtered("HTTP Request: %s", url) == f"HTTP Request: {url}"


def test_long_record_costs_its_length(under_way):
    """60 KB in a header took seconds when the cost grew with the square."""
    under_way(None)
    began = time.process_time()
    filtered("%s", "http://" * 30_000)
    assert time.process_time() - began < 1.0


@pytest.fixture
def records(caplog):
    """Give what httpx logs."""
    caplog.set_level(logging.INFO, "httpx")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "httpx"]


def test_only_our_requests_are_redacted(mode, server, records):
    """A program's own requests are logged whole, beside ours and inside of them."""

    def answered(request):
        with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(204))) as own:
            own.get("https://user.example/inside?secret=1")
        return httpx.Response(200, json={"id": "a", "status": "b", "status_update_time": 1})

    client = mode.client(
        base_url=server.url, httpx_args={"transport": httpx.MockTransport(answered)}
    )
    mode(client.video.query("a"))
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(204))) as own:
        own.get("https://user.example/beside?secret=1")
    inside, ours, beside = records()
    assert f"GET {server.url}/v1/video/query?id=a " in ours
    assert "/inside?secret=***" in inside  # it is a part of our request
    assert "/beside?secret=1" in beside


@pytest.fixture
def debug(caplog):
    """Give what we log in all."""
    caplog.set_level(logging.DEBUG, "chainhub")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "chainhub"]


def test_debug_tells_of_connections_and_retries(mode, server, http, debug):
    """New, kept and closed ones; and why no other attempt follows."""
    server.answers = [http(), None, http(200, TASK, "Connection: close"), http(401, b"{}")]
    client = mode.client(KEY, base_url=server.url)
    for _ in range(2):
        mode(client.video.query("a"))
    with pytest.raises(chainhub.AuthenticationError):
        mode(client.video.query("a"))
    said = debug()
    assert f"new client for {server.url}, key from the api_key argument" in said
    assert said.count("attempt 1 used a new connection") == 3
    assert any("had been closed by the server: trying a new one" in line for line in said)
    assert any("the server does not keep it open" in line for line in said)
    assert "not trying again after attempt 1: final" in said
    assert KEY not in str(said)


def test_debug_tells_of_kept_and_expired_connections(mode, server, http, debug, monkeypatch):
    """One that was idle for too long is not used again."""
    client = mode.client(base_url=server.url)
    for _ in range(2):
        mode(client.video.query("a"))
    assert "attempt 1 used a kept connection" in debug()
    monkeypatch.setattr(_connections, "KEEPALIVE", -1.0)
    mode(client.video.query("a"))
    assert any(line.startswith("closed an idle connection") for line in debug())


def test_debug_tells_of_the_next_poll(mode, server, http, debug):
    """And that there is none before the deadline."""
    server.answers = [http(), task(f"{server.url}/v")]
    client = mode.client(base_url=server.url)
    mode(client.video.wait("a", interval=0.1))
    assert "task a: 'pending'; next poll in 0.10 s" in debug()
    server.answers = [http()]
    with pytest.raises(chainhub.WaitTimeout):
        mode(client.video.wait("a", interval=60.0, deadline=0.3))
    said = debug()
    assert any(
        line.startswith("task a: 'pending'; no more polls, the deadline is") for line in said
    )


def test_debug_tells_how_a_download_goes_on(mode, server, debug, tmp_path):
    """Where it begins and whether it can be resumed, without the address."""
    sample = SampleVideo()
    url = f"{server.url}/v?sig=abc"
    moved = b"HTTP/1.1 302 Found\r\nLocation: /w?sig=abc\r\nContent-Length: 0\r\n\r\n"
    behaviours = [task(url), moved, sample.until(50_000), answer(503), sample.send]
    server.answers = behaviours
    client = mode.client(base_url=server.url, retry=chainhub.RetryPolicy(base=0.001))
    mode(client.video.download("a", tmp_path / "v"))
    server.answers = [*behaviours, task(url), SampleVideo(etag=None).send]
    mode(client.video.download("a", tmp_path / "w"))
    said = [line for line in debug() if line.startswith("download to")]
    assert "download to v: a redirect" in said
    assert "download to v: an error status" in said
    assert "download to v: from the beginning, 100000 bytes; can be resumed" in said
    assert any(re.search(r"v: resuming at byte \d+, 100000 bytes; can be", line) for line in said)
    assert "cannot be resumed: no strong ETag" in said[-1]
    assert "sig" not in str(said)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (StartOver("the file has changed"), "starting over: the file has changed"),
        (
            BodyRange(length=None, delimited=False),
            "from the beginning, the server does not resume, an unknown number of bytes; "
            "cannot be resumed: no strong ETag and length",
        ),
    ],
)
def test_what_else_is_said_of_a_download(found, text):
    """Where an earlier part could not be used."""
    assert describe(found, ResumePoint('"e"', 9, 5)) == text


def test_filter_is_installed_once():
    """A second client installs nothing twice."""
    guard_logs()
    guard_logs()
    assert len(logging.getLogger("httpx").filters) == 1


@pytest.mark.parametrize(
    ("level", "shown"),
    [("info", ["loud"]), ("DEBUG", ["quiet", "loud"]), (" Info ", ["loud"]), ("", [])],
)
def test_one_variable_switches_logging_on(level, shown):
    """`CHAINHUB_LOG` prints to standard error, once however many clients there are."""
    assert [line.split()[-1] for line in printed(level)] == shown


@pytest.mark.parametrize("level", ["verbose", "1", "true", "sk-test-abcdefgh"])
def test_unknown_level_is_said_once(level):
    """The sentence names the levels there are, and is not silent about the wrong one."""
    (line,) = printed(level)
    shown = "***" if level.startswith("sk-") else level
    assert line.endswith(
        f"WARNING CHAINHUB_LOG is '{shown}', which is not a level; use info or debug"
    )


def printed(level):
    """Return the lines that a program with two clients prints."""
    program = (
        "from chainhub._session.events import guard_logs, logger\n"
        "guard_logs(); guard_logs()\n"
        "logger.debug('quiet'); logger.info('loud')"
    )
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "CHAINHUB_LOG": level}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
    return done.stderr.splitlines()


def test_silent_by_default():
    """Without any configuration nothing is printed, not even warnings."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    assert handler not in logging.getLogger("chainhub").handlers
    assert isinstance(logging.getLogger("chainhub").handlers[0], logging.NullHandler)
