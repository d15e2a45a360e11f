"""The main job, as `make run` runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from chainhub.sandbox import Sandbox, completed, failed

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "main_job.py"


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the example in a folder, with these variables in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHAINHUB_")}
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_key_it_plays_with_the_sandbox(tmp_path: Path) -> None:
    """Contract, states and result are shown, in plain text, and all is well in the end."""
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    places = [
        done.stdout.find(text) for text in ("client.video.wait(", " s  pending", " s  completed")
    ]
    assert 0 < places[0] < places[1] < places[2] < done.stdout.find("video    http://127.0.0.1:")
    assert "\033" not in done.stdout
    path = re.search(r"on disk  (\S+), ([\d,]+) bytes", done.stdout)
    assert path is not None
    assert (tmp_path / path[1]).stat().st_size == int(path[2].replace(",", "")) > 0


def test_with_a_key_it_needs_a_task(tmp_path: Path) -> None:
    """A key without a task is a wrong call, and one sentence says so."""
    done = run(tmp_path, CHAINHUB_API_KEY="sk-test-main-job")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "TASK=" in done.stderr
    assert "sk-test-main-job" not in done.stderr


def test_with_a_key_and_a_task_it_asks_the_service(tmp_path: Path) -> None:
    """The service is asked for that task, and whether it completed is the exit status."""
    with Sandbox() as sandbox:
        sandbox.add(completed, id="good")
        sandbox.add(failed, id="bad")
        good, bad, unknown = (
            run(tmp_path, **sandbox.environment, TASK=i) for i in ("good", "bad", "other")
        )
    assert (good.returncode, bad.returncode, unknown.returncode) == (0, 1, 1)
    assert "client.video.wait('good')" in good.stdout
    assert "task_not_exist" in unknown.stderr
    assert unknown.stderr.count("\n") == 1
