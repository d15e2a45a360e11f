"""The steps of the pipeline, each runnable alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tools import documents, generation, layout, overlay, surface, trees, validation
from tools.documents import Json
from tools.layout import shown
from tools.problem import Problem

_PARTS = (layout.PACKAGE, layout.SURFACE)


@dataclass(frozen=True)
class Repair:
    """A repaired contract and the overlay actions that found nothing to repair."""

    document: dict[str, Json]
    unmatched: list[str]


def repair(contract: Path) -> Repair:
    """Lay the overlay over a contract.

    Raises:
        Problem: a file is wrong, or an action finds nothing in the project's own contract.
    """
    document = documents.read(contract)
    if not isinstance(document.get("paths"), dict):
        raise Problem(f"{shown(contract)} is not an OpenAPI document: it has no `paths`.")
    place = shown(layout.OVERLAY)
    unmatched = overlay.apply(document, documents.read(layout.OVERLAY), place)
    if unmatched and contract == layout.CONTRACT:
        raise Problem(
            f"{unmatched[0]} finds nothing in {shown(contract)}: the fault is gone, "
            "delete the action."
        )
    return Repair(document, unmatched)


def write_repaired(repaired: Repair, target: Path) -> None:
    """Write the repaired contract as JSON, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target, json.dumps(repaired.document, ensure_ascii=False, indent=2) + "\n")


def write(target: Path, text: str) -> None:
    """Replace a file in one step."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(text.encode())
        part.chmod(0o644)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def build(contract: Path, folder: Path) -> int:
    """Repair, validate and generate into an empty folder; count the operations."""
    repaired = repair(contract)
    count = validation.validate(repaired.document, f"{shown(contract)} (repaired)")
    trees.discard(folder)
    folder.mkdir(parents=True)
    package = folder / layout.PACKAGE
    generation.generate(repaired.document, shown(contract), package)
    (folder / layout.SURFACE).write_text(surface.surface(package), "utf-8", newline="\n")
    trees.level(folder)
    if folder.is_relative_to(layout.BUILD):
        write_repaired(repaired, layout.REPAIRED)
    return count


def generate(contract: Path, into: Path) -> int:
    """Carry out every step and swap the result in, or leave everything as it was."""
    staging = layout.BUILD / "next" if into == layout.GENERATED else into / ".next"
    try:
        count = build(contract, staging / "new")
        trees.swap(_PARTS, staging / "new", into, staging / "old")
        return count
    finally:
        trees.discard(staging)


def drift(folder: Path = layout.GENERATED) -> list[str]:
    """Name the generated files that the contract would give differently."""
    staging = layout.BUILD / "drift"
    try:
        build(layout.CONTRACT, staging)
        return trees.differences(folder, staging)
    finally:
        trees.discard(staging)
