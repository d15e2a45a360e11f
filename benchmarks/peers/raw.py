"""The lower limit: a bare socket or asyncio protocol, which only decodes the response's JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = "pass"
DISTRIBUTION = ""
_TARGET = "/v1/video/query?id=" + TASK_ID.replace(":", "%3A")


def _request(url: str) -> tuple[tuple[str, int], bytes]:
    address, _, shape = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    lines = (f"GET /{shape}{_TARGET} HTTP/1.1", f"Host: {address}", f"Authorization: Bearer {KEY}")
    return (host, int(port)), "\r\n".join([*lines, "", ""]).encode("ascii")


def call(url: str) -> Callable[[], object]:
    """Return a function that sends on one socket; a response fits into one read."""
    address, request = _request(url)
    connection = socket.create_connection(address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send() -> object:
        connection.sendall(request)
        return json.loads(connection.recv(65536).partition(b"\r\n\r\n")[2])

    return send


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends on an idle connection, or on a new one."""
    import asyncio

    class Protocol(asyncio.Protocol):
        waiter: asyncio.Future[object]

        def data_received(self, data: bytes) -> None:
            body = json.loads(data.partition(b"\r\n\r\n")[2])
            if not self.waiter.done():
                self.waiter.set_result(body)

    address, request = _request(url)
    idle: list[tuple[asyncio.Transport, Protocol]] = []

    async def send() -> object:
        loop = asyncio.get_running_loop()
        pair = idle.pop() if idle else await loop.create_connection(Protocol, *address)
        pair[1].waiter = loop.create_future()
        pair[0].write(request)
        body = await pair[1].waiter
        idle.append(pair)
        return body

    return send


def client(url: str) -> None:
    """Open and close a socket."""
    socket.socket().close()
