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
    """Generate the package, and tell how many seconds of CPU that took, and the plain generator."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "many.json").write_text(json.dumps(contract(COUNT)), "utf-8")
    ours = ("tools", "generate", "--contract", folder / "many.json", "--into", folder / "out")
    plain = ("openapi_python_client", "generate", "--path", folder / "many.json", "--meta", "none")
    return folder / "out", seconds(*ours), seconds(*plain, "--output-path", folder / "plain")


def seconds(*command):
    """Run a module, and tell the CPU time of it and of what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for its ruff
    command = [sys.executable, "-m", *command]
    options = {"cwd": PROJECT, "env": {**os.environ, "PATH": path}}
    subprocess.run(command, check=True, capture_output=True, timeout=600, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_generating_a_thousand_operations_costs_little_more_than_plainly(package):
    """Though each is tried, which takes a third of it; P17 measures it without."""
    folder, ours, plain = package
    assert (folder / "API.md").read_text("utf-8").count("\n- `client.") == COUNT
    assert ours < 1.5 * plain


def test_importing_one_operation_costs_at_most_25_ms_more_than_httpx(package):
    """Half of it is attrs, so on a busy machine twice attrs; nothing of the other 999 is loaded."""
    folder, *_ = package
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def elapsed(code):
        command = [sys.executable, "-c", code]
        return float(subprocess.check_output(command, env=environment, timeout=60))

    attrs = COST.replace("chainhub_api.api.group_1.make_baa", "attrs").replace("== 2", "== 0")
    elapsed(COST)  # the first one compiles
    costs = [(elapsed(COST), elapsed(attrs)) for _ in range(12)]
    operation, alone = (min(column) for column in zip(*costs, strict=True))
    assert operation < max(0.025, 2.1 * alone)
