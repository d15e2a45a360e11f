"""On the path through httpx, which mocks and transports of users take, the results are the same.

Its sockets are not ours, so what is kept by sockets of ours does not hold there: limits of time
hold between two reads only, and httpx trusts what stood on a connection before it asked.
"""

from __future__ import annotations

import re

import pytest

from tests.faults.asking import Result, ask
from tests.faults.server import Stage
from tests.faults.table import FAULTS, Fault
from tests.faults.test_faults import (
    arguments_of,
    assert_not_in_frames,
    at_rest,
    params,
    server_of,
)
from tests.loopback import Mode

THROUGH_HTTPX = {"httpx_args": {"http2": False}}
DIFFERENT = {
    "TLS: an answer left over": "httpx takes it for the next answer",
    "second call: a whole answer left over at once": "httpx takes it for the next answer",
    "redirect: 302 to no URL": "httpx reads the address before we do, and calls it a broken answer",
    "TLS: closed in the handshake": "httpx calls it a failure to connect, not one of TLS",
    "TLS: reset in the handshake": "httpx calls it a failure to connect, not one of TLS",
}
OURS_ONLY = re.compile(r"trickle|silence|without end")
COMPARED = [fault for fault in FAULTS if not OURS_ONLY.search(fault.name)]


def facts(result: Result) -> tuple[object, ...]:
    """Return what a caller tells results apart by.

    What an answer says is compared word for word; how a connection broke is said by other sockets.
    """
    error = result.error
    status, code, message, attempts = (
        getattr(error, name, None) for name in ("status", "code", "message", "attempts")
    )
    # Ports differ, and so does what is left of a deadline on a busy machine.
    changing = r"127\.0\.0\.1:\d+|[\d.]+(?= s are left)"
    said = "" if status is None else re.sub(changing, "…", str(message))
    return result.value, type(error).__name__, status, code, said, attempts


def both(fault: Fault, mode: Mode, stage: Stage) -> list[tuple[object, ...]]:
    """Return the results of a fault on both paths."""
    found = []
    for more in ({}, THROUGH_HTTPX):
        server = server_of(fault)
        assert server.stranger is not None
        with stage.serving(server, server.stranger):
            arguments = {**arguments_of(fault, server), **more}
            before = at_rest(server)
            result = ask(mode, arguments, calls=fault.calls, before=before)
            if result.error is not None and not fault.name.startswith("the key in a member"):
                assert_not_in_frames(result.error)
            found.append(facts(result))
    return found


# Python's ssl leaves a socket unclosed that was reset before it is wrapped, as httpcore wraps it.
@pytest.mark.filterwarnings("ignore:.*unclosed <ssl.SSLSocket")
@pytest.mark.parametrize(("fault", "mode"), params(COMPARED), indirect=["mode"])
def test_both_paths_have_the_same_result(fault: Fault, mode: Mode, stage: Stage) -> None:
    """The value, or the kind of the error with its status, code, message and attempts."""
    if mode.name == "uvloop" and fault.name.startswith("reset when accepted"):
        pytest.skip("anyio asks for the address of a socket that uvloop may have closed already")
    for _ in range(fault.tries):
        ours, through_httpx = both(fault, mode, stage)
        if ours == through_httpx or fault.name in DIFFERENT:
            return
    assert ours == through_httpx
