"""The files of a release: wheel, source distribution, bill of materials and their digests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from email.message import Message
from email.parser import Parser
from pathlib import Path

from release import checksums as sums
from release import sbom as bill
from release.errors import Problem

# One time stamp for every build: equal sources give equal bytes.
FIRST_DAY = 1580601600
DISTRIBUTIONS = (".whl", ".tar.gz")


def build(project: Path, target: Path) -> list[str]:
    """Make all files of a release again from a folder of sources, all or none, and name them.

    Raises:
        Problem: the backend fails, or the bill of materials cannot be written.
    """
    unfinished = target.parent / "build" / target.name
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    distributions(project, unfinished)
    made = {path.name: sums.digest(path) for path in unfinished.iterdir()}
    name, text = materials(project, unfinished, made)
    (unfinished / name).write_text(text, "utf-8")
    sums.write(unfinished, [*made, name])
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    return sorted(path.name for path in target.iterdir())


def distributions(project: Path, folder: Path) -> None:
    """Let the backend make wheel and source distribution.

    Raises:
        Problem: it does not.
    """
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), ".")
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(FIRST_DAY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Problem(f"{done.stdout.strip()}\nThe build failed; the lines above say why.")


def materials(project: Path, folder: Path, made: dict[str, str]) -> tuple[str, str]:
    """Give name and text of the bill of materials for the files that were made."""
    (wheel,) = (name for name in made if name.endswith(".whl"))
    lock = (project / "requirements" / "run.txt").read_text("utf-8")
    versions = bill.pins(lock)
    about = metadata(folder / wheel)
    asked = bill.needed(about.get_all("Requires-Dist", []), versions)
    root = bill.Part(
        name=about["Name"],
        version=about["Version"],
        licence=about["License-Expression"],
        asks_for=tuple(sorted(asked)),
        public=False,
    )
    when = datetime.fromtimestamp(FIRST_DAY, UTC)
    return f"{root.name}-{root.version}.cdx.json", bill.write(
        bill.parts(root, versions), made, wheel, when
    )


def metadata(wheel: Path) -> Message:
    """Read what a wheel says of itself."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())
