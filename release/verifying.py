"""Check that an index serves the files built from a tag, byte for byte."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from release import credentials, git, index_client
from release.errors import Problem
from release.files import DISTRIBUTIONS
from release.index import Index

# With other locked tools, a tag is built in an environment of its own.
_LOCKS = ("requirements/run.txt", "requirements/release.txt")


def verify(
    project: Path, index: Index, version: str, environment: Mapping[str, str]
) -> Iterator[str]:
    """Build a version's tag again and compare it with what the index serves, a line per file.

    Raises:
        Problem: a file is missing, additional or different; or the tag cannot be built, or the
            index not be read.
    """
    requested = parse(version)
    with git.checked_out(project, git.tag(project, version)) as tree:
        rebuild(project, tree)
        built = {
            path.name: path.read_bytes()
            for path in (tree / "dist").iterdir()
            if path.name.endswith(DISTRIBUTIONS)
        }
    reader = credentials.reading(index, environment, _publisher(index, environment))
    with index_client.connected(index, reader) as client:
        links = client.files()
        names = sorted({*built, *(name for name in links if _belongs(name, requested))})
        served = {name: client.content(links[name]) for name in names if name in links}
    faults = []
    for name in names:
        if fault := difference(name, built.get(name), served.get(name)):
            faults.append(fault)
        else:
            yield f"{name}: the same bytes"
    if faults:
        raise Problem("\n".join(faults))


def parse(version: str) -> Version:
    """Read a version number.

    Raises:
        Problem: it is no version number.
    """
    try:
        return Version(version)
    except InvalidVersion:
        raise Problem(f"{version!r} is no version number; say VERSION=1.2.3.") from None


def version_of(name: str) -> Version | None:
    """Return the version of chainhub in a file name; None if it is no file of chainhub."""
    try:
        if name.endswith(".whl"):
            project, version, _, _ = parse_wheel_filename(name)
        else:
            project, version = parse_sdist_filename(name)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
    return version if project == "chainhub" else None


def _belongs(name: str, requested: Version) -> bool:
    # Installers match 1.0+local for a request of 1.0 too, and prefer it.
    version = version_of(name)
    return version is not None and version.public == requested.public


def difference(name: str, built: bytes | None, served: bytes | None) -> str | None:
    """Say how a file of the index differs from the file built from the tag; None if it does not."""
    if served is None:
        return f"{name}: is not on the index."
    if built is None:
        return f"{name}: is on the index, but the tag does not give such a file."
    if built == served:
        return None
    pairs = zip(built, served, strict=False)
    common = next((n for n, (left, right) in enumerate(pairs) if left != right), None)
    place = min(len(built), len(served)) if common is None else common
    return (
        f"{name}: the index serves other bytes: they differ from byte {place} on; "
        f"{len(served)} bytes with SHA-256 {hashlib.sha256(served).hexdigest()}, the tag gives "
        f"{len(built)} with {hashlib.sha256(built).hexdigest()}."
    )


def rebuild(project: Path, tree: Path) -> None:
    """Build the files of a tag with its own code and its own locked tools.

    Raises:
        Problem: a command fails; its output is shown before.
    """
    python = Path(sys.executable)
    commands: list[tuple[str, ...]] = []
    if any((tree / name).read_bytes() != (project / name).read_bytes() for name in _LOCKS):
        commands += [("sh", "requirements/environment.sh", ".venv", "run", "project", "release")]
        python = tree / ".venv" / "bin" / "python"
    # The folder has the files of the commit only, though it is no git checkout.
    commands += [(str(python), "-m", "release", "build", "--dirty")]
    for command in commands:
        process = subprocess.run(command, cwd=tree, stdout=subprocess.DEVNULL, check=False)
        if process.returncode:
            raise Problem("The tag cannot be built again; the lines above say why.")


def _publisher(index: Index, environment: Mapping[str, str]) -> credentials.Credentials | None:
    """Return the credentials for publishing if there are any: they may read the index too."""
    try:
        return credentials.publishing(index, environment, credentials.ask_keyring)
    except Problem:
        return None
