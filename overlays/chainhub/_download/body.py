"""Takes the body of an answer in: from the connection to the disk, if it is a video."""

from __future__ import annotations

import attrs

from chainhub._download.media import BodyRange, Headers, header
from chainhub._download.partial import Partial
from chainhub._download.sniff import SNIFFED, is_cut, is_text, refused_content
from chainhub._transport import Failure, Gunzip
from chainhub.errors import ContentRefusedError

# A video hardly shrinks, so a bomb shows.
_RATIO = 100
_ALLOWANCE = 16 * 1024 * 1024


@attrs.frozen
class Received:
    """The whole file has come."""


@attrs.frozen
class SliceReceived:
    """The whole body has come, but the server sent a smaller part of the file than requested."""


class Surplus(Exception):
    """Tell that an answer is longer than it says, so that nothing of it can be trusted."""


class PartWriter:
    """Takes a body in: inflates it if need be, looks at its beginning, keeps to the limits."""

    def __init__(self, take: BodyRange, partial: Partial, limit: float, headers: Headers) -> None:
        self._take = take
        self._partial = partial
        self._limit = limit
        self._type = header(headers, b"content-type") or "no type"
        self._gunzip = Gunzip() if take.packed else None
        self._taken = self._given = 0
        self._head: bytearray | None = None
        self._check_size(take.length or 0)
        if take.offset:
            partial.resume(take.offset)
        else:
            self._head = bytearray()

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            ContentRefusedError: this is no video, or more than is wanted.
            DiskError: the disk refuses.
            Surplus: more came than was announced.
        """
        if self._gunzip is None:
            self._take_in(chunk)
            return
        self._taken += len(chunk)
        try:
            for piece in self._gunzip.feed(chunk):
                self._given += len(piece)
                if self._given > max(_ALLOWANCE, _RATIO * self._taken):
                    raise ContentRefusedError("the compressed body decompresses without end")
                self._take_in(piece)
        except Failure as error:
            failure = ContentRefusedError(error.text)
        else:
            return
        raise failure

    def finish(self, *, in_time: bool = True) -> Received | SliceReceived | Failure:
        """Say whether the file is complete.

        Args:
            in_time: Whether a slice of it came fast enough to be progress.

        Raises:
            ContentRefusedError: this is no video.
            DiskError: the disk refuses.
        """
        if self._gunzip is not None and not self._gunzip.whole:
            return Failure("truncated", "the compressed body is incomplete", sent=True)
        if self._head is not None:
            self._begin(bytes(self._head))
        size, length = self._partial.position, self._take.length
        if in_time and size == self._take.end:
            return SliceReceived()
        if length is not None and size < length:
            return Failure("truncated", f"{size} of {length} bytes were received", sent=True)
        if not self._take.delimited and is_cut(self._partial.read, size):
            return Failure("truncated", "the file is incomplete", sent=True)
        return Received()

    def _take_in(self, data: bytes | memoryview) -> None:
        if self._head is None:
            self._write(data)
            return
        self._head += data
        if len(self._head) >= SNIFFED:
            self._begin(bytes(self._head))

    def _begin(self, head: bytes) -> None:
        """Look at the beginning: only a video is written at all."""
        refused = refused_content(head)
        if refused is not None:
            shown = head.decode("utf-8", "replace") if is_text(head) else None
            raise ContentRefusedError(
                f"the URL returned {refused} instead of a video, sent as {self._type[:60]}",
                excerpt=shown,
            )
        self._head = None
        self._partial.start(self._take.etag, self._take.length)
        self._write(head)

    def _write(self, data: bytes | memoryview) -> None:
        size = self._partial.position + len(data)
        if self._take.length is not None and size > self._take.length:
            self._partial.forget()
            raise Surplus
        self._check_size(size)
        self._partial.write(data)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise ContentRefusedError(f"the video is larger than max_bytes={self._limit:.0f}")
