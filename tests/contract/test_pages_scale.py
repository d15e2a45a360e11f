"""A contract with a thousand operations is generated and imported at little cost."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
COUNT = 1000
COST = """
import sys, time
import httpx
begun = time.perf_counter()
import chainhub_api.api.group_1.make_b
print(time.perf_counter() - begun)
loaded = [name for name in sys.modules if name.startswith("chainhub_api.models.")]
assert len(loaded) == 2, loaded
"""

pytestmark = pytest.mark.slow


def fields(*names):
    """Describe an object of plain fields."""
    kinds = ("string", "integer", "boolean", "number")
    described = {name: {"type": kinds[place % 4]} for place, name in enumerate(names)}
    return {"type": "object", "properties": described, "required": [names[0]]}


def contract():
    """Make a contract: each operation has a request and an answer of its own."""
    paths = {}
    for number in range(COUNT):
        word = "".join(chr(ord("a") + number // 26**place % 26) for place in range(3)).rstrip("a")
        body = {
            "content": {"application/json": {"schema": fields("model", "seed", "loop", "size")}}
        }
        answer = fields("id", "progress", "done", "cost", "status")
        good = {"description": "", "content": {"application/json": {"schema": answer}}}
        operation = {"summary": word, "requestBody": body, "responses": {"200": good}}
        paths[f"/v1/group-{number % 20}/make/{word or 'a'}"] = {"post": operation}
    info = {"title": "Many", "version": "1"}
    return {"openapi": "3.0.1", "info": info, "paths": paths}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Generate the package, and tell how many seconds of CPU that took."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "many.json").write_text(json.dumps(contract()), "utf-8")
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

    attrs = COST.replace("chainhub_api.api.group_1.make_b", "attrs").replace("== 2", "== 0")
    seconds(COST)  # the first one compiles
    costs = [(seconds(COST), seconds(attrs)) for _ in range(12)]
    operation, alone = (min(column) for column in zip(*costs, strict=True))
    assert operation < max(0.025, 2.1 * alone)
