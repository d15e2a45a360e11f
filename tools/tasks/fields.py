"""The terms for tasks on the vendor's pages (overlays/tasks.yaml), and the fields of answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path as FilePath
from typing import Final, NamedTuple

from tools import documents, layout
from tools.contract import mapping, sequence
from tools.documents import Json
from tools.repair.schemas import Schema
from tools.tasks.places import Path, variants

_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[a-z]+")
_DEEPEST: Final = 6
_MOST: Final = 2000


class Field(NamedTuple):
    """A field of an answer: its path, the names on it in snake case, and its schemas."""

    path: Path
    names: tuple[str, ...]
    schemas: list[Schema]

    @property
    def kinds(self) -> set[str]:
        """The types that its schemas name; empty if it may hold anything."""
        return {str(schema["type"]) for schema in self.schemas if "type" in schema}

    @property
    def is_within_aside(self) -> bool:
        """Whether it is in an object that repeats the request, or is beside the results."""
        words = {word for name in self.names[:-1] for word in name.split("_")}
        return not words.isdisjoint(terms("aside"))

    @property
    def is_aside(self) -> bool:
        """Whether it is in such an object, or its own name says the same: `thumbnail_url`."""
        return self.is_within_aside or self.names[-1].rpartition("_")[0] in terms("aside")


def terms(*steps: str) -> list[str]:
    """Look up terms in overlays/tasks.yaml."""
    value: Json = _file(layout.TASKS)
    for step in steps:
        value = mapping(value).get(step)
    return [str(term) for term in sequence(value)]


def open_parts() -> list[Path]:
    """List the possible parents of a task's fields in an answer without a description."""
    return [(name,) if name else () for name in terms("open", "holders")]


@cache
def _file(path: FilePath) -> dict[str, Json]:
    return documents.read(path)


def snake(name: str) -> str:
    """Write a name in snake case: `FinishTime` and `finish-time` are `finish_time`."""
    return _CASE.sub("_", name).replace("-", "_").replace(" ", "_").lower()


def fields(schema: Json, document: dict[str, Json]) -> Iterator[Field]:
    """Walk through the fields that a schema describes, the outer ones first."""
    queue: list[Field] = [Field((), (), list(variants(schema, document)))]
    for index, parent in enumerate(queue):
        if index:
            yield parent
        if len(parent.path) > _DEEPEST or len(queue) > _MOST:
            continue
        for variant in parent.schemas:
            for name, value in mapping(variant.get("properties")).items():
                names = (*parent.names, snake(name))
                queue.append(Field((*parent.path, name), names, list(variants(value, document))))
            if "items" in variant:
                items = list(variants(variant["items"], document))
                queue.append(Field((*parent.path, None), parent.names or ("",), items))


def outline(value: Json) -> Schema:
    """Make a schema that fits an example."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: outline(item) for key, item in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": outline(value[0]) if value else {}}
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return {} if value is None else {"type": kinds[type(value)]}


def media_of(texts: Iterable[str]) -> str | None:
    """Tell the kind of results that path segments or names mention: of a segment its last word."""
    kinds = {word: kind for kind in media_kinds() for word in terms("media", kind)}
    for text in texts:
        matches = [kinds[word] for word in _WORD.findall(snake(text)) if word in kinds]
        if matches:
            return matches[-1]
    return None


def media_kinds() -> list[str]:
    """List the kinds of results that have terms."""
    return list(mapping(_file(layout.TASKS).get("media")))


def mentions(names: Iterable[str], text: str) -> bool:
    """Tell whether one of these words is in a text."""
    return not {*names}.isdisjoint(_WORD.findall(snake(text)))
