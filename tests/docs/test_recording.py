"""The picture of the README is a real recording."""

import re
import sys
from pathlib import Path

import pytest

from tests.processes import run


def test_the_picture_loads_nothing(project: Path) -> None:
    """No font and no image comes from elsewhere; what stands there is what commands print."""
    picture = (project / "docs" / "terminal.svg").read_text("utf-8")
    assert not re.findall(r"url\((?!#)|@import|@font-face|href=", picture)
    words = " ".join(re.findall(r">([^<>]+)</text>", picture)).replace("&#160;", " ")
    for expected in ("chainhub wait veo3.1-fast:completes", "completed", "No problems found."):
        assert expected in words
    assert "sk-" not in words


@pytest.mark.slow
def test_a_new_recording_changes_nothing(project: Path) -> None:
    """The commands still print what the picture shows, but for times and versions."""
    program = project / "docs" / "recording.py"
    old = (project / "docs" / "terminal.svg").read_bytes()
    result = run(sys.executable, program)
    new = (project / "docs" / "terminal.svg").read_bytes()
    (project / "docs" / "terminal.svg").write_bytes(old)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert old == new
