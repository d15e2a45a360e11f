"""The steps of the pipeline, each runnable alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import (
    difference,
    documents,
    generation,
    layout,
    names,
    overlay,
    pages,
    surface,
    trees,
    unions,
    validation,
)
from tools.documents import Json
from tools.layout import shown
from tools.problem import Problem

_PARTS = (layout.PACKAGE, layout.SURFACE, layout.REPAIRS)


@dataclass(frozen=True)
class Repair:
    """A repaired contract, what each overlay action found, and the names of those that had to."""

    document: dict[str, Json]
    applied: list[overlay.Applied]
    unmatched: list[str]


def spec(paths: Sequence[Path], allowed: Collection[str], target: Path) -> pages.Imported:
    """Write the contract that stands in these pages, files and folders.

    Raises:
        Problem: a named file is refused, or nothing is left to import.
    """
    choices = documents.read(layout.CHOICES) if layout.CHOICES.exists() else {}
    imported = pages.imported(paths, allowed, choices)
    write(target, imported.text)
    return imported


def repair(contract: Path) -> Repair:
    """Lay the overlay over a contract.

    Raises:
        Problem: a file is wrong, or an action finds nothing in the project's own contract.
    """
    document = documents.read(contract)
    if not isinstance(document.get("paths"), dict):
        raise Problem(f"{shown(contract)} is not an OpenAPI document: it has no `paths`.")
    applied = overlay.apply(document, documents.read(layout.OVERLAY), shown(layout.OVERLAY))
    unmatched = [
        one.action.name for one in applied if not one.places and not one.action.may_find_nothing
    ]
    if unmatched and contract.resolve() == layout.CONTRACT:
        raise Problem(
            f"{' and '.join(unmatched)} finds nothing in {shown(contract)}: "
            "where the fault is gone, delete the action."
        )
    unions.simplify(document)
    names.name_all(document)
    return Repair(document, applied, unmatched)


def repairs(applied: Sequence[overlay.Applied]) -> str:
    """Write what the overlay has repaired, a line per action that found something."""
    counted = ((one, "1 place" if one.places == 1 else f"{one.places} places") for one in applied)
    lines = (f"- {one.action.reason} ({count})\n" for one, count in counted if one.places)
    return (
        "# Repairs of the contract\n\nWhat the overlay has changed before the client was"
        f" generated: a line per action.\n\n{''.join(lines)}"
    )


def write_repaired(repaired: Repair) -> Path:
    """Write the repaired contract to build/openapi.json."""
    layout.BUILD.mkdir(exist_ok=True)
    text = json.dumps(repaired.document, ensure_ascii=False, indent=2) + "\n"
    write(layout.REPAIRED, text)
    return layout.REPAIRED


def write(target: Path, text: str) -> None:
    """Replace a file in one step, or leave it as it was.

    Raises:
        Problem: it cannot be written.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(text.encode())
        part.chmod(0o644)
        os.replace(part, target)
    except OSError as error:
        raise Problem(f"{shown(target)} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def build(contract: Path, folder: Path) -> tuple[Repair, int]:
    """Repair, validate and generate into an empty folder; count the operations."""
    repaired = repair(contract)
    count = validate(repaired, contract)
    package = folder / layout.PACKAGE
    generation.generate(repaired.document, shown(contract), package)
    (folder / layout.SURFACE).write_bytes(surface.surface(package).encode())
    (folder / layout.REPAIRS).write_bytes(repairs(repaired.applied).encode())
    trees.level(folder)
    return repaired, count


def validate(repaired: Repair, contract: Path) -> int:
    """Check a repaired contract and count its operations."""
    return validation.validate(repaired.document, f"{shown(contract)} (repaired)")


def generate(contract: Path, into: Path) -> int:
    """Carry out every step and swap the result in, or leave everything as it was."""
    own = into.resolve() == layout.GENERATED
    with trees.scratch(layout.BUILD / "next" if own else into / ".next") as staging:
        fresh, parked = staging / "new", staging / "old"
        fresh.mkdir()
        parked.mkdir()
        repaired, count = build(contract, fresh)
        into.mkdir(parents=True, exist_ok=True)
        trees.swap(_PARTS, fresh, into, parked)
    if own:
        write_repaired(repaired)
    return count


def published(base: str) -> str:
    """Fetch the surface of an earlier state: an API.md, a folder with one, or a git revision.

    Raises:
        Problem: there is none.
    """
    path = Path(base)
    if path.exists():
        return documents.read_text(path / layout.SURFACE if path.is_dir() else path)
    name = (layout.GENERATED / layout.SURFACE).relative_to(layout.ROOT).as_posix()
    command = ["git", "show", "--end-of-options", f"{base}:{name}"]
    try:
        shown_by_git = subprocess.run(command, cwd=layout.ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Problem(f"{base} is neither a file nor a revision that has {name}.") from None
    return shown_by_git.stdout.decode()


def changed_since(base: str) -> difference.Difference:
    """Compare the surface as generated with an earlier one."""
    current = documents.read_text(layout.GENERATED / layout.SURFACE)
    return difference.difference(published(base), current)


def check_release(base: str, version: str, previous: str) -> str:
    """Name the smallest version the change since `base` asks for.

    Raises:
        Problem: `version` is smaller than that.
    """
    wanted = changed_since(base).asks_for(previous)
    if difference.numbers_of(version) < difference.numbers_of(wanted):
        raise Problem(f"{version} is too small: what changed since {base} asks for {wanted}.")
    return wanted


def drift() -> list[str]:
    """Say which generated files the contract would give differently."""
    with trees.scratch(layout.BUILD / "drift") as staging:
        build(layout.CONTRACT, staging)
        return trees.differences(layout.GENERATED, staging)
