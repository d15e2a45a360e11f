"""SHA256SUMS: the digests of a release's files, in the format of sha256sum, and its signature."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from release.errors import Problem

NAME = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(folder: Path, names: Iterable[str]) -> None:
    """Write the digests of these files."""
    lines = [f"{digest(folder / name)}  {name}\n" for name in sorted(names)]
    (folder / NAME).write_text("".join(lines), "utf-8")


def read(folder: Path) -> dict[str, str]:
    """Return the digest of each file in the list, after comparing it with the file.

    Raises:
        Problem: there is no list, or a file is missing or has other bytes.
    """
    try:
        lines = (folder / NAME).read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise Problem(f"{folder.name}/ has no {NAME}; make build writes it.") from None
    digests = {name: expected for expected, _, name in (line.partition("  ") for line in lines)}
    for name, expected in digests.items():
        if not (folder / name).is_file() or digest(folder / name) != expected:
            raise Problem(f"{folder.name}/{name} is not what was built; run make build again.")
    return digests


def sign(folder: Path, key: str) -> None:
    """Sign the list with an SSH key, for the namespace `file`; ssh-keygen asks for a passphrase.

    Raises:
        Problem: ssh-keygen is not installed or fails.
    """
    path = os.path.abspath(os.path.expanduser(key))
    command = ("ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", path, NAME)
    try:
        process = subprocess.run(
            command, cwd=folder, stderr=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise Problem(f"{NAME} is not signed: ssh-keygen is not installed.") from None
    if process.returncode:
        reason = next(iter(process.stderr.splitlines()), "ssh-keygen fails")
        raise Problem(f"{NAME} is not signed: {reason}.")


def keep_signature(old: Path, new: Path) -> None:
    """Copy the signature of an earlier build whose list has the same bytes."""
    pair = (old / NAME, old / SIGNATURE)
    if all(path.is_file() for path in pair) and pair[0].read_bytes() == (new / NAME).read_bytes():
        shutil.copy(pair[1], new)
