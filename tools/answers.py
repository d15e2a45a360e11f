"""Which schemas of a contract describe answers, and which of their fields may be left out."""

from __future__ import annotations

from collections.abc import Iterator

from tools.documents import Json

Location = tuple[int | str, ...]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not")


def optional_fields(document: dict[str, Json]) -> set[Location]:
    """Find the places of all fields that an answer's schema describes and does not require."""
    return {
        (*place, "properties", name)
        for place, schema in _answers(document)
        for name in _mapping(schema.get("properties"))
        if name not in _list(schema.get("required"))
    }


def operations(document: dict[str, Json]) -> Iterator[tuple[Location, dict[str, Json]]]:
    """Walk through the operations of a contract, each with its place."""
    for path, item in _mapping(document.get("paths")).items():
        for method in METHODS:
            operation = _mapping(item).get(method)
            if isinstance(operation, dict):
                yield ("paths", path, method), operation


def at(document: Json, place: Location) -> Json:
    """Fetch the value at a place, or None if there is none."""
    for step in place:
        if isinstance(document, dict):
            document = document.get(str(step))
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _answers(document: dict[str, Json]) -> Iterator[tuple[Location, dict[str, Json]]]:
    seen: set[Location] = set()
    waiting: list[Location] = [
        (*place, "responses", status)
        for place, operation in operations(document)
        for status in _mapping(operation.get("responses"))
    ]
    while waiting:
        place = waiting.pop()
        node = at(document, place)
        if place in seen or not isinstance(node, dict):
            continue
        seen.add(place)
        waiting += _inner(place, node)
        yield place, node


def _inner(place: Location, node: dict[str, Json]) -> Iterator[Location]:
    if isinstance(node.get("$ref"), str):
        yield pointer(str(node["$ref"]))
    for kind in _mapping(node.get("content")):
        yield (*place, "content", kind, "schema")
    for name in _mapping(node.get("properties")):
        yield (*place, "properties", name)
    for key in _LISTS:
        for index in range(len(_list(node.get(key)))):
            yield (*place, key, index)
    for key in _SINGLE:
        yield (*place, key)


def pointer(reference: str) -> Location:
    """Turn `#/components/schemas/Task` into the place it names."""
    steps = reference.removeprefix("#/").split("/")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
