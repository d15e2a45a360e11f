"""The site, built once for all tests that look at it."""

import os
import sys
from pathlib import Path

import pytest

from tests.processes import once, run


def build(folder: Path, project: Path, **env: str) -> None:
    """Build the site, and keep what the program says that does so."""
    sphinx = (sys.executable, "-m", "sphinx", "-q", "-E", "-W", "-n", "--keep-going")
    places = ("-b", "html", "-d", folder / "trees", "docs", folder / "html")
    done = run(*sphinx, *places, cwd=project, env={**os.environ, **env})
    said = done.stdout + done.stderr
    text = said if done.returncode == 0 else f"{said}\nexit status {done.returncode}"
    (folder / "log").write_text(text, "utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Give the folder with the pages, built as `make docs` builds them: a warning is an error."""
    shared = once(tmp_path_factory, "site", lambda folder: build(folder, project))
    assert (shared / "log").read_text("utf-8") == ""
    return shared / "html"
