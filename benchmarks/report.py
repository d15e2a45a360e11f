"""The results of a run: rows of ratios with their goals, as JSON and as Markdown."""

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
    """A limit and the measured value; None was not measured, and a note of the row says why.

    Attributes:
        name: What is compared.
        sense: Whether the value shall be at most, at least or exactly the limit.
        limit: The limit.
        value: The measured value.
        unit: The unit of both, empty for ratios and counts.
    """

    name: str
    sense: Sense
    limit: float
    value: float | None
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met, in words."""
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
    """One line of a row's table: the figure of one subject, and its ratio to the row's yardstick.

    Attributes:
        name: The subject that was measured, such as a library.
        value: The median over the rounds, None if there is none.
        ratio: By the row's yardstick, see `ratio`.
        low: The least of the rounds.
        high: The greatest of the rounds.
        rounds: The number of rounds.
        extra: Further figures, by name.
        note: Why there is no value, or another remark.
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
        yardstick: The entry that ratios are taken to, empty if there are none.
        goals: The limits, and whether they are met.
        entries: The lines of its table.
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
        """Return the entry with a name, or raise KeyError."""
        return {line.name: line for line in self.entries}[name]


@dataclass(frozen=True)
class Results:
    """A whole run.

    Attributes:
        date: The day.
        machine: The machine, see `benchmarks.machine`.
        versions: The versions of the measured distributions.
        seconds: How long it took.
        load: The load average of the minute before it; 0 is an idle machine.
        rows: The benchmarks' figures.
        everybody: Whether the peers that no goal needs were measured too.
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
    extras = {key: rounded(value) for key, value in (extra or {}).items()}
    values = rounded(median(rounds)), None, *spread, len(rounds)
    return Entry(name, *values, extra=extras, note=note, each=list(rounds))


def related(entries: Iterable[Entry], yardstick: str) -> list[Entry]:
    """Return the entries with their ratios to one of them, quickest first."""
    lines = list(entries)
    base = next((line for line in lines if line.name == yardstick), None)
    lines = [replace(line, ratio=ratio(line, base)) for line in lines]
    return sorted(lines, key=lambda line: math.inf if line.value is None else line.value)


def ratio(above: Entry | None, below: Entry | None) -> float | None:
    """Return the median of the ratios of the rounds, None where there are none.

    Both are measured in each round. A machine that becomes slower meanwhile makes both slower, and
    the quotient of two medians could compare its fast minutes with its slow ones.
    """
    if above is None or below is None:
        return None
    # After a failure there are no more rounds, so the first rounds of both are the same ones.
    pairs = zip(above.each, below.each, strict=False)
    ratios = [dividend / divisor for dividend, divisor in pairs if divisor]
    return rounded(median(ratios)) if ratios else None


def rounded(value: float) -> float:
    """Return a value with three significant digits: a measurement has no more."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, max(2 - math.floor(math.log10(abs(value))), 0))


def number(value: float | None) -> str:
    """Format a value for people."""
    if value is None or math.isnan(value):
        return "–"
    value = rounded(value)
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    magnitude = math.floor(math.log10(abs(value)))
    return f"{value:.{2 - magnitude if magnitude >= 0 else 1 - magnitude}f}"


def save(results: Results, folder: Path) -> None:
    """Write the results as JSON and as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"format": FORMAT, **asdict(results)}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    (folder / FILE).write_text(text + "\n", "utf-8")
    (folder / "results.md").write_text(markdown(results), "utf-8")


def read(folder: Path) -> Results:
    """Read the results back."""
    document = json.loads((folder / FILE).read_text("utf-8"))
    rows = [
        Row(
            **{
                **row,
                "goals": [Goal(**goal) for goal in row["goals"]],
                "entries": [Entry(**line) for line in row["entries"]],
            }
        )
        for row in document["rows"]
    ]
    del document["format"]
    return Results(**{**document, "rows": rows})


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def goals_table(rows: Iterable[Row]) -> str:
    """Return the table of all goals and their figures, a line for each."""
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
    """Return the table of a row, a line for each entry."""
    extras = list(dict.fromkeys(name for line in row.entries for name in line.extra))
    ratios = [f"÷ {row.yardstick}"] if row.yardstick else []
    has_spread = any(line.low is not None for line in row.entries)
    spread = ["least to most", "rounds"] if has_spread else []
    notes = ["note"] if any(line.note for line in row.entries) else []
    head = ("measured", row.unit, *ratios, *spread, *extras, *notes)
    lines = [
        (
            f"**{line.name}**" if line.name.startswith(OURS) else line.name,
            number(line.value),
            *([number(line.ratio)] if ratios else []),
            *([_spread(line), str(line.rounds or "")] if spread else []),
            *(number(line.extra.get(name)) for name in extras),
            *([line.note] if notes else []),
        )
        for line in row.entries
    ]
    return table(head, lines)


def _spread(line: Entry) -> str:
    return "" if line.low is None else f"{number(line.low)} to {number(line.high)}"


def machine_lines(results: Results) -> str:
    """Return the lines about the machine and the versions."""
    info = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"{results.date}; {info['processor']}, {info['cores']} cores, {info['memory_gb']} GB; "
        f"{info['system']}; {info['python']}; load before the run {results.load}; "
        f"the run took {number(results.seconds)} s.\n\n{versions}.\n"
    )


def markdown(results: Results) -> str:
    """Return everything as one page."""
    parts = ["# Results of `make bench`\n", machine_lines(results), goals_table(results.rows)]
    for row in results.rows:
        parts.append(f"## {row.id}: {row.title}\n")
        parts.extend(f"{note}\n" for note in row.notes)
        parts.append(row_table(row))
    return "\n".join(parts)
