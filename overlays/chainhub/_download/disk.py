"""Files for downloads: their names, what may exist there already, and the lock on a file.

A file is opened without following links, and locked; the lock is on the open file, so that it ends
with the process that holds it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

from chainhub._redaction import one_line
from chainhub._session import logger
from chainhub._transport import of_system
from chainhub.errors import ConfigurationError, DestinationExistsError, DiskError, DownloadError

IfExists = Literal["error", "replace", "keep"]
Place = str | os.PathLike[str]

UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""How file systems of networks and clusters say that they cannot lock, sync or truncate."""

FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # for a pipe at this path, which would block

_LONGEST_STEM = 120
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]*")
_UNSAFE = re.compile(r"^-|[^A-Za-z0-9_@-]")
# Names Windows gives to devices, whatever follows a dot.
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_TRIES = 20
_NOT_A_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}


def file_stem(task_id: str) -> str:
    """Return a name for the files of a task, without a suffix; different ids get different ones.

    `veo3.1-fast:1760545785-abc` becomes `veo3.1-fast@1760545785-abc`. An id that needs more than
    that to be a safe name, or is very long, gets a part of its hash as well.
    """
    stem = task_id.replace(":", "@", 1)
    safe = len(stem) <= _LONGEST_STEM and _SAFE.fullmatch(stem) and not _DEVICE.fullmatch(stem)
    if safe and "@" not in task_id:
        return stem
    digest = sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{_UNSAFE.sub('_', stem[:_LONGEST_STEM])}_{digest}"


def target_path(
    task_id: str,
    dest: Place | None,
    into: Place | None,
    kind: str = "video",
    number: int | None = None,
) -> Path:
    """Return the absolute path of the file to write.

    In the folder `into` it is `<id>.mp4` for the only video of a task. Else its suffix follows from
    the content, so it is not known yet: `<id>`, or `<id>-2` for the second of several results.

    Raises:
        ConfigurationError: not exactly one of both is given, or it is no path.
        DiskError: it is relative to a folder that no longer exists.
    """
    place = into if dest is None else dest
    if place is None or (dest is not None and into is not None):
        raise ConfigurationError("pass either dest=, a file, or into=, a folder")
    text: object = os.fspath(place)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigurationError("the destination must be a non-empty path as text")
    if dest is not None and text.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        raise ConfigurationError(f"{one_line(text, 200)!r} is a folder; pass a file, or use into=")
    try:
        os.fsencode(text)
        path = Path(os.path.abspath(text))
    except UnicodeEncodeError:
        message = f"the destination {ascii(text)[:200]} cannot be a name in this system's encoding"
        raise ConfigurationError(f"{message} ({sys.getfilesystemencoding()})") from None
    except OSError as error:
        of_system(error)
        message = "the current folder, from which the destination is seen, does not exist any more"
        raise DiskError(message, errno=error.errno) from None
    if dest is not None:
        return path
    if number is not None:
        return path / f"{file_stem(task_id)}-{number}"
    return path / f"{file_stem(task_id)}{'.mp4' if kind == 'video' else ''}"


