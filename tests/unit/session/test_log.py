"""The logger `chainhub`, its one switch, and the filter over the loggers below."""

import io
import logging
import subprocess
import sys

import pytest

from chainhub._session.log import CutQueries, guard_logs


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        (
            "HTTP Request: %s %s",
            ("GET", "https://cdn.example/v.mp4?sig=abc&id=1"),
            "HTTP Request: GET https://cdn.example/v.mp4?…",
        ),
        ("connect host=%r", ("cdn.example",), "connect host='cdn.example'"),
        (
            "done return_value=%s",
            ([(b"Location", b"/x?sig=abc"), (b"Date", b"today")],),
            "done return_value=…",
        ),
    ],
)
def test_queries_and_secret_headers_are_cut(message, arguments, expected):
    """Every record is kept, with its query strings cut."""
    record = logging.LogRecord("httpx", logging.INFO, "", 1, message, arguments, None)
    assert CutQueries().filter(record)
    assert record.getMessage() == expected


def test_filter_is_installed_once():
    """A second client installs nothing twice."""
    guard_logs()
    guard_logs()
    assert len(logging.getLogger("httpx").filters) == 1


@pytest.mark.parametrize(
    ("level", "shown"),
    [("info", ["loud"]), ("DEBUG", ["quiet", "loud"]), ("", []), ("nonsense", [])],
)
def test_one_variable_switches_logging_on(level, shown):
    """`CHAINHUB_LOG` prints to standard error, once however many clients there are."""
    program = (
        "from chainhub._session.log import guard_logs, logger\n"
        "guard_logs(); guard_logs()\n"
        "logger.debug('quiet'); logger.info('loud')"
    )
    command = [sys.executable, "-c", program]
    import os

    environment = {**os.environ, "CHAINHUB_LOG": level}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
    assert [line.split()[-1] for line in done.stderr.splitlines()] == shown


def test_silent_by_default():
    """Without any configuration nothing is printed, not even warnings."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    assert handler not in logging.getLogger("chainhub").handlers
    assert isinstance(logging.getLogger("chainhub").handlers[0], logging.NullHandler)
