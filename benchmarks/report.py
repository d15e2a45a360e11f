"""What a run found: rows of ratios with their goals, kept as JSON and shown as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

FORMAT = 2
FILE = "results.json"
OURS = "chainhub"

Sense = Literal["≤", "≥", "="]


@dataclass(frozen=True)
class Goal:
    """What was wanted, and what was found; a value of None was not measured, and a note says why.

    Attributes:
        name: What is compared.
        sense: Whether the value shall be at most, at least or exactly the limit.
        limit: The limit.
        value: What was found.
        unit: The unit of both, empty for ratios and counts.
    """

    name: str
    sense: Sense
    limit: float
    value: float | None
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the goal was met, plainly."""
        if self.value is None or math.isnan(self.value):
            return "not measured"
        met = {
            "≤": self.value <= self.limit,
            "≥": self.value >= self.limit,
            "=": self.value == self.limit,
        }[self.sense]
        return "met" if met else "**missed**"


@dataclass(frozen=True)
class Entry:
    """One line of a row: somebody's figure, and its ratio to what the row compares with.

    Attributes:
        name: Whose it is.
        value: The median over the rounds, None if there is none.
        ratio: By the row's yardstick, see `ratio`.
        low: The least of the rounds.
        high: The greatest of the rounds.
        rounds: How many there were.
        extra: Further figures, by what they are.
        note: Why there is none, or what is special.
        each: The values of the rounds, in their order.
    """

    name: str
    value: float | None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    extra: dict[str, float] = field(default_factory=dict)
    note: str = ""
    each: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One benchmark.

    Attributes:
        id: Its number, such as "P3".
        title: What is measured.
        unit: The unit of the entries' values.
        yardstick: What ratios are taken to, empty if there are none.
        goals: What was wanted.
        entries: Everybody's figures.
        notes: How it was measured.
    """

    id: str
    title: str
    unit: str
    yardstick: str
    goals: list[Goal]
    entries: list[Entry]
    notes: list[str] = field(default_factory=list)

    def entry(self, name: str) -> Entry:
        """Return somebody's entry, or raise KeyError."""
        return {one.name: one for one in self.entries}[name]


@dataclass(frozen=True)
class Results:
    """A whole run.

    Attributes:
        date: The day.
        machine: What it ran on.
        versions: Of what was measured.
        seconds: How long it took.
        load: Processes that wanted a core in the minute before it; 0 is a quiet machine.
        rows: What was found.
        everybody: Whether those were measured too that no goal needs.
        sources: A digest of all files that were measured.
    """

    date: str
    machine: dict[str, Any]
    versions: dict[str, str]
    seconds: float
    load: float
    rows: list[Row]
    everybody: bool = False
    sources: str = ""

    def row(self, number: str) -> Row:
        """Return a row by its number, or raise KeyError."""
        return {row.id: row for row in self.rows}[number]


def entry(
    name: str, rounds: Sequence[float], note: str = "", extra: dict[str, float] | None = None
) -> Entry:
    """Return an entry for the values of some rounds; without any it has no value."""
    if not rounds:
        return Entry(name, None, note=note)
    spread = (rounded(min(rounds)), rounded(max(rounds)))
    told = {key: rounded(value) for key, value in (extra or {}).items()}
    values = rounded(median(rounds)), None, *spread, len(rounds)
    return Entry(name, *values, extra=told, note=note, each=list(rounds))


def related(entries: Iterable[Entry], yardstick: str) -> list[Entry]:
    """Return the entries with their ratios to one of them, quickest first."""
    listed = list(entries)
    base = next((one for one in listed if one.name == yardstick), None)
    found = [replace(one, ratio=ratio(one, base)) for one in listed]
    return sorted(found, key=lambda one: math.inf if one.value is None else one.value)


