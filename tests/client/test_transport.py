"""The transport keeps its instants, its connections and its hands off answers nobody asked for."""

import socket
import threading

import chainhub
from tests.loopback import ONCE, silent


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
