"""Find what the published examples say, beside what their schemas say.

An example is a request or an answer that somebody saw. Where it lacks a field that the schema
requires, others may lack it: the schema was copied from another operation, or from a longer answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from tools.contract import Place, called, mapping, operations, resolved, sequence
from tools.documents import Json

if TYPE_CHECKING:
    from jsonschema_path.typing import Schema


def published(content: dict[str, Json]) -> Iterator[Json]:
    """Find the examples of one answer; JSON that was published as text is read."""
    schema = mapping(content.get("schema"))
    named = mapping(content.get("examples")).values()
    found = [mapping(one)["value"] for one in named if "value" in mapping(one)]
    found += [holder["example"] for holder in (content, schema) if "example" in holder]
    for value in found:
        yield _read(value, schema)


def tell_once(holder: dict[str, Json]) -> bool:
    """Write what is beside a schema as examples in the one way that OpenAPI has for several.

    A wrong example is no reason to leave out an operation. Tells whether it changed something.
    """
    before = holder.get("examples", holder)  # None is an example too
    if before is holder:
        return False
    listed = mapping(before) or {str(at): {"value": one} for at, one in enumerate(sequence(before))}
    told: dict[str, Json] = {"example": {"value": holder["example"]}} if "example" in holder else {}
    for name, one in listed.items():
        good = isinstance(one, dict) and not {"value", "externalValue"} <= one.keys()
        told[name] = one if good else {"value": mapping(one).get("value", one)}
    if told == before and "example" not in holder:
        return False
    if "example" in holder and not listed:
        del holder["examples"]
    else:
        holder["examples"] = told
        holder.pop("example", None)
    return True


def mismatches(document: dict[str, Json]) -> Iterator[str]:
    """Tell which examples of good answers do not fit the schema beside them, and where.

    Such an answer would be a `ResponseError` for callers: the page contradicts itself.
    """
    for place, kind, content in good_answers(document):
        for example in published(content):
            fault = mismatch(document, content, example)
            if fault:
                yield f"{called(place)}: an example ({kind}) does not fit {fault}."


def mismatch(document: dict[str, Json], content: dict[str, Json], example: Json) -> str | None:
    """Tell where an example does not fit its schema, or None."""
    from openapi_schema_validator import (  # takes long to load, and generating does without it
        OAS30Validator,
        OAS31Validator,
    )

    validators = {"3.0.": OAS30Validator, "3.1.": OAS31Validator}
    validator = validators[str(document["openapi"])[:4]]
    schema = {**mapping(content.get("schema")), "components": document.get("components") or {}}
    for error in validator(cast("Schema", schema)).iter_errors(example):
        where = "/".join(map(str, error.absolute_path)) or "its top level"
        return f"at {where}: {_end(' '.join(error.message.split()))}"
    return None


def _end(text: str) -> str:
    """Keep the end of a long text: what is wrong stands behind the value that is."""
    return text if len(text) <= 100 else "…" + text[-100:]


def good_answers(document: dict[str, Json]) -> Iterator[tuple[Place, str, dict[str, Json]]]:
    """Walk through what is said of good answers: the place, the media type, schema and examples."""
    for place, operation in operations(document):
        for status, answer in mapping(operation.get("responses")).items():
            if status.startswith("2"):
                for kind, content in mapping(resolved(answer, document).get("content")).items():
                    yield (*place, status), kind, mapping(content)


def left_out(document: dict[str, Json]) -> Iterator[tuple[list[Json], int]]:
    """Find, in lists of required fields, those that an example leaves out: the list, and where."""
    for _, operation in operations(document):
        answers = mapping(operation.get("responses")).values()
        for holder in [*answers, operation.get("requestBody")]:
            for content in mapping(resolved(holder, document).get("content")).values():
                for value in published(mapping(content)):
                    yield from _compared(document, mapping(content).get("schema"), value)


def _compared(
    document: dict[str, Json], described: Json, value: Json
) -> Iterator[tuple[list[Json], int]]:
    schema = resolved(described, document)
    for part in sequence(schema.get("allOf")):
        yield from _compared(document, part, value)
    if isinstance(value, list):
        for item in value:
            yield from _compared(document, schema.get("items"), item)
    if isinstance(value, dict) and value:  # an empty one stands for anything
        required, fields = sequence(schema.get("required")), mapping(schema.get("properties"))
        yield from ((required, at) for at, name in enumerate(required) if name not in value)
        for name in fields.keys() & value.keys():
            yield from _compared(document, fields[name], value[name])


def _read(value: Json, schema: dict[str, Json]) -> Json:
    if isinstance(value, str) and schema.get("type") in ("object", "array"):
        try:
            read: Json = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return read
    return value
