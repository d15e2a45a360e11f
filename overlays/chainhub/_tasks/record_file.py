"""A file of lines of JSON that survives the process, for one service and account.

Each line is one write, so that a kill leaves whole lines, and at worst a torn last one that the
next opening cuts off. A header line names the kind of the file, the base URL and the account; files
of older versions gain it where they end, or have one without a kind. One process at a time has the
file, and after a fork it is the parent's.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakSet

from chainhub._download import UNSUPPORTED, is_ours, lock_file, sync_folder, unlock_file
from chainhub._session import logger
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import BinaryIO

    from chainhub._session import Session

VERSION: Final = 1
LONGEST_LINE: Final = 2**20
# Every line begins with this and a field; a file whose last line does not is never truncated.
_BEGINNING = b'{"v":1,"'
_MODE = 0o600
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
# Opening a pipe would wait for its other end; a link may lead to a file of another user.
_FLAGS |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


class JournalError(ConfigurationError):
    """The journal cannot be used, or the file of submissions.

    Another process uses it, the file is not a journal or was made for another service or account,
    or it cannot be written. The message names file and line. Nothing was overwritten.
    """


# The name of each kind of file in messages, and a field that only its lines have.
_KINDS: Final = {"journal": ("journal", "state"), "submissions": ("file of submissions", "key")}


class ForeignLine(Exception):
    """A line is not one of this file."""


class RecordFile:
    """A file of records of one owner: base URL and account. If None, `claim` sets it later."""

    kind: ClassVar[str]
    record: ClassVar[str]  # the name of a line in messages
    _descriptor = -1

    def __init__(
        self, path: str | os.PathLike[str], owner: tuple[str, str | None] | None = None
    ) -> None:
        self.noun, _ = _KINDS[self.kind]
        try:
            self._path = os.fsdecode(path)
        except TypeError:
            raise ConfigurationError(f"{self.noun} must be a path, not {path!r}") from None
        self._owner = owner
        self._lines = self._size = 0
        self._headers: list[tuple[int, dict[str, Any]]] = []
        self._can_sync = True
        try:
            self._descriptor = os.open(self._path, _FLAGS, _MODE)
        except (OSError, ValueError) as problem:  # a NUL or a lone surrogate in the path
            reason = problem.strerror if isinstance(problem, OSError) else "it is not a path"
            if os.path.islink(self._path):
                reason = "it is a symbolic link"
            raise self.unusable(f"cannot be opened: {reason}") from None
        try:
            self._lock_and_read()
            if owner is not None:
                self.claim(*owner)
        except BaseException:
            self._release()
            raise
        _open_files.add(self)

    def __del__(self) -> None:
        self._release()  # a signal handler has raised before it could be closed

    def note(self, entry: dict[str, Any], offset: int, length: int) -> None:
        """Handle a line that the file has already; ForeignLine if it is not one of this file."""

    def claim(self, base_url: str, account: str | None) -> None:
        """Refuse the file of another service or account; write a header into a new one."""
        self._owner = base_url, account
        for number, header in self._headers:
            self._check(number, header)
        if self._headers:
            return
        if self._lines:
            text = "the %s %s does not say for which account it was made: taken as yours"
            logger.warning(text, self.noun, self._path)
        header = {"v": VERSION, "kind": self.kind, "base_url": base_url, "account": account}
        self.append(line_of(header))
        self._headers.append((self._lines, header))

    def _check(self, number: int, header: dict[str, Any]) -> None:
        if self._owner is None:
            return
        base_url, account = self._owner
        header_url, header_account = header["base_url"], header.get("account")
        if header_url != base_url:
            raise self.unusable(f"was made for {ascii(header_url)[:200]}, not for {base_url}")
        if None not in (header_account, account) and header_account != account:
            raise self.unusable(
                "was made with another key: use another file, "
                f"or remove line {number} if the account is the same"
            )

    def read(self, offset: int, length: int) -> dict[str, Any]:
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        return _document(os.read(self._descriptor, length))

    def append(self, line: bytes) -> None:
        if self._descriptor < 0:
            raise self.unusable("is closed; after a fork only the parent can use it")
        self._write(line, self._size)
        self._size += len(line)
        self._lines += 1

    def sync(self) -> None:
        """Sync the file, so that it survives a power failure, if the file system can."""
        try:
            os.fsync(self._descriptor)
        except OSError as problem:
            if problem.errno not in UNSUPPORTED:
                raise self.unusable(f"cannot be written: {problem.strerror}") from None
            if self._can_sync:
                text = "the %s %s may be lost in a power failure: its file system cannot sync"
                logger.warning(text, self.noun, self._path)
            self._can_sync = False

    def close(self) -> None:
        """Sync the file and release it."""
        # In a forked child it is already closed.
        if self._descriptor >= 0:
            try:
                self.sync()
            finally:
                self._release()

    def unusable(self, problem: str) -> JournalError:
        path = self._path if self._path.isprintable() else ascii(self._path)
        return JournalError(f"the {self.noun} {path} {problem}")

    def _lock_and_read(self) -> None:
        file_stat = os.fstat(self._descriptor)
        if not stat.S_ISREG(file_stat.st_mode):
            raise self.unusable("is not a regular file")
        # Its owner could write into it.
        if not is_ours(file_stat.st_uid, Path(self._path).parent):
            raise self.unusable("belongs to another user")
        try:
            if not lock_file(self._descriptor):
                raise self.unusable("is in use by another process or call")
        except OSError as problem:
            if problem.errno not in UNSUPPORTED:
                raise self.unusable(f"cannot be locked: {problem.strerror}") from None
            text = "nothing keeps other processes away from %s: its file system has no locks"
            logger.warning(text, self._path)
        with os.fdopen(os.dup(self._descriptor), "rb") as lines:
            self._read_all(lines)
        # It contains signed URLs. Some file systems have no modes.
        with contextlib.suppress(OSError):
            os.chmod(self._descriptor if os.chmod in os.supports_fd else self._path, _MODE)
        if not file_stat.st_size:
            sync_folder(os.path.dirname(self._path) or os.curdir)  # else a new file may be lost

    def _read_all(self, lines: BinaryIO) -> None:
        """Read the existing lines; skip those that other programs have written."""
        foreign: list[int] = []
        while line := lines.readline(LONGEST_LINE + 1):
            self._lines += 1
            length, rest = len(line), line
            # The rest of a longer line is skipped: such a file may have no other line.
            while length > LONGEST_LINE and not rest.endswith(b"\n") and rest:
                rest = lines.readline(LONGEST_LINE)
                length += len(rest)
            if not rest.endswith(b"\n"):
                only = self._lines == len(foreign) + 1
                line, length = self._repair(line, length, only=only)
            self._lines -= not line  # it was cut off
            try:
                if line:
                    self._note(line, length)
            except ForeignLine:
                foreign.append(self._lines)
            self._size += length
        if not foreign:
            return
        numbers = ", ".join(map(str, foreign[:10]))
        text = f"contains something other than {self.record} in line {numbers}"
        if len(foreign) == self._lines:
            raise self.unusable(f"{text}: use another file")
        logger.warning("the %s %s %s; it is skipped", self.noun, self._path, text)

    def _note(self, line: bytes, length: int) -> None:
        entry = _document(line)
        version = entry.get("v")
        if type(version) is not int or version < VERSION:
            raise ForeignLine
        if version > VERSION:
            raise self.unusable(f"is of a newer version ({version}), line {self._lines}")
        fields = (kind for kind, (_, field) in _KINDS.items() if field in entry)
        kind = entry.get("kind") if "base_url" in entry else next(fields, None)
        if kind not in (None, self.kind):
            noun, _ = _KINDS.get(str(kind), ("file of another kind", ""))
            raise self.unusable(f"is a {noun}: use another file")
        if "base_url" in entry:
            # Now: the file of another owner is not even repaired.
            self._check(self._lines, entry)
            self._headers.append((self._lines, entry))
        else:
            self.note(entry, self._size, length)

    def _repair(self, line: bytes, length: int, *, only: bool) -> tuple[bytes, int]:
        """Complete or remove the last line, if a kill has truncated it and it is a record."""
        content = line.rstrip(b"\0")
        is_record = content[: len(_BEGINNING)] == _BEGINNING[: len(content)]
        if length > LONGEST_LINE or not is_record or (only and self._lines > 1):
            if not only:  # the next line must not become a part of it
                self._write(b"\n", self._size + length)
            return line, length + 1
        try:
            _document(content)
        except ForeignLine:
            size, text = 0, b""
        else:
            size, text = len(content), content + b"\n"
        try:
            os.truncate(self._descriptor, self._size + size)
        except OSError as problem:
            if problem.errno not in UNSUPPORTED:
                raise self.unusable(f"cannot be written: {problem.strerror}") from None
            text, size = line, length
        if text:
            self._write(b"\n", self._size + size)
        return text, size + bool(text)

    def _write(self, data: bytes, size: int) -> None:
        """Append data; if that fails, truncate the file to `size`, where its last line ends."""
        reason: str | None = "no space left"
        try:
            if os.write(self._descriptor, data) == len(data):
                return
        except OSError as problem:
            reason = problem.strerror
        with contextlib.suppress(OSError):
            os.truncate(self._descriptor, size)
        raise self.unusable(f"cannot be written: {reason}")

    def _release(self, *, unlock: bool = True) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        # A process forked by another program may have the file open too; then closing does not
        # unlock it.
        with contextlib.suppress(OSError):
            if unlock:
                unlock_file(descriptor)
        os.close(descriptor)


_open_files: WeakSet[RecordFile] = WeakSet()


def _abandon_all() -> None:
    """Close the files in a forked child, without touching their locks: they are the parent's."""
    for file in _open_files:
        file._release(unlock=False)


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_abandon_all)


def account_of(session: Session) -> str | None:
    """Return an identifier of the account of a client; None if its key may change."""
    key = session.credentials.fixed_key
    if key is None:
        return None
    # Twelve digits do not reveal the key, and are equal for two keys by chance once in 10^14.
    return sha256(b"chainhub journal " + key.reveal().encode()).hexdigest()[:12]


def line_of(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"


def _document(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise ForeignLine from None
    if not isinstance(entry, dict):
        raise ForeignLine
    return entry