def make_folder(folder: Path) -> None:
    """Make a folder for downloads, and those above it, unless it is there.

    Raises:
        DiskError: it cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except FileExistsError as error:
        link = "a broken symbolic link" if os.path.islink(folder) else "a file"
        text = f"{shown(folder)} is {link}, not a folder"
        raise DiskError(text, errno=error.errno) from None
    except OSError as error:
        raise disk_error(error, "cannot make the folder", folder) from None


def keeps_existing(path: Path, if_exists: IfExists) -> bool:
    """Return whether the file exists and is to be kept; raise if it must not be changed."""
    file_stat = stat_path(path)
    if file_stat is None:
        return False
    link = stat.S_ISLNK(file_stat.st_mode)
    if link and if_exists == "keep":
        file_stat = stat_path(path, follow=True) or file_stat
    if stat.S_ISREG(file_stat.st_mode):
        if if_exists == "error":
            raise DestinationExistsError(f"{shown(path)} already exists")
        return if_exists == "keep"
    if stat.S_ISDIR(file_stat.st_mode):
        raise DiskError(f"{shown(path)} is a folder; pass a file, or use into=", errno=errno.EISDIR)
    if link and if_exists == "error":
        raise DestinationExistsError(f"{shown(path)} already exists, as a symbolic link")
    kind = "a symbolic link" if stat.S_ISLNK(file_stat.st_mode) else "not a regular file"
    raise DiskError(f"{shown(path)} is {kind}, and is not overwritten", errno=errno.EEXIST)


def stat_path(
    path: Path, action: str = "cannot access", *, follow: bool = False
) -> os.stat_result | None:
    """Return the stat result of a path, None if nothing exists there."""
    try:
        return os.stat(path, follow_symlinks=follow)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, action, path) from None


def disk_error(error: OSError, action: str, path: Path) -> DiskError:
    reason = of_system(error).strerror or type(error).__name__
    if error.errno == errno.ENOENT:
        reason = "the folder does not exist"
    return DiskError(f"{action} {shown(path)}: {reason}", errno=error.errno)


def shown(path: Path) -> str:
    return one_line(str(path), 200)


if sys.platform == "win32":  # pragma: no cover - tested on Linux only, as the docs say

    def lock_file(descriptor: int) -> bool:
        """Take the lock without waiting; return whether it was free."""
        import msvcrt

        # A place behind any content: on this system a locked place cannot be read.
        os.lseek(descriptor, 2**40, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            of_system(error)
            return False
        return True

    def unlock_file(descriptor: int) -> None:
        """Release the lock; closing does it on this system."""

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
        """Release the lock; a forked child that has the file open too keeps it otherwise.

        Raises:
            OSError: The file system knows no locks.
        """
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def claim(path: Path) -> tuple[int, bool]:
    """Return the file, open and locked for this download alone, and whether it was created."""
    for _ in range(_TRIES):
        exists = False
        try:
            try:
                descriptor = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                exists = True
                descriptor = os.open(path, FLAGS | NO_WAITING)
        except OSError as error:
            of_system(error)
            if exists and isinstance(error, FileNotFoundError):
                continue  # it was removed meanwhile
            if exists and error.errno in _NOT_A_FILE:
                raise _not_a_part(path) from None
            raise disk_error(error, "cannot open" if exists else "cannot make", path) from None
        try:
            locked = _lock_current(descriptor, path, created=not exists)
        except BaseException:
            os.close(descriptor)
            if not exists:
                remove(path)
            raise
        if locked:
            return descriptor, not exists
        os.close(descriptor)
    raise DownloadError(f"{shown(path)} keeps being changed by other processes")


def _lock_current(descriptor: int, path: Path, *, created: bool) -> bool:
    """Lock the file; return whether its path still leads to it."""
    file_stat = os.fstat(descriptor)
    if not stat.S_ISREG(file_stat.st_mode):
        raise _not_a_part(path)
    if not created and not is_ours(file_stat.st_uid, path.parent):
        # Its owner could write into it meanwhile.
        raise DiskError(f"{shown(path)} belongs to another user", errno=errno.EPERM)
    try:
        free = lock_file(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise disk_error(error, "cannot lock", path) from None
        text = "nothing keeps other downloads away from %s: its file system has no locks"
        logger.warning(text, shown(path))
        free = True
    if not free:
        raise DownloadError(f"another download to {shown(path.with_suffix(''))} is in progress")
    if not is_at(descriptor, path):
        return False
    if file_stat.st_nlink > 1:
        # A download that was killed before it removed this name; or a hard link to another file.
        remove(path)
        return False
    return True


def _not_a_part(path: Path) -> DiskError:
    return DiskError(f"{shown(path)} exists, but is not a partial download", errno=errno.EEXIST)


def is_ours(owner: int, folder: Path) -> bool:
    """Tell whether a file in this folder belongs to the user of this process."""
    if not hasattr(os, "geteuid") or owner == os.geteuid():
        return True
    # Network drives and containers show other owners (NFS squash, CIFS uid=): the same for all that
    # this process creates there.
    try:
        with TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_uid == owner
    except OSError as error:
        of_system(error)
        return False


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether a path leads to the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError as error:
        of_system(error)
        return False


def unlock_and_close(descriptor: int) -> None:
    # A forked child that still lives has the file open too; closing would not unlock then.
    with suppress(OSError):
        unlock_file(descriptor)
    with suppress(OSError):  # some network drives repeat here an error that `publish` had
        os.close(descriptor)


def sync_folder(folder: Place) -> None:
    """Let the names in a folder survive a power failure, where the system can."""
    with suppress(OSError):  # Windows does not open folders, some network drives cannot sync them
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(*paths: Path) -> None:
    """Remove files; a failure to do so must not hide an earlier error."""
    for path in paths:
        with suppress(OSError):
            path.unlink()
