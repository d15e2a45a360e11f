"""The commit: whether the checkout differs from it, and a folder with its files only."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from release.errors import Problem

_SHOWN = 5


def require_clean(project: Path) -> None:
    """Refuse a checkout that differs from its commit in what git shows.

    Raises:
        Problem: something is changed or new, or git fails.
    """
    status = _git(project, "status", "--porcelain", "--untracked-files=all")
    if lines := status.splitlines():
        raise Problem(_sentence([line[3:] for line in lines]))


def tag(project: Path, version: str) -> str:
    """Return the tag of a version.

    Raises:
        Problem: there is none, or git fails.
    """
    name = f"v{version}"
    if not _git(project, "tag", "--list", name):
        raise Problem(f"There is no tag {name} here; git fetch --tags gets those of the others.")
    return f"refs/tags/{name}"


@contextmanager
def checked_out(project: Path, revision: str = "HEAD") -> Iterator[Path]:
    """Yield a temporary folder with the files of a commit, byte for byte, and no other file.

    Raises:
        Problem: there is no such commit, or git fails.
    """
    commit = _git(project, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    objects = project / _git(project, "rev-parse", "--git-path", "objects")
    with tempfile.TemporaryDirectory() as place:
        # A repository of its own that borrows the objects: no exclude file, attribute, filter or
        # hook of this machine decides what is written.
        home, tree = Path(place, "home"), Path(place, "tree")
        home.mkdir()
        tree.mkdir()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_DIR": str(home / "git"),
            "GIT_WORK_TREE": str(tree),
        }
        _git(tree, "init", "--quiet", "--template=", environment=environment)
        (home / "git" / "objects" / "info" / "alternates").write_text(f"{objects}\n", "utf-8")
        _git(tree, "read-tree", "--reset", "-u", commit, environment=environment)
        yield tree


def _git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    try:
        process = subprocess.run(
            ("git", *arguments),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Problem("What is committed is not known: git is not installed.") from None
    if process.returncode:
        reason = next(iter(process.stderr.splitlines()), "git fails")
        raise Problem(f"What is committed is not known: {reason}.")
    return process.stdout.rstrip("\n")


def _sentence(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        "The tree is not clean; commit, stash or ignore what differs from the commit: "
        f"{', '.join(names[:_SHOWN])}{rest}."
    )
