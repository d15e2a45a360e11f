"""The contract tests again, over a client that does not exist yet."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


def test_grown_contract_keeps_every_promise(tmp_path):
    """POST, path and header parameters, enums, bytes, multipart, 204 and 422 need no new line."""
    contract = str(PROJECT / "tests" / "golden" / "grown.yaml")
    generate = [
        sys.executable,
        "-m",
        "tools",
        "generate",
        "--contract",
        contract,
        "--into",
        tmp_path,
    ]
    subprocess.run(generate, cwd=PROJECT, check=True, timeout=120)
    path = os.pathsep.join([str(tmp_path), str(PROJECT / "overlays")])
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*tests, "tests/contract/test_operations.py"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 150
