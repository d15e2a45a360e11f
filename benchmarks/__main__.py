"""Measure side by side with peers and limits, and write what was found.

    python -m benchmarks [--all] [--only "P3 P5"] [--tiny]    measures
    python -m benchmarks page [--check]                       writes docs/performance.md

Each row is written as soon as it is measured. A run of all rows that was stopped goes on where it
was, if nothing that is measured has changed since; once it is complete it writes
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
from benchmarks.catalogue import Benchmark, chosen
from benchmarks.machine import load, machine, sources, versions
from benchmarks.processes import PROJECT, Cores
from benchmarks.report import FILE, Results, Row, goals_table, read, save
from benchmarks.running import Run

RESULTS = PROJECT / "benchmarks" / "results"
ASIDE = PROJECT / "build" / "benchmarks"
UNFINISHED = "unfinished"
PAGE = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "performance"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "")[:78])
    parser.add_argument("step", nargs="?", choices=("run", "page"), default="run")
    parser.add_argument("--only", default="", metavar='"P3 P5"', help="rows to measure")
    parser.add_argument("--all", action="store_true", help="all peers, also those no goal needs")
    parser.add_argument("--tiny", action="store_true", help="only show that everything works")
    parser.add_argument("--check", action="store_true", help="write nothing, compare the page")
    given = parser.parse_args(arguments)
    if given.step == "page":
        return _page(check=given.check)
    try:
        return _run(given.only.split(), tiny=given.tiny, everybody=given.all)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


def _run(only: Sequence[str], *, tiny: bool, everybody: bool) -> int:
    wanted = {name.upper() for name in only}
    benchmarks = chosen(only)
    run = Run(tiny=tiny, everybody=everybody, cores=Cores() if tiny else Cores.chosen())
    complete = not only and not tiny
    folder = ASIDE / UNFINISHED if complete else ASIDE
    results = _begun(run, folder if complete else None)
    before, began = results.seconds, time.monotonic()
    failed = 0
    for names, benchmark in benchmarks:
        if {row.id for row in results.rows} >= {*names}:
            print(f"{', '.join(names)}: measured before", flush=True)
            continue
        found = _found(benchmark, run)
        failed += found is None
        rows = [*results.rows, *(row for row in found or () if not wanted or row.id in wanted)]
        rows.sort(key=lambda row: (row.id[0] != "P", int(row.id[1:] or 0)))
        seconds = before + round(time.monotonic() - began)
        results = replace(results, rows=rows, seconds=seconds)
        save(results, folder)  # what is known stays known, whatever happens to the rest
    print(f"\n{goals_table(results.rows)}")
    if not complete or failed:
        print(f"Written to {folder.relative_to(PROJECT)}/.")
        return int(failed > 0)
    save(results, RESULTS)
    shutil.rmtree(folder)
    print(f"Written to {RESULTS.relative_to(PROJECT)}/.")
    return _page(check=False)


def _begun(run: Run, folder: Path | None) -> Results:
    """Return the results of a run that was stopped, or new ones without rows."""
    new = Results(
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
        return new
    old = read(folder)
    same = replace(old, date=new.date, seconds=0, load=new.load, rows=[]) == new
    return old if same else new


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
