"""What it costs to begin: importing, the first answer, a second client, memory (P1, P2, P13, P15).

Everything but the second client happens in fresh processes; what an empty Python costs is
taken off.
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

from benchmarks.processes import MISSING, Failed, Missing, Server, installed, program, python
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
FIRST = PLAIN_HTTPX + "from benchmarks.peers.{} import call; call(sys.argv[1])()"
HELD = (
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
COMPILED = (OURS, "httpx")
LOADED = (
    *("chainhub", "chainhub_api", "chainhub_resources", "attr", "attrs"),
    *("httpx", "httpcore", "h11", "anyio", "certifi", "idna", "sniffio"),
)
SUBJECTS = (*SDKS, *LIBRARIES, OURS, "stdlib")


def imports(run: Run) -> Iterator[Row]:
    """Measure P1: what the first line of a program costs."""
    measures = {
        (peer, ""): _spending(
            run, peer, PLAIN_HTTPX + import_module(f"benchmarks.peers.{peer}").IMPORT
        )
        for peer in run.asked(SUBJECTS)
    }
    found = entries(by_case(_net(run, measures, rounds=15))[""], "ms", yardstick="httpx")
    yield Row(
        "P1",
        "importing, CPU of a fresh process",
        "ms",
        "httpx",
        [Goal("`from chainhub import Client` ÷ `import httpx`", "≤", 0.6, _ours(found))],
        found,
        ["`import chainhub` alone loads almost nothing; the first client loads what calls need."],
    )


def first_answers(run: Run) -> Iterator[Row]:
    """Measure P2: from the start of a process to the first answer."""
    with run.serving() as served, TemporaryDirectory() as folder:
        sources = Path(folder)
        _copy_sources(sources)
        encrypted = served.at(tls=True)
        measures = {
            (peer, case): _spending(run, peer, FIRST.format(peer), url, sources=path)
            for peer in run.asked((*SUBJECTS, "raw"))
            for case, url, path in (
                ("http", served.url, None),
                ("https", encrypted, None),
                ("https, no bytecode", encrypted, sources),
            )
            if case == "http" or (peer != "raw" and (path is None or peer in COMPILED))
        }
        found = by_case(_net(run, measures, rounds=15))
    listed = {case: entries(samples, "ms", yardstick="httpx") for case, samples in found.items()}
    limits = {"http": 1.05, "https": 1.15, "https, no bytecode": 1.25}
    yield Row(
        "P2",
        "a fresh process until its first answer, CPU",
        "ms",
        "httpx",
        [
            Goal(f"fresh process to first answer ÷ httpx, {case}", "≤", limit, _ours(listed[case]))
            for case, limit in limits.items()
        ],
        with_cases(listed, "http"),
        [
            "The first figures are over http: there no certificates are loaded by those who load "
            "them only when they need them. Over https everybody has the same file of certificates."
            " Without bytecode the libraries are compiled in each process, as in an image that"
            " cannot be written to; the standard library's is there."
        ],
    )


def _copy_sources(into: Path) -> None:
    """Copy what a first answer loads, but the standard library, without its bytecode."""
    for name in LOADED:
        spec = find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            shutil.copytree(folder, into / name, ignore=shutil.ignore_patterns("__pycache__"))


def clients(run: Run) -> Iterator[Row]:
    """Measure P13: another client in a process that has had one."""
    with run.serving() as served, run.working(run.asked(SUBJECTS), served) as workers:
        count = run.sized(10, 1)
        measures = {peer: job(one, "made", clients=count) for peer, one in workers.items()}
        found = entries(run.in_turn(measures, 5), "us", yardstick="httpx")
    yield Row(
        "P13",
        "making and closing a second client, CPU",
        "µs",
        "httpx",
        [Goal("a second client ÷ `httpx.Client()`", "≤", 0.02, _ours(found))],
        found,
    )


def memory(run: Run) -> Iterator[Row]:
    """Measure P15: the memory of a process that has a client and one answer."""
    with run.serving() as served:
        measures = {peer: partial(_held, run, peer, served) for peer in run.asked(SUBJECTS)}
        found = entries(run.in_turn(measures, 3), "mb", yardstick="httpx")
    yield Row(
        "P15",
        "memory of a process with a client that has had one answer",
        "MB",
        "httpx",
        [Goal("memory ÷ httpx", "≤", 1.10, _ours(found))],
        found,
    )


def _spending(
    run: Run, peer: str, code: str, *arguments: str, sources: Path | None = None
) -> Callable[[], dict[str, float]]:
    """Return a measure of a fresh process; without bytecode if it is to use these sources."""
    written = () if sources is None else ("-B",)

    def measure() -> dict[str, float]:
        _demand(peer)
        spent = python(*written, "-c", code, *arguments, core=run.cores.client, path=sources)
        return {"ms": spent.cpu * 1e3}

    return measure


def _demand(peer: str) -> None:
    if not installed(peer):
        raise Missing(MISSING)


def _held(run: Run, peer: str, served: Server) -> dict[str, float]:
    _demand(peer)
    try:
        spent = program(HELD.format(peer), served.url, core=run.cores.client)
    except FileNotFoundError as error:
        raise Failed("this system does not say") from error
    return {"mb": float(spent.output)}


def _net(
    run: Run, measures: dict[tuple[str, str], Callable[[], dict[str, float]]], rounds: int
) -> dict[tuple[str, str], Samples]:
    """Measure, and take off what an empty Python takes in the same round."""
    if not run.tiny:
        for measure in measures.values():
            with suppress(Failed):  # it will fail again, and then it is told
                measure()  # compiles what was never imported before
    empty = NOTHING, NOTHING
    found = run.in_turn({empty: _spending(run, "raw", "pass"), **measures}, rounds)
    bases = found.pop(empty).of("ms")
    for samples in found.values():
        for figures, base in zip(samples.figures, bases, strict=False):
            figures["ms"] = max(figures["ms"] - base, 0.0)
    return found


def _ours(found: list[Entry]) -> float | None:
    return next(one.ratio for one in found if one.name == OURS)
