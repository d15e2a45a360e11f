"""Find the contracts in the vendor's published pages, in exported files, and in folders of them.

A page is Markdown: a title and a fenced block with one OpenAPI document. A fence ends at a line
with at least as many of its characters as it began with, so a fence inside the document does not.
One contract alone is taken exactly as published, byte for byte; several are merged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from tools import documents
from tools.documents import Json, text_of
from tools.errors import PipelineError, refusal_of
from tools.layout import shown
from tools.pages import hosts, merge, patching, yaml_fixes

_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_OPENING: Final = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_LANGUAGES: Final = ("yaml", "yml", "json")
_PAGES: Final = (".md", ".markdown")
_EXPORTS: Final = (".yaml", ".yml", ".json")


Check: TypeAlias = Callable[[dict[str, Json], str], None]


class Block(NamedTuple):
    """The text of one fenced block, the line of the file it begins at, and its language."""

    text: str
    line: int
    language: str


@dataclass
class Imported:
    """The text of the contract, and what a person should know of how it came about."""

    text: str
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    described: set[str] = field(default_factory=set)


def imported(
    paths: Sequence[Path],
    allowed: Collection[str] = (),
    choices: Mapping[str, Json] | None = None,
    known: Collection[str] = (),
    check: Check | None = None,
    base: str | None = None,
    *,
    renew: bool = False,
) -> Imported:
    """Make one contract of these pages, files and folders, or add them to the one in place.

    A page in a folder that cannot be read is left out and told; one that was named is an error.

    Args:
        paths: The pages, files and folders.
        allowed: Hosts that are taken though they are not the usual one.
        choices: Which page is taken for an operation.
        known: The hosts of the contract in place.
        check: Raises a PipelineError for a contract of which no client can be generated. It is
            asked of all pages together, and only where they fail of each alone.
        base: The text of the contract in place, to which they are added; None replaces it.
        renew: Whether what they describe takes the place of what it said of the same operations.

    Raises:
        PipelineError: a named file is refused, or nothing is left.
    """
    found, refused = _found(paths)
    notes = [fix for one in found for fix in one.fixes]
    if base is None and len(found) == 1 and len(paths) == 1 and paths[0].is_file():
        _, strange, moved = merge.by_host(found, allowed, known)
        if strange:
            raise PipelineError(strange[0])
        return Imported(found[0].text, notes + moved, refused)
    before = None if base is None else documents.parse(base, "the contract in place")
    merged = merge.merge(found, allowed, choices, known, before, renew=renew)
    if check:
        fault = refusal_of(partial(check, merged.document, "all pages together"))
        if fault:
            fit, unfit = _parted(found, check, allowed)
            if not fit:
                raise PipelineError(unfit[0])
            refused += unfit or [fault]
            merged = merge.merge(fit, allowed, choices, known, before, renew=renew)
    if refused + merged.refused and any(path.is_file() for path in paths):
        raise PipelineError((refused + merged.refused)[0])
    text = patching.patched(base, merged.document) if base else text_of(merged.document)
    return Imported(text, notes + merged.notes, refused + merged.refused, merged.described)


def _found(paths: Sequence[Path]) -> tuple[list[merge.Source], list[str]]:
    found: list[merge.Source] = []
    refused: list[str] = []
    for path in paths:
        for file in _files(path):
            try:
                found += contracts(file, path)
            except PipelineError as problem:
                if file == path:
                    raise
                refused.append(str(problem))
    if refused and not found:
        raise PipelineError(refused[0])
    return found, refused


def _parted(
    sources: Sequence[merge.Source], check: Check, allowed: Collection[str]
) -> tuple[list[merge.Source], list[str]]:
    """Part the pages of which a client can be generated from the others, with their faults."""
    fit: list[merge.Source] = []
    unfit: list[str] = []
    for source in sources:
        one = merge.merge([source], [*allowed, *hosts.hosts_of(source.document)])
        fault = refusal_of(partial(check, one.document, source.place))
        if fault:
            unfit.append(fault)
        else:
            fit.append(source)
    return fit, unfit


def contracts(path: Path, given: Path) -> list[merge.Source]:
    """Find the contracts of a page or exported file, which was `given` itself or by its folder.

    Raises:
        PipelineError: it was given itself and has none, or one cannot be read.
    """
    place, text = shown(path), documents.read_text(path)
    if path.suffix.lower() in _EXPORTS:
        candidates = [Block(text, 1, "yaml")]
    else:
        candidates = [block for block in blocks(text, place) if block.language in _LANGUAGES]
    name = path.name if path == given else path.relative_to(given).as_posix()
    found = []
    for block in candidates:
        fixed, document, fixes = yaml_fixes.fixed(block.text, place, block.line)
        found.append(merge.Source(place, name, document, fixed, fixes))
    good = [one for one in found if "openapi" in one.document]
    if not good and any("swagger" in one.document for one in found):
        raise PipelineError(f"{place} is a contract of Swagger 2; convert it to OpenAPI 3 first.")
    if path == given and not good:
        raise PipelineError(f"{place} holds no OpenAPI document.")
    return good


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    kinds = (*_PAGES, *_EXPORTS)
    return sorted(
        file for file in path.rglob("*") if file.suffix.lower() in kinds and file.is_file()
    )


def blocks(text: str, place: str) -> Iterator[Block]:
    """Find the fenced blocks of a Markdown text; of indented ones, as in a list, those with data.

    Raises:
        PipelineError: a fence is never closed.
    """
    lines = iter(enumerate(_LINE.findall(text), 1))
    for number, line in lines:
        opening = _OPENING.fullmatch(line.rstrip())
        language = (opening["info"].split() or [""])[0].lower() if opening else ""
        if not opening or (opening["indent"] and language not in _LANGUAGES):
            continue
        indent = f"[ \t]{{0,{len(opening['indent'])}}}"
        closing = re.compile(f"{indent}{opening['fence']}{opening['fence'][0]}*")
        inside: list[str] = []
        for _, inner in lines:
            if closing.fullmatch(inner.rstrip()):
                break
            inside.append(re.sub(f"^{indent}", "", inner))
        else:
            raise PipelineError(f"{place}:{number}: the fence {opening['fence']} is never closed.")
        yield Block("".join(inside), number + 1, language)
