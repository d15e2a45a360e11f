"""The unfinished file beside the target, and its state: `dest.part`, `dest.part.json`.

One download at a time has it, by a lock on the open file. However the process ends, the target is
complete or missing, and the next call can resume the `.part` file.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from chainhub._download import disk, media
from chainhub._download.disk import IfExists, disk_error, is_at, remove, shown
from chainhub._session import logger
from chainhub._transport import Failure, Gunzip, of_system
from chainhub.errors import ContentRefusedError, DestinationExistsError

T = TypeVar("T")

_LONGEST_STATE = 8192
_READ = 1024 * 1024
# Videos and images hardly compress, so a higher ratio is a decompression bomb.
_RATIO = 100
_ALLOWANCE = 16 * 1024 * 1024
_CHANGED = "another program has changed the partial file"
# So nothing of it can be trusted.
SURPLUS = "the server sent more bytes than it had announced"


class Partial:
    """The unfinished file of a target, open and locked; DownloadError if another download has it.

    Every method raises DiskError if the disk reports an error; then nothing is kept. The target may
    lack the suffix that the finished file gets.
    """

    def __init__(self, target: Path, task_id: str) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self.position = 0
        self.resumed = False
        self._id = task_id
        self._state_path = target.with_name(f"{target.name}.part.json")
        # Refuse a name that is too long before the first request, not after it.
        disk.stat_path(self._state_path, "cannot make")
        self._descriptor, self._touched = disk.claim(self.path)
        # ETag and length of the file that the part is the beginning of.
        self._state: tuple[str, int] | None = None
        # Another file may take its name, and other programs may write into this one: then its size
        # differs from what was read or written here.
        self._size = -1
        try:
            self._state = None if self._touched else self._read_state()
            self._size = self._size_now()
        except BaseException:  # of a signal handler, say: the lock would outlive this download
            self.close()
            raise

    @property
    def resume_point(self) -> media.ResumePoint | None:
        """What can be resumed, if anything."""
        if self._state is None or not self._is_unchanged():
            return None
        etag, length = self._state
        return media.ResumePoint(etag, length, self._size) if 0 < self._size <= length else None

    def start(self, etag: str | None, length: int | None) -> None:
        """Start the file from the beginning; with both known it can be resumed later."""
        self.forget()
        self.resumed = False
        # In this order: at no moment does the state describe the bytes of another file.
        self._do("cannot write the state of", self._state_path.unlink, True)
        # Truncate the file, or create another where truncating is not supported.
        ours = is_at(self._descriptor, self.path)
        if ours and self._size_now() > 0 and not self._try(os.ftruncate, 0):
            remove(self.path)
            ours = False
        if not ours:
            descriptor, self._descriptor = self._descriptor, -1
            disk.unlock_and_close(descriptor)
            self._descriptor, created = disk.claim(self.path)
            if not created:  # another program has created it meanwhile
                self._do("cannot write", os.ftruncate, self._descriptor, 0)
        self._seek(0)
        self._size = 0
        if etag is not None and length is not None:
            self._do("cannot write the state of", self._write_state, etag, length)
            self._state = etag, length

    def resume(self, offset: int) -> None:
        """Continue at an offset."""
        self._touched = self.resumed = True
        self._seek(offset)

    def write(self, data: bytes | memoryview) -> None:
        """Write at the position, unbuffered; StartOver if another program has changed the size."""
        if self._size_now() != self._size:
            raise media.StartOver(_CHANGED, on_disk=True)
        view = memoryview(data)
        while view:
            count = self._do("cannot write", _write, self._descriptor, view)
            self.position += count
            self._size = max(self._size, self.position)
            view = view[count:]

    def forget(self) -> None:
        """Discard what was written: it cannot be resumed."""
        self._touched = True
        self._state = None

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes that were written."""
        self._do("cannot read", os.lseek, self._descriptor, offset, os.SEEK_SET)
        return self._do("cannot read", os.read, self._descriptor, size)

    def digest(self, stop: Callable[[], bool]) -> str | None:
        """Return the SHA-256 of the whole file, None if `stop` returned True."""
        digest, offset = sha256(), 0
        while data := self.read(offset, _READ):
            if stop():
                return None
            digest.update(data)
            offset += len(data)
        return digest.hexdigest()

    def publish(self, target: Path, if_exists: IfExists) -> None:
        """Give the complete file its name, so that it survives a power failure.

        Raises:
            DestinationExistsError: a file with this name was created meanwhile.
            StartOver: another program has changed the file.
        """
        if self._size > self.position and self._is_unchanged():
            self._do("cannot write", os.ftruncate, self._descriptor, self.position)
            self._size = self.position
        if not self._try(os.fsync):
            text = "%s may be lost in a power failure: its file system cannot sync"
            logger.warning(text, shown(target))
            # File systems that upload a file when it is closed report errors only then.
            self._do("cannot write", os.close, os.dup(self._descriptor))
        if not self._is_unchanged():
            raise media.StartOver(_CHANGED, on_disk=True)
        if sys.platform == "win32":  # pragma: no cover - an open file cannot be renamed there
            os.close(self._descriptor)
            self._descriptor = -1
        rename = os.replace if if_exists == "replace" else _link_or_rename
        try:
            rename(self.path, target)
        except OSError as error:
            of_system(error)
            # A network drive that repeats a request reports an error although the first succeeded.
            if not is_at(self._descriptor, target):
                if isinstance(error, FileExistsError):
                    raise DestinationExistsError(f"{shown(target)} already exists") from None
                raise disk_error(error, "cannot rename to", target) from None
        if is_at(self._descriptor, self.path):  # it has two names now
            remove(self.path)
        remove(self._state_path)
        self._touched = False  # nothing is left to be removed
        disk.sync_folder(target.parent)

    def close(self) -> None:
        """Close the file; keep only what a resume needs, or what existed before."""
        if self._descriptor < 0:
            return
        try:
            if self._touched and self.resume_point is None:
                # A state that is left would be taken for that of another file with this name.
                remove(self._state_path)
                if is_at(self._descriptor, self.path):
                    remove(self.path)
        finally:
            descriptor, self._descriptor = self._descriptor, -1
            disk.unlock_and_close(descriptor)

    def _read_state(self) -> tuple[str, int] | None:
        """Return the state of the file that was begun, if it was for this task."""
        flags = os.O_RDONLY | disk.FLAGS & ~os.O_RDWR | disk.NO_WAITING
        try:
            descriptor = os.open(self._state_path, flags)
            with open(descriptor, encoding="utf-8") as file:
                if os.fstat(descriptor).st_uid != os.fstat(self._descriptor).st_uid:
                    return None
                document: object = json.loads(file.read(_LONGEST_STATE))
        except OSError as error:
            of_system(error)
            return None
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict) or document.get("id") != self._id:
            return None
        etag, length = document.get("etag"), document.get("length")
        if not isinstance(etag, str) or media.strong_etag(etag) is None:
            return None
        return (etag, length) if type(length) is int and length > 0 else None

    def _write_state(self, etag: str, length: int) -> None:
        state = json.dumps({"id": self._id, "etag": etag, "length": length})
        descriptor = os.open(self._state_path, disk.FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(state)

    def _is_unchanged(self) -> bool:
        return self._size_now() == self._size and is_at(self._descriptor, self.path)

    def _size_now(self) -> int:
        try:
            return os.fstat(self._descriptor).st_size
        except OSError as error:  # on network drives: another program has removed it
            of_system(error)
            return -1

    def _seek(self, offset: int) -> None:
        self._do("cannot write", os.lseek, self._descriptor, offset, os.SEEK_SET)
        self.position = offset

    def _try(self, call: Callable[..., object], *arguments: object) -> bool:
        """Call a function with the file; return False if its file system does not support that."""
        try:
            call(self._descriptor, *arguments)
        except OSError as error:
            if error.errno in disk.UNSUPPORTED:
                return False
            self.forget()
            raise disk_error(error, "cannot write", self.path) from None
        return True

    def _do(self, action: str, call: Callable[..., T], *arguments: object) -> T:
        try:
            return call(*arguments)
        except OSError as error:
            self.forget()
            raise disk_error(error, action, self.path) from None


def remove_leftovers(target: Path, names: Iterable[Path]) -> None:
    """Remove the `.part` of a process that was killed after it had given the file its name."""
    part = target.with_name(f"{target.name}.part")
    with suppress(OSError):
        part_stat = os.lstat(part)
        for name in names:
            if os.path.lexists(name) and os.path.samestat(part_stat, os.lstat(name)):
                remove(part, target.with_name(f"{target.name}.part.json"))


def _write(descriptor: int, data: memoryview) -> int:
    if count := os.write(descriptor, data):
        return count
    raise OSError(errno.EIO, "nothing more can be written")


def _link_or_rename(part: Path, target: Path) -> None:
    """Give the file its name without replacing another."""
    try:
        os.link(part, target)
    except OSError as error:
        of_system(error)
        # No hard links here (FAT, some network drives): check and rename are not atomic.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(part, target)


class BodyEnd(Enum):
    """How a body has ended."""

    WHOLE = "the whole file has come"
    SLICE = "the server sent a smaller part of the file than requested"


class PartWriter:
    """Writes a body to a part: decompresses it if necessary, checks its beginning and its size.

    Both methods raise ContentRefusedError if this is of another kind or larger than `limit`, and
    DiskError if the disk reports an error.
    """

    def __init__(
        self,
        part: Partial,
        body_range: media.BodyRange,
        limit: float,
        content_type: str,
        kind: media.Kind,
    ) -> None:
        self._partial = part
        self._range = body_range
        self._limit = limit
        self._kind = kind
        self._type = content_type
        self._gunzip = Gunzip() if body_range.packed else None
        self._packed = self._inflated = 0
        # The beginning is buffered until it can be checked; None once it is written.
        self._head: bytes | None = None if body_range.offset else b""
        self._check_size(body_range.length or 0)
        if body_range.offset:
            part.resume(body_range.offset)

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes; raises StartOver if more came than was announced."""
        if self._gunzip is None:
            self._write(chunk)
            return
        self._packed += len(chunk)
        try:
            for piece in self._gunzip.feed(chunk):
                self._inflated += len(piece)
                if self._inflated > max(_ALLOWANCE, _RATIO * self._packed):
                    raise ContentRefusedError("the compressed body decompresses without end")
                self._write(piece)
            return
        except Failure as error:
            problem = error.text
        # Not above: the error would have another one as its context.
        raise ContentRefusedError(problem)

    def finish(self, *, in_time: bool = True) -> BodyEnd | Failure:
        """Say whether the file is complete; a slice that came too slowly is no progress."""
        if self._gunzip is not None and not self._gunzip.whole:
            return Failure("truncated", "the compressed body is incomplete", sent=True)
        if self._head is not None:
            self._begin(self._head)
        size, length = self._partial.position, self._range.length
        if in_time and size == self._range.end:
            return BodyEnd.SLICE
        if length is not None and size < length:
            return Failure("truncated", f"{size} of {length} bytes were received", sent=True)
        if not self._range.delimited and media.is_truncated(self._partial.read, size):
            return Failure("truncated", "the file is incomplete", sent=True)
        return BodyEnd.WHOLE

    def _write(self, data: bytes | memoryview) -> None:
        if self._head is not None:
            self._head += data
            if len(self._head) >= media.SNIFFED:
                self._begin(self._head)
            return
        size = self._partial.position + len(data)
        if self._range.length is not None and size > self._range.length:
            self._partial.forget()
            raise media.StartOver(SURPLUS)
        self._check_size(size)
        self._partial.write(data)

    def _begin(self, head: bytes) -> None:
        """Check the beginning: only content of the requested kind is written."""
        content = media.unexpected_content(head, self._kind)
        if content is not None:
            expected = {"image": "an image", "audio": "audio"}.get(self._kind, f"a {self._kind}")
            raise ContentRefusedError(
                f"the URL returned {content} instead of {expected}, sent as {self._type[:60]}",
                excerpt=head.decode("utf-8", "replace") if media.text_kind(head) else None,
            )
        self._head = None
        self._partial.start(self._range.etag, self._range.length)
        self._write(head)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise ContentRefusedError(
                f"the {self._kind} is larger than max_bytes={self._limit:.0f}"
            )
