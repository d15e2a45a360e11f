"""A mock server of the video service on your own machine, for trying out and for tests.

    from chainhub.sandbox import Sandbox, completed, pending, status

    with Sandbox(speed=0) as sandbox:
        task_id = sandbox.add([pending, status(503), completed])
        client = chainhub.Client(sandbox.key, base_url=sandbox.base_url)

It follows the repaired contract and responds like the service, errors included. It needs the
extra `chainhub[sandbox]`, but only to start. `sample.mp4`, the video it serves, was made for this
project: three seconds of FFmpeg's test picture `testsrc2`.
"""

from __future__ import annotations

from chainhub.sandbox._sandbox import MissingExtraError, Sandbox
from chainhub.sandbox._sandbox import serve as serve
from chainhub.sandbox._scenarios import task_ids as task_ids
from chainhub.sandbox._script import (
    State,
    Step,
    answer,
    cancelled,
    close,
    completed,
    completed_without_url,
    cut,
    error,
    expired,
    failed,
    html,
    image_downloading,
    pending,
    processing,
    queued,
    reset,
    slow,
    state,
    status,
    trickle,
    video_generating,
    video_generation_completed,
    video_generation_failed,
    video_upsampling,
    video_upsampling_completed,
    video_upsampling_failed,
)
from chainhub.sandbox._state import Recorded, SandboxError

__all__ = [
    "MissingExtraError", "Recorded", "Sandbox", "SandboxError", "State", "Step", "answer",
    "cancelled", "close", "completed", "completed_without_url", "cut", "error", "expired", "failed",
    "html", "image_downloading", "pending", "processing", "queued", "reset", "slow", "state",
    "status", "trickle", "video_generating", "video_generation_completed",
    "video_generation_failed", "video_upsampling", "video_upsampling_completed",
    "video_upsampling_failed",
]  # fmt: skip
