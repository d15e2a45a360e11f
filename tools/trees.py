"""Compare, level and swap folders of generated files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def differences(old: Path, new: Path) -> list[str]:
    """Name the files that two folders do not have alike, ignoring what Python caches."""
    files = sorted(_files(old) | _files(new))
    return [name for name in files if _content(old / name) != _content(new / name)]


def level(folder: Path) -> None:
    """Give every file and folder the same mode, whatever the umask is."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def swap(names: Iterable[str], source: Path, target: Path, parked: Path) -> None:
    """Put `names` from `source` into `target`, all of them or, on any failure, none."""
    target.mkdir(parents=True, exist_ok=True)
    parked.mkdir(parents=True)
    moved: list[tuple[Path, Path]] = []
    try:
        for name in names:
            for old, new in ((target / name, parked / name), (source / name, target / name)):
                if old.exists():
                    moved.append((old, new))
                    old.rename(new)
    except BaseException:
        for old, new in reversed(moved):
            if new.exists():
                new.rename(old)
        raise


def discard(folder: Path) -> None:
    """Remove a folder if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _content(path: Path) -> tuple[bool, bytes] | None:
    if not path.is_file():
        return None
    return os.access(path, os.X_OK), path.read_bytes()
