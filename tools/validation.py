"""Refuse a contract that is not OpenAPI, or that cannot become a good client, naming the place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools import screen, servers
from tools.contract import TEMPLATE, at, called, group_of, mapping, operations, pointer
from tools.documents import Json
from tools.errors import PipelineError
from tools.repair.paths import GOOD

_VERSIONS: Final = ("3.0.", "3.1.")


def validate(document: dict[str, Json], place: str) -> int:
    """Check a repaired contract and count its operations.

    Raises:
        PipelineError: the first fault found.
    """
    version = str(document.get("openapi", ""))
    if "swagger" in document:
        raise PipelineError(f"{place} is a contract of Swagger 2; convert it to OpenAPI 3 first.")
    if version[:4] not in _VERSIONS:
        raise PipelineError(f"{place} is not OpenAPI 3.0 or 3.1: its `openapi` is {version!r}.")
    try:
        for check in (unknown_references, _templates, _names, servers.faults, _specification):
            for fault in check(document):
                raise PipelineError(f"{place}: {fault}.")
    except RecursionError:
        raise PipelineError(f"{place}: a schema refers to itself without end.") from None
    count = sum(1 for _ in operations(document))
    if not count:
        raise PipelineError(f"{place} describes no operation.")
    return count


def unknown_references(document: dict[str, Json]) -> Iterator[str]:
    """Find references that lead out of the document, or to nothing in it."""
    # Following any other reference would read local files or call other hosts.
    for where, reference in _references(document, ""):
        if not reference.startswith("#/") or at(document, pointer(reference)) is None:
            yield f"the $ref at {where} points to {_short(reference)}, which is not in the document"


def _references(value: Json, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield where, str(value["$ref"])
        are_properties = where.endswith("/properties")
        for key, item in value.items():
            if are_properties or not key.startswith("x-"):  # an extension may point to anything
                yield from _references(item, f"{where}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, f"{where}/{index}")


def _templates(document: dict[str, Json]) -> Iterator[str]:
    for path in mapping(document.get("paths")):
        for name in TEMPLATE.findall(path):
            if not GOOD.fullmatch(name):
                yield f"the path {_short(path)} has the template {{{name}}}, no usable name"
        if set("{}") & set(TEMPLATE.sub("", path)):
            yield f"the path {_short(path)} has a brace without its partner"
        if not path.isprintable() or " " in TEMPLATE.sub("", path):
            yield f"the path {_short(path)} has a space or an unprintable character"


def _names(document: dict[str, Json]) -> Iterator[str]:
    first_by_name: dict[tuple[str, str], str] = {}
    for place, operation in operations(document):
        name, tag = operation.get("operationId"), group_of(operation)
        if not name or not tag:
            missing = "tag" if name else "operationId"
            yield f"{called(place)} has no {missing}, so callers would have no name for it"
        first = first_by_name.setdefault((tag, str(name)), called(place))
        if first != called(place):
            yield f"{called(place)} and {first} are both called {tag}.{name}"


def _specification(document: dict[str, Json]) -> Iterator[str]:
    if screen.passes(document):
        return
    from tools.validator import faults  # loading it takes longer than all the rest

    for where, message in faults(document):
        yield f"not valid OpenAPI at {where or 'its top level'}: {_short(message)}"


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= 200 else line[:200] + "…"
