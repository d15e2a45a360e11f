"""The outcomes of tasks, in a file that survives the process.

One line of JSON per finished task, written before the outcome is returned: a process that is killed
at any moment loses no outcome that was returned, and the next one with the same journal does not
poll these tasks again. Each line is one write, so that a kill leaves whole lines, and at
worst a torn last one that the next opening cuts off. A header line names the base URL and the
account; journals of older versions gain it where they end. A line names its operation; without one
it is of the only one that older versions could wait for.

A write costs microseconds, an fsync milliseconds: the file is synced at most once a second and
at the end. A power failure may lose the last second; its tasks are polled again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from weakref import WeakSet

from chainhub._download import UNSUPPORTED, is_ours, lock_file, unlock_file
from chainhub._session import logger
from chainhub._tasks.outcome import Outcome, fault_of, shown_id, state_of_end
from chainhub._tasks.status import State, urls_in
from chainhub._tasks.table import Task, TaskId
from chainhub.errors import ConfigurationError
from chainhub_api import models

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from chainhub._session import Session

VERSION: Final = 1
LONGEST_LINE: Final = 2**20
_FIELDS = frozenset({"id", "state", "polls", "elapsed", "task"})
_FIRST_OPERATION = "video.query"
# Of an answer that is too long for a line: a reason is not read further.
_LONGEST_TEXT = 2000
_MOST_FIELDS = 200
_SECONDS_BETWEEN_SYNCS = 1.0
# Every line begins in one of these ways; a file whose last line does not is not ours to cut.
_OUTCOME = b'{"v":1,"id":"'
_HEADER = b'{"v":1,"base_url":"'
_MODE = 0o600
_FINAL = frozenset(state.value for state in State if state.final)
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
# Of a pipe, opening would wait for its other end; a link may lead to a file of somebody else.
_FLAGS |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


class JournalError(ConfigurationError):
    """The journal cannot be used.

    Another process uses it, the file is not a journal or was made for another service or account,
    or it cannot be written. The message names file and line. Nothing was overwritten.
    """


class _Foreign(Exception):
    """A line is neither an outcome nor a header."""


class _Entry(NamedTuple):
    offset: int
    length: int


class Journal:
    """Store final outcomes in a file, and return those of earlier runs.

    Args:
        path: The file; it is created if it is missing, readable by its owner only.
        base_url: The service of the tasks.
        account: What tells the account from others, None if that is unknown.
        spec: The operation of the tasks; the lines of others stay as they are.
        clock: A monotonic clock in seconds.

    Raises:
        JournalError: The file is in use, not a journal, that of another account or user, or
            cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        base_url: str,
        account: str | None,
        spec: Task,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = os.fsdecode(path)
        self._base_url, self._account, self._spec = base_url, account, spec
        self._clock = clock
        self._entries: dict[TaskId, _Entry] = {}
        self._written: set[TaskId] = set()
        self._lines = self._size = 0
        self._has_header = False
        self._can_sync = True
        self._synced_at = clock()
        try:
            self._descriptor = os.open(self._path, _FLAGS, _MODE)
        except (OSError, ValueError) as problem:  # a NUL or a lone surrogate in the path
            reason = problem.strerror if isinstance(problem, OSError) else "it is not a path"
        else:
            try:
                self._take()
            except BaseException:
                self._leave()
                raise
            _open_journals.add(self)
            return
        if os.path.islink(self._path):
            reason = "it is a symbolic link"
        raise self._unusable(f"cannot be opened: {reason}")

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *details: object) -> None:
        """Close the journal."""
        self.close()

    def __len__(self) -> int:
        """Return how many outcomes are stored, of earlier runs and of this one."""
        return len(self._entries) + len(self._written)

    def __contains__(self, asked: object) -> bool:
        """Return whether the outcome of this task was stored by an earlier run."""
        return asked in self._entries

    def replay(self, asked: TaskId) -> Outcome[Any] | None:
        """Return the outcome that an earlier run stored for this task, marked as replayed, or None.

        Raises:
            JournalError: The line was changed since the journal was opened.
        """
        entry = self._entries.get(asked)
        if entry is None:
            return None
        os.lseek(self._descriptor, entry.offset, os.SEEK_SET)
        try:
            return self._outcome(_document(os.read(self._descriptor, entry.length)))
        except _Foreign:
            raise self._unusable("was changed by others") from None

    def record(self, outcome: Outcome[Any], asked: TaskId) -> None:
        """Store an outcome if it is final and the first one of its task.

        One that is too long for a line is not stored, and its task is polled again by the next run.

        Raises:
            JournalError: The line cannot be written; nothing of it is left in the file.
        """
        state = state_of_end(outcome.error)
        if state is None or outcome.task is None:
            return
        if asked in self._entries or asked in self._written:
            return
        if self._descriptor < 0:
            raise self._unusable("is closed; after a fork only the parent can use it")
        entry = {"v": VERSION, "id": asked.id, "operation": self._spec.name}
        if asked.parameters:
            entry["parameters"] = asked.parameters
        entry |= {"state": state, "polls": outcome.polls, "elapsed": round(outcome.elapsed, 3)}
        task = outcome.task.to_dict()
        line = _line(entry | {"task": task})
        if len(line) > LONGEST_LINE:
            urls = frozenset(urls_in(self._spec, outcome.task))
            line = _line(entry | {"task": _short(task, urls)})
        if len(line) > LONGEST_LINE:
            text = "the journal %s does not store task %s: its id or URL is too long"
            logger.warning(text, self._path, shown_id(outcome.id))
            return
        self._append(line)
        self._written.add(asked)
        if self._clock() - self._synced_at >= _SECONDS_BETWEEN_SYNCS:
            self._sync()

    def close(self) -> None:
        """Sync the file and release the journal."""
        # In a forked child it is closed already.
        if self._descriptor >= 0:
            try:
                self._sync()
            finally:
                self._leave()

    def abandon(self) -> None:
        """Close the file in a forked child, without touching the lock: it is the parent's."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _take(self) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise self._unusable("is not a regular file")
        # Its owner could write into it.
        if not is_ours(found.st_uid, Path(self._path).parent):
            raise self._unusable("belongs to another user")
        if not self._locked():
            raise self._unusable("is in use by another process or call")
        with os.fdopen(os.dup(self._descriptor), "rb") as lines:
            self._read(lines)
        # Signed URLs stand in it. Some disks have no modes.
        with contextlib.suppress(OSError):
            os.chmod(self._descriptor if os.chmod in os.supports_fd else self._path, _MODE)
        if not self._has_header:
            if self._lines:
                text = "the journal %s does not say for which account it was made: taken as yours"
                logger.warning(text, self._path)
            header = {"v": VERSION, "base_url": self._base_url, "account": self._account}
            self._append(_line(header))
        if not found.st_size:
            self._sync_folder()

    def _locked(self) -> bool:
        try:
            return lock_file(self._descriptor)
        except OSError as problem:
            if problem.errno in UNSUPPORTED:
                text = "nothing keeps other processes away from %s: its file system has no locks"
                logger.warning(text, self._path)
                return True
            reason = problem.strerror
        raise self._unusable(f"cannot be locked: {reason}")

    def _read(self, lines: BinaryIO) -> None:
        """Note where the outcome of each task stands; skip lines that others have written."""
        foreign: list[int] = []
        while line := lines.readline(LONGEST_LINE + 1):
            self._lines += 1
            length = len(line)
            more = line
            while length > LONGEST_LINE and not more.endswith(b"\n") and more:
                more = lines.readline(LONGEST_LINE)
                length += len(more)
            if not more.endswith(b"\n"):
                only = self._lines == len(foreign) + 1
                line, length = self._healed(line, length, only=only)
            if not line:
                self._lines -= 1
            elif not self._note(line, length):
                foreign.append(self._lines)
            self._size += length
        if not foreign:
            return
        numbers = ", ".join(map(str, foreign[:10]))
        text = f"contains something other than an outcome in line {numbers}"
        if len(foreign) == self._lines:
            raise self._unusable(text)
        logger.warning("the journal %s %s; it is skipped", self._path, text)

    def _note(self, line: bytes, length: int) -> bool:
        """Take a line; return whether it is one of a journal."""
        try:
            entry = _document(line)
            version = entry.get("v")
            if type(version) is not int or version < VERSION:
                return False
            if version > VERSION:
                raise self._unusable(f"is of a newer version ({version}), line {self._lines}")
            if "base_url" in entry:
                self._check_header(entry)
            else:
                parameters = entry.get("parameters", [])
                if not isinstance(parameters, list) or not entry.keys() >= _FIELDS:
                    return False
                if entry.get("operation", _FIRST_OPERATION) == self._spec.name:
                    asked = TaskId(self._outcome(entry).id, tuple(map(str, parameters)))
                    self._entries.setdefault(asked, _Entry(self._size, length))
        except _Foreign:
            return False
        return True

    def _outcome(self, entry: dict[str, Any]) -> Outcome[Any]:
        task_id, task, polls = (entry.get(name) for name in ("id", "task", "polls"))
        state, elapsed = str(entry.get("state")), entry.get("elapsed")
        if not isinstance(task_id, str) or not isinstance(task, dict) or type(polls) is not int:
            raise _Foreign
        if not isinstance(elapsed, int | float) or type(elapsed) is bool or state not in _FINAL:
            raise _Foreign
        for model in self._spec.models:
            try:
                found = getattr(models, model).from_dict(task)
                error = fault_of(task_id, found, State(state), elapsed, self._spec)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            return Outcome(task_id, found, error, polls, float(elapsed), replayed=True)
        raise _Foreign

    def _check_header(self, entry: dict[str, Any]) -> None:
        found, account = entry["base_url"], entry.get("account")
        if found != self._base_url:
            raise self._unusable(f"was made for {ascii(found)[:200]}, not for {self._base_url}")
        if None not in (account, self._account) and account != self._account:
            raise self._unusable(
                "was made with another key: use another file, "
                f"or remove line {self._lines} if the account is the same"
            )
        self._has_header = True

    def _healed(self, line: bytes, length: int, *, only: bool) -> tuple[bytes, int]:
        """Complete or cut off the last line, if a kill or a crash has truncated it.

        Args:
            line: What there is of it.
            length: Its length in the file.
            only: Whether no line before it is one of a journal.
        """
        told = line.rstrip(b"\0")
        begun = any(told[: len(each)] == each[: len(told)] for each in (_OUTCOME, _HEADER))
        if length > LONGEST_LINE or not begun or (only and self._lines > 1):
            if not only:  # the next line must not become a part of it
                self._write(b"\n", self._size + length)
            return line, length + 1
        try:
            _document(told)
        except _Foreign:
            kept, text = 0, b""
        else:
            kept, text = len(told), told + b"\n"
        try:
            os.truncate(self._descriptor, self._size + kept)
        except OSError as problem:
            if problem.errno not in UNSUPPORTED:
                raise self._unusable(f"cannot be written: {problem.strerror}") from None
            text, kept = line, length
        if text:
            self._write(b"\n", self._size + kept)
        return text, kept + bool(text)

    def _append(self, line: bytes) -> None:
        self._write(line, self._size)
        self._size += len(line)

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
            if problem.errno in UNSUPPORTED:
                if self._can_sync:
                    text = (
                        "the journal %s may be lost in a power failure: its file system cannot sync"
                    )
                    logger.warning(text, self._path)
                self._can_sync = False
                return
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
        # A process that another program has forked may have the file open too; closing would not
        # unlock then.
        with contextlib.suppress(OSError):
            unlock_file(descriptor)
        os.close(descriptor)

    def _unusable(self, problem: str) -> JournalError:
        shown = self._path if self._path.isprintable() else ascii(self._path)
        return JournalError(f"the journal {shown} {problem}")


_open_journals: WeakSet[Journal] = WeakSet()


def _abandon_all() -> None:
    for journal in _open_journals:
        journal.abandon()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_abandon_all)


def account_of(session: Session) -> str | None:
    """Return what tells the account of a client from others; None if its key may change."""
    key = session.credentials.fixed
    if key is None:
        return None
    # Twelve digits do not lead back to the key, and others have them by chance in one of 10^14.
    return sha256(b"chainhub journal " + key.reveal().encode()).hexdigest()[:12]


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"


def _short(value: object, kept: frozenset[str]) -> object:
    """Return a document with its texts and lists cut, except for the URLs of its results."""
    if isinstance(value, dict):  # what is declared comes last
        return {name: _short(one, kept) for name, one in [*value.items()][-_MOST_FIELDS:]}
    if isinstance(value, list):
        return [_short(one, kept) for one in value[:_MOST_FIELDS]]
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value.strip() not in kept else value


def _document(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise _Foreign from None
    if not isinstance(entry, dict):
        raise _Foreign
    return entry
