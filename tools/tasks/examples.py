"""Write the answer of an operation: its schema without texts, and an example that fits it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tools.contract import at, mapping, pointer, sequence
from tools.documents import Json
from tools.repair.examples import published
from tools.repair.normalise import reads
from tools.repair.schemas import PYTHON, Schema
from tools.tasks import places
from tools.tasks.places import Path

_KEYWORDS: Final = ("type", "format", "nullable", "enum", "required", "minimum", "maximum")
_CHOICES: Final = ("allOf", "anyOf", "oneOf")
_DEEPEST: Final = 12
_MOST: Final = 600  # schemas of one operation, the shared ones as often as they are used

_TEXTS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
}


def reduced(schema: Json, document: dict[str, Json]) -> Json:
    """Write a schema without references and texts; a recursive part becomes an empty schema."""
    budget = [_MOST]
    return _reduced(mapping(schema), document, (), budget)


def _reduced(
    schema: Schema, document: dict[str, Json], seen: tuple[str, ...], budget: list[int]
) -> Json:
    budget[0] -= 1
    if "$ref" in schema:
        reference = str(schema["$ref"])
        if reference in seen:
            return {}
        seen = (*seen, reference)
        return _reduced(mapping(at(document, pointer(reference))), document, seen, budget)
    if budget[0] < 0:
        return {}
    result: dict[str, Json] = {key: schema[key] for key in _KEYWORDS if key in schema}
    if "properties" in schema:
        result["properties"] = {
            name: _reduced(mapping(part), document, seen, budget)
            for name, part in mapping(schema["properties"]).items()
        }
    for key in ("items", "additionalProperties"):
        if key in schema:
            part = schema[key]
            result[key] = _reduced(part, document, seen, budget) if isinstance(part, dict) else part
    for key in _CHOICES:
        if key in schema:
            result[key] = [
                _reduced(mapping(part), document, seen, budget) for part in sequence(schema[key])
            ]
    return result


def example(
    content: dict[str, Json], document: dict[str, Json], paths: Iterable[Path] = ()
) -> Json:
    """Give an example of an answer that fits its schema, as close to a published one as can be.

    Args:
        content: The media type object of the answer.
        document: The contract.
        paths: Paths at which values will be set: the objects on them exist.
    """
    schema = content.get("schema", {})
    values = [*published(content)]
    best = next((item for item in values if _suits(schema, item, document)), values and values[0])
    value = _shaped(schema, best or None, document, 0)
    for path in paths:
        _hold(schema, value, path, document)
    return value


def _hold(schema: Json, value: Json, path: Path, document: dict[str, Json]) -> None:
    """Make the objects on a path through a value, complete as their schemas require."""
    for step in path[:-1]:
        parent = mapping(value)
        fields = _fields(list(places.variants(schema, document)))
        if not isinstance(step, str) or step not in fields:
            return
        schema = fields[step]
        if parent.get(step) is None:
            parent[step] = _shaped(schema, {}, document, 0)
        value = parent[step]


def _suits(schema: Json, value: Json, document: dict[str, Json]) -> bool:
    """Tell whether an example has the required fields at the top: else it is of something else."""
    parts = [part for part in places.variants(schema, document) if _takes(part, value)]
    return bool(parts) and all(
        str(name) in mapping(value) for part in parts[:1] for name in sequence(part.get("required"))
    )


def _takes(schema: Schema, value: Json) -> bool:
    if value is None:
        return schema.get("nullable") is True or "type" not in schema
    if "enum" in schema and value not in sequence(schema["enum"]):
        return False
    if isinstance(value, str) and not reads(str(schema.get("format")), value):
        return False
    kinds = PYTHON.get(str(schema.get("type")), (object,))
    return isinstance(value, kinds) and not (isinstance(value, bool) and int in kinds)


def _shaped(schema: Json, value: Json, document: dict[str, Json], depth: int) -> Json:
    """Keep the parts of a value that its schema allows, and add what is required."""
    variants = list(places.variants(schema, document))
    matches = [variant for variant in variants if _takes(variant, value)]
    if not variants or depth > _DEEPEST or (value is None and _nullable(schema, matches)):
        return value
    if not matches:
        first, value = variants[0], {}
        if not _is_object(first):
            return _value(first)
        matches = [variant for variant in variants if _is_object(variant)]
    if isinstance(value, dict):
        return _object(matches, value, document, depth)
    if isinstance(value, list) and "items" in matches[0]:
        return [_shaped(matches[0]["items"], item, document, depth + 1) for item in value]
    return value


def _nullable(schema: Json, matches: list[Schema]) -> bool:
    return mapping(schema).get("nullable") is True or bool(matches)


def _is_object(schema: Schema) -> bool:
    return schema.get("type", "object" if "properties" in schema else None) == "object"


def _object(
    parts: list[Schema], value: dict[str, Json], document: dict[str, Json], depth: int
) -> Json:
    # `variants` does not tell a choice from a combination; fields too many harm no answer.
    fields = _fields(parts)
    required = {str(name): None for part in parts for name in sequence(part.get("required"))}
    extra = next(filter(None, (mapping(part.get("additionalProperties")) for part in parts)), {})
    values = {
        name: _shaped(fields.get(name, extra), value.get(name), document, depth + 1)
        for name in {**value, **required}
        if name in fields or extra
    }
    return {**required, **value, **values}


def _fields(parts: list[Schema]) -> dict[str, Json]:
    return {name: prop for part in parts for name, prop in mapping(part.get("properties")).items()}


def _value(schema: Schema) -> Json:
    if "enum" in schema:
        return sequence(schema["enum"])[0]
    if "example" in schema and _takes(schema, schema["example"]):
        return schema["example"]
    if schema.get("type") == "string":
        return _TEXTS.get(str(schema.get("format")), "text")
    by_type: dict[str, Json] = {"integer": 1, "number": 1.0, "boolean": False, "array": []}
    return by_type.get(str(schema.get("type")))
