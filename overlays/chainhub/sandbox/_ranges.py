"""What part of a file a request asks for: the Range and If-Range of RFC 9110, pure."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from attrs import frozen

_SINGLE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@frozen
class Part:
    """The bytes from `first` to `last`, both included."""

    first: int
    last: int


Selection: TypeAlias = Part | Literal["whole", "unsatisfiable"]


def select(asked: str | None, if_range: str | None, *, etag: str, size: int) -> Selection:
    """Return the part of a file of `size` bytes that a request asks for.

    Several ranges, other units and bad syntax mean the whole file, and so does an If-Range that is
    not exactly the file's strong entity tag.
    """
    found = _SINGLE.fullmatch(asked or "")
    if found is None or (if_range is not None and if_range != etag):
        return "whole"
    first, last = found.groups()
    if not first:
        return _suffix(last, size)
    if last and int(last) < int(first):
        return "whole"
    if int(first) >= size:
        return "unsatisfiable"
    return Part(int(first), min(int(last or size - 1), size - 1))


def _suffix(length: str, size: int) -> Selection:
    if not length:
        return "whole"
    if int(length) == 0 or size == 0:
        return "unsatisfiable"
    return Part(max(0, size - int(length)), size - 1)
