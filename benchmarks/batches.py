"""Batches as users run them: `wait_many` on threads, and the command line (P23, P24)."""

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
from benchmarks.processes import LONGEST, PROJECT, JobError, environment, on_core
from benchmarks.report import Entry, Goal, Row
from benchmarks.running import OURS, Run, entries, job
from benchmarks.waits import ids

REDRAW = b"\r\x1b[2K"
"""The bytes with which the command line begins a redraw; see chainhub/cli/_progress.py."""
PIPE, TERMINAL = "output to a pipe", "output to a terminal"


def threads(run: Run) -> Iterator[Row]:
    """Measure P23: whether the sync client polls many ids at the interval."""
    tasks, latency, pace = run.size(3000, 3), run.size(0.15, 0.01), run.size(5.0, 0.05)
    with run.server(latency) as server, run.workers((OURS,), server) as workers:
        arguments = {"tasks": tasks, "interval": pace, "deadline": pace * 5}
        measures = {OURS: job(workers[OURS], "wait_on_threads", **arguments)}
        samples = run.measure(measures, 1)[OURS]
        late = server.counts().late / pace if samples.figures else None
    extra = {f"µs a poll, {latency:g} s an answer": value for value in samples.of("us")}
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
    """Measure P24: the cost of the live display of a batch."""
    tasks = run.size(10_000, 5)
    with run.server() as server, TemporaryDirectory() as folder:
        file = Path(folder, "ids.txt")
        file.write_text("".join(f"{task_id}\n" for task_id in ids(tasks)), "utf-8")
        arguments = ("batch", str(file), f"--base-url={server.at(FINISHED)}")
        command = (*on_core(run.cores.client), sys.executable, "-m", "chainhub", *arguments)
        measures = {
            name: partial(_run_command, command, tasks, terminal=name == TERMINAL)
            for name in (PIPE, TERMINAL)
        }
        samples = run.measure(measures, 5)
    lines = entries(samples, "s", ("redraws a second",), yardstick=PIPE)
    terminal = next(line for line in lines if line.name == TERMINAL)
    yield Row(
        "P24",
        f"`chainhub batch` with {tasks:,} ids that are finished: CPU",
        "s",
        PIPE,
        [
            Goal("terminal ÷ pipe", "≤", 1.3, terminal.ratio),
            Goal("redraws a second", "≤", 10, terminal.extra.get("redraws a second")),
        ],
        lines,
    )


def _run_command(command: tuple[str, ...], tasks: int, *, terminal: bool) -> dict[str, float]:
    """Run a command whose output goes to a terminal of 80 columns, or to a pipe, and is read."""
    read_end, write_end = os.openpty() if terminal else os.pipe()
    variables = {"CHAINHUB_API_KEY": KEY, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**environment(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=write_end,
    )
    os.close(write_end)
    output = bytearray()
    with suppress(OSError):  # a terminal ends with an error
        while time.monotonic() - start < LONGEST and (chunk := os.read(read_end, 65536)):
            output += chunk
    os.close(read_end)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or output.count(b'"completed"') < tasks:
        raise JobError(output[-200:].decode("utf-8", "replace").replace("\n", " "))
    seconds = time.monotonic() - start
    return {
        "s": usage.ru_utime + usage.ru_stime,
        "redraws a second": output.count(REDRAW) / seconds,
    }
