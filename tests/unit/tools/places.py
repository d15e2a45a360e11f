"""Folders in which the pipeline works in place of the project's own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import documents, layout
from tools.contract import mapping, sequence

PUBLISHED = layout.ROOT / "tests" / "golden" / "published.yaml"


def overlay_of_published() -> str:
    """Write the project's overlay without the actions for operations that were added later."""
    paths = mapping(documents.read(PUBLISHED)["paths"])
    overlay = documents.read(layout.OVERLAY)
    overlay["actions"] = [
        action
        for action in sequence(overlay["actions"])
        if set(re.findall(r"\$\.paths\['([^']+)'\]", str(mapping(action)["target"]))) <= set(paths)
    ]
    return documents.text_of(overlay)


def use_compiled_templates(root: Path) -> None:
    """Make build/: compiling the templates anew takes a third of the time."""
    (root / "build").mkdir(parents=True)
    (layout.BUILD / "templates").mkdir(parents=True, exist_ok=True)
    (root / "build" / "templates").symlink_to(layout.BUILD / "templates")


def work_in(root: Path, monkeypatch: pytest.MonkeyPatch, *others: str) -> None:
    """Let the pipeline write below this folder, and read these other files there too."""
    for name in ("CONTRACT", "CHOICES", "GENERATED", "BUILD", "REPAIRED", *others):
        monkeypatch.setattr(layout, name, root / getattr(layout, name).relative_to(layout.ROOT))
    monkeypatch.setattr(layout, "ROOT", root)


def git(folder: Path, *arguments: str) -> str:
    """Ask git, as somebody who has set up nothing."""
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
    command = ["git", *who, "-c", "init.templateDir=", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
