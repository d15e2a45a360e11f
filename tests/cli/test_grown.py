"""The commands over a client that does not exist yet: its tasks need no line of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from chainhub.sandbox import Sandbox, completed, failed, pending
from tests.cli.conftest import PROJECT


def test_tasks_of_a_grown_contract(grown: Path, tmp_path: Path) -> None:
    """Each is queried, waited for, downloaded and listed, by its name and parameters."""
    contract = grown / "chainhub_api" / "contract.json"
    described = json.loads(contract.read_text("utf-8"))["operations"]
    tasks = {name: one["task"] for name, one in described.items() if "task" in one}
    assert len(tasks) > 3
    roots = os.pathsep.join([str(grown), str(PROJECT / "overlays")])
    with Sandbox(speed=50, contract=contract) as sandbox:
        variables = {**os.environ, **sandbox.environment, "PYTHONPATH": roots}

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-W", "error", "-m", "chainhub", *words]
            return subprocess.run(
                command, env=variables, capture_output=True, text=True, timeout=60, check=False
            )

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
