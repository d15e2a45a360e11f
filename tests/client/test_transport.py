"""The transport keeps its instants, its connections and its hands off answers nobody asked for."""

import socket
import threading
import time
from contextlib import suppress

import pytest

import chainhub
from tests.loopback import SOON, silent

ONCE = chainhub.RetryPolicy.off()


def trickle(data: bytes):
    """Answer one byte at a time: it would take a minute."""

    def behave(connection: socket.socket, head: bytes) -> None:
        with suppress(OSError):
            for position in range(len(data)):
                connection.sendall(data[position : position + 1])
                time.sleep(0.05)

    return behave


@pytest.mark.parametrize("where", ["headers", "body"])
def test_timeout_bounds_an_attempt_that_trickles(mode, server, http, where):
    """An attempt ends with `timeout`, although bytes keep coming."""
    answer = http(200, {"pad": "x" * 600}, f"X-Pad: {'x' * 600}")
    cut = 0 if where == "headers" else answer.index(b"\r\n\r\n") + 4
    rest = trickle(answer[cut:])

    def behave(connection: socket.socket, head: bytes) -> None:
        connection.sendall(answer[:cut])
        rest(connection, head)

    server.answers = [behave]
    client = mode.client(base_url=server.url, timeout=0.3, retry=ONCE)
    began = time.monotonic()
    with pytest.raises(chainhub.RequestTimeoutError) as caught:
        mode(client.video.query("a"))
    assert 0.25 < time.monotonic() - began < SOON
    assert caught.value.attempts == 1


def test_deadline_bounds_the_whole_call(mode, server, http):
    """Attempts, back-off and bodies together end with `deadline`."""
    server.answers = [trickle(http(200, {"pad": "x" * 1200}))]
    quick = chainhub.RetryPolicy(base=0.01)
    client = mode.client(base_url=server.url, timeout=0.2, deadline=0.5, retry=quick)
    # Four attempts would take 0.8 s and end in another error.
    with pytest.raises(chainhub.DeadlineError):
        mode(client.video.query("a"))


@pytest.mark.parametrize(
    "left_over",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"x",
        b"\r\n\r\n",
        b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_left_over_bytes_are_never_an_answer(mode, server, http, left_over, late):
    """What stands behind an answer is never taken for the next one."""
    answered, sent = threading.Event(), threading.Event()

    def poisoned(connection: socket.socket, head: bytes) -> None:
        if late:
            connection.sendall(http())
            assert answered.wait(SOON)
            connection.sendall(left_over)
            sent.set()
        else:
            connection.sendall(http() + left_over)

    server.answers = [poisoned, http(200, {**TASK, "status": "completed"})]
    client = mode.client(base_url=server.url, retry=ONCE)
    mode(client.video.query("a"))
    answered.set()
    if late:
        assert sent.wait(SOON)
    assert mode(client.video.query("a")).status == "completed"


def test_left_over_first_bytes_in_flight_are_noticed(mode, server, http):
    """Bytes that come just before the answer to a reused connection are left over."""
    server.answers = [
        http(),
        lambda connection, head: connection.sendall(b"}}" + http(200, b"{}")),
        http(200, {**TASK, "status": "completed"}),
    ]
    client = mode.client(base_url=server.url, retry=ONCE)
    mode(client.video.query("a"))
    assert mode(client.video.query("a")).status == "completed"


def test_calls_queue_for_connections_without_failing(mode, server, http, chainhub_clock):
    """More calls than connections wait for their turn; the attempt's clock starts afterwards."""

    def late(connection: socket.socket, head: bytes) -> None:
        chainhub_clock.skip(10)
        connection.sendall(http())

    server.answers = [late]
    options = {"max_connections": 1, "timeout": 15, "deadline": None, "retry": ONCE}
    client = mode.client(base_url=server.url, **options)
    assert many(mode, client, 4) == ["pending"] * 4
    assert server.connections == 1


def test_queueing_counts_against_the_deadline(mode, server):
    """A call whose deadline passes in the queue says so."""
    server.answers = [silent]
    client = mode.client(base_url=server.url, max_connections=1, deadline=0.2, retry=ONCE)
    errors = many(mode, client, 2)
    assert [type(error) for error in errors] == [chainhub.DeadlineError] * 2


TASK = {"id": "a", "status": "pending", "status_update_time": 1}


def many(mode, client, count):
    """Make `count` calls at once; give statuses or errors."""

    def one():
        try:
            return client.video.query("a").status
        except chainhub.ChainhubError as error:
            return error

    if not mode.asynchronous:
        results = []
        threads = [threading.Thread(target=lambda: results.append(one())) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results

    async def gathered():
        import asyncio

        calls = (client.video.query("a") for _ in range(count))
        results = await asyncio.gather(*calls, return_exceptions=True)
        return [getattr(result, "status", None) or result for result in results]

    return mode(gathered())
