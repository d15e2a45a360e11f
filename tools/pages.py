"""Find the contracts in the vendor's published pages.

A page is Markdown: a title and a fenced block with one OpenAPI document. A fence ends at a line
with at least as many of its characters as it began with, so a fence inside the document does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import documents
from tools.documents import Json
from tools.layout import shown
from tools.problem import Problem

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_OPENING = re.compile(r"(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")


@dataclass(frozen=True)
class Block:
    """The text of one fenced block, the line of the file it begins at, and its language."""

    text: str
    line: int
    language: str


def contract(paths: Sequence[Path]) -> str:
    """Give the text of the contract that stands in these pages, exactly as published.

    Raises:
        Problem: a page has no contract, more than one, or one that cannot be read.
    """
    if len(paths) != 1:
        raise Problem("Only one page can be imported.")
    path = paths[0]
    found = [
        block
        for block in blocks(documents.read_text(path), shown(path))
        if _is_contract(block, shown(path))
    ]
    if len(found) != 1:
        raise Problem(f"{shown(path)} holds {len(found)} OpenAPI documents; one is needed.")
    return found[0].text


def blocks(text: str, place: str) -> Iterator[Block]:
    """Find the fenced blocks of a Markdown text.

    Raises:
        Problem: a fence is never closed.
    """
    lines = iter(enumerate(_LINE.findall(text), 1))
    for number, line in lines:
        opening = _OPENING.fullmatch(line.rstrip())
        if not opening:
            continue
        closing = re.compile(re.escape(opening["fence"]) + re.escape(opening["fence"][0]) + r"*")
        inside: list[str] = []
        for _, inner in lines:
            if closing.fullmatch(inner.rstrip()):
                break
            inside.append(inner)
        else:
            raise Problem(f"{place}:{number}: the fence {opening['fence']} is never closed.")
        yield Block("".join(inside), number + 1, (opening["info"].split() or [""])[0].lower())


def _is_contract(block: Block, place: str) -> bool:
    if block.language not in ("yaml", "yml", "json"):
        return False
    document: dict[str, Json] = documents.parse(block.text, place, block.line)
    return "openapi" in document
