"""The bench server: prebuilt answers on loopback, quicker than any client that asks it.

It runs in a process of its own (`python -m benchmarks.server`), prints its ports (plain, encrypted,
media) and ends when its standard input does. `GET /-/counts` tells how many connections were used
and requests answered, and how much CPU that took; asking for it counts as nothing.
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


class Book:
    """What the server says, and what it has counted."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.answers = answers()
        self.connections = 0
        self.requests = 0
        self._last: dict[bytes, float] = {}
        self._gaps: list[float] = []

    def note(self, request: bytes) -> None:
        """Note how long ago the same request was asked."""
        now = time.monotonic()
        if (before := self._last.get(request)) is not None:
            self._gaps.append(now - before)
        self._last[request] = now

    def counts(self) -> bytes:
        """Return the counts as a whole answer."""
        counted = {
            "connections": self.connections,
            "requests": self.requests,
            "cpu": time.process_time(),
            "late": lateness(self._gaps),
        }
        body = json.dumps(counted).encode("ascii")
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def lateness(gaps: Sequence[float], share: float = 0.99) -> float:
    """Return the seconds after which this share of results is known.

    They come at any moment, each in a gap between two requests, and are known at its end; without
    a gap that is never.
    """
    whole, low, high = sum(gaps), 0.0, max(gaps, default=math.inf)
    for _ in range(30 if gaps else 0):
        middle = (low + high) / 2
        later = sum(gap - middle for gap in gaps if gap > middle)
        low, high = (middle, high) if later > whole * (1 - share) else (low, middle)
    return high


class Answering(asyncio.Protocol):
    """One connection: requests without bodies come in, prebuilt answers go out."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._rest = b""
        self._first = True
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head[4 : head.index(b" ", 4)])

    def _answer(self, request: bytes) -> None:
        book = self._book
        path = request.partition(b"?")[0]
        if path == COUNTS:
            self._transport.write(book.counts())
            return
        if self._first:
            self._first = False
            book.connections += 1
        book.requests += 1
        if book.latency:
            book.note(request)
        make = book.answers.get(path)
        answer = make(book.requests) if make else _MISSING
        if book.latency:
            asyncio.get_running_loop().call_later(book.latency, self._write, answer)
        else:
            self._transport.write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


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


async def serve(book: Book, size: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()

    servers = [
        await loop.create_server(partial(Answering, book), "127.0.0.1", 0, backlog=4096, ssl=tls)
        for tls in (None, server_context("server"))
    ]
    media = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=send_videos, args=(media, video(size), size), daemon=True).start()
    ports = [one.sockets[0].getsockname()[1] for one in servers]
    print(*ports, media.getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--video", type=int, default=1024**2, help="bytes of the video")
    parser.add_argument("--cpu", type=int, default=None, help="the core to stay on")
    given = parser.parse_args()
    pin(given.cpu)
    asyncio.run(serve(Book(given.latency), given.video))
    os._exit(0)  # the thread that sends videos waits for the next one


if __name__ == "__main__":
    main()
