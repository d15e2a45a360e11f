"""SHA256SUMS: which bytes were made, in the form sha256sum reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from release.errors import Problem

NAME = "SHA256SUMS"


def digest(path: Path) -> str:
    """Give a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(folder: Path, names: Iterable[str]) -> None:
    """Note what these files hold."""
    lines = [f"{digest(folder / name)}  {name}\n" for name in sorted(names)]
    (folder / NAME).write_text("".join(lines), "utf-8")


def read(folder: Path) -> dict[str, str]:
    """Give the digest of each file that was made, after looking that it still holds it.

    Raises:
        Problem: there is no list, or a file is gone or holds something else.
    """
    try:
        lines = (folder / NAME).read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise Problem(f"{folder.name}/ holds no {NAME}; make build makes it.") from None
    noted = {name: known for known, _, name in (line.partition("  ") for line in lines)}
    for name, known in noted.items():
        if not (folder / name).is_file() or digest(folder / name) != known:
            raise Problem(f"{folder.name}/{name} is not what was built; make build mends it.")
    return noted
