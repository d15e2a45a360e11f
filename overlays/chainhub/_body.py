"""Reads the body of an answer under a limit, also for what it inflates to.

httpx would inflate brotli and zstandard without any limit if those packages happen to be
installed, and gzip too; so the raw bytes are read and inflated here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Literal

DEFAULT_LIMIT = 32 * 1024 * 1024
"""Bytes of an inflated answer; a status answer has 300 bytes, an image in base64 a few millions."""

GZIP_MAGIC = b"\x1f\x8b"


class BodyError(Exception):
    """A body that cannot be used; `kind` says why."""

    def __init__(self, kind: Literal["decode", "too_large", "truncated"], text: str) -> None:
        super().__init__(text)
        self.kind: Literal["decode", "too_large", "truncated"] = kind


class BodyReader:
    """Collects the chunks of one body; `feed` each of them, then take `finish()`."""

    __slots__ = ("_inflater", "_limit", "_parts", "_size")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._inflater: _Gunzip | None = None
        for name, value in headers:
            match name.lower():
                case b"content-encoding":
                    self._inflater = _inflater(value, limit)
                case b"content-length" if value.isdigit() and int(value[:18]) > limit:
                    raise _too_large(limit)

    def feed(self, chunk: bytes) -> None:
        """Take the next raw bytes.

        Raises:
            BodyError: the body is larger than the limit or cannot be inflated.
        """
        if self._inflater is not None:
            chunk = self._inflater.feed(chunk)
        self._size += len(chunk)
        if self._size > self._limit:
            raise _too_large(self._limit)
        self._parts.append(chunk)

    def finish(self) -> bytes:
        """Return the whole body.

        Raises:
            BodyError: a compressed body ended early.
        """
        if self._inflater is not None:
            self._inflater.finish()
        return b"".join(self._parts)


class _Gunzip:
    """Inflates gzip members one behind the other, never past the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        while data:
            if self._member is None:
                self._member = zlib.decompressobj(wbits=31)
            part = self._inflate(self._member, data)
            self._size += len(part)
            if self._size > self._limit:
                raise _too_large(self._limit)
            parts.append(part)
            data = self._member.unconsumed_tail or self._member.unused_data
            if self._member.eof:
                self._member = None
        return b"".join(parts)

    def _inflate(self, member: zlib._Decompress, data: bytes) -> bytes:
        try:
            return member.decompress(data, self._limit - self._size + 1)
        except zlib.error as error:
            text = str(error)
        raise BodyError("decode", f"the body claims to be gzip and is not ({text[:100]})")

    def finish(self) -> None:
        if self._member is not None:
            raise BodyError("truncated", "the compressed body ends in the middle")


def _inflater(encoding: bytes, limit: int) -> _Gunzip | None:
    match encoding.strip().lower():
        case b"" | b"identity":
            return None
        case b"gzip" | b"x-gzip":
            return _Gunzip(limit)
        case other:
            name = other[:40].decode("ascii", "replace")
            raise BodyError(
                "decode", f"the body is compressed with {name!r}, which was not asked for"
            )


def _too_large(limit: int) -> BodyError:
    return BodyError("too_large", f"the body is larger than the limit of {limit} bytes")
