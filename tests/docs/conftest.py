"""The site, built once for all its tests."""

import os
import sys
from pathlib import Path

import pytest

from tests.processes import once, run


def build(folder: Path, project: Path, **env: str) -> None:
    """Build the site, and write the output of Sphinx to a log."""
    sphinx = (sys.executable, "-m", "sphinx", "-q", "-E", "-W", "-n", "--keep-going")
    folders = ("-b", "html", "-d", folder / "trees", "docs", folder / "html")
    result = run(*sphinx, *folders, cwd=project, env={**os.environ, **env})
    output = result.stdout + result.stderr
    text = output if result.returncode == 0 else f"{output}\nexit status {result.returncode}"
    (folder / "log").write_text(text, "utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Give the folder with the pages, built as `make docs` builds them: a warning is an error."""
    shared = once(tmp_path_factory, "site", lambda folder: build(folder, project))
    assert (shared / "log").read_text("utf-8") == ""
    return shared / "html"
