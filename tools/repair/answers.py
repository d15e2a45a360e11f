"""Find which fields an answer may leave out: what its schema describes and does not require.

What only answers have is not required of a request, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.contract import Place, at, mapping, operations, pointer, sequence
from tools.documents import Json
from tools.repair.schemas import schemas_in

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


def release(document: dict[str, Json]) -> int:
    """Stop requiring fields where they cannot be: `readOnly` in requests, `writeOnly` in answers.

    Returns:
        How many.
    """
    found = 0
    for _, operation in operations(document):
        for schema, is_sent in [*schemas_in(document, operation)]:
            fields, flag = mapping(schema.get("properties")), "readOnly" if is_sent else "writeOnly"
            before = sequence(schema.get("required"))
            kept = [one for one in before if not mapping(fields.get(str(one))).get(flag)]
            found += len(before) - len(kept)
            if len(kept) < len(before):
                schema["required"] = kept
                if not kept:
                    del schema["required"]
    return found


def _answers(document: dict[str, Json]) -> Iterator[tuple[Place, dict[str, Json]]]:
    seen: set[Place] = set()
    waiting: list[tuple[Place, Json]] = [
        ((*place, "responses", status), answer)
        for place, operation in operations(document)
        for status, answer in mapping(operation.get("responses")).items()
    ]
    while waiting:
        place, node = waiting.pop()
        if place not in seen and isinstance(node, dict):
            seen.add(place)
            waiting += _inner(place, node)
            if isinstance(node.get("$ref"), str):
                target = _indexed(document, pointer(str(node["$ref"])))
                waiting.append((target, at(document, target)))
            yield place, node


def _indexed(document: dict[str, Json], place: Place) -> Place:
    """Count places in lists by numbers, as JSONPath does; references spell them as text."""
    steps: list[int | str] = []
    for step in place:
        is_index = isinstance(at(document, tuple(steps)), list) and str(step).isdecimal()
        steps.append(int(step) if is_index else step)
    return tuple(steps)


def _inner(place: Place, node: dict[str, Json]) -> Iterator[tuple[Place, Json]]:
    for kind, content in mapping(node.get("content")).items():
        yield (*place, "content", kind, "schema"), mapping(content).get("schema")
    for name, field in mapping(node.get("properties")).items():
        yield (*place, "properties", name), field
    for key in _LISTS:
        for index, one in enumerate(sequence(node.get(key))):
            yield (*place, key, index), one
    for key in _SINGLE:
        yield (*place, key), node.get(key)
