"""Each benchmark runs, tiny, so that none can rot; how long anything takes is not looked at."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest

from benchmarks.catalogue import BENCHMARKS, Benchmark, select
from benchmarks.jobs import Stopwatch
from benchmarks.report import Results, Row, read
from benchmarks.running import EVERYBODY, OURS, SDKS, Run, label

# One of each kind is run every day: a start, a call, many of them, a download. The others drive the
# same peers and servers; tests/contract/test_pages_scale.py generates too, test_fleet.py simulates.
EVERY_DAY = {"P1", "P3", "P12", "P16", "P22"}


def params() -> list[object]:
    """Take all benchmarks; in a usual run one of each kind."""
    return [
        pytest.param(*row, id=row[0][0], marks=() if EVERY_DAY & {*row[0]} else pytest.mark.slow)
        for row in BENCHMARKS
    ]


@pytest.mark.parametrize(("names", "benchmark"), params())
def test_benchmark_runs(names: tuple[str, ...], benchmark: Benchmark) -> None:
    """It gives its rows; ours is measured, and whoever is not says why."""
    rows = list(benchmark(Run(tiny=True)))
    assert tuple(row.id for row in rows) == names
    for row in rows:
        _complete(row)


def test_a_job_without_a_response_has_no_figures() -> None:
    """It is said why, and the rows after it are measured."""
    with pytest.raises(RuntimeError, match="no request succeeded"):
        Stopwatch().figures(0)


def _complete(row: Row) -> None:
    assert row.entries
    assert row.goals
    for line in row.entries:
        assert (line.value is not None and not math.isnan(line.value)) or line.note, line
        assert not (line.name.startswith(OURS) and line.value is None), line


def test_rows_can_be_chosen() -> None:
    """A choice names rows; one that does not exist is refused with a sentence."""
    assert len(select(["p3", "P4", "P12"])) == 2
    assert len(select([])) == len(BENCHMARKS)
    with pytest.raises(ValueError, match="no such benchmark: P99; there are P1, "):
        select(["P3", "P99"])


@pytest.mark.slow
def test_every_peer_is_driven(project: Path) -> None:
    """In the environment of `make bench` each peer answers, in every benchmark it is in."""
    python = project / ".venv-bench" / "bin" / "python"
    if not python.exists():
        pytest.skip("the environment of `make bench` is not there")
    command = [str(python), "-m", "benchmarks", "--all", "--tiny"]
    command += ["--only", "P1 P3 P6 P13 P15 P16 P19"]
    subprocess.run(command, cwd=project, check=True, timeout=1200)
    results: Results = read(project / "build" / "benchmarks")
    assert {line.note for row in results.rows for line in row.entries} == {""}
    names = {line.name for line in results.row("P3").entries}
    assert names == {label(peer) for peer in EVERYBODY} > {label(peer) for peer in SDKS}
