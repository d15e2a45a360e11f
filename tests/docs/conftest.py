"""The site, built once for all tests that look at it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Give the folder with the pages, built as `make docs` builds them: a warning is an error."""
    # Workers share the folder above their own; the first one builds, the others wait for it.
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "site"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = shared / "log"
        if not log.exists():
            log.write_text(_build(project, shared), "utf-8")
    assert log.read_text("utf-8") == ""
    return shared / "html"


def _build(project: Path, shared: Path) -> str:
    strictly = ("-q", "-E", "-W", "-n", "--keep-going", "-b", "html")
    done = subprocess.run(
        (
            sys.executable,
            "-m",
            "sphinx",
            *strictly,
            "-d",
            shared / "trees",
            "docs",
            shared / "html",
        ),
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    return said if done.returncode == 0 else f"{said}\nexit status {done.returncode}"
