"""Versions that are withdrawn: a constraints file, which installers read.

No index of docs/publishing.md has a request for yanking a file (PEP 592), and deleting one breaks
installations that are pinned to it.
"""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from release.errors import Problem
from release.index_page import one_line

NAME = "withdrawn.txt"
_HEAD = """\
# Versions of chainhub that nobody should install any more: a constraints file for pip and uv.
# `make withdraw` adds a line; docs/publishing.md says how it is used.
"""


def withdraw(project: Path, version: Version, reason: str) -> str:
    """Record that a version is withdrawn, and return the line that excludes it.

    Raises:
        Problem: there is no reason, or the version is withdrawn already.
    """
    reason = one_line(reason)
    if not reason:
        raise Problem("Say REASON=… in a few words: whoever is affected reads it.")
    require_usable(project, version)
    path = project / NAME
    line = f"chainhub != {version}  # {reason}"
    text = path.read_text("utf-8") if path.exists() else _HEAD
    path.write_text(f"{text}{line}\n", "utf-8")
    return line


def require_usable(folder: Path, version: Version) -> None:
    """Refuse a version that is withdrawn according to the list in a folder.

    Raises:
        Problem: it is withdrawn.
    """
    path = folder / NAME
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        requirement, _, reason = line.partition("#")
        if requirement.strip() and version not in Requirement(requirement).specifier:
            raise Problem(
                f"Version {version} is withdrawn ({reason.strip()}); a number is never used again. "
                "Write the next one into overlays/chainhub/_version.py."
            )
