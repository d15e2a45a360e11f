"""The responses of the bench server: a running task for every peer's request, in several shapes.

A body of 735 bytes is what the service really sends; the responses of the peers' services
are padded with text to the same size. The text begins with a number that is different in each
response: no client gets the same bytes twice.

A shape is the first part of the path of a base URL. Compressed responses are chunked, as nginx and
CDNs send them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass

SIZE = 735
"""Bytes of most bodies."""

KEY = "sk-test-bench-" + "0123456789" * 4
TASK_ID = "veo3.1-fast:1760545785-euexscdeL8"


@dataclass(frozen=True)
class Shape:
    """How a response is sent.

    Attributes:
        size: Bytes of the body.
        chunked: Whether it is sent in chunks of 8 kB at most, without Content-Length.
        gzip: Whether it is compressed.
        headers: How many headers it has.
    """

    size: int = SIZE
    chunked: bool = False
    gzip: bool = False
    headers: int = 5


PLAIN = "plain"
SHAPES = {
    PLAIN: Shape(),
    "chunked": Shape(chunked=True),
    "gzip": Shape(chunked=True, gzip=True),
    "headers": Shape(chunked=True, gzip=True, headers=20),
    "2kB": Shape(size=2_000),
    "20kB": Shape(size=20_000),
    "20kB-chunked": Shape(size=20_000, chunked=True),
}

_HEADERS = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Date: Tue, 25 Nov 2025 12:00:00 GMT\r\n"
    b"Server: bench\r\n"
    b"X-Oneapi-Request-Id: 20251125120000123456789bench01\r\n"
)
_EXTRA_HEADER = b"X-Bench-Header-%02d: what a proxy or a CDN adds, such as its name\r\n"
_CHUNK = 8192

FINISHED = "finished"
"""First part of the path where every task is finished."""

VIDEO = "/video.mp4"
"""Path of a small video, on connections that are kept."""

VIDEO_SIZE = 64_000
VIDEO_BEGINS = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"
_VIDEO_HEADERS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n"
    b'ETag: "bench-2"\r\nAccept-Ranges: bytes\r\n\r\n'
)
_NUMBER = b"0" * 12

_TASK: dict[str, object] = {
    "id": TASK_ID,
    "status": "video_generating",
    "video_url": None,
    "status_update_time": 1750323167003,
    "detail": {"id": TASK_ID, "status": "pending", "progress_pct": 0.25, "running": True},
    "enhanced_prompt": "",
}

# Path of the request, the response, and the place of the text that pads it.
_ANSWERS: tuple[tuple[str, dict[str, object], tuple[str, ...]], ...] = (
    ("/v1/video/query", _TASK, ("enhanced_prompt",)),
    (
        "/v1/videos/video_1",
        {
            "id": "video_1",
            "object": "video",
            "model": "sora-2",
            "status": "in_progress",
            "progress": 25,
            "created_at": 1760545785,
            "seconds": "8",
            "size": "720x1280",
            "prompt": "",
        },
        ("prompt",),
    ),
    (
        "/v1/tasks/17f20503-6c24-4c16-946b-35dbbce2af2f",
        {
            "id": "17f20503-6c24-4c16-946b-35dbbce2af2f",
            "status": "RUNNING",
            "createdAt": "2025-11-25T12:00:00.000Z",
            "progress": 0.25,
            "estimatedCost": {"credits": 25},
            "note": "",
        },
        ("note",),
    ),
    (
        "/v1/models/veo-3/operations/op1",
        {
            "name": "models/veo-3/operations/op1",
            "done": False,
            "metadata": {"note": ""},
        },
        ("metadata", "note"),
    ),
    (
        "/v1/predictions/prediction1",
        {
            "id": "prediction1",
            "model": "owner/video",
            "version": "1",
            "status": "processing",
            "input": {"prompt": ""},
            "output": None,
            "logs": "",
            "error": None,
            "metrics": None,
            "created_at": "2025-11-25T12:00:00.000Z",
            "started_at": "2025-11-25T12:00:01.000Z",
            "completed_at": None,
            "urls": {"get": "", "cancel": ""},
        },
        ("input", "prompt"),
    ),
    (
        "/owner/video/requests/request1/status",
        {"status": "IN_PROGRESS", "request_id": "request1", "logs": None, "note": ""},
        ("note",),
    ),
    (
        "/dream-machine/v1/generations/generation1",
        {
            "id": "generation1",
            "state": "dreaming",
            "created_at": "2025-11-25T12:00:00.000Z",
            "model": "ray-2",
            "generation_type": "video",
            "failure_reason": None,
            "request": {"generation_type": "video", "prompt": ""},
        },
        ("request", "prompt"),
    ),
)


def filled(answer: dict[str, object], place: tuple[str, ...], size: int = SIZE) -> bytes:
    """Return a response as JSON, padded to the size with text at a place."""
    body = json.loads(json.dumps(answer))
    parent = body
    for name in place[:-1]:
        parent = parent[name]
    # Digits that repeat as little as prose does when it is compressed.
    text = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(size // 8))
    parent[place[-1]] = (_NUMBER.decode("ascii") + text)[: size - len(json.dumps(body))]
    return json.dumps(body).encode("ascii")


def answers() -> dict[bytes, Callable[[int], bytes]]:
    """Return for each path a function from a number to the whole response, head and body."""
    makers = {}
    for name, shape in SHAPES.items():
        for path, answer, place in _ANSWERS:
            body = filled(answer, place, shape.size)
            assert len(body) == shape.size, f"the answer for {path} is too long to be filled up"
            makers[f"/{name}{path}".encode("ascii")] = _response_maker(shape, body)
    url = {"status": "completed", "video_url": "https://media.example.com/video.mp4"}
    body = filled({**_TASK, **url}, ("enhanced_prompt",))
    makers[f"/{FINISHED}/v1/video/query".encode("ascii")] = _response_maker(SHAPES[PLAIN], body)
    video = _VIDEO_HEADERS % VIDEO_SIZE + VIDEO_BEGINS.ljust(VIDEO_SIZE, b"\0")
    makers[b"/%b%b" % (PLAIN.encode("ascii"), VIDEO.encode("ascii"))] = lambda number: video
    return makers


def _response_maker(shape: Shape, body: bytes) -> Callable[[int], bytes]:
    headers = b"".join(_EXTRA_HEADER % number for number in range(6, shape.headers + 1))
    if not shape.chunked:
        whole = b"%bContent-Length: %d\r\n%b\r\n%b" % (_HEADERS, shape.size, headers, body)
        return lambda number: whole.replace(_NUMBER, b"%012d" % number, 1)
    if shape.gzip:
        headers += b"Content-Encoding: gzip\r\n"
    head = b"%bTransfer-Encoding: chunked\r\n%b\r\n" % (_HEADERS, headers)

    def chunked(number: int) -> bytes:
        data = body.replace(_NUMBER, b"%012d" % number, 1)
        if shape.gzip:
            data = zlib.compress(data, 1, wbits=31)
        parts = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
        return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))

    return chunked
