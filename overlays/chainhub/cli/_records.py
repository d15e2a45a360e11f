"""What `--json` prints: one object for each result, always with the same fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

from chainhub._tasks import (
    State,
    known_state,
    progress_of,
    reason_of,
    updated_at,
    video_url_of,
)
from chainhub.cli._exit_codes import exit_code_of

if TYPE_CHECKING:
    from chainhub.errors import ChainhubError
    from chainhub_api.models import VideoTask


class ErrorRecord(TypedDict):
    """The fields of an error; all of them are redacted and bounded."""

    type: str
    message: str
    advice: str | None
    status: int | None
    code: str | None
    request_id: str | None
    method: str | None
    url: str | None
    attempts: int
    elapsed: float
    retry_after: float | None
    exit_code: int


class Record(TypedDict):
    """The fields of a task; a field that does not apply is null."""

    id: str | None
    state: str | None
    status: str | None
    progress: float | None
    video_url: str | None
    updated_at: str | None
    reason: str | None
    path: str | None
    elapsed: float | None
    polls: int | None
    replayed: bool
    error: ErrorRecord | None


def record_of(
    task_id: str | None,
    task: VideoTask | None = None,
    error: ChainhubError | None = None,
    *,
    path: str | None = None,
    elapsed: float | None = None,
    polls: int | None = None,
    replayed: bool = False,
) -> Record:
    """Return the record of one result; `elapsed` is in seconds."""
    changed = None if task is None else updated_at(task)
    return {
        "id": task_id,
        "state": None if task is None else state_shown(task).value,
        "status": None if task is None else str(task.status),
        "progress": None if task is None else progress_of(task),
        "video_url": None if task is None else video_url_of(task),
        "updated_at": None if changed is None else changed.isoformat(),
        "reason": None if task is None else reason_of(task),
        "path": path,
        "elapsed": None if elapsed is None else round(elapsed, 3),
        "polls": polls,
        "replayed": replayed,
        "error": None if error is None else error_record(error),
    }


def error_record(error: ChainhubError) -> ErrorRecord:
    """Return the fields of an error."""
    return {
        "type": type(error).__name__,
        "message": error.message,
        "advice": error.advice,
        "status": error.status,
        "code": error.code,
        "request_id": error.request_id,
        "method": error.method,
        "url": error.url,
        "attempts": error.attempts,
        "elapsed": round(error.elapsed, 3),
        "retry_after": error.retry_after,
        "exit_code": int(exit_code_of(error)),
    }


def state_shown(task: VideoTask) -> State:
    """Return the state of a task; an unknown status value counts as running, without a warning."""
    return known_state(task) or State.RUNNING


def encoded(record: object) -> str:
    """Return a record as one line of ASCII, in which nothing can move a cursor."""
    return json.dumps(record, ensure_ascii=True)
