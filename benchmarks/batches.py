"""Batches as people run them: `wait_many` on threads, and the command line (P23, P24)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.answers import FINISHED, KEY
from benchmarks.processes import LONGEST, PROJECT, Failed, environment, on_core
from benchmarks.report import Entry, Goal, Row
from benchmarks.running import OURS, Run, entries, job
from benchmarks.waits import ids

REDRAW = b"\r\x1b[2K"
"""What the command line begins a new picture with; see chainhub/cli/_progress.py."""
PIPE, TERMINAL = "output to a pipe", "output to a terminal"


def on_threads(run: Run) -> Iterator[Row]:
    """Measure P23: whether the sync client keeps the pace of many ids."""
    tasks, latency, pace = run.sized(3000, 3), run.sized(0.15, 0.01), run.sized(5.0, 0.05)
    with run.serving(latency) as served, run.working((OURS,), served) as workers:
        given = {"tasks": tasks, "every": pace, "seconds": pace * 5}
        samples = run.in_turn({OURS: job(workers[OURS], "threaded", **given)}, 1)[OURS]
        late = served.counts().late / pace if samples.figures else None
    extra = {f"µs a poll, {latency:g} s an answer": one for one in samples.of("us")}
    yield Row(
        "P23",
        f"sync `wait_many` of {tasks:,} ids, one poll of each in {pace:g} s: how late a result is",
        "ratio",
        "",
        [Goal("p99 of the delay ÷ the time between two polls", "≤", 1.2, late)],
        [Entry("chainhub, `wait_many` on threads", late, extra=extra, note=samples.why)],
        ["A result that comes at any moment is known at the next poll, as the server sees them."],
    )


def command_line(run: Run) -> Iterator[Row]:
    """Measure P24: what it costs that somebody watches a batch."""
    tasks = run.sized(10_000, 5)
    with run.serving() as served, TemporaryDirectory() as folder:
        file = Path(folder, "ids.txt")
        file.write_text("".join(f"{one}\n" for one in ids(tasks)), "utf-8")
        words = ("batch", str(file), f"--base-url={served.at(FINISHED)}")
        command = (*on_core(run.cores.client), sys.executable, "-m", "chainhub", *words)
        measures = {
            name: partial(_watched, command, tasks, terminal=name == TERMINAL)
            for name in (PIPE, TERMINAL)
        }
        measured = run.in_turn(measures, 5)
    found = entries(measured, "s", ("redraws a second",), yardstick=PIPE)
    watched = next(one for one in found if one.name == TERMINAL)
    yield Row(
        "P24",
        f"`chainhub batch` with {tasks:,} ids that are finished: CPU",
        "s",
        PIPE,
        [
            Goal("terminal ÷ pipe", "≤", 1.3, watched.ratio),
            Goal("redraws a second", "≤", 10, watched.extra.get("redraws a second")),
        ],
        found,
    )


def _watched(command: tuple[str, ...], tasks: int, *, terminal: bool) -> dict[str, float]:
    """Run a command whose output goes to a terminal of 80 columns, or to a pipe, and is read."""
    reading, writing = os.openpty() if terminal else os.pipe()
    settings = {"CHAINHUB_API_KEY": KEY, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**environment(), **settings},
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    output = bytearray()
    with suppress(OSError):  # a terminal ends with an error
        while time.monotonic() - began < LONGEST and (piece := os.read(reading, 65536)):
            output += piece
    os.close(reading)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or output.count(b'"completed"') < tasks:
        raise Failed(output[-200:].decode("utf-8", "replace").replace("\n", " "))
    seconds = time.monotonic() - began
    return {
        "s": used.ru_utime + used.ru_stime,
        "redraws a second": output.count(REDRAW) / seconds,
    }
