"""Other programs that tests run: their output, and files that are made once for all workers."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest


def run(
    *command: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300.0,
    umask: int = -1,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it prints."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env,
        timeout=timeout,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )


def output(*command: object, **options: Any) -> str:
    """Run a program that must succeed; return its output, or fail with all that it printed."""
    result = run(*command, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Make a folder once for all workers: the first one makes it, the others wait."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            make(folder)
            (folder / "made").touch()
    return folder
