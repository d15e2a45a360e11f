"""Downloading from loopback to memory, against curl and plain httpx (P14, P22)."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import MISSING, NotInstalled, Server, Worker, program
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
    """Measure P14: MB per second, and memory growth."""
    size = run.size(300 * 10**6, 10**5)
    parent = IN_MEMORY if IN_MEMORY.is_dir() else None
    with (
        TemporaryDirectory(dir=parent) as folder,
        run.server(video=size) as server,
        run.workers((OURS,), server) as workers,
    ):
        measures: dict[str, Callable[[], dict[str, float]]] = {
            OURS: partial(_ours, workers[OURS], folder, size),
            "curl": partial(_curl, run, server, folder, size),
            "httpx, `iter_raw`": partial(_stream, run, server, folder, size),
        }
        if not run.tiny:
            measures[OURS]()  # the first one imports modules, which is not counted as growth
        samples = run.measure(measures, 5)
    growth = samples[OURS].of("grown")
    lines = related(entries(samples, "mb_s"), "curl")[::-1]
    ours = next(line for line in lines if line.name == OURS)
    yield Row(
        "P14",
        f"downloading {size / 1e6:,.0f} MB from loopback to memory",
        "MB/s",
        "curl",
        [
            Goal("download ÷ curl", "≥", 0.60, ours.ratio),
            Goal("memory growth", "≤", 4.0, max(growth) if growth else None, "MB"),
        ],
        lines,
        ["Without a checksum; the file is in memory, where fsync costs nothing."],
    )


def download_many(run: Run) -> Iterator[Row]:
    """Measure P22: many small files, over http and https."""
    files, parallel = run.size(1000, 3), 8
    schemes = {"http": False, "https": True}
    with (
        TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder,
        run.server() as server,
        run.workers((OURS, "httpx"), server) as workers,
    ):
        measures: dict[tuple[str, str], Callable[[], dict[str, float]]] = {}
        for case, tls in schemes.items():
            arguments = {"into": folder, "at": server.at(tls=tls), "files": files}
            measures["httpx", case] = job(workers["httpx"], "fetch", **arguments)
            arguments["parallel"] = parallel
            measures[OURS, case] = partial(_connections, workers[OURS], server, arguments)
        if not run.tiny:
            for measure in measures.values():
                measure()  # the first one imports modules, which is not counted as growth
        cases = by_case(run.measure(measures, 5))
    tables = {case: entries(samples, "us", yardstick="httpx") for case, samples in cases.items()}
    ours = {case: cases[case][OURS] for case in schemes}
    ratios = {case: {line.name: line.ratio for line in tables[case]}[OURS] for case in schemes}
    yield Row(
        "P22",
        f"`download_many`, {files:,} files of 64 kB, {parallel} at a time: CPU of one",
        "µs",
        "httpx",
        [
            *(Goal(f"a small file ÷ httpx, {case}", "≤", 1.5, ratios[case]) for case in schemes),
            *(
                Goal(f"{name}, {case}", "≤", limit, _most(ours[case], figure), unit)
                for case in schemes
                for name, figure, limit, unit in (
                    ("connections", "connections", parallel, ""),
                    ("memory growth", "grown", 4.0, "MB"),
                )
            ),
        ],
        with_cases(tables, "http"),
        ["The files are in memory. httpx fetches one after the other, on one connection."],
    )


def _connections(worker: Worker, server: Server, arguments: dict[str, object]) -> dict[str, float]:
    connections_before = server.counts().connections
    figures = worker.do("download_many", **arguments)
    return {**figures, "connections": server.counts().connections - connections_before}


def _most(samples: Samples, figure: str) -> float | None:
    return max(samples.of(figure), default=None)


def _ours(worker: Worker, folder: str, size: int) -> dict[str, float]:
    return worker.do("download", into=folder, size=size)


def _curl(run: Run, server: Server, folder: str, size: int) -> dict[str, float]:
    curl, taskset = shutil.which("curl"), shutil.which("taskset")
    if curl is None:
        raise NotInstalled(MISSING)
    core = run.cores.client
    prefix = [] if core is None or taskset is None else [taskset, "-c", str(core)]
    target = Path(folder) / "curl.mp4"
    command = [*prefix, curl, "--silent", "--fail", "--noproxy", "*", "--output", str(target)]
    begin = time.perf_counter()
    subprocess.run([*command, f"{server.media}/video.mp4"], check=True, timeout=60)
    seconds = time.perf_counter() - begin
    assert target.stat().st_size == size
    target.unlink()
    return {"mb_s": size / 1e6 / seconds}


def _stream(run: Run, server: Server, folder: str, size: int) -> dict[str, float]:
    target = Path(folder) / "httpx.mp4"
    url = f"{server.media}/video.mp4"
    usage = program(STREAM, url, str(target), core=run.cores.client)
    assert target.stat().st_size == size
    target.unlink()
    return {"mb_s": size / 1e6 / float(usage.output)}
