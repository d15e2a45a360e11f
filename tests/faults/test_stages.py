"""Waits and downloads among faults, for tasks of three shapes that the grown contract has."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.processes import output

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("every", [80, pytest.param(1, marks=pytest.mark.slow)])
def test_waits_and_downloads_of_tasks_of_other_shapes(grown: Path, every: int) -> None:
    """Every fault that a single call survives or tells: no line of ours knows these tasks."""
    roots = os.pathsep.join([str(grown), str(PROJECT / "overlays")])
    variables = {**os.environ, "PYTHONPATH": roots, "FAULTS_EVERY": str(every)}
    tests = (sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider")
    summary = output(*tests, "tests/faults/stages.py", cwd=PROJECT, env=variables)
    assert int(re.search(r"(\d+) passed", summary)[1]) > 4000 // every  # type: ignore[index]
