"""The commands over a client that does not exist yet: its tasks need no line of their own."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from chainhub.sandbox import Sandbox, completed, failed, pending
from tests.cli.conftest import PROJECT

# Each command is a fork of one process: what all of them import is loaded once.
PLAYER = """
import importlib, json, os, pkgutil, sys
import asyncio, httpx, rich.progress, chainhub
from chainhub.cli import main
for module in pkgutil.walk_packages(chainhub.__path__, "chainhub."):
    if not module.name.startswith(("chainhub.__", "chainhub.testing")):
        importlib.import_module(module.name)
NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
for line in sys.stdin:
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, file, flags in (0, os.devnull, os.O_RDONLY), (1, "out", NEW), (2, "err", NEW):
    os.dup2(os.open(file, flags, 0o600), number)
sys.exit(main(json.loads(line)))
"""


def test_tasks_of_a_grown_contract(grown: Path, tmp_path: Path) -> None:
    """Each is queried, waited for, downloaded and listed, by its name and parameters."""
    contract = grown / "chainhub_api" / "contract.json"
    described = json.loads(contract.read_text("utf-8"))["operations"]
    tasks = {name: one["task"] for name, one in described.items() if "task" in one}
    assert len(tasks) > 3
    roots = os.pathsep.join([str(grown), str(PROJECT / "overlays")])
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(speed=50, contract=contract))
        player = stack.enter_context(
            subprocess.Popen(
                (sys.executable, "-W", "error", "-c", PLAYER),
                cwd=tmp_path,
                env={**os.environ, **sandbox.environment, "PYTHONPATH": roots},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            print(json.dumps(words), file=player.stdin, flush=True)
            status = int(player.stdout.readline())
            shown = ((tmp_path / name).read_text("utf-8") for name in ("out", "err"))
            return subprocess.CompletedProcess(words, status, *shown)

        most = 0
        for name, task in tasks.items():
            given = [word for p in task["parameters"] for word in ("--parameter", f"{p}=x")]
            good = sandbox.task(pending, completed, operation=name)
            bad = sandbox.task(failed("no cows"), operation=name)
            options = ["--json", "--interval", "0.1", "--download", str(tmp_path / name)]
            done = run("wait", good, bad, "--task", name, *options, *given)
            records = {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}
            assert done.returncode == 8, done.stderr
            assert records[good]["state"] == "succeeded"
            assert (records[good]["video_url"] is None) is (not task["results"])
            files = records[good]["paths"]
            assert sorted(map(Path, files)) == sorted((tmp_path / name).iterdir())
            most = max(most, len(files))
            assert all(Path(file).stat().st_size > 20 for file in files)
            assert (files[0], bool(records[good]["urls"])) == (
                records[good]["path"],
                bool(task["results"]),
            )
            again = run("wait", good, "--task", name, "--interval", "0.1", *given)
            assert again.stdout.splitlines() == records[good]["urls"]
            into = ["--into", str(tmp_path / name), "--if-exists", "keep"]
            again = run("download", good, "--task", name, *into, *given)
            assert again.stdout.splitlines() == files
            assert records[bad]["error"]["type"] == "TaskFailed"
            assert "no cows" in done.stderr
            assert run("get", good, "--task", name, *given).stdout.startswith(f"{good}\tsucceeded")
        assert most > 1
        # Without --task it is what it was before the contract grew.
        assert (
            run("get", "x", "--json").returncode
            == run("get", "x", "--task", "video.query").returncode
            == 4
        )
        assert f"task operations: {', '.join(sorted(tasks))}\n" in run("doctor").stdout