def ratio(above: Entry | None, below: Entry | None) -> float | None:
    """Return the median of the ratios of the rounds, None where there are none.

    Both are measured in each round. A machine that becomes slower meanwhile makes both slower, and
    the quotient of two medians could compare its fast minutes with its slow ones.
    """
    if above is None or below is None:
        return None
    # Who fails once is not measured again, so the first rounds of both are the same ones.
    ratios = [one / other for one, other in zip(above.each, below.each, strict=False) if other]
    return rounded(median(ratios)) if ratios else None


def rounded(value: float) -> float:
    """Return a value with three digits that count: a measurement has no more."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, max(2 - math.floor(math.log10(abs(value))), 0))


def number(value: float | None) -> str:
    """Format a value for people."""
    if value is None or math.isnan(value):
        return "–"
    shown = rounded(value)
    if shown == int(shown) or abs(shown) >= 100:
        return f"{shown:,.0f}"
    magnitude = math.floor(math.log10(abs(shown)))
    return f"{shown:.{2 - magnitude if magnitude >= 0 else 1 - magnitude}f}"


def save(results: Results, folder: Path) -> None:
    """Write the results as JSON and as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"format": FORMAT, **asdict(results)}
    text = json.dumps(kept, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    (folder / FILE).write_text(text + "\n", "utf-8")
    (folder / "results.md").write_text(markdown(results), "utf-8")


def read(folder: Path) -> Results:
    """Read the results back."""
    kept = json.loads((folder / FILE).read_text("utf-8"))
    rows = [
        Row(
            **{
                **row,
                "goals": [Goal(**goal) for goal in row["goals"]],
                "entries": [Entry(**one) for one in row["entries"]],
            }
        )
        for row in kept["rows"]
    ]
    del kept["format"]
    return Results(**{**kept, "rows": rows})


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def goals_table(rows: Iterable[Row]) -> str:
    """Return what was wanted and what was found, a line for each goal."""
    lines = [
        (
            row.id,
            goal.name,
            f"{goal.sense} {number(goal.limit)}{_unit(goal)}",
            f"{number(goal.value)}{_unit(goal) if goal.value is not None else ''}",
            goal.verdict,
        )
        for row in rows
        for goal in row.goals
    ]
    return table(("#", "what", "goal", "found", "verdict"), lines)


def _unit(goal: Goal) -> str:
    return f" {goal.unit}" if goal.unit else ""


def row_table(row: Row) -> str:
    """Return everybody's figures of a row."""
    extras = list(dict.fromkeys(name for one in row.entries for name in one.extra))
    ratios = [f"÷ {row.yardstick}"] if row.yardstick else []
    spread = ["least to most", "rounds"] if any(one.low is not None for one in row.entries) else []
    noted = ["note"] if any(one.note for one in row.entries) else []
    head = ("measured", row.unit, *ratios, *spread, *extras, *noted)
    lines = [
        (
            f"**{one.name}**" if one.name.startswith(OURS) else one.name,
            number(one.value),
            *([number(one.ratio)] if ratios else []),
            *([_spread(one), str(one.rounds or "")] if spread else []),
            *(number(one.extra.get(name)) for name in extras),
            *([one.note] if noted else []),
        )
        for one in row.entries
    ]
    return table(head, lines)


def _spread(one: Entry) -> str:
    return "" if one.low is None else f"{number(one.low)} to {number(one.high)}"


def machine_lines(results: Results) -> str:
    """Say on what the figures were found."""
    one = results.machine
    known = ", ".join(f"{name} {what}" for name, what in results.versions.items())
    return (
        f"{results.date}; {one['processor']}, {one['cores']} cores, {one['memory_gb']} GB; "
        f"{one['system']}; {one['python']}; load before the run {results.load}; "
        f"the run took {number(results.seconds)} s.\n\n{known}.\n"
    )


def markdown(results: Results) -> str:
    """Return everything as one page."""
    parts = ["# Results of `make bench`\n", machine_lines(results), goals_table(results.rows)]
    for row in results.rows:
        parts.append(f"## {row.id}: {row.title}\n")
        parts.extend(f"{note}\n" for note in row.notes)
        parts.append(row_table(row))
    return "\n".join(parts)
