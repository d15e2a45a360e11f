"""Measure side by side with peers and limits, and write what was found.

    python -m benchmarks [--only "P3 P5"] [--tiny]    measures
    python -m benchmarks page [--check]               writes docs/performance.md from the results

A whole run writes benchmarks/results/, the plots and the page; a choice of rows or a tiny run
writes build/benchmarks/ only, for its figures were not taken together with the others.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date

from benchmarks import page, plots
from benchmarks.catalogue import Benchmark, chosen
from benchmarks.machine import load, machine, versions
from benchmarks.processes import PROJECT, Cores
from benchmarks.report import Results, Row, goals_table, read, save
from benchmarks.running import Run

RESULTS = PROJECT / "benchmarks" / "results"
ASIDE = PROJECT / "build" / "benchmarks"
PAGE = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "performance"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "")[:78])
    parser.add_argument("step", nargs="?", choices=("run", "page"), default="run")
    parser.add_argument("--only", default="", metavar='"P3 P5"', help="rows to measure")
    parser.add_argument("--tiny", action="store_true", help="only show that everything works")
    parser.add_argument("--check", action="store_true", help="write nothing, compare the page")
    given = parser.parse_args(arguments)
    if given.step == "page":
        return _page(check=given.check)
    try:
        return _run(given.only.split(), tiny=given.tiny)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


def _run(only: Sequence[str], *, tiny: bool) -> int:
    began, busy = time.monotonic(), load()
    run = Run(tiny=tiny, cores=Cores() if tiny else Cores.chosen())
    wanted = {name.upper() for name in only}
    rows: list[Row] = []
    failed = 0
    for benchmark in chosen(only):
        found = _found(benchmark, run)
        failed += found is None
        rows += [row for row in found or () if not wanted or row.id in wanted]
        rows.sort(key=lambda row: (row.id[0] != "P", int(row.id[1:] or 0)))
        results = Results(
            date=date.today().isoformat(),
            machine=machine(),
            versions=versions(),
            seconds=round(time.monotonic() - began),
            load=busy,
            rows=rows,
        )
        save(results, ASIDE)  # what is known stays known, whatever happens to the rest
    whole = not only and not tiny and not failed
    if whole:
        save(results, RESULTS)
    folder = RESULTS if whole else ASIDE
    print(f"\n{goals_table(rows)}\nWritten to {folder.relative_to(PROJECT)}/.")
    return _page(check=False) if whole else int(failed > 0)


def _found(benchmark: Benchmark, run: Run) -> list[Row] | None:
    """Measure one; None if it fails, which is told and keeps nothing from the others."""
    began = time.monotonic()
    try:
        found = list(benchmark(run))
    except Exception as error:  # noqa: BLE001  # whatever a library, a server or we do wrong
        name = getattr(benchmark, "__name__", "a benchmark")
        print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    names = ", ".join(row.id for row in found)
    print(f"{names}: {time.monotonic() - began:.1f} s", flush=True)
    return found


def _page(*, check: bool) -> int:
    results = read(RESULTS)
    old = PAGE.read_text("utf-8")
    new = page.filled(old, results)
    if check:
        return int(new != old)
    PAGE.write_text(new, "utf-8")
    return _plots(results)


def _plots(results: Results) -> int:
    try:
        for path in plots.draw(results, PLOTS):
            print(path.relative_to(PROJECT))
    except ModuleNotFoundError as error:
        print(f"no plots: {error.name} is not installed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
