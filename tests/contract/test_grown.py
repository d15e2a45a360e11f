"""The contract tests again, over a client that does not exist yet."""

import os
import re
import sys
from pathlib import Path

from tests.processes import output

PROJECT = Path(__file__).resolve().parent.parent.parent


def test_grown_contract_keeps_every_promise(grown):
    """POST, path and header parameters, enums, bytes, multipart, 204 and 422 need no new line."""
    path = os.pathsep.join([str(grown), str(PROJECT / "overlays")])
    tests = (sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider")
    program = (*tests, "tests/contract/test_operations.py")
    shown = output(*program, cwd=PROJECT, env={**os.environ, "PYTHONPATH": path})
    assert int(re.search(r"(\d+) passed", shown)[1]) > 150
