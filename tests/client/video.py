"""Videos as servers send them: whole, in parts, cut off at any byte."""

import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainhub_api.models import VideoTask
from tests.loopback import delivered, until

TASK_ID = "veo3.1-fast:1760545785-abc"
FILE_NAME = "veo3.1-fast@1760545785-abc.mp4"

BEGINNING = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


def task(url: str | None, status: str = "completed", task_id: str = TASK_ID) -> bytes:
    """Write the answer about a task whose video is at an address."""
    fields = {"id": task_id, "status": status, "video_url": url, "enhanced_prompt": None}
    return answer(200, json.dumps(fields | {"status_update_time": 1750323167003}).encode())


def finished(url: str, task_id: str = "a") -> VideoTask:
    """Return a task whose video is at an address."""
    fields = {"id": task_id, "status": "completed", "video_url": url, "enhanced_prompt": None}
    return VideoTask.from_dict(fields | {"status_update_time": 1})


def left(folder: Path) -> set[str]:
    """Return the names of all files in a folder."""
    return {path.name for path in folder.iterdir()}


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Write an answer of any status."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other side hears of a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # A descriptor is closed at once, whoever still holds the object.
    socket.socket(fileno=connection.detach()).close()


def end(connection: socket.socket) -> None:
    """Close a connection in an orderly way."""
    connection.shutdown(socket.SHUT_RDWR)


class SampleVideo:
    """One video on a server; what it makes are behaviours for the test server."""

    def __init__(self, size: int = 100_000, seed: int = 1, etag: str | None = '"v1"') -> None:
        self.data = (BEGINNING + random.Random(seed).randbytes(size))[:size]
        self.etag = etag

    def head(self, size: int, *headers: str, status: int = 200) -> bytes:
        """Write the head of an answer with so many bytes."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}", *headers]
        lines += [f"ETag: {self.etag}"] if self.etag else []
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def send(self, connection: socket.socket, head: bytes) -> None:
        """Send what is asked for: the whole, or a part if the file is still the same."""
        self._send(connection, head, len(self.data))

    def until(self, stop: int, how: Any = reset) -> Any:
        """Send what is asked for up to a byte of the file, then end the conversation."""

        def cut(connection: socket.socket, head: bytes) -> None:
            with suppress(OSError):
                self._send(connection, head, stop)
                delivered(connection)
                how(connection)

        return cut

    def head_for(self, head: bytes) -> bytes:
        """Write the head of the answer to a request."""
        start, total = self.start_of(head), len(self.data)
        if start is None:
            return self.head(total)
        part = f"Content-Range: bytes {start}-{total - 1}/{total}"
        return self.head(total - start, part, status=206)

    def start_of(self, head: bytes) -> int | None:
        """Return where a request wants the file to begin, None for the whole."""
        asked = re.search(rb"(?im)^range: bytes=(\d+)-\r$", head)
        condition = header_of(head, "if-range")
        return int(asked[1]) if asked and condition == self.etag else None

    def _send(self, connection: socket.socket, head: bytes, stop: int) -> None:
        connection.sendall(self.head_for(head) + self.data[self.start_of(head) or 0 : stop])


def header_of(head: bytes, name: str) -> str | None:
    """Return a header of a request."""
    found = re.search(rb"(?im)^%b: *([^\r]*)\r$" % name.encode(), head + b"\r\n")
    return found[1].decode("latin-1") if found else None


def later(
    action: Callable[[], object], when: Callable[[], bool] = lambda: True
) -> tuple[threading.Timer, list[float]]:
    """Do something from another thread a little after a condition holds, and note when."""
    done: list[float] = []

    def act() -> None:
        until(when)
        time.sleep(0.05)
        done.append(time.monotonic())
        action()

    timer = threading.Timer(0, act)
    timer.start()
    return timer, done


def size(path: Path) -> int:
    """Return how many bytes a file has, none if it is not there."""
    return path.stat().st_size if path.exists() else 0


def threads() -> list[str]:
    """Return the names of the threads of downloads."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name == "chainhub-download"]
