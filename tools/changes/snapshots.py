"""Find an earlier state of the public surface: in git, a folder, a wheel, a contract, an API.md.

A state is its surface, the folders with its packages, if there is code, its contract with the
overlay that repairs it, if it has them, and its version, if it has one.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tools import documents, layout
from tools.changes import surface
from tools.errors import PipelineError

Build = Callable[[Path, Path], object]
_VERSION: Final = re.compile(r"^__version__ = \"([^\"]+)\"$", re.MULTILINE)
_CONTRACTS: Final = (".yaml", ".yml", ".json")
_CONTRACT: Final = (layout.CONTRACT.name, f"overlays/{layout.OVERLAY.name}")
_ROOTS: Final = (".", "generated", "overlays")


@dataclass(frozen=True)
class State:
    """The surface, the folders with the code, the version and the contract of one state."""

    surface: str
    roots: Sequence[Path]
    version: str | None
    contract: tuple[Path, Path] | None = None


@contextmanager
def earlier(base: str, build: Build) -> Iterator[State]:
    """Open an earlier state for the time of a `with`.

    Args:
        base: A file, a folder, or a git revision such as a tag.
        build: Generates the package of a contract into an empty folder.

    Raises:
        PipelineError: there is no such state, or it has nothing to compare with.
    """
    path = Path(base)
    with tempfile.TemporaryDirectory(prefix="chainhub-") as scratch:
        folder = Path(scratch)
        if path.is_dir():
            yield _folder(path)
        elif not path.exists():
            _from_git(base, folder)
            yield _folder(folder)
        elif path.suffix in _CONTRACTS:
            build(path, folder)
            yield replace(_folder(folder), contract=(path, layout.OVERLAY))
        elif path.name.endswith((".whl", ".tar.gz")):
            unpack(path, folder)
            yield _folder(folder)
        else:
            text = documents.read_text(path)
            if not text.startswith(surface.TITLE):
                raise PipelineError(
                    f"{layout.shown(path)} is no earlier state: give a tag, a folder, a wheel, a "
                    f"contract (.yaml, .json) or an {layout.SURFACE}."
                )
            yield State(text, (), None)


def current() -> State:
    """Open the state of the working copy."""
    return _folder(layout.ROOT)


def _folder(folder: Path) -> State:
    dirs = [path for path in folder.iterdir() if path.is_dir()]
    roots = [
        place
        for base in (folder, *(dirs if len(dirs) == 1 else ()))  # a source distribution has one
        for place in (base / root for root in _ROOTS)
        if any((place / package / "__init__.py").is_file() for package in layout.PACKAGES)
    ]
    versions = [_version(root) for root in roots if (root / "chainhub" / "_version.py").is_file()]
    files = folder / _CONTRACT[0], folder / _CONTRACT[1]
    contract = files if all(path.is_file() for path in files) else None
    version = versions[0] if versions else None
    return State(_surface(folder, roots), tuple(roots), version, contract)


def _surface(folder: Path, roots: Sequence[Path]) -> str:
    for place in (folder, folder / layout.GENERATED.name):
        if (place / layout.SURFACE).is_file():
            return documents.read_text(place / layout.SURFACE)
    for root in roots:
        if (root / layout.PACKAGE).is_dir():
            return surface.surface(root / layout.PACKAGE)
    raise PipelineError(
        f"{layout.shown(folder)} holds neither {layout.SURFACE} nor {layout.PACKAGE}/."
    )


def _version(root: Path) -> str | None:
    match = _VERSION.search(documents.read_text(root / "chainhub" / "_version.py"))
    return match[1] if match else None


def _from_git(revision: str, into: Path) -> None:
    paths = "generated", "overlays/chainhub"
    try:
        output = _git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        commit = output.decode().strip()
        files = _git("ls-tree", "--name-only", commit, *_CONTRACT).decode().split()
        archive = _git("archive", "--format=tar", commit, *paths, *files)
    except _NoHistory as error:
        raise PipelineError(f"{revision} is no file, and no revision of git: {error}.") from None
    except subprocess.CalledProcessError:
        raise PipelineError(
            f"{revision} is neither a file nor a revision of git that has {' and '.join(paths)}."
        ) from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        _extract(tar, into)


def latest_tag() -> str | None:
    """Name the newest tag of a version before this state, if there is one.

    Raises:
        PipelineError: there is no history to look at.
    """
    try:
        output = _git("describe", "--tags", "--abbrev=0", "--match=v[0-9]*")
    except _NoHistory as error:
        raise PipelineError(
            f"What the last version was cannot be told: {error}. Name an earlier state: BASE=…"
        ) from None
    except subprocess.CalledProcessError:
        return None
    return output.decode().strip()


class _NoHistory(Exception):
    """Git is missing, or refuses this folder; the text says why."""


def _git(*arguments: str) -> bytes:
    try:
        _run_git("rev-parse", "--git-dir")
    except FileNotFoundError:
        raise _NoHistory("git is not here") from None
    except subprocess.CalledProcessError as error:
        raise _NoHistory(error.stderr.decode(errors="replace").partition("\n")[0]) from None
    return _run_git(*arguments)


def _run_git(*arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=layout.ROOT, capture_output=True, check=True).stdout


def unpack(path: Path, into: Path) -> None:
    """Unpack a wheel or a source distribution, writing nothing outside the folder.

    Raises:
        PipelineError: it is not such an archive, or a name in it leads out of the folder.
    """
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(into)
        else:
            with tarfile.open(path) as tar:
                _extract(tar, into)
    except (OSError, ValueError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise PipelineError(f"{layout.shown(path)} cannot be unpacked: {error}.") from None


def _extract(tar: tarfile.TarFile, into: Path) -> None:
    # TarFile.extractall(filter="data") came with Python 3.11.4. Links are skipped: the name of a
    # regular file can be checked by itself, and no file that is compared is a link.
    for member in filter(tarfile.TarInfo.isfile, tar):
        target = (into / member.name).resolve()
        content = tar.extractfile(member)
        if content is None or not target.is_relative_to(into.resolve()):
            raise ValueError(f"{member.name!r} leads out of the folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        with content, target.open("wb") as file:
            shutil.copyfileobj(content, file)
