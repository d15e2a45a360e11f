"""Show what an operation answers: its schema without words, and an example that fits it."""

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

_KEPT: Final = ("type", "format", "nullable", "enum", "required", "minimum", "maximum")
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
    """Write a schema without references and words; what has no end holds anything there."""
    left = [_MOST]
    return _reduced(mapping(schema), document, (), left)


def _reduced(
    schema: Schema, document: dict[str, Json], through: tuple[str, ...], left: list[int]
) -> Json:
    left[0] -= 1
    if "$ref" in schema:
        reference = str(schema["$ref"])
        if reference in through:
            return {}
        through = (*through, reference)
        return _reduced(mapping(at(document, pointer(reference))), document, through, left)
    if left[0] < 0:
        return {}
    short: dict[str, Json] = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        short["properties"] = {
            name: _reduced(mapping(one), document, through, left)
            for name, one in mapping(schema["properties"]).items()
        }
    for key in ("items", "additionalProperties"):
        if key in schema:
            inner = schema[key]
            short[key] = (
                _reduced(inner, document, through, left) if isinstance(inner, dict) else inner
            )
    for key in _CHOICES:
        if key in schema:
            short[key] = [
                _reduced(mapping(one), document, through, left) for one in sequence(schema[key])
            ]
    return short


def example(
    content: dict[str, Json], document: dict[str, Json], paths: Iterable[Path] = ()
) -> Json:
    """Give an example of an answer that fits its schema, as close to a published one as can be.

    Args:
        content: What is said of the answer.
        document: The contract.
        paths: Places in it at which values will be put: what holds them is there.
    """
    schema = content.get("schema", {})
    values = [*published(content)]
    good = next((one for one in values if _suits(schema, one, document)), values and values[0])
    value = _shaped(schema, good or None, document, 0)
    for path in paths:
        _hold(schema, value, path, document)
    return value


def _hold(schema: Json, value: Json, path: Path, document: dict[str, Json]) -> None:
    """Make the objects on a way through a value, whole as their schemas want them."""
    for step in path[:-1]:
        found = mapping(value)
        fields = _fields(list(places.variants(schema, document)))
        if not isinstance(step, str) or step not in fields:
            return
        schema = fields[step]
        if found.get(step) is None:
            found[step] = _shaped(schema, {}, document, 0)
        value = found[step]


def _suits(schema: Json, value: Json, document: dict[str, Json]) -> bool:
    """Tell whether an example has what is required at the top, or is about something else."""
    wanted = [one for one in places.variants(schema, document) if _takes(one, value)]
    return bool(wanted) and all(
        str(name) in mapping(value) for one in wanted[:1] for name in sequence(one.get("required"))
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
    """Keep of a value what its schema allows, and make what it lacks."""
    known = list(places.variants(schema, document))
    fitting = [one for one in known if _takes(one, value)]
    if not known or depth > _DEEPEST or (value is None and _nullable(schema, fitting)):
        return value
    if not fitting:
        first, value = known[0], {}
        if not _is_object(first):
            return _made(first)
        fitting = [one for one in known if _is_object(one)]
    if isinstance(value, dict):
        return _object(fitting, value, document, depth)
    if isinstance(value, list) and "items" in fitting[0]:
        return [_shaped(fitting[0]["items"], one, document, depth + 1) for one in value]
    return value


def _nullable(schema: Json, fitting: list[Schema]) -> bool:
    return mapping(schema).get("nullable") is True or bool(fitting)


def _is_object(schema: Schema) -> bool:
    return schema.get("type", "object" if "properties" in schema else None) == "object"


def _object(
    known: list[Schema], value: dict[str, Json], document: dict[str, Json], depth: int
) -> Json:
    # `variants` does not tell a choice from a combination; fields too many harm no answer.
    fields = _fields(known)
    wanted = {str(name): None for each in known for name in sequence(each.get("required"))}
    others = next(filter(None, (mapping(one.get("additionalProperties")) for one in known)), {})
    made = {
        name: _shaped(fields.get(name, others), value.get(name), document, depth + 1)
        for name in {**value, **wanted}
        if name in fields or others
    }
    return {**wanted, **value, **made}


def _fields(known: list[Schema]) -> dict[str, Json]:
    return {name: one for each in known for name, one in mapping(each.get("properties")).items()}


def _made(schema: Schema) -> Json:
    if "enum" in schema:
        return sequence(schema["enum"])[0]
    if "example" in schema and _takes(schema, schema["example"]):
        return schema["example"]
    if schema.get("type") == "string":
        return _TEXTS.get(str(schema.get("format")), "text")
    plain: dict[str, Json] = {"integer": 1, "number": 1.0, "boolean": False, "array": []}
    return plain.get(str(schema.get("type")))
