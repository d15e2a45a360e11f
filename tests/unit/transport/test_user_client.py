"""What httpx raises becomes one failure, and what it brings one response, sync and async."""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import ssl
import threading
from importlib import import_module
from importlib.util import find_spec

import httpx
import pytest

from chainhub._transport import (
    Failure,
    Limits,
    StreamedResponse,
    aexchange_through,
    exchange_through,
)
from tests.unit.transport.conftest import Alarm, serving

GET = ("GET", "https://api.example/", [(b"Host", b"api.example")], b"")


def limits(**more):
    """Return limits without a deadline."""
    settings = {"timeout": math.inf, "connect": 1.0, "deadline": math.inf, "max_body": 1000}
    return Limits(**settings | more)


def through(kind, handler, **more):
    """Exchange a request with a client whose transport is a function, or raises an error."""

    def fail(request):
        raise handler

    transport = httpx.MockTransport(fail if isinstance(handler, Exception) else handler)
    if kind == "sync":
        with httpx.Client(transport=transport) as client:
            return exchange_through(client, *GET, limits(**more))

    async def scenario():
        async with httpx.AsyncClient(transport=transport) as client:
            return await aexchange_through(client, *GET, limits(**more))

    return asyncio.run(scenario())


def caused(error, cause):
    """Give an error a cause."""
    error.__cause__ = cause
    return error


REFUSED = caused(httpx.ConnectError("x"), OSError(errno.ECONNREFUSED, "y"))
CUT = caused(httpx.ConnectError("x"), ssl.SSLEOFError(8, "EOF"))
WAITING = caused(httpx.ReadTimeout("slow"), ssl.SSLWantReadError(2, "more"))
FAILURES = [
    (httpx.ConnectError("no"), "connect", False, "no"),
    (httpx.ConnectTimeout("slow"), "connect_timeout", False, "slow"),
    (httpx.PoolTimeout("busy"), "timeout", False, "busy"),
    (httpx.ReadTimeout("slow"), "timeout", True, "slow"),
    (httpx.ReadError("reset"), "closed", True, "reset"),
    (httpx.ProxyError("407"), "proxy", False, "407"),
    (httpx.RemoteProtocolError("odd"), "protocol", True, "odd"),
    (httpx.RemoteProtocolError("Server disconnected"), "closed", True, "disconnected"),
    (httpx.RemoteProtocolError("peer closed connection"), "truncated", True, "peer closed"),
    (httpx.RemoteProtocolError("_SWITCH_UPGRADE"), "protocol", True, "switched protocols"),
    (httpx.DecodingError("bad"), "decode", True, "bad"),
    (httpx.UnsupportedProtocol("ftp"), "local", True, "ftp"),
    (httpx.InvalidURL("odd"), "local", True, "odd"),
    (TimeoutError(), "timeout", True, "timed out"),
    (OSError(), "closed", True, "OSError"),
    (ConnectionResetError(errno.ECONNRESET, "x"), "closed", True, "Connection reset"),
    (socket.gaierror(socket.EAI_NONAME, "no such name"), "lookup", True, "no such name"),
    (httpx.StreamConsumed(), "truncated", True, "already been streamed"),
    (RuntimeError("Event loop is closed"), "local", False, "or of another event loop"),
    (REFUSED, "connect", False, "Connection refused"),
    (CUT, "tls", False, "closed the connection"),
    (WAITING, "timeout", True, "slow"),
]
if find_spec("socksio"):
    FAILURES.append((import_module("socksio").SOCKSError("odd"), "proxy", False, "odd"))


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(("error", "name", "sent", "words"), FAILURES)
def test_every_failure_has_a_kind(kind, error, name, sent, words):
    """And says whether something may have been sent."""
    with pytest.raises(Failure) as caught:
        through(kind, error)
    assert (caught.value.kind, caught.value.sent) == (name, sent)
    assert words in caught.value.text


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("slip", [ZeroDivisionError, RuntimeError])
def test_a_slip_in_somebody_s_code_passes(kind, slip):
    """It is no failure of a connection."""
    with pytest.raises(slip):
        through(kind, slip())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_status_that_a_hook_refuses_is_the_response(kind):
    """`raise_for_status` in a hook is usual; it closes the response before its body was read."""

    def refuse(request):
        response = httpx.Response(503, headers={"Retry-After": "1"}, content=b"x", request=request)
        response.is_closed, response.is_stream_consumed = True, False
        response.raise_for_status()

    found = through(kind, refuse)
    assert (found.status, found.header(b"retry-after"), found.body) == (503, "1", b"")


def test_what_a_signal_handler_raises_passes_as_it_is(request):
    """Although httpx takes it for an error of its socket."""
    over = threading.Event()
    with serving(lambda connection: over.wait(5)) as port, httpx.Client(trust_env=False) as client:
        request.getfixturevalue("alarm")
        with pytest.raises(Alarm, match="mine"):
            exchange_through(client, "GET", f"http://127.0.0.1:{port}/", [], b"", limits())
        over.set()


def test_causes_are_followed_for_a_while():
    """Not without end."""
    error = ssl.SSLEOFError(8, "EOF")
    for _ in range(30):
        error = caused(httpx.ReadError("outer"), error)
    with pytest.raises(Failure, match="outer") as caught:
        through("sync", error)
    assert caught.value.kind == "closed"


def test_a_streamed_response_that_was_never_asked_for_is_closed():
    """There is nothing to close."""
    StreamedResponse(httpx.Client(transport=httpx.MockTransport(lambda request: None))).close()
