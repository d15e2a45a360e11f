"""The steps of the pipeline, each runnable alone."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from tools import (
    directories,
    documents,
    generation,
    layout,
    losses,
    propose,
    security,
    selection,
    servers,
    trial,
    validation,
)
from tools.changes import diff, entries, promises, snapshots, surface
from tools.contract import Place, called, mapping, operations
from tools.documents import Json
from tools.errors import PipelineError
from tools.layout import shown
from tools.pages import hosts, reading
from tools.repair import (
    composition,
    downgrade,
    media,
    names,
    normalise,
    overlay,
    paths,
    unions,
)
from tools.tasks.compile import operation_ids
from tools.tasks.recognise import recognise

_DATA = (["security"], ["servers"], ["tasks"])
_PARTS = (layout.PACKAGE, layout.RESOURCES, layout.SURFACE, layout.REPAIRS)


@dataclass(frozen=True)
class Repair:
    """A repaired contract, and what the repair changed in it."""

    document: dict[str, Json]
    applied: list[overlay.Applied]
    unmatched: list[str]
    normalised: list[tuple[str, int]]
    published: dict[str, Place]
    unclear: list[str]
    lost: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def notes(self) -> dict[str, list[str]]:
        """List, by heading, what a person should know before the client is used."""
        return {
            "Left out": self.left_out,
            "Not carried over": self.lost,
            "Named otherwise": self.renamed,
            "Not clear": self.unclear,
        }


def spec(
    pages: Sequence[Path],
    allowed_hosts: Collection[str],
    target: Path,
    *,
    replace: bool = False,
    renew: bool = False,
) -> reading.Imported:
    """Add the contract of these pages, files and folders to the contract in place, or replace it.

    With `renew` their description of an operation replaces that of the contract.

    Raises:
        PipelineError: a named file is refused, or nothing is left to import.
    """
    choices = documents.read(layout.CHOICES) if layout.CHOICES.exists() else {}
    base, before = _current(target)
    known_hosts = sorted(hosts.hosts_of(before))
    previous = None if replace else base
    imported = reading.imported(
        pages, allowed_hosts, choices, known_hosts, check, previous, renew=renew
    )
    removed = _operations(before) - _operations(documents.parse(imported.text, "the new contract"))
    imported.notes += [f"{name} is gone." for name in sorted(removed)]
    write(target, imported.text)
    return imported


def _operations(document: dict[str, Json]) -> set[str]:
    return {called(place) for place, _ in operations(document)}


def _current(target: Path) -> tuple[str | None, dict[str, Json]]:
    """Read the contract in place; if it is missing or broken, it counts as empty."""
    try:
        text = documents.read_text(target)
        document = documents.parse(text, shown(target))
    except PipelineError:
        return None, {}
    return (text if operations(document) else None), document


def check(document: dict[str, Json], place: str) -> None:
    """Refuse a contract of which no client can be generated, without writing anything.

    Raises:
        PipelineError: the first fault.
    """
    repaired = repaired_document(deepcopy(document), place)
    validation.validate(repaired.document, place)
    generation.parse(repaired.document, place)


def repair(contract: Path) -> Repair:
    """Normalise a contract, lay the overlay over it, and name everything.

    Raises:
        PipelineError: a file is wrong, or an action finds nothing in the published contract.
    """
    repaired = repaired_document(documents.read(contract), shown(contract))
    if repaired.unmatched and contract.resolve() == layout.CONTRACT and _is_ours(repaired):
        raise PipelineError(
            f"{' and '.join(repaired.unmatched)} finds nothing in {shown(contract)}: "
            "where the fault is gone, delete the action."
        )
    return repaired


def _is_ours(repaired: Repair) -> bool:
    """Tell whether this is the published contract that the overlay was written for.

    A contract without the operations in the actions' targets need not have every fault.
    """
    targets = " ".join(action.target for action, _ in repaired.applied)
    action_paths = set(re.findall(r"\$\.paths\['([^']+)'\]", targets))
    return action_paths <= mapping(repaired.document["paths"]).keys()


def repaired_document(
    document: dict[str, Json], place: str, overlay_file: Path | None = None
) -> Repair:
    """Repair a parsed contract, with the project's overlay or another.

    Raises:
        PipelineError: it is no contract, or an action of the overlay cannot be carried out.
    """
    if not isinstance(document.get("paths"), dict):
        raise PipelineError(f"{place} is not an OpenAPI document: it has no `paths`.")
    lost = losses.losses(document)
    normalised, applied = _apply_overlay(document, overlay_file or layout.OVERLAY)
    unmatched = [
        action.name for action, places in applied if not places and not action.may_find_nothing
    ]
    unions.simplify(document)
    normalised += composition.compose(document)
    normalised += [*security.take_out_keys(document), *security.unmet(document)]
    normalised += servers.elsewhere(document)
    published = operation_ids(document)
    renamed = names.name_all(document)
    counts, unclear = recognise(document, published)
    normalised += counts
    return Repair(document, applied, unmatched, normalised, published, unclear, lost, renamed)


def _apply_overlay(
    document: dict[str, Json], file: Path
) -> tuple[list[tuple[str, int]], list[overlay.Applied]]:
    """Carry out the repairs that leave everything at the place where it was published."""
    paths.write_out(document)
    downgrade.downgrade(document)
    paths.make_plain(document)
    normalised = normalise.normalise(document) + media.normalise(document)
    return normalised, overlay.apply(document, documents.read(file), shown(file))


def proposed(contract: Path, answers: Sequence[Path]) -> tuple[list[dict[str, Json]], list[str]]:
    """Propose overlay actions from recorded answers.

    Raises:
        PipelineError: the contract or a file of answers cannot be read.
    """
    document = documents.read(contract)
    _apply_overlay(document, layout.OVERLAY)
    return propose.proposals(document, [*propose.recorded(answers)])


def repairs(repaired: Repair) -> str:
    """Write what was repaired: a line per rule and action that found something."""
    actions = ((action.reason or action.name, places) for action, places in repaired.applied)
    rules = [*repaired.normalised, *actions]
    rows = (
        (why, "1 place" if places == 1 else f"{places} places") for why, places in rules if places
    )
    lines = "".join(f"- {why} ({count})\n" for why, count in rows)
    text = (
        "# Repairs of the contract\n\nWhat was changed before the client was generated:"
        f" a line per rule.\n\n{lines}"
    )
    for head, notes in repaired.notes().items():
        text += f"\n## {head}\n\n" if notes else ""
        text += "".join(f"- {note}\n" for note in notes)
    return text


def write_repaired(repaired: Repair) -> Path:
    """Write the repaired contract to build/openapi.json."""
    layout.BUILD.mkdir(exist_ok=True)
    text = json.dumps(repaired.document, ensure_ascii=False, indent=2) + "\n"
    write(layout.REPAIRED, text)
    return layout.REPAIRED


def write(target: Path, text: str) -> None:
    """Replace a file in one step, or leave it as it was.

    Raises:
        PipelineError: it cannot be written.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(text.encode())
        part.chmod(0o644)
        os.replace(part, target)
    except OSError as error:
        raise PipelineError(f"{shown(target)} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def build(contract: Path, folder: Path, *, strict: bool = False, tried: bool = True) -> Repair:
    """Repair, validate and generate into an empty folder.

    Args:
        contract: The file with the contract.
        folder: Where the package is written.
        strict: Whether an operation that cannot be generated is an error; else it is left out.
        tried: Whether every operation is tried in a process of its own.

    Raises:
        PipelineError: the contract is refused.
    """
    repaired = repair(contract)
    place = f"{shown(contract)} (repaired)"
    package = folder / layout.PACKAGE
    while True:
        data, left_out = selection.select(repaired.document, place)
        repaired.left_out.extend(left_out)
        operation_names = generation.generate(
            repaired.document, data, shown(contract), package, repaired.published
        )
        reasons = trial.faults(folder) if tried else {}
        faults = {where: reasons[name] for name, where in operation_names if name in reasons}
        if reasons and not faults:
            reason = next(iter(reasons.values()))
            raise PipelineError(f"{shown(contract)} gives a package that does not work: {reason}")
        if not faults:
            repaired.renamed.extend(operation_names.renamed)
            break
        repaired.left_out.extend(selection.leave_out(repaired.document, faults, place))
        for path in (package, folder / layout.RESOURCES):
            shutil.rmtree(path)
    if strict and repaired.left_out:
        raise PipelineError(f"{shown(contract)}: {repaired.left_out[0]}")
    (folder / layout.SURFACE).write_bytes(surface.surface(package).encode())
    (folder / layout.REPAIRS).write_bytes(repairs(repaired).encode())
    directories.level(folder)
    return repaired


def validate(repaired: Repair, contract: Path) -> int:
    """Check a repaired contract and count its operations."""
    return validation.validate(repaired.document, f"{shown(contract)} (repaired)")


def generate(contract: Path, into: Path, *, strict: bool = False, tried: bool = True) -> Repair:
    """Carry out every step and swap the result in, or leave everything as it was."""
    is_generated = into.resolve() == layout.GENERATED
    with directories.scratch(layout.BUILD / "next" if is_generated else into / ".next") as staging:
        new, backup = staging / "new", staging / "old"
        new.mkdir()
        backup.mkdir()
        repaired = build(contract, new, strict=strict, tried=tried)
        into.mkdir(parents=True, exist_ok=True)
        directories.swap(_PARTS, new, into, backup)
    if is_generated:
        write_repaired(repaired)
    return repaired


@dataclass(frozen=True)
class Changes:
    """What changed since an earlier state: in the contract's part, and in the client around it."""

    contract: diff.Difference
    client: diff.Difference
    previous: str | None
    missing: list[str]

    def asked_for(self, previous: str) -> str:
        """Name the smallest version that may follow `previous`."""
        return diff.asked_for(previous, (self.contract, self.client))

    def draft(self) -> str:
        """Write it as the entry of a changelog."""
        contract = list(self.contract.lines()) or ["- Nothing that callers see.\n"]
        client = ["\n### Client\n\n", *self.client.lines()]
        return "".join(["### Contract\n\n", *contract, *(client if len(client) > 1 else [])])


def changed_since(base: str) -> Changes:
    """Compare what callers see with an earlier state.

    Raises:
        PipelineError: there is no such state.
    """
    from tools.changes import packages  # griffe takes long to load, and only this function needs it

    current = snapshots.current()
    with snapshots.earlier(base, build) as earlier:
        before, after = _promised_entries(earlier), _promised_entries(current)
        missing = []
        if before is None or after is None:
            missing.append("the contract with its limits, defaults and security")
            before = after = {}
        contract = diff.difference(before, after)
        surfaces = map(entries.from_surface, (earlier.surface, current.surface))
        contract.take(diff.difference(*surfaces), lambda name: name)
        client = diff.Difference()
        roots = (earlier.roots, current.roots)
        both = (layout.PACKAGE, layout.CLIENT)  # the calls between them are in the surface
        missing_packages = [name for name in both if not packages.has(name, *roots)]
        if layout.PACKAGE not in missing_packages:
            difference = packages.changes(layout.PACKAGE, *roots)
            contract.take(difference, surface.called if missing else _called_but_data)
        if layout.CLIENT not in missing_packages:
            client = packages.changes(layout.CLIENT, *roots)
        missing += [f"the code of {package}" for package in missing_packages]
        return Changes(contract, client, earlier.version, missing)


def _called_but_data(path: str) -> str | None:
    """Leave out the modules that only hold what the contract says, which was compared itself."""
    return None if path.split(".")[1:2] in _DATA else surface.called(path)


def _promised_entries(state: snapshots.State) -> entries.Entries | None:
    """List what a state's contract promises; None if it has no contract that can be read today."""
    if state.contract is None:
        return None
    contract, overlay_file = state.contract
    try:
        repaired = repaired_document(documents.read(contract), shown(contract), overlay_file)
        result = promises.from_contract(repaired.document, entries.calls_of(state.surface))
        for name, words in entries.tasks_of(state.surface).items():
            result[name].words |= words
        return result
    except (PipelineError, RecursionError):
        return None


def check_release(base: str, version: str | None, previous: str | None) -> tuple[str, str]:
    """Name the version to be released and the smallest one the change since `base` asks for.

    Raises:
        PipelineError: the version is smaller than that.
    """
    changes = changed_since(base)
    version = version or snapshots.current().version
    if version is None:
        raise PipelineError("No version is given, and the working copy says none.")
    required = changes.asked_for(previous or changes.previous or base)
    if diff.numbers_of(version) < diff.numbers_of(required):
        raise PipelineError(
            f"{version} is too small: what changed since {base} asks for {required}."
        )
    return version, required


def drift() -> list[str]:
    """Say which generated files the contract would give differently.

    Raises:
        PipelineError: the contract is refused, or an action of our own overlay gives no reason.
    """
    with directories.scratch(layout.BUILD / "drift") as staging:
        repaired = build(layout.CONTRACT, staging)
        for action, _ in repaired.applied:
            if not action.reason:
                raise PipelineError(f"{action.name} gives no reason in its `description`.")
        return directories.differences(layout.GENERATED, staging)
