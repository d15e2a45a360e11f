"""How long a server asks to wait: `Retry-After` in all its forms, and hints between polls.

Headers are untrusted: a value that is not a time counts as missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chainhub._responses import APIResponse

T = TypeVar("T")

POLL_FLOOR = 1.0
POLL_CEILING = 30.0

_HINTS = frozenset({b"openai-poll-after-ms", b"retry-after", b"retry-after-ms"})

# Longer than any wait that makes sense, and small enough to print and to add to a clock.
_LONGEST = 1e9
# A "number of seconds" of thirty years is an instant, and one far beyond is one in milliseconds.
_INSTANTS = 1e9, 1e11

# Compiled when the first header of the kind comes.
_NUMBER = r"[0-9]+(?:\.[0-9]*)?"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_ZONE = r"(?:GMT|UTC|[+-]0000)"
# The three forms that RFC 9110 (5.6.7) obliges a recipient to read, all of them in UTC.
_DATES = (
    rf"[A-Za-z]{{3}}, (?P<day>[0-9]{{1,2}}) (?P<month>[A-Za-z]{{3}}) (?P<year>[0-9]{{4}}) "
    rf"{_TIME} {_ZONE}",
    rf"[A-Za-z]{{6,9}}, (?P<day>[0-9]{{2}})-(?P<month>[A-Za-z]{{3}})-(?P<year>[0-9]{{2}}) "
    rf"{_TIME} {_ZONE}",
    rf"[A-Za-z]{{3}} (?P<month>[A-Za-z]{{3}}) (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def retry_after_of(answer: APIResponse, wall: float) -> float | None:
    """Return the seconds this answer asks to wait, or None if it does not say.

    `retry-after-ms` goes before `Retry-After`, being the more exact; of several headers the longest
    wait counts. A date is measured from the answer's own `Date`, so that a wrong clock on this
    machine does not matter; without one from `wall`, seconds since 1970. A date gone by is 0.0.
    Some services send a number of seconds, or milliseconds, since 1970: that is a date too.
    """
    waits = list(_each(answer, b"retry-after-ms", _milliseconds))
    if not waits:
        texts = list(_each(answer, b"retry-after", str))
        now = next(_each(answer, b"date", date_of), wall) if texts else wall
        waits = [wait for text in texts if (wait := _seconds_or_date(text, now)) is not None]
    return max(waits, default=None)


def poll_hint_of(answer: APIResponse, wall: float) -> float | None:
    """Return the seconds a good answer asks to leave before the next poll, within 1 to 30.

    `openai-poll-after-ms` goes before `Retry-After`. A hint of 0 is no hint; others beyond the
    bounds are moved to the nearest one.
    """
    if _HINTS.isdisjoint([name.lower() for name, _ in answer.headers]):
        return None
    hints = _each(answer, b"openai-poll-after-ms", _milliseconds)
    hint = max(hints, default=None) or retry_after_of(answer, wall)
    return min(max(hint, POLL_FLOOR), POLL_CEILING) if hint else None


def date_of(text: str) -> float | None:
    """Return an HTTP date as seconds since 1970, or None if it is invalid."""
    for form in _DATES:
        if found := re.fullmatch(form, text):
            return _instant(found)
    return None


def _each(answer: APIResponse, name: bytes, read: Callable[[str], T | None]) -> Iterator[T]:
    for header, value in answer.headers:
        if header.lower() == name:
            found = read(value.decode("latin-1").strip(" \t"))
            if found is not None:
                yield found


def _number(text: str) -> float | None:
    # float() alone would also take "nan", "inf", "1e9", "1_0" and other scripts' digits.
    return float(text) if re.fullmatch(_NUMBER, text) else None


def _milliseconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else min(number / 1000, _LONGEST)


def _seconds_or_date(text: str, now: float) -> float | None:
    seconds = _number(text)
    instant = date_of(text) if seconds is None else _instant_in(seconds)
    if instant is not None:
        seconds = max(0.0, instant - now)
    return None if seconds is None else min(seconds, _LONGEST)


def _instant_in(number: float) -> float | None:
    """Return the instant that some services write where seconds to wait belong."""
    first, first_in_milliseconds = _INSTANTS
    if number < first:
        return None
    return number if number < first_in_milliseconds else number / 1000


def _instant(found: re.Match[str]) -> float | None:
    from datetime import UTC, datetime

    try:
        month = _MONTHS.index(found["month"].lower()) + 1
        hour, minute, second = (int(found[part]) for part in ("hour", "minute", "second"))
        # A leap second is legal in the header and not in datetime.
        second = min(second, 59) if second == 60 else second
        day = datetime(
            _year(found["year"]), month, int(found["day"]), hour, minute, second, tzinfo=UTC
        )
    except ValueError:
        return None
    return day.timestamp()


def _year(text: str) -> int:
    # Two digits come from the form of RFC 850, dead since the nineties: 70 to 99 are past.
    year = int(text)
    if len(text) > 2:
        return year
    return year + (1900 if year >= 70 else 2000)
