"""A copy of the files that git tracks or would add, and the distributions built from it."""

import os
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import once, output

SOURCES = (
    "pyproject.toml",
    "hatch_build.py",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "generated",
    "overlays",
)
EPOCH = "1580601600"

Build = Callable[[Path, Path, int], dict[str, Path]]


@pytest.fixture(scope="session")
def copy_sources(project: Path) -> Callable[[Path], None]:
    """Give a function that copies the files that git tracks or would add; it needs git."""

    def copy(folder: Path) -> None:
        for path in runpy.run_path(str(project / ".ci" / "words.py"))["tracked"]():
            target = folder / path.relative_to(project)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    return copy


@pytest.fixture(scope="session")
def sources(project: Path) -> Callable[[Path, int], Path]:
    """Give a function that copies the sources of the distributions, under a umask."""

    def copy(folder: Path, umask: int) -> Path:
        previous = os.umask(umask)
        try:
            for name in SOURCES:
                _copy(project / name, folder / name)
        finally:
            os.umask(previous)
        return folder

    return copy


@pytest.fixture(scope="session")
def build() -> Build:
    """Give a function that builds wheel and source distribution of a folder, under a umask."""

    def run(folder: Path, out: Path, umask: int) -> dict[str, Path]:
        command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", out, folder)
        output(*command, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, umask=umask)
        return {"".join(path.suffixes[-1:]): path for path in out.iterdir()}

    return run


@pytest.fixture(scope="session")
def dists(
    sources: Callable[[Path, int], Path], build: Build, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Build the distributions once: ``.whl`` and ``.gz``."""

    def make(folder: Path) -> None:
        build(sources(folder / "sources", 0o022), folder / "dist", 0o022)

    folder = once(tmp_path_factory, "built", make) / "dist"
    return {path.suffix: path for path in folder.iterdir()}


def _copy(source: Path, target: Path) -> None:
    """Copy with the modes a fresh checkout would have, which depend on the umask."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        if os.access(source, os.X_OK):
            target.chmod(0o777 & ~_umask())
        return
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            _copy(path, target / path.relative_to(source))


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
