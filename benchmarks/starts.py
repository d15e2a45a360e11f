"""The cost of a start: importing, the first response, a second client, memory (P1, P2, P13, P15).

Everything but the second client is measured in new processes; the figures of an empty Python are
subtracted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import MISSING, JobError, NotInstalled, Server, installed, program, python
from benchmarks.report import Entry, Goal, Row
from benchmarks.running import (
    LIBRARIES,
    OURS,
    SDKS,
    Run,
    Samples,
    by_case,
    entries,
    job,
    with_cases,
)

NOTHING = "empty Python"
# With Click, which some peers install, httpx loads a command line, and rich with it.
PLAIN_HTTPX = "import sys; sys.modules['click'] = None; "
FIRST_CALL = PLAIN_HTTPX + "from benchmarks.peers.{} import call; call(sys.argv[1])()"
MEMORY = (
    PLAIN_HTTPX
    + """
import os
from benchmarks.peers.{} import call
ask = call(sys.argv[1])
ask()
with open("/proc/self/statm", "rb") as table:
    print(int(table.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
"""
)
WITHOUT_BYTECODE = (OURS, "httpx")
PACKAGES = (
    *("chainhub", "chainhub_api", "chainhub_resources", "attr", "attrs"),
    *("httpx", "httpcore", "h11", "anyio", "certifi", "idna", "sniffio"),
)
SUBJECTS = (*SDKS, *LIBRARIES, OURS, "stdlib")


def imports(run: Run) -> Iterator[Row]:
    """Measure P1: the cost of the import."""
    measures = {
        (peer, ""): _cpu_measure(
            run, peer, PLAIN_HTTPX + import_module(f"benchmarks.peers.{peer}").IMPORT
        )
        for peer in run.select(SUBJECTS)
    }
    lines = entries(by_case(_net_samples(run, measures, rounds=15))[""], "ms", yardstick="httpx")
    yield Row(
        "P1",
        "importing, CPU of a fresh process",
        "ms",
        "httpx",
        [Goal("`from chainhub import Client` ÷ `import httpx`", "≤", 0.6, _ours(lines))],
        lines,
        ["`import chainhub` alone loads almost nothing; the first client loads what calls need."],
    )


def first_answers(run: Run) -> Iterator[Row]:
    """Measure P2: from the start of a process to the first response."""
    with run.server() as server, TemporaryDirectory() as folder:
        sources = Path(folder)
        _copy_sources(sources)
        https_url = server.at(tls=True)
        measures = {
            (peer, case): _cpu_measure(run, peer, FIRST_CALL.format(peer), url, sources=path)
            for peer in run.select((*SUBJECTS, "raw"))
            for case, url, path in (
                ("http", server.url, None),
                ("https", https_url, None),
                ("https, no bytecode", https_url, sources),
            )
            if case == "http" or (peer != "raw" and (path is None or peer in WITHOUT_BYTECODE))
        }
        cases = by_case(_net_samples(run, measures, rounds=15))
    tables = {case: entries(samples, "ms", yardstick="httpx") for case, samples in cases.items()}
    limits = {"http": 1.05, "https": 1.15, "https, no bytecode": 1.25}
    yield Row(
        "P2",
        "a fresh process until its first answer, CPU",
        "ms",
        "httpx",
        [
            Goal(f"fresh process to first answer ÷ httpx, {case}", "≤", limit, _ours(tables[case]))
            for case, limit in limits.items()
        ],
        with_cases(tables, "http"),
        [
            "The first figures are over http: there no certificates are loaded by those who load "
            "them only when they need them. Over https everybody has the same file of certificates."
            " Without bytecode the libraries are compiled in each process, as in an image that"
            " cannot be written to; the standard library's is there."
        ],
    )


def _copy_sources(into: Path) -> None:
    """Copy the packages that a first request loads, without the standard library and bytecode."""
    for name in PACKAGES:
        spec = find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            shutil.copytree(folder, into / name, ignore=shutil.ignore_patterns("__pycache__"))


def clients(run: Run) -> Iterator[Row]:
    """Measure P13: a second client in a process."""
    with run.server() as server, run.workers(run.select(SUBJECTS), server) as workers:
        count = run.size(10, 1)
        measures = {
            peer: job(worker, "open_clients", clients=count) for peer, worker in workers.items()
        }
        lines = entries(run.measure(measures, 5), "us", yardstick="httpx")
    yield Row(
        "P13",
        "making and closing a second client, CPU",
        "µs",
        "httpx",
        [Goal("a second client ÷ `httpx.Client()`", "≤", 0.02, _ours(lines))],
        lines,
    )


def memory(run: Run) -> Iterator[Row]:
    """Measure P15: the memory of a process with a client, after one response."""
    with run.server() as server:
        measures = {peer: partial(_memory, run, peer, server) for peer in run.select(SUBJECTS)}
        lines = entries(run.measure(measures, 3), "mb", yardstick="httpx")
    yield Row(
        "P15",
        "memory of a process with a client that has had one answer",
        "MB",
        "httpx",
        [Goal("memory ÷ httpx", "≤", 1.10, _ours(lines))],
        lines,
    )


def _cpu_measure(
    run: Run, peer: str, code: str, *arguments: str, sources: Path | None = None
) -> Callable[[], dict[str, float]]:
    """Return a function that measures a new process; without bytecode if it uses these sources."""
    options = () if sources is None else ("-B",)

    def measure() -> dict[str, float]:
        _require(peer)
        usage = python(*options, "-c", code, *arguments, core=run.cores.client, path=sources)
        return {"ms": usage.cpu * 1e3}

    return measure


def _require(peer: str) -> None:
    if not installed(peer):
        raise NotInstalled(MISSING)


def _memory(run: Run, peer: str, server: Server) -> dict[str, float]:
    _require(peer)
    try:
        usage = program(MEMORY.format(peer), server.url, core=run.cores.client)
    except FileNotFoundError as error:
        raise JobError("this system does not say") from error
    return {"mb": float(usage.output)}


def _net_samples(
    run: Run, measures: dict[tuple[str, str], Callable[[], dict[str, float]]], rounds: int
) -> dict[tuple[str, str], Samples]:
    """Measure, and subtract the CPU of an empty Python in the same round."""
    if not run.tiny:
        for measure in measures.values():
            with suppress(JobError):  # it will fail again, and is reported then
                measure()  # writes the bytecode
    empty = NOTHING, NOTHING
    results = run.measure({empty: _cpu_measure(run, "raw", "pass"), **measures}, rounds)
    baselines = results.pop(empty).of("ms")
    for samples in results.values():
        for figures, baseline in zip(samples.figures, baselines, strict=False):
            figures["ms"] = max(figures["ms"] - baseline, 0.0)
    return results


def _ours(lines: list[Entry]) -> float | None:
    return next(line.ratio for line in lines if line.name == OURS)
