"""How tasks are asked for and created, as the contract says.

A path is a tuple of steps through an answer: the name of an attribute, or of a field where no model
declares one; the number of an item; None for every item. Of several paths the first that leads to a
value counts. WORDS says what a status means, in lower case with `_` for a dash or a space. MAIN is
the operation that is meant where none is named. AnyTask is what errors about a task may hold.
"""

import typing as _t

if _t.TYPE_CHECKING:
    from . import models as _models

    AnyTask: _t.TypeAlias = _models.VideoTask

MAIN: str | None = "video.query"

WORDS: dict[str, str] = {
    "aborted": "cancelled",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "complete": "succeeded",
    "completed": "succeeded",
    "content_moderated": "failed",
    "created": "running",
    "done": "succeeded",
    "dreaming": "running",
    "enqueued": "running",
    "error": "failed",
    "expired": "expired",
    "fail": "failed",
    "failed": "failed",
    "failure": "failed",
    "finish": "succeeded",
    "finished": "succeeded",
    "generating": "running",
    "image_downloading": "running",
    "in_progress": "running",
    "in_queue": "running",
    "inprogress": "running",
    "inqueue": "running",
    "modal": "running",
    "not_start": "running",
    "pending": "running",
    "preparing": "running",
    "processing": "running",
    "queued": "running",
    "queueing": "running",
    "ready": "succeeded",
    "reasoning": "running",
    "request_moderated": "failed",
    "running": "running",
    "starting": "running",
    "streaming": "running",
    "submitted": "running",
    "succeed": "succeeded",
    "succeeded": "succeeded",
    "success": "succeeded",
    "task_not_found": "failed",
    "throttled": "running",
    "unknown": "running",
    "video_generating": "running",
    "video_generation_completed": "running",
    "video_upsampling": "running",
    "video_upsampling_completed": "running",
    "waiting": "running",
}

TASKS: dict[str, dict[str, object]] = {
    "video.query": {
        "returns": "VideoTask",
        "parameter": "id",
        "parameters": (),
        "id": (("id",),),
        "status": (("status",),),
        "reason": (
            ("error",),
            ("fail_reason",),
            ("failure_reason",),
            ("task_status_msg",),
            ("detail", "error"),
            ("detail", "video_generation_error"),
            ("detail", "error_message"),
            ("detail", "fail_reason"),
            ("detail", "task_status_msg"),
            ("detail", "pending_info", "failure_reason"),
        ),
        "code": (("error", "code"), ("detail", "error", "code")),
        "progress": (
            ("progress",),
            ("progress_pct",),
            ("detail", "progress"),
            ("detail", "progress_pct"),
            ("detail", "pending_info", "progress"),
            ("detail", "pending_info", "progress_pct"),
        ),
        "updated": (("status_update_time",),),
        "results": (("video_url",), ("detail", "upsample_video_url"), ("detail", "video_url")),
        "kind": "video",
        "words": {},
        "content": None,
        "main": True,
    }
}

CREATES: dict[str, dict[str, object]] = {}
