"""Downloading from loopback to memory, against curl and plain httpx (P14, P22)."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import MISSING, Missing, Server, Worker, program
from benchmarks.report import Goal, Row, related
from benchmarks.running import OURS, Run, Samples, by_case, entries, job, with_cases

IN_MEMORY = Path("/dev/shm")
STREAM = """
import sys, time
import httpx
begin = time.perf_counter()
with open(sys.argv[2], "wb", buffering=0) as file:
    with httpx.stream("GET", sys.argv[1]) as answer:
        for chunk in answer.iter_raw():
            file.write(chunk)
print(time.perf_counter() - begin)
"""


def downloads(run: Run) -> Iterator[Row]:
    """Measure P14: MB a second, and how much memory grows meanwhile."""
    size = run.sized(300 * 10**6, 10**5)
    into = IN_MEMORY if IN_MEMORY.is_dir() else None
    with (
        TemporaryDirectory(dir=into) as folder,
        run.serving(video=size) as served,
        run.working((OURS,), served) as workers,
    ):
        measures: dict[str, Callable[[], dict[str, float]]] = {
            OURS: partial(_ours, workers[OURS], folder, size),
            "curl": partial(_curl, run, served, folder, size),
            "httpx, `iter_raw`": partial(_stream, run, served, folder, size),
        }
        if not run.tiny:
            measures[OURS]()  # the first one imports what it needs: that is no growth
        measured = run.in_turn(measures, 5)
    grown = measured[OURS].of("grown")
    found = related(entries(measured, "mb_s"), "curl")[::-1]
    ours = next(one for one in found if one.name == OURS)
    yield Row(
        "P14",
        f"downloading {size / 1e6:,.0f} MB from loopback to memory",
        "MB/s",
        "curl",
        [
            Goal("download ÷ curl", "≥", 0.60, ours.ratio),
            Goal("memory growth", "≤", 4.0, max(grown) if grown else None, "MB"),
        ],
        found,
        ["Without a checksum; the file is in memory, where fsync costs nothing."],
    )


def many(run: Run) -> Iterator[Row]:
    """Measure P22: many small files, over http and https."""
    files, parallel = run.sized(1000, 3), 8
    cases = {"http": False, "https": True}
    with (
        TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder,
        run.serving() as served,
        run.working((OURS, "httpx"), served) as workers,
    ):
        measures: dict[tuple[str, str], Callable[[], dict[str, float]]] = {}
        for case, tls in cases.items():
            given = {"into": folder, "at": served.at(tls=tls), "files": files}
            measures["httpx", case] = job(workers["httpx"], "fetched", **given)
            given["parallel"] = parallel
            measures[OURS, case] = partial(_with_connections, workers[OURS], served, given)
        if not run.tiny:
            for measure in measures.values():
                measure()  # the first one imports what it needs: that is no growth
        measured = by_case(run.in_turn(measures, 5))
    found = {case: entries(one, "us", yardstick="httpx") for case, one in measured.items()}
    ours = {case: measured[case][OURS] for case in cases}
    ratios = {case: {one.name: one.ratio for one in found[case]}[OURS] for case in cases}
    yield Row(
        "P22",
        f"`download_many`, {files:,} files of 64 kB, {parallel} at a time: CPU of one",
        "µs",
        "httpx",
        [
            *(Goal(f"a small file ÷ httpx, {case}", "≤", 1.5, ratios[case]) for case in cases),
            *(
                Goal(f"{name}, {case}", "≤", limit, _most(ours[case], figure), unit)
                for case in cases
                for name, figure, limit, unit in (
                    ("connections", "connections", parallel, ""),
                    ("memory growth", "grown", 4.0, "MB"),
                )
            ),
        ],
        with_cases(found, "http"),
        ["The files are in memory. httpx fetches one after the other, on one connection."],
    )


def _with_connections(one: Worker, served: Server, given: dict[str, object]) -> dict[str, float]:
    before = served.counts().connections
    figures = one.do("fetched_many", **given)
    return {**figures, "connections": served.counts().connections - before}


def _most(samples: Samples, figure: str) -> float | None:
    return max(samples.of(figure), default=None)


def _ours(one: Worker, folder: str, size: int) -> dict[str, float]:
    return one.do("downloaded", into=folder, size=size)


def _curl(run: Run, served: Server, folder: str, size: int) -> dict[str, float]:
    curl, taskset = shutil.which("curl"), shutil.which("taskset")
    if curl is None:
        raise Missing(MISSING)
    core = run.cores.client
    on = [] if core is None or taskset is None else [taskset, "-c", str(core)]
    target = Path(folder) / "curl.mp4"
    command = [*on, curl, "--silent", "--fail", "--noproxy", "*", "--output", str(target)]
    begin = time.perf_counter()
    subprocess.run([*command, f"{served.media}/video.mp4"], check=True, timeout=60)
    seconds = time.perf_counter() - begin
    assert target.stat().st_size == size
    target.unlink()
    return {"mb_s": size / 1e6 / seconds}


def _stream(run: Run, served: Server, folder: str, size: int) -> dict[str, float]:
    target = Path(folder) / "httpx.mp4"
    address = f"{served.media}/video.mp4"
    spent = program(STREAM, address, str(target), core=run.cores.client)
    assert target.stat().st_size == size
    target.unlink()
    return {"mb_s": size / 1e6 / float(spent.output)}
