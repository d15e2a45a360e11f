"""Know the names that tasks have on the vendor's pages: overlays/tasks.yaml, and fields by them."""

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
    """A field of an answer: the way to it, its names in one form, and what it may hold."""

    path: Path
    names: tuple[str, ...]
    schemas: list[Schema]

    @property
    def kinds(self) -> set[str]:
        """The types that its schemas name; empty if it may hold anything."""
        return {str(one["type"]) for one in self.schemas if "type" in one}

    @property
    def is_within_aside(self) -> bool:
        """Whether it is a part of what repeats the request, or stands beside what was made."""
        before = {word for name in self.names[:-1] for word in name.split("_")}
        return not before.isdisjoint(known("aside"))

    @property
    def is_aside(self) -> bool:
        """Whether it is such a part, or one by its own name: `thumbnail_url`."""
        return self.is_within_aside or self.names[-1].rpartition("_")[0] in known("aside")


def known(*steps: str) -> list[str]:
    """Look up names in overlays/tasks.yaml."""
    value: Json = _file(layout.TASKS)
    for step in steps:
        value = mapping(value).get(step)
    return [str(one) for one in sequence(value)]


def open_parts() -> list[Path]:
    """List where an answer of which nothing is described may have what is said of a task."""
    return [(name,) if name else () for name in known("open", "holders")]


@cache
def _file(path: FilePath) -> dict[str, Json]:
    return documents.read(path)


def snake(name: str) -> str:
    """Write a name as it is compared: `FinishTime` and `finish-time` are `finish_time`."""
    return _CASE.sub("_", name).replace("-", "_").replace(" ", "_").lower()


def fields(schema: Json, document: dict[str, Json]) -> Iterator[Field]:
    """Walk through the fields that a schema describes, the outer ones first."""
    waiting: list[Field] = [Field((), (), list(variants(schema, document)))]
    for number, here in enumerate(waiting):
        if number:
            yield here
        if len(here.path) > _DEEPEST or len(waiting) > _MOST:
            continue
        for one in here.schemas:
            for name, inner in mapping(one.get("properties")).items():
                names = (*here.names, snake(name))
                waiting.append(Field((*here.path, name), names, list(variants(inner, document))))
            if "items" in one:
                items = list(variants(one["items"], document))
                waiting.append(Field((*here.path, None), here.names or ("",), items))


def outline(value: Json) -> Schema:
    """Describe an example as a schema describes answers like it."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: outline(one) for key, one in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": outline(value[0]) if value else {}}
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return {} if value is None else {"type": kinds[type(value)]}


def media_of(texts: Iterable[str]) -> str | None:
    """Tell what parts of a path, or names, say that a task makes: of one part its last word."""
    meant = {word: kind for kind in known_media() for word in known("media", kind)}
    for text in texts:
        found = [meant[word] for word in _WORD.findall(snake(text)) if word in meant]
        if found:
            return found[-1]
    return None


def known_media() -> list[str]:
    """List the kinds that have words."""
    return list(mapping(_file(layout.TASKS).get("media")))


def speaks_of(names: Iterable[str], text: str) -> bool:
    """Tell whether one of these words is in a text."""
    return not {*names}.isdisjoint(_WORD.findall(snake(text)))
