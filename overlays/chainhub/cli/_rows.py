"""Lines with the status of tasks, fitted to the width of a terminal."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import attrs

from chainhub._redaction import one_line
from chainhub.cli._durations import amount, clock

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_WORD = 32
_SHORTEST_ID = 4
_COMFORTABLE_ID = 24
_SPEED_SPAN = 3.0


class Signs(NamedTuple):
    """Name the signs a stream can show."""

    good: str
    bad: str
    note: str
    busy: str
    cut: str


UNICODE = Signs("✓", "✗", "!", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "…")
ASCII = Signs("+", "x", "!", "-\\|/", "~")


def signs_for(encoding: str | None) -> Signs:
    """Return the signs that an encoding has."""
    try:
        "".join(UNICODE).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


class Line(NamedTuple):
    """Hold a line and the style of its first sign: `good`, `bad` or `busy`."""

    style: str
    sign: str
    text: str


@attrs.define
class Row:
    """The status of one task.

    Attributes:
        id: The task.
        began: The instant its wait or download began.
        word: The service's word for its status, or ours before there is one.
        progress: What is done as a fraction, or None.
        expected: Seconds such a task takes in all, as far as was learned, or None.
        bytes: Bytes that are there and bytes of the whole, while it is downloaded.
        marks: Instants and bytes of the last seconds, to tell the speed by.
        failing: Why the last poll failed, None if it did not.
    """

    id: str
    began: float
    word: str = "connecting"
    progress: float | None = None
    expected: float | None = None
    bytes: tuple[int, int | None] | None = None
    marks: list[tuple[float, int]] = attrs.field(factory=list)
    failing: str | None = None

    def got(self, done: int, total: int | None, now: float) -> None:
        """Note how far a download is; less than before means that it starts over."""
        if self.marks and done < self.marks[-1][1]:
            self.marks.clear()
        self.bytes = done, total
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > _SPEED_SPAN:
            del self.marks[0]

    @property
    def speed(self) -> float | None:
        """Bytes per second over the last seconds, or None if that is unknown yet."""
        if len(self.marks) < 2 or self.marks[-1][0] <= self.marks[0][0]:
            return None
        (first, before), (last, after) = self.marks[0], self.marks[-1]
        return (after - before) / (last - first)


def facts(row: Row, now: float) -> list[str]:
    """Return what is shown of a task, the most important first."""
    elapsed = clock(now - row.began)
    if row.bytes is not None:
        return [_bytes(row), *_rest_of_download(row), elapsed]
    told = [row.failing or one_line(row.word, _LONGEST_WORD), elapsed]
    if row.progress is not None:
        told.append(f"{row.progress:.0%}".replace("%", " %"))
    if (rest := remainder(row, now)) is not None:
        told.append(f"about {clock(rest)} left" if rest > 0 else "longer than usual")
    return told


def remainder(row: Row, now: float) -> float | None:
    """Return the remaining seconds that are expected, 0.0 if it is late, None if unknown."""
    if row.expected is None or row.bytes is not None:
        return None
    return max(row.expected - (now - row.began), 0.0)


def fitted(rows: Sequence[Row], now: float, width: int, signs: Signs) -> list[Line]:
    """Return a line for each row, all with the same columns, none wider than `width`."""
    told = [facts(row, now) for row in rows]
    longest = max((len(one_line(row.id, 80)) for row in rows), default=0)
    for count in (4, 3, 2, 1):
        tails = _columns([fact[:count] for fact in told])
        room = width - 4 - max(map(len, tails), default=0)
        if room >= min(longest, _COMFORTABLE_ID):
            break
    space = min(longest, max(room, _SHORTEST_ID))
    sign = signs.busy[int(now * 8) % len(signs.busy)]
    return [
        Line(
            "busy", sign, _cut_end(f"{shortened(row.id, space, signs):<{space}}  {tail}", width - 2)
        )
        for row, tail in zip(rows, tails, strict=True)
    ]


def shortened(text: str, width: int, signs: Signs) -> str:
    """Return text of at most `width` characters; the middle goes first, ids differ at the ends."""
    line = one_line(text, 80)
    if len(line) <= width:
        return line
    tail = (width - 1) * 2 // 3
    return line[: width - 1 - tail] + signs.cut + (line[-tail:] if tail else "")


class Totals(NamedTuple):
    """Count how many tasks ended how, and how many are there."""

    done: int
    failed: int
    known: int


def header(totals: Totals, elapsed: float, rest: float | None, width: int) -> str:
    """Return the line above the rows of many tasks."""
    running = totals.known - totals.done - totals.failed
    parts = [f"{totals.done} of {totals.known} done"]
    if totals.failed:
        parts.append(f"{totals.failed} failed")
    parts += [f"{running} to go", clock(elapsed)]
    if rest:
        parts.append(f"about {clock(rest)} left")
    return _cut_end("  ".join(parts), width)


def _columns(told: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip_longest(*told, fillvalue="")]
    return [
        "  ".join(fact.ljust(width) for fact, width in zip(row, widths, strict=False)).rstrip()
        for row in told
    ]


def _bytes(row: Row) -> str:
    done, total = row.bytes or (0, None)
    return amount(done) if total is None else f"{amount(done)} of {amount(total)}"


def _rest_of_download(row: Row) -> list[str]:
    speed = row.speed
    if speed is None:
        return []
    told = [f"{amount(speed)}/s"]
    done, total = row.bytes or (0, None)
    if total is not None and speed > 0:
        told.append(f"{clock((total - done) / speed)} left")
    return told


def _cut_end(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width, 1)]
