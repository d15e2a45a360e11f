"""Through httpx, as with mocks and transports of users, the results are the same.

Its sockets are not ours, so guarantees of our sockets do not hold there: timeouts limit the time
between two reads only, and httpx trusts data that was on a connection before the request.
"""

from __future__ import annotations

import re

import pytest

from tests.faults.queries import Result, query
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
    """Return the parts of a result that callers distinguish.

    The text of an answer is compared word for word; messages about connections differ.
    """
    error = result.error
    status, code, message, attempts = (
        getattr(error, name, None) for name in ("status", "code", "message", "attempts")
    )
    # Ports differ, and so does what is left of a deadline on a busy machine.
    variable = r"127\.0\.0\.1:\d+|[\d.]+(?= s are left)"
    text = "" if status is None else re.sub(variable, "…", str(message))
    return result.value, type(error).__name__, status, code, text, attempts


def both(fault: Fault, mode: Mode, stage: Stage) -> list[tuple[object, ...]]:
    """Return the results of a fault on both paths."""
    results = []
    for extra in ({}, THROUGH_HTTPX):
        server = server_of(fault)
        assert server.stranger is not None
        with stage.serving(server, server.stranger):
            arguments = {**arguments_of(fault, server), **extra}
            before = at_rest(server)
            result = query(mode, arguments, calls=fault.calls, before=before)
            if result.error is not None and not fault.name.startswith("the key in a member"):
                assert_not_in_frames(result.error)
            results.append(facts(result))
    return results


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
