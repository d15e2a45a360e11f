"""The unfinished file beside the target, and its state: `dest.part`, `dest.part.json`.

One download at a time holds it, by a lock on the open file. Whatever ends the process, the target
is complete or missing, and the next call can resume the `.part` file.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from chainhub._download.destination import IfExists, disk_error, shown
from chainhub._download.filelock import lock_file, unlock_file
from chainhub._download.media import ResumePoint, strong_etag
from chainhub._session import logger
from chainhub.errors import DestinationExistsError, DiskError, DownloadError

T = TypeVar("T")

UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""How file systems of networks and clusters say that they cannot lock, sync or truncate."""

_TRIES = 20
_LONGEST_STATE = 8192
_READ = 1024 * 1024
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for a pipe somebody has put in the way


class PartChanged(Exception):
    """Tell that somebody else has removed, replaced or changed the file."""


class Partial:
    """The unfinished file of a target, open and locked.

    Raises:
        DownloadError: another download to this target is under way.
        DiskError: it cannot be created, or something else has its name.
    """

    def __init__(self, target: Path, task_id: str) -> None:
        self.target = target
        self.path = part_of(target)
        self.position = 0
        self.resumed = False
        self._id = task_id
        _check_name(state_of(target))
        self._descriptor, self._touched = _claim(self.path)
        self._known = None if self._touched else self._read_known()
        # Its name may come to lead to another file, and others may write into this one: then its
        # size is not what was read or written here.
        self._size = self._size_now()

    @property
    def kept(self) -> ResumePoint | None:
        """What can be resumed, if anything."""
        if self._known is None or not self._is_unchanged():
            return None
        etag, length = self._known
        return ResumePoint(etag, length, self._size) if 0 < self._size <= length else None

    def start(self, etag: str | None, length: int | None) -> None:
        """Start the file from the beginning; with both known it can be resumed later.

        Raises:
            DiskError: the disk refuses.
        """
        self._touched = True
        self.resumed = False
        self._known = None
        # In this order: at no moment does the state describe bytes that are not its own.
        state = state_of(self.target)
        self._do("cannot write the state of", state.unlink, True)
        self._make_empty()
        if etag is not None and length is not None:
            found = {"id": self._id, "etag": etag, "length": length}
            self._do("cannot write the state of", _write_state, state, found)
            self._known = etag, length

    def _make_empty(self) -> None:
        """Cut the file off at its beginning, or make another where that cannot be."""
        ours = _is_at(self._descriptor, self.path)
        if ours and self._size_now() > 0 and not self._can(os.ftruncate, 0):
            _remove(self.path)
            ours = False
        if not ours:
            descriptor, self._descriptor = self._descriptor, -1
            _let_go(descriptor)
            self._descriptor, created = _claim(self.path)
            if not created:  # somebody has put it there meanwhile
                self._do("cannot write", os.ftruncate, self._descriptor, 0)
        self._seek(0)
        self._size = 0

    def resume(self, offset: int) -> None:
        """Continue at an offset.

        Raises:
            DiskError: the disk refuses.
        """
        self._touched = self.resumed = True
        self._seek(offset)

    def write(self, data: bytes | memoryview) -> None:
        """Write on; nothing is held back in memory.

        Raises:
            DiskError: the disk refuses; then nothing is kept.
            PartChanged: somebody else has changed its size.
        """
        if self._size_now() != self._size:
            raise PartChanged
        view = memoryview(data)
        while view:
            written = self._do("cannot write", os.write, self._descriptor, view)
            self.position += written
            self._size = max(self._size, self.position)
            view = view[written:]

    def forget(self) -> None:
        """Count what was written as worthless."""
        self._touched = True
        self._known = None

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes that were written.

        Raises:
            DiskError: the disk refuses.
        """
        self._do("cannot read", os.lseek, self._descriptor, offset, os.SEEK_SET)
        return self._do("cannot read", os.read, self._descriptor, size)

    def digest(self, stop: Callable[[], bool]) -> str | None:
        """Return the SHA-256 of the whole file, None if `stop` returned True."""
        from hashlib import sha256

        digest, offset = sha256(), 0
        while data := self.read(offset, _READ):
            if stop():
                return None
            digest.update(data)
            offset += len(data)
        return digest.hexdigest()

    def publish(self, if_exists: IfExists) -> None:
        """Rename the complete file to the target, so that it survives a power failure.

        Raises:
            DestinationExistsError: a file with this name was created meanwhile.
            DiskError: the disk refuses.
            PartChanged: somebody else has changed the file.
        """
        if self._size > self.position and self._is_unchanged():
            self._do("cannot write", os.ftruncate, self._descriptor, self.position)
            self._size = self.position
        if not self._can(os.fsync):
            logger.warning(
                "%s may be lost in a power failure: its file system cannot sync", shown(self.target)
            )
        if not self._is_unchanged():
            raise PartChanged
        if sys.platform == "win32":  # pragma: no cover - an open file cannot be renamed there
            os.close(self._descriptor)
            self._descriptor = -1
        place = os.replace if if_exists == "replace" else _place
        try:
            place(self.path, self.target)
        except FileExistsError:
            failure: DownloadError = DestinationExistsError(f"{shown(self.target)} already exists")
        except OSError as error:
            failure = disk_error(error, "cannot rename to", self.target)
        else:
            _remove(state_of(self.target))
            _sync_folder(self.target.parent)
            return
        raise failure

    def close(self) -> None:
        """Close the file; keep only what a resume needs, or what existed before."""
        if self._descriptor < 0:
            return
        try:
            if self._touched and self.kept is None:
                # A state that is left would be taken for that of another file with this name.
                _remove(state_of(self.target))
                if _is_at(self._descriptor, self.path):
                    _remove(self.path)
        finally:
            descriptor, self._descriptor = self._descriptor, -1
            _let_go(descriptor)

    def _read_known(self) -> tuple[str, int] | None:
        """Return ETag and length of the file that was begun, if it was for this task."""
        flags = os.O_RDONLY | _FLAGS & ~os.O_RDWR | _NO_WAITING
        try:
            descriptor = os.open(state_of(self.target), flags)
            with open(descriptor, encoding="utf-8") as file:
                if os.fstat(descriptor).st_uid != os.fstat(self._descriptor).st_uid:
                    return None
                found: object = json.loads(file.read(_LONGEST_STATE))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or found.get("id") != self._id:
            return None
        etag, length = found.get("etag"), found.get("length")
        if not isinstance(etag, str) or strong_etag(etag) is None:
            return None
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            return None
        return etag, length

    def _is_unchanged(self) -> bool:
        return self._size_now() == self._size and _is_at(self._descriptor, self.path)

    def _size_now(self) -> int:
        try:
            return os.fstat(self._descriptor).st_size
        except OSError:  # on network drives: somebody has removed it
            return -1

    def _seek(self, offset: int) -> None:
        self._do("cannot write", os.lseek, self._descriptor, offset, os.SEEK_SET)
        self.position = offset

    def _can(self, step: Callable[..., object], *arguments: object) -> bool:
        """Do a step with the file, unless its file system does not know such a step."""
        try:
            step(self._descriptor, *arguments)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                return False
            failure = self._refused(error, "cannot write")
        else:
            return True
        raise failure

    def _do(self, doing: str, step: Callable[..., T], *arguments: object) -> T:
        try:
            return step(*arguments)
        except OSError as error:
            failure = self._refused(error, doing)
        raise failure

    def _refused(self, error: OSError, doing: str) -> DiskError:
        self.forget()
        return disk_error(error, doing, self.path)


def part_of(target: Path) -> Path:
    """Return the path of the unfinished file of a target."""
    return target.with_name(f"{target.name}.part")


def state_of(target: Path) -> Path:
    """Return the path of the state of the unfinished file."""
    return target.with_name(f"{target.name}.part.json")


def tidy(target: Path) -> None:
    """Remove what a process that was killed while it finished has left beside its target."""
    part, state = part_of(target), state_of(target)
    with suppress(OSError):
        if os.path.samestat(os.lstat(part), os.lstat(target)):
            _remove(part, state)


def _remove(*paths: Path) -> None:
    """Remove files; one that will not go must not hide what happened before."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _check_name(path: Path) -> None:
    """Refuse a name that is too long before anything is asked for, not in the middle of it."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        failure = disk_error(error, "cannot make", path)
    else:
        return
    raise failure


def _claim(path: Path) -> tuple[int, bool]:
    """Return the file, open and locked for this download alone, and whether it was made."""
    for _ in range(_TRIES):
        opened = _open(path)
        if opened is None:
            continue
        descriptor, created = opened
        try:
            taken = _own(descriptor, path, created=created)
        except BaseException:
            os.close(descriptor)
            if created:
                _remove(path)
            raise
        if taken:
            return descriptor, created
        os.close(descriptor)
    raise DownloadError(f"{shown(path)} keeps being changed by other processes")


def _open(path: Path) -> tuple[int, bool] | None:
    """Return the open file and whether it was made; None if it came or went meanwhile."""
    failure: DownloadError
    try:
        return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        pass
    except OSError as error:
        failure = disk_error(error, "cannot make", path)
        raise failure from None
    try:
        return os.open(path, _FLAGS | _NO_WAITING), False
    except FileNotFoundError:
        return None
    except OSError as error:
        failure = (
            _in_the_way(path) if error.errno in _NO_FILE else disk_error(error, "cannot open", path)
        )
    raise failure


_NO_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}


def _in_the_way(path: Path) -> DiskError:
    return DiskError(f"{shown(path)} exists, but is not a partial download", errno=errno.EEXIST)


def _own(descriptor: int, path: Path, *, created: bool) -> bool:
    """Lock the file; return whether its path still leads to it.

    Raises:
        DownloadError: another download holds it.
        DiskError: it is something else, or cannot be locked.
    """
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _in_the_way(path)
    if not created and not is_ours(found.st_uid, path.parent):
        # Its owner could write into it meanwhile.
        raise DiskError(f"{shown(path)} belongs to another user", errno=errno.EPERM)
    if not _is_free(descriptor, path):
        raise DownloadError(f"another download to {shown(path.with_suffix(''))} is in progress")
    if not _is_at(descriptor, path):
        return False
    if found.st_nlink > 1:
        # Finished, but killed before this name was removed; or another's file by another name.
        _remove(path)
        return False
    return True


def is_ours(owner: int, folder: Path) -> bool:
    """Tell whether a file in this folder is of the user that we are."""
    if not hasattr(os, "geteuid") or owner == os.geteuid():
        return True
    from tempfile import TemporaryFile

    # Network drives and containers show other owners (NFS squash, CIFS uid=): the same for all that
    # we make there.
    try:
        with TemporaryFile(dir=folder) as ours:
            return os.fstat(ours.fileno()).st_uid == owner
    except OSError:
        return False


def _is_free(descriptor: int, path: Path) -> bool:
    """Lock the file; tell whether no other download has."""
    try:
        return lock_file(descriptor)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            text = "nothing keeps other downloads away from %s: its file system has no locks"
            logger.warning(text, shown(path))
            return True
        failure = disk_error(error, "cannot lock", path)
    raise failure


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def _let_go(descriptor: int) -> None:
    # A forked child that still lives has the file open too; closing would not unlock then.
    with suppress(OSError):
        unlock_file(descriptor)
    os.close(descriptor)


def _place(part: Path, target: Path) -> None:
    """Give the file its name without ever replacing another."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network drives): a moment lies between look and rename.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(part, target)
    else:
        _remove(part)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # pragma: no cover - Windows does not open folders
        return
    with suppress(OSError):  # some network drives cannot
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_state(path: Path, state: dict[str, object]) -> None:
    descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file)
