"""Look up parts of a parsed contract: its operations, places and references."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.documents import Json

Place = tuple[int | str, ...]
_MAX_REFERENCES = 20
TEMPLATE = re.compile(r"\{([^{}]*)\}")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def operations(document: Json) -> Iterator[tuple[Place, dict[str, Json]]]:
    """Iterate over the operations of a contract, each with its place."""
    for path, item in mapping(mapping(document).get("paths")).items():
        for method in METHODS:
            operation = mapping(item).get(method)
            if isinstance(operation, dict):
                yield ("paths", path, method), operation


def called(place: Place) -> str:
    """Name an operation by its method and path."""
    return f"{str(place[2]).upper()} {place[1]}"


def unnamed(path: str) -> str:
    """Remove the names of the parameters from a path."""
    return TEMPLATE.sub("{}", path)


def group_of(operation: dict[str, Json]) -> str:
    """Return the group of an operation, its first tag; empty if it has none."""
    return str((sequence(operation.get("tags")) or [""])[0])


def at(document: Json, place: Place) -> Json:
    """Fetch the value at a place, or None if there is none."""
    for step in place:
        if isinstance(document, dict):
            document = document.get(str(step))
        elif isinstance(document, list) and str(step).isdecimal():
            document = document[int(step)] if int(step) < len(document) else None
        else:
            return None
    return document


def pointer(reference: str) -> Place:
    """Turn `#/components/schemas/Task` into the place it names."""
    steps = reference.removeprefix("#/").split("/")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def resolved(holder: Json, document: Json) -> dict[str, Json]:
    """Follow references, a bounded number of them, to a shared object, such as a parameter."""
    target = mapping(holder)
    for _ in range(_MAX_REFERENCES):
        if "$ref" not in target:
            break
        target = mapping(at(document, pointer(str(target["$ref"]))))
    return target


def mapping(value: Json) -> dict[str, Json]:
    """Return a mapping unchanged, and an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def sequence(value: Json) -> list[Json]:
    """Return a list unchanged, and an empty one for any other value."""
    return value if isinstance(value, list) else []


def needed(
    document: dict[str, Json], chosen: list[tuple[Place, dict[str, Json]]]
) -> dict[str, Json]:
    """Copy the components that these operations reach, and the security schemes."""
    stack: list[Json] = []
    for place, operation in chosen:
        stack += [operation, mapping(at(document, place[:2])).get("parameters")]
    reached: set[Place] = set()
    while stack:
        for holder in mappings_in(stack.pop()):
            where = pointer(str(holder.get("$ref", "")))[:3]
            if where[0] == "components" and where not in reached:
                reached.add(where)
                stack.append(at(document, where))
    components = mapping(document.get("components"))
    return {
        kind: {
            name: value
            for name, value in mapping(components_of_kind).items()
            if kind == "securitySchemes" or ("components", kind, name) in reached
        }
        for kind, components_of_kind in components.items()
    }


def mappings_in(value: Json) -> Iterator[dict[str, Json]]:
    """Find every mapping in a value, each before those inside of it."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack += value.values()
        else:
            stack += sequence(value)
