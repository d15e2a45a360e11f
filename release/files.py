"""The files of a release: wheel, source distribution, bill of materials and their checksums."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from release import checksums, sbom
from release.errors import Problem

# One timestamp for every build: equal sources give equal bytes.
FIRST_DAY = 1580601600
DISTRIBUTIONS = (".whl", ".tar.gz")
# hatch_build.py puts the file of this name into the wheel.
_SBOM = "chainhub.cdx.json"


def build(tree: Path, target: Path, signing_key: str | None = None) -> list[str]:
    """Build all files of a release from a folder of sources, all or none, and return their names.

    Args:
        tree: the sources; the bill of materials is written into this folder for the time of the
            build.
        target: the folder of the files; it is replaced, but a signature of equal checksums is kept.
        signing_key: the file of an SSH key to sign the checksums with.

    Raises:
        Problem: the backend or ssh-keygen fails, or the bill of materials cannot be written.
    """
    unfinished = target.parent / "build" / target.name
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    name, text = materials(tree)
    try:
        (tree / _SBOM).write_text(text, "utf-8")
        distributions(tree, unfinished)
    finally:
        (tree / _SBOM).unlink(missing_ok=True)
    (unfinished / name).write_text(text, "utf-8")
    checksums.write(unfinished, [path.name for path in unfinished.iterdir()])
    if signing_key:
        checksums.sign(unfinished, signing_key)
    else:
        checksums.keep_signature(target, unfinished)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    return sorted(path.name for path in target.iterdir())


def distributions(tree: Path, folder: Path) -> None:
    """Build the wheel and the source distribution with the backend.

    Raises:
        Problem: it fails.
    """
    output, status = _run(tree, "build", "--no-isolation", "--outdir", str(folder), ".")
    if status:
        raise Problem(f"{output}\nThe build failed; the lines above say why.")


def materials(tree: Path) -> tuple[str, str]:
    """Return name and text of the bill of materials.

    Raises:
        Problem: the project's metadata or one of the dependencies cannot be read.
    """
    output, status = _run(tree, "hatchling", "metadata")
    if status:
        raise Problem(f"The build failed: {(output.splitlines() or ['no reason given'])[-1]}")
    metadata = json.loads(output)
    versions = sbom.pins((tree / "requirements" / "run.txt").read_text("utf-8"))
    root = sbom.Part(
        name=metadata["name"],
        version=metadata["version"],
        licence=metadata["license"],
        dependencies=tuple(sorted(sbom.needed(metadata["dependencies"], versions))),
        public=False,
    )
    timestamp = datetime.fromtimestamp(FIRST_DAY, UTC)
    return f"{root.name}-{root.version}.cdx.json", sbom.write(sbom.parts(root, versions), timestamp)


def _run(tree: Path, module: str, *arguments: str) -> tuple[str, int]:
    process = subprocess.run(
        (sys.executable, "-m", module, *arguments),
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(FIRST_DAY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return process.stdout.strip(), process.returncode
