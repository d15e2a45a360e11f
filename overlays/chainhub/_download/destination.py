"""Where a video is written: the name of its file, and what may exist there already."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

from chainhub._redaction import one_line
from chainhub.errors import (
    ChainhubError,
    ConfigurationError,
    DestinationExistsError,
    DiskError,
)

T = TypeVar("T")
IfExists = Literal["error", "replace", "keep"]
Place = str | os.PathLike[str]

_LONGEST_STEM = 120
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]*")
_UNSAFE = re.compile(r"^-|[^A-Za-z0-9_@-]")
# Names Windows gives to devices, whatever follows a dot.
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")


def file_name(task_id: str) -> str:
    """Return the name of a task's file; different ids do not get the same one.

    `veo3.1-fast:1760545785-abc` becomes `veo3.1-fast@1760545785-abc.mp4`. An id that needs more
    than that to be a safe name, or is very long, gets a part of its hash as well.
    """
    stem = task_id.replace(":", "@", 1)
    safe = len(stem) <= _LONGEST_STEM and _SAFE.fullmatch(stem) and not _DEVICE.fullmatch(stem)
    if safe and "@" not in task_id:
        return f"{stem}.mp4"
    digest = sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{_UNSAFE.sub('_', stem[:_LONGEST_STEM])}_{digest}.mp4"


def target_path(task_id: str, dest: Place | None, into: Place | None) -> Path:
    """Return the absolute path of the file to write.

    Raises:
        ConfigurationError: not exactly one of both is given, or it is no path.
        DiskError: it is relative to a folder that does not exist any more.
    """
    place = into if dest is None else dest
    if place is None or (dest is not None and into is not None):
        raise ConfigurationError("pass either dest=, a file, or into=, a folder")
    given: object = os.fspath(place)
    if not isinstance(given, str) or not given or "\0" in given:
        raise ConfigurationError("the destination must be a non-empty path as text")
    if dest is not None and given.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        raise ConfigurationError(f"{one_line(given, 200)!r} is a folder; pass a file, or use into=")
    try:
        os.fsencode(given)
        path = Path(os.path.abspath(given))
    except UnicodeEncodeError:
        text = f"the destination {ascii(given)[:200]} cannot be a name in this system's encoding"
        failure: ChainhubError = ConfigurationError(f"{text} ({sys.getfilesystemencoding()})")
    except OSError as error:
        text = "the current folder, from which the destination is seen, does not exist any more"
        failure = DiskError(text, errno=error.errno)
    else:
        return path / file_name(task_id) if dest is None else path
    raise failure


def make_folder(folder: Path) -> None:
    """Make a folder for videos, and those above it, unless it is there.

    Raises:
        DiskError: it cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        return
    except FileExistsError as error:
        link = "a broken symbolic link" if os.path.islink(folder) else "a file"
        failure = DiskError(f"{shown(folder)} is {link}, not a folder", errno=error.errno)
    except OSError as error:
        failure = disk_error(error, "cannot make the folder", folder)
    raise failure


def stands_already(path: Path, if_exists: IfExists) -> bool:
    """Return whether the file exists and is to be kept instead of downloading.

    Raises:
        DestinationExistsError: the file exists and must not be changed.
        DiskError: it is not a regular file.
    """
    found = look(path)
    if found is None:
        return False
    if if_exists == "keep" and stat.S_ISLNK(found.st_mode):
        found = look(path, follow=True) or found
    if stat.S_ISREG(found.st_mode):
        if if_exists == "error":
            raise DestinationExistsError(f"{shown(path)} already exists")
        return if_exists == "keep"
    if stat.S_ISDIR(found.st_mode):
        raise DiskError(f"{shown(path)} is a folder; pass a file, or use into=", errno=errno.EISDIR)
    if stat.S_ISLNK(found.st_mode) and if_exists == "error":
        raise DestinationExistsError(f"{shown(path)} already exists, as a symbolic link")
    kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
    raise DiskError(f"{shown(path)} is {kind}, and is not overwritten", errno=errno.EEXIST)


def look(
    path: Path, doing: str = "cannot access", *, follow: bool = False
) -> os.stat_result | None:
    """Return what is at a path, None if nothing.

    Raises:
        DiskError: the path cannot be accessed.
    """
    try:
        return os.stat(path, follow_symlinks=follow)
    except FileNotFoundError:
        return None
    except OSError as error:
        failure = disk_error(error, doing, path)
    raise failure


def on_disk(doing: str, path: Path, step: Callable[..., T], *arguments: object) -> T:
    """Do a step with a file.

    Raises:
        DiskError: the operating system refuses it.
    """
    try:
        return step(*arguments)
    except OSError as error:
        failure = disk_error(error, doing, path)
    raise failure


def disk_error(error: OSError, doing: str, path: Path) -> DiskError:
    """Return the error for an error of the operating system."""
    why = error.strerror or type(error).__name__
    if error.errno == errno.ENOENT:
        why = "the folder does not exist"
    return DiskError(f"{doing} {shown(path)}: {why}", errno=error.errno)


def shown(path: Path) -> str:
    """Return a path for a message."""
    return one_line(str(path), 200)
