"""Spans of time and amounts of bytes, as people write and read them."""

from __future__ import annotations

import math
import re

_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNITS = ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"))
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def parse_span(text: str) -> float:
    """Return a span in seconds: `90`, `90s`, `15m`, `1h30m`; `none` is infinite.

    Raises:
        ValueError: It is no span above zero; the sentence tells how one looks.
    """
    word = text.strip().lower()
    if word == "none":
        return math.inf
    if _NUMBER.fullmatch(word):
        seconds = float(word)
    elif re.fullmatch(rf"(?:{_PART.pattern})+", word):
        seconds = sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(word))
    else:
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(
            f"{ascii(text)[:40]} is not a valid duration; use seconds, or a form like 90s, 15m, 2h"
        )
    return seconds


def limit(seconds: float) -> float | None:
    """Return a span as the client takes it: None for an infinite one."""
    return None if math.isinf(seconds) else seconds


def clock(seconds: float) -> str:
    """Return a span as a clock shows it: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def amount(count: float) -> str:
    """Return a number of bytes with a unit: `512 B`, `1.2 MB`."""
    if count < 1000:
        return f"{count:.0f} B"
    size, unit = next((row for row in _UNITS if count < 1000 * row[0]), _UNITS[-1])
    return f"{count / size:.1f} {unit}"
