"""What a command prints of a task and what it ends with: exit codes, records and lines. Pure."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from chainhub import errors
from chainhub._tasks import State, known_state, progress_of, reason_of, updated_at, video_url_of
from chainhub.cli._messages import percent, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainhub.errors import ChainhubError
    from chainhub_api.models import VideoTask


class Exit(IntEnum):
    """Name the exit codes, as the documentation lists them."""

    DONE = 0
    MACHINE = 1
    USAGE = 2
    CREDENTIALS = 3
    NOT_FOUND = 4
    NO_VIDEO = 5
    TIMED_OUT = 6
    SERVICE = 7
    PARTIAL = 8
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


# The first row that fits decides, so a kind stands before its base class.
_CODES: Final = (
    (errors.CredentialsError, Exit.CREDENTIALS),
    (errors.ConfigurationError, Exit.USAGE),
    (errors.AuthenticationError, Exit.CREDENTIALS),
    (errors.PermissionDeniedError, Exit.CREDENTIALS),
    (errors.NotFoundError, Exit.NOT_FOUND),
    (errors.LinkExpiredError, Exit.NOT_FOUND),
    (errors.TaskError, Exit.NO_VIDEO),
    (errors.WaitTimeout, Exit.TIMED_OUT),
    (errors.DeadlineError, Exit.TIMED_OUT),
    (errors.DestinationExistsError, Exit.USAGE),
    (errors.AddressRefusedError, Exit.USAGE),
    (errors.DiskError, Exit.MACHINE),
    (errors.CancelledByUser, Exit.INTERRUPTED),
    (errors.ChainhubError, Exit.SERVICE),
)


def exit_code_of(error: BaseException | None) -> Exit:
    """Return the exit code for how one thing ended; None is a good end."""
    if error is None:
        return Exit.DONE
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.MACHINE)


def verdict(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of a command about several tasks: theirs if they agree."""
    different = set(codes)
    return different.pop() if len(different) == 1 else Exit.PARTIAL if different else Exit.DONE


Record: TypeAlias = dict[str, Any]
"""What `--json` prints of a result: always the same fields, null where one does not apply."""


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


def error_record(error: ChainhubError) -> Record:
    """Return the fields of an error; all of them are redacted and bounded."""
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


def columns(first: str, task: VideoTask) -> str:
    """Return what comes first, then state, status, progress and URL; what is absent is `-`."""
    progress, url = progress_of(task), video_url_of(task)
    word = plain(str(task.status)) or "-"
    done = "-" if progress is None else f"{progress:.0%}"
    return "\t".join([first, state_shown(task).value, word, done, plain(url) if url else "-"])


def sentence(first: str, task: VideoTask, *, dated: bool = False) -> str:
    """Return the status of a task for a person, with its reason and its video on lines below."""
    told = [first, plain(str(task.status)) or "no status"]
    if (progress := progress_of(task)) is not None:
        told.append(percent(progress))
    if dated and (changed := updated_at(task)) is not None:
        told.append(f"(updated {changed:%Y-%m-%d %H:%M:%S} UTC)")
    below = [f"  {plain(text)}" for text in (reason_of(task), video_url_of(task)) if text]
    return "\n".join(["  ".join(told), *below])
