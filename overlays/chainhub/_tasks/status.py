"""The state, reason, progress, results and time of a task, read from one response.

The values come from a server. An invalid value counts as missing and never raises an exception: the
original status and fields stay on the task.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from chainhub._tasks.table import Task, dig, task_of, values_at
from chainhub.errors import ConfigurationError
from chainhub_api.tasks import WORDS

if TYPE_CHECKING:
    from chainhub._tasks.table import Path


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


_LONGEST_WORD = 64
_MOST_WARNINGS = 100  # a service may have a value for each task
_LONGEST_REASON = 500  # a sentence or a few, not a trace
_LONGEST_CODE = 64

# Bounded, because Python takes long over numbers of many digits.
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?)\s*(%?)")
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))

_NO_RESULT = (State.FAILED, State.CANCELLED, State.EXPIRED)

_warned: set[str] = set()


def state_of(task: object, *, words: Mapping[str, State] | None = None) -> State:
    """Return the state of a task, by its status; without one it is finished if it has results.

    An unknown status value counts as running and gives a warning once.

    Args:
        task: The task.
        words: The meaning of further status values, in any letter case; it has precedence.
    """
    state = known_state(task, words_of(words))
    if state is None:
        warn_once(status_in(task_of(task), task))
    return state or State.RUNNING


def words_of(words: Mapping[str, State] | None) -> dict[str, State]:
    """Return the caller's status values, normalised for comparison."""
    try:
        return {_normal(word): State(state) for word, state in (words or {}).items()}
    except (AttributeError, TypeError, ValueError):
        text = "words must map status values to members of chainhub.State"
        raise ConfigurationError(text) from None


def known_state(
    task: object, words: Mapping[str, State] | None = None, spec: Task | None = None
) -> State | None:
    spec = spec or task_of(task)
    status = status_in(spec, task)
    return meaning_of(status, spec, words, [] if status else urls_in(spec, task))


def meaning_of(
    status: object, spec: Task, words: Mapping[str, State] | None, urls: list[str]
) -> State | None:
    """Return the state that a status value stands for, or None if that is unknown."""
    # Some operations return only the results in the end, and a status only before.
    if status is None and urls:
        return State.SUCCEEDED
    if not isinstance(status, str):
        return State.RUNNING
    word = _normal(status)
    if words and word in words:
        return words[word]
    meaning = spec.words.get(word) or WORDS.get(word)
    if meaning is None:  # some services put the stage first, such as `upload_failed`
        return State.FAILED if word.endswith("_failed") else None if word else State.RUNNING
    return State(meaning)


def status_in(spec: Task, task: object) -> object:
    for path in spec.status:
        if (values := dig(task, path)) and values[0] is not None:
            return values[0]
    return None


def shown_status(status: object) -> str:
    """Return a status value for a message: quoted, bounded, on one line."""
    return ascii(str(status)[:_LONGEST_WORD])


def reason_of(task: object, *, words: Mapping[str, State] | None = None) -> str | None:
    """Return why the task failed, on one bounded line, or None if it did not or nobody says why.

    A task that succeeded may still contain the errors of earlier attempts; they are ignored.
    """
    return reason_in(task_of(task), task) if known_state(task, words) in _NO_RESULT else None


def code_of(task: object, *, words: Mapping[str, State] | None = None) -> str | None:
    """Return the service's error code of a failed task, or None."""
    return code_in(task_of(task), task) if known_state(task, words) in _NO_RESULT else None


def reason_in(spec: Task, task: object) -> str | None:
    """Return the first error text in the response, whatever the task's state."""
    return next(filter(None, map(_text, values_at(task, spec.reason))), None)


def code_in(spec: Task, task: object) -> str | None:
    """Return the first error code in the response, whatever the task's state."""
    return next(filter(None, map(_code, values_at(task, spec.code))), None)


def progress_of(task: object) -> float | None:
    """Return the progress as a fraction from 0.0 to 1.0, or None if it is unknown."""
    return progress_in(task_of(task), task)


def progress_in(spec: Task, task: object) -> float | None:
    for path in spec.progress:
        for value in dig(task, path):
            if value is not None and (fraction := _fraction(value)) is not None:
                return fraction
    return None


def result_urls_of(task: object) -> list[str]:
    """Return the URLs of the results of a task: files such as videos, clips or images.

    They are in the order of the service; the list is empty until the task is finished. Of
    a file that exists twice, such as before and after upsampling, it is the better one.
    """
    return urls_in(task_of(task), task)


def urls_in(spec: Task, task: object) -> list[str]:
    for path in spec.results:
        if urls := _urls_at(path, task):
            return urls
    return []


def best_urls_in(spec: Task, task: object) -> list[str]:
    """Return the URLs of the finished results only: other paths may have earlier ones."""
    return _urls_at(spec.results[0], task) if spec.results else []


def _urls_at(path: Path, task: object) -> list[str]:
    values = dig(task, path)
    return [url for value in values if isinstance(value, str) and (url := value.strip())]


def has_result(spec: Task, task: object) -> bool:
    """Return whether a task that succeeded has the results that it must have."""
    needs = spec.results and spec.kind != "none" and spec.content is None
    return not needs or bool(urls_in(spec, task))


def video_url_of(task: object) -> str | None:
    """Return the URL of the video, the upsampled file if there is one, or None.

    Of a task with several results it is the first one; see `result_urls_of`.
    """
    return next(iter(result_urls_of(task)), None)


def updated_at(task: object) -> datetime | None:
    """Return when the status last changed, in UTC, or None if that is unknown.

    The service gives seconds or milliseconds since 1970; the magnitude decides which.
    """
    value = next(values_at(task, task_of(task).updated), None)
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            with suppress(ValueError, OverflowError):
                time = datetime.fromisoformat(value)
                return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
            return None
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):  # True is an int too
        return None
    if not 0 < value < _UNITS[-1][0]:
        return None
    unit = next(unit for limit, unit in _UNITS if value < limit)
    return _EPOCH + timedelta(seconds=value / unit)


def _normal(word: str) -> str:
    text = word[: _LONGEST_WORD + 1].strip().casefold()
    return text.replace("-", "_").replace(" ", "_")


def warn_once(status: object) -> None:
    text = shown_status(status)
    if text in _warned or len(_warned) >= _MOST_WARNINGS:
        return
    _warned.add(text)  # first: a filter may turn the warning into an error
    warnings.warn(
        f"unknown task status {text}: treated as running; "
        "pass words={...: State...} if it means something else",
        UnknownStatusWarning,
        stacklevel=3,
    )


def _text(value: object) -> str | None:
    if isinstance(value, Mapping) or hasattr(value, "to_dict"):
        (message,), (code,) = dig(value, ("message",)), dig(value, ("code",))
        return _text(message) or _code(code)
    if not isinstance(value, str):
        return None
    # Joining blanks shortens the text: so more is read than is kept, but not megabytes.
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
    whole = isinstance(value, int)
    if isinstance(value, str):
        match = _PERCENT.fullmatch(value.strip())
        if match is None:
            return None
        whole, value = bool(match[2]) or "." not in match[1], float(match[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return value / 100 if whole or value > 1 else float(value)
