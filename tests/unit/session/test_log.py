"""The logger `chainhub`, its one switch, and the filter over the loggers below."""

import io
import logging
import os
import subprocess
import sys
import time

import httpx
import pytest

from chainhub._session import log as _log
from chainhub._session.log import OwnRecords, guard_logs

KEY = "Kp7Qw2Xv9Lm4Rt6Yb1Nc"


@pytest.fixture
def under_way():
    """Give a function that says whose request is under way."""

    def say(api):
        _log.UNDER_WAY.set((api, lambda: (KEY,)))

    yield say
    _log.UNDER_WAY.set(None)


def filtered(message, *arguments):
    """Return what a record says after the filter."""
    record = logging.LogRecord("httpx", logging.INFO, "", 1, message, arguments, None)
    assert OwnRecords().filter(record)
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
        "from chainhub._session.log import guard_logs, logger\n"
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
