"""The bench server: prebuilt responses on loopback, faster than any client.

It runs in a process of its own (`python -m benchmarks.server`), prints its ports (plain, encrypted,
media) and ends when its standard input ends. `GET /-/counts` returns the numbers of connections and
requests, and the CPU time; this request itself is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import BinaryIO, cast

from benchmarks.answers import VIDEO_BEGINS, answers
from benchmarks.machine import pin
from tests.faults.identities import server_context

COUNTS = b"/-/counts"
MEDIA_TAG = '"bench-1"'
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class State:
    """The responses and the counts of the server."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.answers = answers()
        self.connections = 0
        self.requests = 0
        self._last: dict[bytes, float] = {}
        self._gaps: list[float] = []

    def note(self, request: bytes) -> None:
        """Record the time since the same request before."""
        now = time.monotonic()
        if (previous := self._last.get(request)) is not None:
            self._gaps.append(now - previous)
        self._last[request] = now

    def counts(self) -> bytes:
        """Return the counts as a whole response."""
        counts = {
            "connections": self.connections,
            "requests": self.requests,
            "cpu": time.process_time(),
            "late": lateness(self._gaps),
        }
        body = json.dumps(counts).encode("ascii")
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def lateness(gaps: Sequence[float], share: float = 0.99) -> float:
    """Return the seconds after which this share of results is known.

    Results arrive at any moment, each in a gap between two requests, and are known at its end;
    without a gap the result is infinity.
    """
    total, low, high = sum(gaps), 0.0, max(gaps, default=math.inf)
    for _ in range(30 if gaps else 0):
        middle = (low + high) / 2
        later = sum(gap - middle for gap in gaps if gap > middle)
        low, high = (middle, high) if later > total * (1 - share) else (low, middle)
    return high


class Connection(asyncio.Protocol):
    """One connection: reads requests without bodies, writes prebuilt responses."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._buffer = b""
        self._first = True
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head[4 : head.index(b" ", 4)])

    def _answer(self, request: bytes) -> None:
        state = self._state
        path = request.partition(b"?")[0]
        if path == COUNTS:
            self._transport.write(state.counts())
            return
        if self._first:
            self._first = False
            state.connections += 1
        state.requests += 1
        if state.latency:
            state.note(request)
        maker = state.answers.get(path)
        response = maker(state.requests) if maker else _MISSING
        if state.latency:
            asyncio.get_running_loop().call_later(state.latency, self._write, response)
        else:
            self._transport.write(response)

    def _write(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)


def video(size: int) -> BinaryIO:
    """Return a file that begins like a video and is mostly holes."""
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - open as long as the server
    file.write(VIDEO_BEGINS)
    file.truncate(size)
    file.flush()
    return file


def send_videos(listener: socket.socket, file: BinaryIO, size: int) -> None:
    """Answer every connection with the video, one after the other, straight from the file."""
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {size}\r\n"
        f"ETag: {MEDIA_TAG}\r\nAccept-Ranges: bytes\r\n\r\n"
    ).encode("ascii")
    while True:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(head)
            file.seek(0)
            connection.sendfile(file)


async def serve(state: State, size: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()

    servers = [
        await loop.create_server(partial(Connection, state), "127.0.0.1", 0, backlog=4096, ssl=tls)
        for tls in (None, server_context("server"))
    ]
    media = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=send_videos, args=(media, video(size), size), daemon=True).start()
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    print(*ports, media.getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--video", type=int, default=1024**2, help="bytes of the video")
    parser.add_argument("--cpu", type=int, default=None, help="the core to stay on")
    options = parser.parse_args()
    pin(options.cpu)
    asyncio.run(serve(State(options.latency), options.video))
    os._exit(0)  # the thread that sends videos waits for the next connection


if __name__ == "__main__":
    main()
