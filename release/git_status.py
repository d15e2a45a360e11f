"""Whether the checkout holds exactly what is committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from release.errors import Problem

_SHOWN = 5


def require_clean(project: Path) -> None:
    """Refuse a checkout whose files nobody could find again under a commit.

    Raises:
        Problem: something is changed or new, or git cannot tell.
    """
    command = ("git", "status", "--porcelain", "--untracked-files=all")
    try:
        told = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Problem("Whether the tree is clean cannot be told: there is no git here.") from None
    if told.returncode:
        reason = next(iter(told.stderr.splitlines()), "git fails")
        raise Problem(f"Whether the tree is clean cannot be told: {reason}.")
    if lines := told.stdout.splitlines():
        raise Problem(_sentence([line[3:] for line in lines]))


def _sentence(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        "The tree is not clean; commit, stash or ignore what differs from the commit: "
        f"{', '.join(names[:_SHOWN])}{rest}."
    )
