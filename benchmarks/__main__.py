"""Measure side by side with peers and limits, and write the results.

    python -m benchmarks [--all] [--only "P3 P5"] [--tiny]    measures
    python -m benchmarks page [--check]                       writes docs/performance.md

Each row is written as soon as it is measured. A run of all rows that was stopped continues,
if nothing that is measured has changed since; when it is complete it writes
benchmarks/results/, the plots and the page. A choice of rows, or a tiny run, writes
build/benchmarks/ only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks import page, plots
from benchmarks.catalogue import Benchmark, select
from benchmarks.machine import load, machine, sources, versions
from benchmarks.processes import PROJECT, Cores
from benchmarks.report import FILE, Results, Row, goals_table, read, save
from benchmarks.running import Run

RESULTS = PROJECT / "benchmarks" / "results"
SCRATCH = PROJECT / "build" / "benchmarks"
UNFINISHED = "unfinished"
PAGE = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "performance"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step of the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "")[:78])
    parser.add_argument("step", nargs="?", choices=("run", "page"), default="run")
    parser.add_argument("--only", default="", metavar='"P3 P5"', help="rows to measure")
    parser.add_argument("--all", action="store_true", help="all peers, also those no goal needs")
    parser.add_argument("--tiny", action="store_true", help="only show that everything works")
    parser.add_argument("--check", action="store_true", help="write nothing, compare the page")
    options = parser.parse_args(arguments)
    if options.step == "page":
        return _page(check=options.check)
    only = options.only.split()
    try:
        select(only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return _run(only, tiny=options.tiny, everybody=options.all)


def _run(only: Sequence[str], *, tiny: bool, everybody: bool) -> int:
    row_ids = {name.upper() for name in only}
    benchmarks = select(only)
    run = Run(tiny=tiny, everybody=everybody, cores=Cores() if tiny else Cores.pick())
    complete = not only and not tiny
    folder = SCRATCH / UNFINISHED if complete else SCRATCH
    results = _initial_results(run, folder if complete else None)
    seconds_before, start = results.seconds, time.monotonic()
    failures = 0
    for names, benchmark in benchmarks:
        if {row.id for row in results.rows} >= {*names}:
            print(f"{', '.join(names)}: measured before", flush=True)
            continue
        new_rows = _measure(benchmark, run)
        failures += new_rows is None
        rows = [*results.rows, *(row for row in new_rows or () if not row_ids or row.id in row_ids)]
        rows.sort(key=lambda row: (row.id[0] != "P", int(row.id[1:] or 0)))
        seconds = seconds_before + round(time.monotonic() - start)
        results = replace(results, rows=rows, seconds=seconds)
        save(results, folder)  # kept, even if a later benchmark stops the run
    print(f"\n{goals_table(results.rows)}")
    if not complete or failures:
        print(f"Written to {folder.relative_to(PROJECT)}/.")
        return int(failures > 0)
    save(results, RESULTS)
    shutil.rmtree(folder)
    print(f"Written to {RESULTS.relative_to(PROJECT)}/.")
    return _page(check=False)


def _initial_results(run: Run, folder: Path | None) -> Results:
    """Return the results of a run that was stopped, or new ones without rows."""
    empty = Results(
        date=date.today().isoformat(),
        machine=machine(),
        versions=versions(),
        seconds=0,
        load=load(),
        rows=[],
        everybody=run.everybody,
        sources=sources(PROJECT),
    )
    if folder is None or not (folder / FILE).exists():
        return empty
    previous = read(folder)
    same = replace(previous, date=empty.date, seconds=0, load=empty.load, rows=[]) == empty
    return previous if same else empty


def _measure(benchmark: Benchmark, run: Run) -> list[Row] | None:
    """Run one benchmark; None, and a message, if it fails, so that the others still run."""
    start = time.monotonic()
    try:
        rows = list(benchmark(run))
    except Exception as error:  # noqa: BLE001  # an error of a library, of a server or ours
        name = getattr(benchmark, "__name__", "a benchmark")
        print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    names = ", ".join(row.id for row in rows)
    print(f"{names}: {time.monotonic() - start:.1f} s", flush=True)
    return rows


def _page(*, check: bool) -> int:
    results = read(RESULTS)
    old_text = PAGE.read_text("utf-8")
    new_text = page.filled(old_text, results)
    if check:
        return int(new_text != old_text)
    PAGE.write_text(new_text, "utf-8")
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
