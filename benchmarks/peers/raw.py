"""The limit: a bare socket, or a bare asyncio protocol, and nothing but the answer's JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = "pass"
DISTRIBUTION = ""
_TARGET = "/v1/video/query?id=" + TASK_ID.replace(":", "%3A")


def _request(url: str) -> tuple[tuple[str, int], bytes]:
    place, _, shape = url.removeprefix("http://").partition("/")
    host, _, port = place.partition(":")
    lines = (f"GET /{shape}{_TARGET} HTTP/1.1", f"Host: {place}", f"Authorization: Bearer {KEY}")
    return (host, int(port)), "\r\n".join([*lines, "", ""]).encode("ascii")


def call(url: str) -> Callable[[], object]:
    """Return a function that asks on one socket; an answer fits into one read."""
    place, request = _request(url)
    connection = socket.create_connection(place, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask() -> object:
        connection.sendall(request)
        return json.loads(connection.recv(65536).partition(b"\r\n\r\n")[2])

    return ask


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks on one of a stack of connections."""
    import asyncio

    class Asking(asyncio.Protocol):
        waiter: asyncio.Future[object]

        def data_received(self, data: bytes) -> None:
            answer = json.loads(data.partition(b"\r\n\r\n")[2])
            if not self.waiter.done():
                self.waiter.set_result(answer)

    place, request = _request(url)
    idle: list[tuple[asyncio.Transport, Asking]] = []

    async def ask() -> object:
        loop = asyncio.get_running_loop()
        line = idle.pop() if idle else await loop.create_connection(Asking, *place)
        line[1].waiter = loop.create_future()
        line[0].write(request)
        answer = await line[1].waiter
        idle.append(line)
        return answer

    return ask


def client(url: str) -> None:
    """Open and close a socket."""
    socket.socket().close()
