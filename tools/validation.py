"""Refuse a contract that is not OpenAPI, or that cannot become a good client, naming the place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from tools import answers
from tools.documents import Json
from tools.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARAMETER = re.compile(r"\{([^{}]*)\}")
_GOOD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_VALIDATORS = {"3.0.": OpenAPIV30SpecValidator, "3.1.": OpenAPIV31SpecValidator}


def validate(document: dict[str, Json], place: str) -> int:
    """Check a repaired contract and count its operations.

    Raises:
        Problem: the first fault found.
    """
    version = str(document.get("openapi", ""))
    validator = _VALIDATORS.get(version[:4])
    if validator is None:
        raise Problem(f"{place} is not OpenAPI 3.0 or 3.1: its `openapi` is {version!r}.")
    for check in (_references, _templates, _names):
        for fault in check(document):
            raise Problem(f"{place}: {fault}.")
    for error in validator(cast("Mapping[str, object]", document)).iter_errors():
        where = "/".join(str(step) for step in error.absolute_path)
        raise Problem(f"{place} is not valid OpenAPI at {where or '/'}: {_short(error.message)}.")
    count = sum(1 for _ in answers.operations(document))
    if not count:
        raise Problem(f"{place} describes no operation.")
    return count


def _references(document: dict[str, Json]) -> Iterator[str]:
    """A reference must stay inside: following others would read files or call strangers."""
    for where, reference in _walk(document, ""):
        target = answers.pointer(reference)
        if not reference.startswith("#/") or answers.at(document, target) is None:
            yield f"the $ref at {where} points to {_short(reference)}, which is not in the document"


def _walk(value: Json, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield where, str(value["$ref"])
        for key, item in value.items():
            yield from _walk(item, f"{where}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{where}/{index}")


def _templates(document: dict[str, Json]) -> Iterator[str]:
    paths = document.get("paths")
    for path in paths if isinstance(paths, dict) else ():
        for name in _PARAMETER.findall(path):
            if not _GOOD_NAME.fullmatch(name):
                yield f"the path {path} has the template {{{name}}}, which is no usable name"
        if set("{}") & set(_PARAMETER.sub("", path)):
            yield f"the path {path} has a brace without its partner"


def _names(document: dict[str, Json]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for (_, path, method), operation in answers.operations(document):
        called = f"{str(method).upper()} {path}"
        name = operation.get("operationId")
        tags = operation.get("tags")
        tag = str(tags[0]) if isinstance(tags, list) and tags else ""
        if not name or not tag:
            lacking = "tag" if name else "operationId"
            yield f"{called} has no {lacking}, so callers would have no name for it"
        other = seen.setdefault((tag, str(name)), called)
        if other != called:
            yield f"{called} and {other} are both called {tag}.{name}"


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 200 else line[:200] + "…"


Check = Callable[[dict[str, Json]], Iterator[str]]
