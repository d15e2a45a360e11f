"""What the bench server answers: for every peer's question a running task, all of one size.

A body of 735 bytes is what the service really sends; the peers' own answers are filled up to it
with a text, so that nobody has less to read. Every answer has the same headers.
"""

from __future__ import annotations

import json

SIZE = 735
"""Bytes of every body."""

KEY = "sk-test-bench-0123456789"
TASK_ID = "veo3.1-fast:1760545785-euexscdeL8"

_HEADERS = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Date: Tue, 25 Nov 2025 12:00:00 GMT\r\n"
    b"Server: bench\r\n"
    b"X-Oneapi-Request-Id: 20251125120000123456789bench01\r\n"
    b"\r\n"
)

_TASK: dict[str, object] = {
    "id": TASK_ID,
    "status": "video_generating",
    "video_url": None,
    "status_update_time": 1750323167003,
    "detail": {"id": TASK_ID, "status": "pending", "progress_pct": 0.25, "running": True},
    "enhanced_prompt": "",
}

# Path of the question, the answer, and where the text goes that fills it up.
_SHAPES: tuple[tuple[str, dict[str, object], tuple[str, ...]], ...] = (
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


def filled(answer: dict[str, object], place: tuple[str, ...]) -> bytes:
    """Return an answer as JSON, with so much text at a place that it has the common size."""
    copy = json.loads(json.dumps(answer))
    holder = copy
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = "x" * (SIZE - len(json.dumps(copy)))
    return json.dumps(copy).encode("ascii")


def answers() -> dict[bytes, bytes]:
    """Return the whole answer, head and body, for each path."""
    found = {}
    for path, answer, place in _SHAPES:
        body = filled(answer, place)
        assert len(body) == SIZE, f"the answer for {path} is too long to be filled up"
        found[path.encode("ascii")] = _HEADERS % SIZE + body
    return found
