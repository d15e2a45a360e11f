"""Where an answer ends: what came behind it must never be taken for the next one.

h11 keeps what it has read beyond an answer, down to half a head, and joins it with what comes next.
So the bytes are counted below it.
"""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]

_ENDS_OF_HEAD = (b"\n\r\n", b"\n\n")
_WITHOUT_BODY = (204, 304)


class Counter:
    """Counts the bytes of an answer, and finds where its head ends.

    Attributes:
        received: How many bytes have come.
        head_ends: Where the head of the final answer ends, behind any interim ones.
    """

    __slots__ = ("_begins", "_head", "_last", "head_ends", "received")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: another request is written."""
        self.received = 0
        self.head_ends: int | None = None
        self._begins = 0
        self._head = bytearray()
        self._last = b""

    def saw(self, data: bytes) -> None:
        """Note what was read."""
        self.received += len(data)
        self._last = data[-6:] if len(data) >= 6 else (self._last + data)[-6:]
        if self.head_ends is None:
            known = len(self._head)
            self._head += data
            self._find(known - 2)  # from where its end may have begun to come

    def _find(self, start: int) -> None:
        while end := _end_of_head(self._head, max(start, self._begins)):
            if not self._head.startswith(b"HTTP/1.1 1", self._begins):
                self.head_ends = end
                return
            self._begins = end

    def begun(self) -> bytes:
        """Return what of the body came together with the head."""
        return bytes(self._head[self.head_ends :])

    def surplus(self, body: int) -> int:
        """Return how many bytes came behind a body of so many bytes."""
        return self.received - (self.head_ends or 0) - body

    def ended(self, method: bytes, status: int, headers: Headers) -> bool:
        """Tell whether an answer that was read to its end is all that came."""
        bare = method == b"HEAD" or status in _WITHOUT_BODY
        length = 0 if bare else plain_length(headers)
        if length is None:
            # One empty line, behind the last chunk or trailers; not two.
            return self._last.endswith(b"\r\n\r\n") and not self._last.startswith(b"\r\n")
        return self.surplus(length) == 0


def plain_length(headers: Headers) -> int | None:
    """Return how long a body is, if a single plain length says it and nothing else does."""
    told = [value for name, value in headers if name.lower() == b"content-length"]
    framed = any(name.lower() == b"transfer-encoding" for name, _ in headers)
    return int(told[0]) if len(told) == 1 and told[0].isdigit() and not framed else None


def _end_of_head(data: bytearray, start: int) -> int | None:
    """Return where the first head ends whose end comes behind `start`."""
    found = ((data.find(end, start), len(end)) for end in _ENDS_OF_HEAD)
    return min((place + length for place, length in found if place >= 0), default=None)
