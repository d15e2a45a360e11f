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
"""Rows that are drawn as bars, and the titles of their plots."""

RATIOS = ("P1", "P2")
STRONG, PALE = "#0b6e4f", "#9aa5b1"


def draw(results: Results, folder: Path) -> Iterator[Path]:
    """Write a plot for each row that has one and yield its file."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": "chainhub", "font.size": 9}
    import_module("matplotlib").rcParams.update(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for row in results.rows:
        if row.id in BARS:
            yield _save(_bars(row), folder / f"{row.id.lower()}.svg")
    yield _save(_fleet(results.row("M")), folder / "m.svg")


def _figure(**settings: object) -> Any:
    # Not a plain import: type checkers run where the library is not installed.
    return import_module("matplotlib.figure").Figure(**settings)


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    # The library leaves blanks at the ends of lines.
    lines = (line.rstrip() for line in path.read_text("utf-8").splitlines())
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _bars(row: Row) -> Any:
    bars = [(line, value) for line in row.entries if (value := _bar_value(row, line)) is not None]
    figure = _figure(figsize=(6.4, 0.5 + 0.28 * len(bars)))
    axes = figure.subplots()
    names = [line.name.replace("`", "") for line, _ in bars]
    values = [value for _, value in bars]
    colours = [STRONG if line.name.startswith(OURS) else PALE for line, _ in bars]
    containers = axes.barh(names, values, color=colours)
    axes.bar_label(containers, [number(value) for value in values], padding=3)
    axes.invert_yaxis()
    _style(axes, BARS[row.id])
    return figure


def _bar_value(row: Row, line: Entry) -> float | None:
    return line.ratio if row.id in RATIOS else line.value


def _fleet(row: Row) -> Any:
    names = [line.name for line in row.entries]
    figure = _figure(figsize=(6.4, 2.4))
    left, right = figure.subplots(1, 2)
    for axes, title in ((left, "mean delay, s"), (right, "refused, %")):
        values = [line.extra[title] for line in row.entries]
        axes.bar_label(axes.bar(names, values, color=STRONG), [number(value) for value in values])
        _style(axes, title)
    return figure


def _style(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
