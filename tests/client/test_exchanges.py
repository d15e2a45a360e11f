"""Whatever shape an answer has, it is the same answer on a fresh connection and on a kept one."""

import asyncio
import gzip
import json
import socket
import threading
import time
from contextlib import suppress

import pytest

import chainhub
from chainhub import _clock
from chainhub._transport import http1
from tests.faults import identities
from tests.loopback import ONCE, TASK, response

DONE = {**TASK, "status": "completed", "video_url": "https://c.example/v.mp4"}
BODY = json.dumps(DONE).encode()
GOOD = response(200, DONE)


def then_end(data):
    """Send and close."""

    def behave(connection: socket.socket, head: bytes) -> None:
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

    return behave


def cut(data, at):
    """Send in two pieces that do not arrive together."""

    def behave(connection: socket.socket, head: bytes) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(data[:at])
        time.sleep(0.01)
        connection.sendall(data[at:])

    return behave


def chunked(body):
    """Write an answer in chunks."""
    lines = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return lines + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


ANSWERS = {
    "good": GOOD,
    "cut in the status": cut(GOOD, 5),
    "cut in a header": cut(GOOD, 30),
    "cut before the body": cut(GOOD, GOOD.index(b"\r\n\r\n") + 4),
    "cut in the body": cut(GOOD, len(GOOD) - 5),
    "gzip": response(200, gzip.compress(BODY), "Content-Encoding: gzip"),
    "no gzip": response(200, BODY, "Content-Encoding: gzip"),
    "no gzip, no good": response(503, b"oops", "Content-Encoding: gzip"),
    "brotli": response(200, BODY, "Content-Encoding: br"),
    "chunks": chunked(BODY),
    "chunks that break off": then_end(chunked(BODY)[:-7]),
    "close": then_end(response(200, DONE, "Connection: close")),
    "keep-alive": response(200, DONE, "Connection: Keep-Alive"),
    "until the end": then_end(b"HTTP/1.1 200 OK\r\n\r\n" + BODY),
    "old": then_end(b"HTTP/1.0 200 OK\r\n\r\n" + BODY),
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + GOOD,
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "folded": response(200, DONE, "X-A: b\r\n c"),
    "line feeds": GOOD.replace(b"\r\n", b"\n"),
    "twice the same length": response(200, DONE, f"Content-Length: {len(BODY)}"),
    "two lengths": response(200, DONE, "Content-Length: 3"),
    "no length": response(200, DONE).replace(b"Content-Length: ", b"Content-Length: x"),
    "bad name": response(200, DONE, "X A: b"),
    "early end": then_end(GOOD[:-4]),
    "early end in the head": then_end(GOOD[:30]),
    "nothing": None,
    "no HTTP": then_end(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "too many headers": response(200, DONE, *[f"X-{n}: {'y' * 500}" for n in range(60)]),
    "far too many headers": response(200, DONE, *[f"X-{n}: {'y' * 500}" for n in range(500)]),
    "long": response(200, {**DONE, "enhanced_prompt": "z" * 300_000}),
    "too long": response(200, {**DONE, "enhanced_prompt": "z" * 1_100_000}),
    "an error": response(400, {"code": "task_not_exist", "message": "no", "data": None}),
    "an error without words": response(500, b""),
    "a redirect": response(302, b"", "Location: http://example.com/"),
    "no JSON": response(200, b"<html>"),
}


def told(mode, client):
    """Return what became of a call, in words that can be compared."""
    try:
        return mode(client.video.query("a")).to_dict()
    except chainhub.ChainhubError as error:
        return type(error), error.message, error.status, error.excerpt


def outcome(mode, server, answer, *, kept):
    """Return what became of a call, on a connection that has served or on a fresh one."""
    server.answers = [*[GOOD] * (2 * kept), answer, answer, GOOD]
    server.requests.clear()
    client = mode.client(base_url=server.url, retry=ONCE, max_body=1_000_000)
    for _ in range(2 * kept):
        assert told(mode, client) == DONE
    return told(mode, client), told(mode, client)


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_end_the_same_on_a_kept_connection(mode, server, name):
    """Results and errors are the same; what follows is not touched by them."""
    fresh = outcome(mode, server, ANSWERS[name], kept=False)
    assert outcome(mode, server, ANSWERS[name], kept=True)[0] == fresh[0]


def test_all_exchanges_send_the_same_bytes(mode, server):
    """The first, and those on a kept connection."""
    client = mode.client(base_url=server.url)
    for _ in range(4):
        mode(client.video.query("a"))
    assert (len(server.requests), server.connections) == (4, 1)
    assert len(set(server.requests)) == 1


def test_other_methods_have_their_own_framing(mode, server):
    """A HEAD has no body whatever its head says, and a POST has one to send."""
    client = mode.client(base_url=server.url)
    raw = mode.httpx(client)
    mode(client.video.query("a"))
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", response()]
    server.requests.clear()
    assert mode(raw.request("HEAD", "/v1/video/query")).content == b""
    assert mode(raw.request("POST", "/v1/video/query", json={})).status_code == 200
    assert mode(raw.request("GET", "/v1/x", headers={"Expect": "1"})).status_code == 200


HALF_A_HEAD = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-Half: "
A_HEAD = HALF_A_HEAD + b"\r\n\r\n"


@pytest.mark.parametrize("first", [GOOD, chunked(BODY)])
@pytest.mark.parametrize("left_over", [A_HEAD, HALF_A_HEAD, HALF_A_HEAD[:-9], HALF_A_HEAD[:4]])
def test_a_head_or_half_of_one_is_not_that_of_the_next_answer(mode, server, first, left_over):
    """What stood behind an answer ends with its connection."""
    server.answers = [first + left_over, GOOD, chunked(BODY), GOOD]
    client = mode.client(base_url=server.url, retry=ONCE)
    assert [told(mode, client) for _ in range(4)] == [DONE] * 4
    assert server.connections == 2


def test_connection_that_was_idle_too_long_is_not_used(monkeypatch, mode, server):
    """Its age counts from its last exchange."""
    now = time.monotonic()
    client = mode.client(base_url=server.url, deadline=None, timeout=None)
    for later, connections in ((0, 1), (50, 1), (100, 1), (160, 2)):
        monkeypatch.setattr(_clock, "monotonic", lambda later=later: now + later)
        mode(client.video.query("a"))
        assert server.connections == connections


def test_timeout_holds_on_a_kept_connection(mode, server):
    """An answer that trickles, or does not come, is cut off in time."""
    held = threading.Event()

    def trickle(connection: socket.socket, head: bytes) -> None:
        with suppress(OSError):
            for position in range(len(GOOD)):
                connection.sendall(GOOD[position : position + 1])
                if held.wait(0.02):
                    return

    for answer in (trickle, lambda connection, head: held.wait(5)):
        server.answers = [GOOD, answer]
        server.requests.clear()
        client = mode.client(base_url=server.url, timeout=0.2, retry=ONCE)
        mode(client.video.query("a"))
        began = time.monotonic()
        with pytest.raises(chainhub.RequestTimeoutError):
            mode(client.video.query("a"))
        assert 0.15 < time.monotonic() - began < 2
    held.set()


def test_switch_ends_an_exchange_on_a_kept_connection(mode, server):
    """It is noticed at once, and the connection is never used again."""
    held = threading.Event()
    cancel = chainhub.Cancel()

    def stall(connection: socket.socket, head: bytes) -> None:
        cancel.set()
        held.wait(5)

    server.answers = [GOOD, stall, GOOD]
    client = mode.client(base_url=server.url, retry=ONCE)
    mode(client.video.query("a"))
    began = time.monotonic()
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.with_options(cancel=cancel).video.query("a"))
    assert time.monotonic() - began < 2
    held.set()
    assert mode(client.video.query("a")).status == "completed"
    assert server.connections == 2


