"""The state, reason, progress, video URL and time of a task, read from one response.

The values come from a server. An invalid value counts as missing and never raises an exception: the
original status and fields stay on the task.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chainhub_api.models import VideoTask


class State(StrEnum):
    """The state of a task, independent of the status value of the server."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether the task will not change any more."""
        return self is not State.RUNNING


class UnknownStatusWarning(UserWarning):
    """An unknown status value; the task counts as running."""


_RUNNING_WORDS = (
    "pending image_downloading video_generating video_generation_completed video_upsampling "
    "video_upsampling_completed processing queued unknown not_start submitted in_progress running"
)

WORDS: Final[Mapping[str, State]] = MappingProxyType(
    {
        **dict.fromkeys(_RUNNING_WORDS.split(), State.RUNNING),
        **dict.fromkeys(("completed", "succeeded", "success"), State.SUCCEEDED),
        **dict.fromkeys(("failed", "failure", "error"), State.FAILED),
        **dict.fromkeys(("cancelled", "canceled"), State.CANCELLED),
        "expired": State.EXPIRED,
    }
)

_LONGEST_WORD = 64
_MOST_WARNINGS = 100
_LONGEST_REASON = 500
_LONGEST_CODE = 64

_REASONS = (
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
)
_CODES = (("error", "code"), ("detail", "error", "code"))
_PROGRESS = (
    ("progress",),
    ("progress_pct",),
    ("detail", "progress"),
    ("detail", "progress_pct"),
    ("detail", "pending_info", "progress"),
    ("detail", "pending_info", "progress_pct"),
)
# The first is the finished file; the second is it too, the third the one before upsampling.
_URLS = (("video_url",), ("detail", "upsample_video_url"), ("detail", "video_url"))

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?)\s*(%?)")
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))

_warned: set[str] = set()
_warned_lock = Lock()


def state_of(task: VideoTask, *, words: Mapping[str, State] | None = None) -> State:
    """Return the state of a task, by its top-level status only.

    An unknown status value counts as running and gives a warning once.

    Args:
        task: The task.
        words: The meaning of further status values, in any letter case; it has precedence.
    """
    known = known_state(task, words)
    if known is not None:
        return known
    _warn_once(shown_status(task))
    return State.RUNNING


def known_state(task: VideoTask, words: Mapping[str, State] | None = None) -> State | None:
    """Return the state of a task, or None for an unknown status value."""
    status: object = task.status
    if not isinstance(status, str):
        return State.RUNNING
    word = _normal(status)
    for key, state in (words or {}).items():
        if _normal(key) == word:
            return State(state)
    if word.endswith("_failed"):
        return State.FAILED
    return State.RUNNING if not word else WORDS.get(word)


def reason_of(task: VideoTask, *, words: Mapping[str, State] | None = None) -> str | None:
    """Return why the task failed, on one bounded line, or None if it did not or nobody says why.

    A task that succeeded may still contain the errors of earlier attempts; they are ignored.
    """
    if known_state(task, words) in (None, State.RUNNING, State.SUCCEEDED):
        return None
    return stated_reason(task)


def code_of(task: VideoTask, *, words: Mapping[str, State] | None = None) -> str | None:
    """Return the service's error code of a failed task, or None."""
    if known_state(task, words) in (None, State.RUNNING, State.SUCCEEDED):
        return None
    return stated_code(task)


def stated_reason(task: VideoTask) -> str | None:
    """Return the first error text in the response, whatever the task's state."""
    return next(filter(None, (_text(_dig(task, path)) for path in _REASONS)), None)


def stated_code(task: VideoTask) -> str | None:
    """Return the first error code in the response, whatever the task's state."""
    return next(filter(None, (_code(_dig(task, path)) for path in _CODES)), None)


def progress_of(task: VideoTask) -> float | None:
    """Return the progress as a fraction from 0.0 to 1.0, or None if it is unknown."""
    readings = (_fraction(_dig(task, path)) for path in _PROGRESS)
    return next((reading for reading in readings if reading is not None), None)


def video_url_of(task: VideoTask) -> str | None:
    """Return the URL of the video, the upsampled file if there is one, or None."""
    return next(filter(None, (_address(_dig(task, path)) for path in _URLS)), None)


def top_url_of(task: VideoTask) -> str | None:
    """Return the URL of the finished file only: `detail` contains earlier ones too."""
    return _address(_dig(task, _URLS[0]))


def shown_status(task: VideoTask) -> str:
    """Return the original status value for a message: quoted, bounded, on one line."""
    return ascii(str(task.status)[:_LONGEST_WORD])


def updated_at(task: VideoTask) -> datetime | None:
    """Return when the status last changed, in UTC, or None if that is unknown.

    The service gives seconds or milliseconds since 1970; the magnitude decides which.
    """
    value = _dig(task, ("status_update_time",))
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            return _iso(value)
        value = float(value)
    return _instant(value)


def _normal(word: str) -> str:
    """Return a status value in lower case, stripped, with one kind of separator."""
    short = word[: _LONGEST_WORD + 1].strip().casefold()
    return short.replace("-", "_").replace(" ", "_")


def _warn_once(shown: str) -> None:
    with _warned_lock:
        if shown in _warned or len(_warned) >= _MOST_WARNINGS:
            return
        _warned.add(shown)
    warnings.warn(
        f"unknown task status {shown}: treated as running; "
        "pass words={...: State...} if it means something else",
        UnknownStatusWarning,
        stacklevel=3,
    )


def _dig(holder: object, path: tuple[str, ...]) -> object:
    """Return the value at a path of names in mappings and models, or None."""
    for name in path:
        extras = getattr(holder, "additional_properties", holder)
        # Nearly all are dicts, and to ask an abstract class takes ten times as long.
        if (type(extras) is dict or isinstance(extras, Mapping)) and name in extras:
            holder = extras[name]
        else:
            holder = getattr(holder, name, None)
    return holder


def _text(value: object) -> str | None:
    if isinstance(value, Mapping):
        return _text(value.get("message")) or _code(value.get("code"))
    if not isinstance(value, str):
        return None
    visible = "".join(ch if ch.isprintable() else " " for ch in value[: 4 * _LONGEST_REASON])
    line = " ".join(visible.split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"


def _code(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**12:
        return str(value)
    text = _text(value) if isinstance(value, str) else None
    return text[:_LONGEST_CODE] if text else None


def _fraction(value: object) -> float | None:
    """Return a progress as a fraction: 61, "61%" and 0.61 are the same."""
    if isinstance(value, str):
        match = _PERCENT.fullmatch(value.strip())
        if match is None:
            return None
        whole = bool(match[2]) or "." not in match[1]
        return _scaled(float(match[1]), whole=whole)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _scaled(value, whole=isinstance(value, int))


def _scaled(value: float, *, whole: bool) -> float | None:
    if not 0 <= value <= 100:
        return None
    return value / 100 if whole or value > 1 else float(value)


def _address(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _iso(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < _UNITS[-1][0]:
        return None
    unit = next(unit for limit, unit in _UNITS if value < limit)
    return _EPOCH + timedelta(seconds=value / unit)
