"""The outcomes of tasks, in a file that survives the process.

One line of JSON per finished task, written before the outcome is returned: a process that is killed
at any moment loses no outcome that was returned, and the next one with the same journal does not
poll these tasks again. Each line is one write, so that a kill leaves whole lines, and at
worst a torn last one that the next opening cuts off.

A write costs microseconds, an fsync milliseconds: the file is synced at most once a second and
at the end. A power failure may lose the last second; its tasks are polled again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

from chainhub._download import lock_file
from chainhub._tasks.outcome import Outcome, fault_of, state_of_end
from chainhub._tasks.status import State, stated_code, stated_reason, video_url_of
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from chainhub_api.models import VideoTask

VERSION: Final = 1
LONGEST_LINE: Final = 2**20
_SECONDS_BETWEEN_SYNCS = 1.0
# Every line begins so; a file whose last line does not is not ours to cut.
_BEGINNING = b'{"v":1,"id":"'
_MODE = 0o600
_FINAL = frozenset(state.value for state in State if state.final)
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class JournalError(ConfigurationError):
    """The journal cannot be used.

    Another process uses it, the file is not a journal, a line is damaged, or the file cannot be
    written. The message names file and line. Nothing was overwritten.
    """


class _Entry(NamedTuple):
    offset: int
    length: int
    number: int


class Journal:
    """Store final outcomes in a file, and return those of earlier runs.

    Args:
        path: The file; it is created if it is missing, readable by its owner only.
        clock: A monotonic clock in seconds.

    Raises:
        JournalError: The file is in use, not a journal, damaged, or cannot be opened.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = os.fspath(path)
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._written: set[str] = set()
        self._lines = self._size = 0
        self._synced_at = clock()
        self._descriptor = self._opened()
        try:
            self._take()
        except BaseException:
            self._leave()
            raise

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *details: object) -> None:
        """Close the journal."""
        self.close()

    def __len__(self) -> int:
        """Return how many outcomes are stored, of earlier runs and of this one."""
        return len(self._entries) + len(self._written)

    def __contains__(self, task_id: object) -> bool:
        """Return whether the outcome of this task was stored by an earlier run."""
        return task_id in self._entries

    def replay(self, task_id: str) -> Outcome | None:
        """Return the outcome that an earlier run stored for this task, marked as replayed, or None.

        Raises:
            JournalError: The line is damaged.
        """
        entry = self._entries.get(task_id)
        if entry is None:
            return None
        os.lseek(self._descriptor, entry.offset, os.SEEK_SET)
        try:
            return _outcome(json.loads(os.read(self._descriptor, entry.length)))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._damaged(entry.number) from None

    def record(self, outcome: Outcome) -> None:
        """Store an outcome if it is final and the first one of its task.

        Raises:
            JournalError: The line cannot be written; nothing of it is left in the file.
        """
        state = state_of_end(outcome.error)
        if state is None or outcome.task is None:
            return
        if outcome.id in self._entries or outcome.id in self._written:
            return
        line = self._line(outcome, outcome.task, state)
        self._write(line, self._size)
        self._written.add(outcome.id)
        self._size += len(line)
        if self._clock() - self._synced_at >= _SECONDS_BETWEEN_SYNCS:
            self._sync()

    def close(self) -> None:
        """Sync the file and release the journal."""
        if self._descriptor >= 0:
            try:
                self._sync()
            finally:
                self._leave()

    def _opened(self) -> int:
        try:
            return os.open(self._path, _FLAGS, _MODE)
        except OSError as problem:
            reason = problem.strerror
        raise self._unusable(f"cannot be opened: {reason}")

    def _take(self) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise self._unusable("is not a regular file")
        if not self._locked():
            raise self._unusable("is in use by another process or call")
        with os.fdopen(os.dup(self._descriptor), "rb") as lines:
            self._read(lines)
        # Signed addresses stand in it. Who does not own the file cannot change its mode.
        with contextlib.suppress(OSError):
            os.chmod(self._path, _MODE)
        if not found.st_size:
            self._sync_folder()

    def _locked(self) -> bool:
        try:
            return lock_file(self._descriptor)
        except OSError as problem:
            reason = problem.strerror
        raise self._unusable(f"cannot be locked: {reason}")

    def _read(self, lines: BinaryIO) -> None:
        while line := lines.readline(LONGEST_LINE + 1):
            self._lines += 1
            if not line.endswith(b"\n"):
                line = self._healed(line)
            if line:
                self._note(line)

    def _note(self, line: bytes) -> None:
        task_id = self._checked(line)
        self._entries.setdefault(task_id, _Entry(self._size, len(line), self._lines))
        self._size += len(line)

    def _healed(self, line: bytes) -> bytes:
        """Complete or cut off the last line, if a kill or a crash has truncated it."""
        told = line.rstrip(b"\0")
        if len(line) > LONGEST_LINE or told[: len(_BEGINNING)] != _BEGINNING[: len(told)]:
            raise self._damaged(self._lines)
        try:
            self._checked(told)
        except JournalError:
            os.truncate(self._descriptor, self._size)
            return b""
        os.truncate(self._descriptor, self._size + len(told))
        self._write(b"\n", self._size + len(told))
        return told + b"\n"

    def _checked(self, line: bytes) -> str:
        """Return the id of a line."""
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise self._damaged(self._lines) from None
        if not isinstance(entry, dict):
            raise self._damaged(self._lines)
        version = entry.get("v")
        if type(version) is int and version > VERSION:
            raise self._unusable(f"is of a newer version ({version}), line {self._lines}")
        if version != VERSION or not _well_formed(entry):
            raise self._damaged(self._lines)
        return str(entry["id"])

    def _line(self, outcome: Outcome, task: VideoTask, state: State) -> bytes:
        for told in (task.to_dict, lambda: _short(task)):
            line = _encoded(outcome, told(), state)
            if len(line) <= LONGEST_LINE:
                return line
        raise self._unusable("cannot store a task with an id or URL this long")

    def _write(self, data: bytes, whole: int) -> None:
        """Append data; if that fails, cut the file to its last whole line."""
        reason: str | None = "no space left"
        try:
            if os.write(self._descriptor, data) == len(data):
                return
        except OSError as problem:
            reason = problem.strerror
        with contextlib.suppress(OSError):
            os.truncate(self._descriptor, whole)
        raise self._unusable(f"cannot be written: {reason}")

    def _sync(self) -> None:
        self._synced_at = self._clock()
        try:
            os.fsync(self._descriptor)
            return
        except OSError as problem:
            reason = problem.strerror
        raise self._unusable(f"cannot be written: {reason}")

    def _sync_folder(self) -> None:
        """Sync the folder, so that a new file is not lost; some systems cannot open folders."""
        with contextlib.suppress(OSError):
            folder = os.open(os.path.dirname(self._path) or os.curdir, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _damaged(self, number: int) -> JournalError:
        return self._unusable(f"contains something other than an outcome in line {number}")

    def _unusable(self, problem: str) -> JournalError:
        return JournalError(f"the journal {self._path} {problem}")


def _encoded(outcome: Outcome, task: dict[str, object], state: State) -> bytes:
    entry = {
        "v": VERSION,
        "id": outcome.id,
        "state": state,
        "polls": outcome.polls,
        "elapsed": round(outcome.elapsed, 3),
        "task": task,
    }
    return json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"


def _short(task: VideoTask) -> dict[str, object]:
    """Return the important fields of a task that is too long for a line."""
    return {
        "id": task.id,
        "status": task.status,
        "status_update_time": task.status_update_time,
        "video_url": video_url_of(task),
        "enhanced_prompt": None,
        "error": {"message": stated_reason(task), "code": stated_code(task)},
    }


def _well_formed(entry: dict[str, object]) -> bool:
    return (
        isinstance(entry.get("id"), str)
        and str(entry.get("state")) in _FINAL
        and type(entry.get("polls")) is int
        and type(entry.get("elapsed")) in (int, float)
        and isinstance(entry.get("task"), dict)
    )


def _outcome(entry: dict[str, object]) -> Outcome:
    from chainhub_api.models import VideoTask

    declared = cast("dict[str, object]", entry["task"])
    task_id, task = str(entry["id"]), VideoTask.from_dict(declared)
    polls, elapsed = int(str(entry["polls"])), float(str(entry["elapsed"]))
    error = fault_of(task_id, task, State(str(entry["state"])), elapsed)
    return Outcome(task_id, task, error, polls, elapsed, replayed=True)
