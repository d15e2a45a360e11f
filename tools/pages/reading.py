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
    """The text of the contract, notes and refusals for a person, and the operations described."""

    text: str
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    described: set[str] = field(default_factory=set)


def imported(
    paths: Sequence[Path],
    allowed_hosts: Collection[str] = (),
    choices: Mapping[str, Json] | None = None,
    known_hosts: Collection[str] = (),
    check: Check | None = None,
    base: str | None = None,
    *,
    renew: bool = False,
) -> Imported:
    """Make one contract of these pages, files and folders, or add them to the one in place.

    A page in a folder that cannot be read is left out and reported; a named one is an error.

    Args:
        paths: The pages, files and folders.
        allowed_hosts: Hosts that are taken though they are not the usual one.
        choices: Which page is taken for an operation.
        known_hosts: The hosts of the contract in place.
        check: Raises a PipelineError for a contract of which no client can be generated. It is
            called for all pages together, and only if they fail for each page alone.
        base: The text of the contract in place, to which they are added; None replaces it.
        renew: Whether what they describe takes the place of what it said of the same operations.

    Raises:
        PipelineError: a named file is refused, or nothing is left.
    """
    sources, refusals = _read_sources(paths)
    notes = [fix for source in sources for fix in source.fixes]
    if base is None and len(sources) == 1 and len(paths) == 1 and paths[0].is_file():
        _, host_refusals, host_notes = merge.by_host(sources, allowed_hosts, known_hosts)
        if host_refusals:
            raise PipelineError(host_refusals[0])
        return Imported(sources[0].text, notes + host_notes, refusals)
    document = None if base is None else documents.parse(base, "the contract in place")
    merged = merge.merge(sources, allowed_hosts, choices, known_hosts, document, renew=renew)
    if check:
        error = refusal_of(partial(check, merged.document, "all pages together"))
        if error:
            usable, errors = _part(sources, check, allowed_hosts)
            if not usable:
                raise PipelineError(errors[0])
            refusals += errors or [error]
            merged = merge.merge(usable, allowed_hosts, choices, known_hosts, document, renew=renew)
    if refusals + merged.refused and any(path.is_file() for path in paths):
        raise PipelineError((refusals + merged.refused)[0])
    text = patching.patched(base, merged.document) if base else text_of(merged.document)
    return Imported(text, notes + merged.notes, refusals + merged.refused, merged.described)


def _read_sources(paths: Sequence[Path]) -> tuple[list[merge.Source], list[str]]:
    sources: list[merge.Source] = []
    refusals: list[str] = []
    for path in paths:
        for file in _files(path):
            try:
                sources += contracts(file, path)
            except PipelineError as error:
                if file == path:
                    raise
                refusals.append(str(error))
    if refusals and not sources:
        raise PipelineError(refusals[0])
    return sources, refusals


def _part(
    sources: Sequence[merge.Source], check: Check, allowed_hosts: Collection[str]
) -> tuple[list[merge.Source], list[str]]:
    """Find the pages of which a client can be generated, and the errors of the others."""
    usable: list[merge.Source] = []
    errors: list[str] = []
    for source in sources:
        merged = merge.merge([source], [*allowed_hosts, *hosts.hosts_of(source.document)])
        error = refusal_of(partial(check, merged.document, source.place))
        if error:
            errors.append(error)
        else:
            usable.append(source)
    return usable, errors


def contracts(path: Path, root: Path) -> list[merge.Source]:
    """Find the contracts of a page or exported file, which is `root` itself or below it.

    Raises:
        PipelineError: it is `root` and has none, or one cannot be read.
    """
    place, text = shown(path), documents.read_text(path)
    if path.suffix.lower() in _EXPORTS:
        candidates = [Block(text, 1, "yaml")]
    else:
        candidates = [block for block in blocks(text, place) if block.language in _LANGUAGES]
    name = path.name if path == root else path.relative_to(root).as_posix()
    sources = []
    for block in candidates:
        fixed_text, document, fixes = yaml_fixes.fixed(block.text, place, block.line)
        sources.append(merge.Source(place, name, document, fixed_text, fixes))
    result = [source for source in sources if "openapi" in source.document]
    if not result and any("swagger" in source.document for source in sources):
        raise PipelineError(f"{place} is a contract of Swagger 2; convert it to OpenAPI 3 first.")
    if path == root and not result:
        raise PipelineError(f"{place} holds no OpenAPI document.")
    return result


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
