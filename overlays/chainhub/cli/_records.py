"""What a command prints, and its exit code: records, lines and sentences. Pure functions."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

from chainhub import _tasks, errors
from chainhub._redaction import one_line
from chainhub.errors import ChainhubError

_MAX_TEXT = 100_000  # characters of a text of the service: more than any reason has
_MAX_SENTENCE = 700  # an error has 500 at most; the id and the options are added
_MAX_IDS = 20  # more would fill the screen; they are read from standard input

# Errors name arguments of the Python interface; here these are options or variables.
# fmt: off
_TRANSLATIONS = tuple((re.compile(pattern), words) for pattern, words in (
    (r"pass api_key=…, ", ""),
    (r", or pass allow_insecure=True if you accept that", ""),
    (r"with verify_ssl= or SSL_CERT_FILE, or use verify_ssl=\"system\"", "with SSL_CERT_FILE"),
    (r"; pass words=\{\.\.\.: State\.\.\.\} if it means something else", ""),
    (r" To use no proxy of the environment: trust_env=False\.", " Or unset the variable."),
    (r"pass base_url=", "give --base-url"),
    (r"if_exists=\"replace\" or \"keep\"", "--if-exists replace or keep"),
    (r"\ballow_hosts=", "--allow-host"),
    (r"\bdest=, a file", "--output, a file"),
    (r"^allow_hosts takes a list of hosts, such as \[\"(.*)\"\]", r"--allow-host takes a host: \1"),
    (r"^sha256 takes", "--sha256 takes"),
    (r"^the destination must be .*", "the path is empty; check that the shell variable is set"),
    (r"\bif_exists=", "--if-exists"),
    (r"(?<![\w&?-])base_url=", "--base-url"),
    (r"(?<![\w&?-])(timeout|deadline|interval|into|sha256|journal)=", r"--\1"),
))
# fmt: on


class Exit(IntEnum):
    """The exit codes, as the documentation lists them."""

    DONE = 0
    MACHINE = 1
    USAGE = 2
    CREDENTIALS = 3
    NOT_FOUND = 4
    NO_VIDEO = 5
    TIMED_OUT = 6
    SERVICE = 7
    PARTIAL = 8
    # As a shell reports a signal: 128 plus its number.
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


# The most specific class of an error counts: a LinkExpiredError is a DownloadError too.
_CODES: Final = {
    errors.CredentialsError: Exit.CREDENTIALS,
    errors.AuthenticationError: Exit.CREDENTIALS,
    errors.PermissionDeniedError: Exit.CREDENTIALS,
    errors.NotFoundError: Exit.NOT_FOUND,
    errors.LinkExpiredError: Exit.NOT_FOUND,
    errors.TaskError: Exit.NO_VIDEO,
    errors.WaitTimeout: Exit.TIMED_OUT,
    errors.DeadlineError: Exit.TIMED_OUT,
    errors.ConfigurationError: Exit.USAGE,
    errors.DestinationExistsError: Exit.USAGE,
    errors.AddressRefusedError: Exit.USAGE,
    errors.DiskError: Exit.MACHINE,
    errors.CancelledByUser: Exit.INTERRUPTED,
    errors.ChainhubError: Exit.SERVICE,
}


def exit_code_of(error: BaseException | None) -> Exit:
    """Return the exit code for one result, by its error; None is success."""
    if error is None:
        return Exit.DONE
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), Exit.MACHINE)


def combined_code(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of a command about several tasks: theirs if all are equal."""
    unique = set(codes)
    return unique.pop() if len(unique) == 1 else Exit.PARTIAL if unique else Exit.DONE


Record: TypeAlias = dict[str, Any]
"""What `--json` prints of a result: always the same fields, null where one does not apply."""

_ERROR_FIELDS: Final = (
    "message", "advice", "status", "code", "request_id", "method", "url", "attempts", "elapsed",
    "retry_after",
)  # fmt: skip


