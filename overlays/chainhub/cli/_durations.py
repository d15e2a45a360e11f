"""Durations as people write and read them. Loaded by `--help`, so it imports next to nothing."""

from __future__ import annotations

import math
import re

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_PART = re.compile(rf"({_NUMBER})(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_span(text: str) -> float:
    """Return a span in seconds: `90`, `90s`, `15m`, `1h30m`; `none` is infinite.

    Raises:
        ValueError: It is not a duration above zero; the message shows what one looks like.
    """
    word = text.strip().lower()
    if word == "none":
        return math.inf
    if re.fullmatch(_NUMBER, word):
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
