"""What it costs to begin: importing, the first answer, a second client, memory (P1, P2, P13, P15).

Everything but the second client happens in fresh processes; what an empty Python costs is
taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

from benchmarks.processes import MISSING, Failed, Missing, Server, installed, program
from benchmarks.report import Entry, Goal, Row
from benchmarks.running import LIBRARIES, OURS, SDKS, Run, Samples, entries, job

NOTHING = "empty Python"
FIRST = "import sys; from benchmarks.peers.{} import call; call(sys.argv[1])()"
HELD = """
import os, sys
from benchmarks.peers.{} import call
ask = call(sys.argv[1])
ask()
with open("/proc/self/statm", "rb") as table:
    print(int(table.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
"""
SUBJECTS = (*SDKS, *LIBRARIES, OURS, "stdlib")


def imports(run: Run) -> Iterator[Row]:
    """Measure P1: what the first line of a program costs."""
    measures = {
        peer: _spending(run, peer, str(import_module(f"benchmarks.peers.{peer}").IMPORT))
        for peer in SUBJECTS
    }
    found = _net(run, measures, rounds=7)
    yield _against_httpx(
        "P1",
        "importing, CPU of a fresh process",
        found,
        Goal("import ÷ `import httpx`", "≤", 0.10, None),
    )


def first_answers(run: Run) -> Iterator[Row]:
    """Measure P2: from the start of a process to the first answer."""
    with run.serving() as served:
        measures = {
            peer: _spending(run, peer, FIRST.format(peer), served.url)
            for peer in (*SUBJECTS, "raw")
        }
        found = _net(run, measures, rounds=9)
    yield _against_httpx(
        "P2",
        "a fresh process until its first answer, CPU",
        found,
        Goal("fresh process to first answer ÷ httpx", "≤", 1.05, None),
        "Over http: no certificates are loaded by those who load them only when they need them.",
    )


def clients(run: Run) -> Iterator[Row]:
    """Measure P13: another client in a process that has had one."""
    with run.serving() as served, run.working((*SUBJECTS,), served) as workers:
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
        measures = {
            peer: partial(_held, run, peer, served) for peer in (*SDKS, *LIBRARIES, OURS, "stdlib")
        }
        found = entries(run.in_turn(measures, 3), "mb", yardstick="httpx")
    yield Row(
        "P15",
        "memory of a process with a client that has had one answer",
        "MB",
        "httpx",
        [Goal("memory ÷ httpx", "≤", 1.10, _ours(found))],
        found,
    )


def _spending(run: Run, peer: str, code: str, *arguments: str) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        _demand(peer)
        return {"ms": program(code, *arguments, core=run.cores.client).cpu * 1e3}

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
    run: Run, measures: dict[str, Callable[[], dict[str, float]]], rounds: int
) -> dict[str, Samples]:
    """Measure, and take off what an empty Python takes in the same round."""
    if not run.tiny:
        for measure in measures.values():
            _tried(measure)  # compiles what was never imported before
    found = run.in_turn({NOTHING: _spending(run, "raw", "pass"), **measures}, rounds)
    empty = found.pop(NOTHING).of("ms")
    for samples in found.values():
        for figures, base in zip(samples.figures, empty, strict=False):
            figures["ms"] = max(figures["ms"] - base, 0.0)
    return found


def _tried(measure: Callable[[], dict[str, float]]) -> None:
    try:
        measure()
    except Failed:
        return  # it will fail again, and then it is told


def _against_httpx(
    place: str, title: str, measured: dict[str, Samples], goal: Goal, *notes: str
) -> Row:
    found = entries(measured, "ms", yardstick="httpx")
    goals = [Goal(goal.name, goal.sense, goal.limit, _ours(found))]
    return Row(place, title, "ms", "httpx", goals, found, list(notes))


def _ours(found: list[Entry]) -> float | None:
    return next(one.ratio for one in found if one.name == OURS)