def test_switch_that_nobody_sets_costs_no_connection(mode, server):
    """A call with a switch leaves the connection as it was."""
    client = mode.client(base_url=server.url).with_options(cancel=chainhub.Cancel())
    for _ in range(3):
        mode(client.video.query("a"))
    assert server.connections == 1


def test_cancelled_task_closes_its_connection(server):
    """What was asked for and not read never meets the next request."""
    asked = threading.Event()

    def stall(connection: socket.socket, head: bytes) -> None:
        asked.set()
        time.sleep(0.1)
        connection.sendall(response())

    async def scenario():
        only = {"base_url": server.url, "max_connections": 1}
        async with chainhub.AsyncClient("sk-test-short", **only) as client:
            await client.video.query("a")
            task = asyncio.create_task(client.video.query("a"))
            await asyncio.to_thread(asked.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await client.video.query("a")).status

    server.answers = [GOOD, stall, GOOD]
    assert asyncio.run(scenario()) == "completed"
    assert server.connections == 2


def test_encrypted_connections_are_kept_too(mode, secure):
    """Over TLS a connection is kept, a switch ends an exchange, and an end is noticed."""
    held, cancel = threading.Event(), chainhub.Cancel()

    def stall(connection: socket.socket, head: bytes) -> None:
        cancel.set()
        held.wait(5)

    long = {**DONE, "enhanced_prompt": "z" * 200_000}
    secure.answers = [GOOD, response(200, long), GOOD, None, GOOD, stall, GOOD]
    trusting = {"verify_ssl": str(identities.AUTHORITY), "retry": ONCE}
    client = mode.client(base_url=secure.url, **trusting)
    kept = [told(mode, client) for _ in range(4)]
    assert kept == [DONE, long, DONE, DONE]
    assert (len(secure.requests), secure.connections) == (5, 2)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.with_options(cancel=cancel).video.query("a"))
    held.set()
    assert (told(mode, client), secure.connections) == (DONE, 3)


def test_a_late_switch_hurts_nobody_else(monkeypatch, server):
    """A switch that is set while the last bytes are read is heard when they have been."""

    async def scenario():
        cancel = chainhub.Cancel()
        finish = http1.Body.finish

        def late(body):
            cancel.set()
            return finish(body)

        async with chainhub.AsyncClient("sk-test-short", base_url=server.url) as client:
            await client.video.query("a")
            monkeypatch.setattr(http1.Body, "finish", late)
            await client.with_options(cancel=cancel).video.query("a")
            monkeypatch.undo()
            for _ in range(3):
                await client.video.query("a")

    asyncio.run(scenario())
    # A connection that was shut is left, and no other request has met it.
    assert (len(server.requests), server.connections) == (5, 2)


def test_the_key_may_change_between_two_exchanges(mode, server):
    """The headers are spelt anew for another key."""
    keys = iter(["sk-test-first-key", "sk-test-second-key"])
    refused = response(401, {"error": {"message": "Invalid token"}})
    server.answers = [GOOD, GOOD, refused, GOOD]
    client = mode.client(lambda: next(keys), base_url=server.url)
    for _ in range(3):
        assert told(mode, client) == DONE
    sent = [head.partition(b"uthorization: ")[2].partition(b"\r\n")[0] for head in server.requests]
    assert sent == [b"Bearer sk-test-first-key"] * 3 + [b"Bearer sk-test-second-key"]
