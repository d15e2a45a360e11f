"""A contract with a thousand operations is generated and imported at little cost."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generating import contract

PROJECT = Path(__file__).resolve().parent.parent.parent
COUNT = 1000
COST = """
import sys, time
import httpx
begun = time.perf_counter()
import chainhub_api.api.group_1.make_baa
print(time.perf_counter() - begun)
loaded = [name for name in sys.modules if name.startswith("chainhub_api.models.")]
assert len(loaded) == 2, loaded
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Generate the package, and tell how many seconds of CPU that took."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "many.json").write_text(json.dumps(contract(COUNT)), "utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ("generate", "--contract", folder / "many.json", "--into", folder / "out")
    subprocess.run([sys.executable, "-m", "tools", *command], cwd=PROJECT, check=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return folder / "out", after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_thousand_operations_are_generated_in_fifteen_seconds(package):
    """Of CPU, the formatter included."""
    folder, seconds = package
    assert (folder / "API.md").read_text("utf-8").count("\n- `client.") == COUNT
    assert seconds < 15


def test_importing_one_operation_costs_at_most_25_ms_more_than_httpx(package):
    """Half of it is attrs, so on a busy machine twice attrs; nothing of the other 999 is loaded."""
    folder, _ = package
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def seconds(code):
        command = [sys.executable, "-c", code]
        return float(subprocess.check_output(command, env=environment, timeout=60))

    attrs = COST.replace("chainhub_api.api.group_1.make_baa", "attrs").replace("== 2", "== 0")
    seconds(COST)  # the first one compiles
    costs = [(seconds(COST), seconds(attrs)) for _ in range(12)]
    operation, alone = (min(column) for column in zip(*costs, strict=True))
    assert operation < max(0.025, 2.1 * alone)
