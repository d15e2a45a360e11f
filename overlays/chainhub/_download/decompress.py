"""Inflates a compressed video piece by piece; a bomb is refused before it has filled the disk."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from chainhub.errors import ContentRefusedError

PIECE = 256 * 1024
"""Bytes inflated at once."""

_RATIO = 100
_ALLOWANCE = 16 * 1024 * 1024


class Unzip:
    """Inflates gzip members one behind the other; a video hardly shrinks, so a bomb shows."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what the next raw bytes inflate to.

        Raises:
            ContentRefusedError: it is not gzip, or inflates without end.
        """
        self._taken += len(data)
        while data:
            self._member = self._member or zlib.decompressobj(wbits=31)
            piece = self._inflate(self._member, data)
            self._given += len(piece)
            if self._given > max(_ALLOWANCE, _RATIO * self._taken):
                raise ContentRefusedError("the compressed body inflates without end")
            if piece:
                yield piece
            data = self._member.unconsumed_tail or self._member.unused_data
            if self._member.eof:
                self._member = None

    def _inflate(self, member: zlib._Decompress, data: bytes | memoryview) -> bytes:
        try:
            return member.decompress(data, PIECE)
        except zlib.error as error:
            text = str(error)
        raise ContentRefusedError(f"the body claims to be gzip and is not ({text[:100]})")

    @property
    def whole(self) -> bool:
        """Whether the last member has ended."""
        return self._member is None
