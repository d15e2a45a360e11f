"""Find which fields an answer may leave out: what its schema describes and does not require."""

from __future__ import annotations

from collections.abc import Iterator

from tools.contract import Place, at, mapping, operations, pointer, sequence
from tools.documents import Json

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("items", "additionalProperties")


def optional_fields(document: dict[str, Json]) -> set[Place]:
    """Find the places of these fields in all answers, through references too."""
    return {
        (*place, "properties", name)
        for place, schema in _answers(document)
        for name in mapping(schema.get("properties"))
        if name not in sequence(schema.get("required"))
    }


def _answers(document: dict[str, Json]) -> Iterator[tuple[Place, dict[str, Json]]]:
    seen: set[Place] = set()
    waiting: list[Place] = [
        (*place, "responses", status)
        for place, operation in operations(document)
        for status in mapping(operation.get("responses"))
    ]
    while waiting:
        place = _indexed(document, waiting.pop())
        node = at(document, place)
        if place not in seen and isinstance(node, dict):
            seen.add(place)
            waiting += _inner(place, node)
            yield place, node


def _indexed(document: dict[str, Json], place: Place) -> Place:
    """Count places in lists by numbers, as JSONPath does; references spell them as text."""
    steps: list[int | str] = []
    for step in place:
        is_index = isinstance(at(document, tuple(steps)), list) and str(step).isdecimal()
        steps.append(int(step) if is_index else step)
    return tuple(steps)


def _inner(place: Place, node: dict[str, Json]) -> Iterator[Place]:
    if isinstance(node.get("$ref"), str):
        yield pointer(str(node["$ref"]))
    for kind in mapping(node.get("content")):
        yield (*place, "content", kind, "schema")
    for name in mapping(node.get("properties")):
        yield (*place, "properties", name)
    for key in _LISTS:
        for index in range(len(sequence(node.get(key)))):
            yield (*place, key, index)
    for key in _SINGLE:
        yield (*place, key)