def record_of(
    task_id: str | None,
    task: object = None,
    error: ChainhubError | None = None,
    *,
    paths: Sequence[Path] = (),
    elapsed: float | None = None,
    polls: int | None = None,
    replayed: bool = False,
) -> Record:
    """Return the record of one result; `elapsed` is in seconds."""
    updated_at = None if task is None else _tasks.updated_at(task)
    urls = [] if task is None else _tasks.result_urls_of(task)
    files = [str(path) for path in paths]
    return {
        "id": task_id,
        "state": None if task is None else state_of(task).value,
        "status": None if task is None else status_word(task),
        "progress": None if task is None else _tasks.progress_of(task),
        "video_url": next(iter(urls), None),
        "urls": urls,
        "updated_at": None if updated_at is None else updated_at.isoformat(),
        "reason": None if task is None else _tasks.reason_of(task),
        "path": next(iter(files), None),
        "paths": files,
        "elapsed": None if elapsed is None else round(elapsed, 3),
        "polls": polls,
        "replayed": replayed,
        "error": None if error is None else error_record(error),
    }


def error_record(error: ChainhubError) -> Record:
    """Return the fields of an error; all of them are redacted and bounded."""
    fields = {name: getattr(error, name) for name in _ERROR_FIELDS}
    elapsed, code = round(error.elapsed, 3), int(exit_code_of(error))
    return {"type": type(error).__name__, **fields, "elapsed": elapsed, "exit_code": code}


def state_of(task: object) -> _tasks.State:
    """Return the state of a task; an unknown status value counts as running, without a warning."""
    return _tasks.known_state(task) or _tasks.State.RUNNING


def status_word(task: object) -> str:
    """Return the service's own status value, nothing if it gave none."""
    word = _tasks.status_in(_tasks.task_of(task), task)
    return "" if word is None else str(word)


def encoded(record: object) -> str:
    return json.dumps(record, ensure_ascii=True)  # ASCII: nothing in it can move a cursor


def columns(first: str, task: object) -> str:
    """Return a line with tabs: a first text, state, status, progress, URLs; `-` for absent ones."""
    progress, urls = _tasks.progress_of(task), map(plain, _tasks.result_urls_of(task))
    word = plain(status_word(task)) or "-"
    percentage = "-" if progress is None else f"{progress:.0%}"
    return "\t".join([first, state_of(task).value, word, percentage, *(list(urls) or ["-"])])


def sentence(first: str, task: object, *, dated: bool = False) -> str:
    """Return the status of a task for a person, with its reason and its results on lines below."""
    parts = [first, plain(status_word(task)) or "no status"]
    if (progress := _tasks.progress_of(task)) is not None:
        parts.append(percent(progress))
    if dated and (updated_at := _tasks.updated_at(task)) is not None:
        parts.append(f"(updated {updated_at:%Y-%m-%d %H:%M:%S} UTC)")
    details = filter(None, (_tasks.reason_of(task), *_tasks.result_urls_of(task)))
    return "\n".join(["  ".join(parts), *(f"  {plain(text)}" for text in details)])


def plain(text: str) -> str:
    """Return text that is safe for a terminal: one line, invisible characters escaped."""
    return one_line(text, _MAX_TEXT)


def limit(seconds: float) -> float | None:
    """Return a duration as the client takes it: None for an infinite one."""
    return None if math.isinf(seconds) else seconds


def clock(seconds: float) -> str:
    """Return a duration as a clock shows it: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(fraction: float) -> str:
    return f"{fraction:.0%}".replace("%", " %")


def translated(text: str) -> str:
    for pattern, words in _TRANSLATIONS:
        text = pattern.sub(words, text)
    return text


def error_line(error: ChainhubError, task_id: str | None = None) -> str:
    text = translated(str(error))
    if isinstance(error, errors.DestinationExistsError):
        text += "; give another name, or --if-exists replace or keep"
    named = task_id is None or task_id in error.message
    prefix = "" if named else f"{one_line(str(task_id), 80)}: "
    return one_line(f"chainhub: {prefix}{text}", _MAX_SENTENCE)


def resume_command(
    command: str, ids: Iterable[str], options: Iterable[tuple[str, str | None]] = ()
) -> str:
    """Return the command that resumes these tasks, ready to be copied into a shell."""
    all_ids = list(ids)
    arguments = all_ids if len(all_ids) <= _MAX_IDS else ["-"]
    option_words = [word for name, value in options if value for word in (name, value)]
    return plain(shlex.join(["chainhub", command, *arguments, *option_words]))


def failed_poll(error: ChainhubError) -> tuple[str, str]:
    """Return in a few words how a poll failed, and the reason if these words do not say it."""
    if error.status is not None:
        usable = not 200 <= error.status <= 299
        return (errors.named_status(error.status), "") if usable else ("unusable answer", "")
    reason = error.message.removeprefix("could not connect: ")
    return "no response", f": {reason[:1].lower()}{reason[1:]}"
