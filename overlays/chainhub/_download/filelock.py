"""Takes a file for this process alone: opened without following links, and locked.

The lock is on the open file, so that it ends with the process that holds it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from chainhub._download.destination import disk_error, shown
from chainhub._session import logger
from chainhub.errors import DiskError, DownloadError

UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""How file systems of networks and clusters say that they cannot lock, sync or truncate."""

FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for a pipe somebody has put in the way

_TRIES = 20
_NOT_A_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}

if sys.platform == "win32":  # pragma: no cover - tested on Linux only, as the docs say

    def lock_file(descriptor: int) -> bool:
        """Take the lock without waiting; return whether it was free."""
        import msvcrt

        # A place behind any content: on this system a locked place cannot be read.
        os.lseek(descriptor, 2**40, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock_file(descriptor: int) -> None:
        """Let the lock go; closing does it on this system."""

else:
    import fcntl

    def lock_file(descriptor: int) -> bool:
        """Take the lock without waiting; return whether it was free.

        Raises:
            OSError: The file system knows no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock_file(descriptor: int) -> None:
        """Let the lock go; a forked child that has the file open too keeps it otherwise.

        Raises:
            OSError: The file system knows no locks.
        """
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def claim(path: Path) -> tuple[int, bool]:
    """Return the file, open and locked for this download alone, and whether it was made.

    Raises:
        DownloadError: another download holds it.
        DiskError: it cannot be opened or locked, or is not a regular file of this user.
    """
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
                remove(path)
            raise
        if taken:
            return descriptor, created
        os.close(descriptor)
    raise DownloadError(f"{shown(path)} keeps being changed by other processes")


def _open(path: Path) -> tuple[int, bool] | None:
    """Return the open file and whether it was made; None if it came or went meanwhile."""
    exists = False
    try:
        with suppress(FileExistsError):
            return os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
        exists = True
        return os.open(path, FLAGS | NO_WAITING), False
    except OSError as error:
        if exists and isinstance(error, FileNotFoundError):
            return None
        if exists and error.errno in _NOT_A_FILE:
            failure = _not_a_part(path)
        else:
            failure = disk_error(error, "cannot open" if exists else "cannot make", path)
    raise failure


def _own(descriptor: int, path: Path, *, created: bool) -> bool:
    """Lock the file; return whether its path still leads to it."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _not_a_part(path)
    if not created and not is_ours(found.st_uid, path.parent):
        # Its owner could write into it meanwhile.
        raise DiskError(f"{shown(path)} belongs to another user", errno=errno.EPERM)
    if not _is_free(descriptor, path):
        raise DownloadError(f"another download to {shown(path.with_suffix(''))} is in progress")
    if not is_at(descriptor, path):
        return False
    if found.st_nlink > 1:
        # Finished, but killed before this name was removed; or another's file by another name.
        remove(path)
        return False
    return True


def _not_a_part(path: Path) -> DiskError:
    return DiskError(f"{shown(path)} exists, but is not a partial download", errno=errno.EEXIST)


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


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether a path leads to the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def let_go(descriptor: int) -> None:
    """Unlock and close the file."""
    # A forked child that still lives has the file open too; closing would not unlock then.
    with suppress(OSError):
        unlock_file(descriptor)
    os.close(descriptor)


def remove(*paths: Path) -> None:
    """Remove files; one that will not go must not hide what happened before."""
    for path in paths:
        with suppress(OSError):
            path.unlink()
