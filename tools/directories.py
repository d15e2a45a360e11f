"""Compare, level and swap folders of generated files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def differences(old: Path, new: Path) -> list[str]:
    """Say how two folders differ, a line per file; what Python caches does not count."""
    before, after = _files(old), _files(new)
    states = {(True, True): "differs", (False, True): "is missing", (True, False): "is left over"}
    return [
        f"{name} {states[name in before, name in after]}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def level(folder: Path) -> None:
    """Give every file and folder the same mode, whatever the umask is."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def swap(names: Sequence[str], source: Path, target: Path, backup: Path) -> None:
    """Put `names` from `source` into `target`, all of them or, on any failure, none."""
    steps = [(target / name, backup / name) for name in names]
    steps += [(source / name, target / name) for name in names]
    renamed: list[tuple[Path, Path]] = []
    try:
        for old, new in steps:
            if old.exists():
                renamed.append((old, new))
                old.rename(new)
    except BaseException:
        for old, new in reversed(renamed):
            if new.exists() and not old.exists():
                new.rename(old)
        raise


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Make an empty folder for the time of a `with`, and afterwards leave no trace of it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for path in missing:
            if path.exists() and not any(path.iterdir()):
                path.rmdir()


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mode & 0o111, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
