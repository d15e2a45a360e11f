"""The plots of the page, as SVG: the same figures give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.report import OURS, Entry, Results, Row, number

BARS = {
    "P1": "import, CPU ÷ httpx",
    "P2": "a fresh process until its first answer, CPU ÷ httpx",
    "P3": "one call, CPU in µs",
    "P6": "one call with 500 in flight, CPU in µs",
    "P12": "polls × mean delay ÷ bound",
    "P15": "memory with a client ready, MB",
    "P16": "a poll of wait_many, and a call of a gather, CPU in µs",
}
"""Rows that are drawn as bars, and what the bars are."""

RATIOS = ("P1", "P2")
STRONG, PALE = "#0b6e4f", "#9aa5b1"


def draw(results: Results, folder: Path) -> Iterator[Path]:
    """Write a plot for each row that has one and yield its file."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": "chainhub", "font.size": 9}
    import_module("matplotlib").rcParams.update(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for row in results.rows:
        if row.id in BARS:
            yield _saved(_bars(row), folder / f"{row.id.lower()}.svg")
    yield _saved(_fleet(results.row("M")), folder / "m.svg")


def _figure(**settings: object) -> Any:
    # Not a plain import: type checkers run where the library is not installed.
    return import_module("matplotlib.figure").Figure(**settings)


def _saved(figure: Any, path: Path) -> Path:
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    # The library leaves blanks at the ends of lines.
    lines = (line.rstrip() for line in path.read_text("utf-8").splitlines())
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _bars(row: Row) -> Any:
    shown = [(one, value) for one in row.entries if (value := _drawn(row, one)) is not None]
    figure = _figure(figsize=(6.4, 0.5 + 0.28 * len(shown)))
    axes = figure.subplots()
    names = [one.name.replace("`", "") for one, _ in shown]
    values = [value for _, value in shown]
    colours = [STRONG if one.name.startswith(OURS) else PALE for one, _ in shown]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, [number(value) for value in values], padding=3)
    axes.invert_yaxis()
    _plain(axes, BARS[row.id])
    return figure


def _drawn(row: Row, one: Entry) -> float | None:
    return one.ratio if row.id in RATIOS else one.value


def _fleet(row: Row) -> Any:
    names = [one.name for one in row.entries]
    figure = _figure(figsize=(6.4, 2.4))
    left, right = figure.subplots(1, 2)
    for axes, what in ((left, "mean delay, s"), (right, "refused, %")):
        values = [one.extra[what] for one in row.entries]
        axes.bar_label(axes.bar(names, values, color=STRONG), [number(one) for one in values])
        _plain(axes, what)
    return figure


def _plain(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
