"""The recipe for many workers: shards over an executor, one rate for all."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import pytest

from examples import sharded
from tests.processes import run


class Shared:
    """A number in this process."""

    def __init__(self) -> None:
        self.value = 0.0

    def get(self) -> float:
        return self.value

    def set(self, value: float, /) -> None:
        self.value = value


def test_instants_are_booked_one_after_the_other() -> None:
    """No two bookings are closer than the gap, and an instant that has passed is lost."""
    rate = sharded.Rate(0.5, Shared(), Lock())
    assert [rate.book(100.0) for _ in range(3)] == [0.0, 0.5, 1.0]
    assert rate.book(101.0) == 0.5
    assert rate.book(200.0) == 0.0


def _run_example(python: str, project: Path, kind: str) -> None:
    result = run(python, "-W", "error", "examples/sharded.py", kind, cwd=project)
    assert (result.returncode, result.stderr) == (0, "")
    match = re.fullmatch(
        r"12 of 12 videos are there; (\d+) requests, never more than (\d+) in a second\.\n",
        result.stdout,
    )
    assert match, result.stdout
    requests, most = map(int, match.groups())
    assert requests >= 12
    assert most <= 21  # the rate is one each 0.05 s


def test_two_processes_share_a_rate(project: Path) -> None:
    """All tasks are found, over a pool of processes, at the rate of both together."""
    _run_example(sys.executable, project, "processes")


@pytest.mark.slow
def test_two_dask_workers_share_a_rate(project: Path) -> None:
    """The same over a real cluster, with its own number and lock."""
    python = project / ".venv-bench" / "bin" / "python"
    if find_spec("distributed") is not None:
        python = Path(sys.executable)
    elif not python.exists():
        pytest.skip("the environment of `make bench`, which has Dask, is not there")
    _run_example(str(python), project, "dask")
