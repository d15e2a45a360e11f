"""The programs of the page about creating run with a contract that has an operation for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_blocks import FAST, PROJECT, Block, blocks

PAGE = PROJECT / "docs" / "creating.md"
PROGRAMS = [block for block in blocks(PAGE, PAGE.read_text("utf-8")) if block.language == "python"]
RUNNER = """
import os, runpy, sys
from chainhub.sandbox import Sandbox
with Sandbox(port=0, speed=50) as sandbox:
    os.environ.update(sandbox.environment)
    for _ in range(2):
        runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: f"line {block.line}")
def test_a_program_runs_twice(block: Block, grown: Path, tmp_path: Path) -> None:
    """The second time it continues: only an existing file would stop it."""
    program = block.text.replace("range(1000)", "range(20)")
    program = program.replace('"video.mp4")', '"video.mp4", if_exists="keep")')
    (tmp_path / "program.py").write_text(program, "utf-8")
    paths = os.pathsep.join(map(str, (grown, PROJECT / "overlays", FAST["PYTHONPATH"])))
    result = subprocess.run(
        [sys.executable, "-c", RUNNER, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
