"""Compare the published examples with their schemas.

An example is a request or an answer that somebody recorded. Where it lacks a field that the schema
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
    examples = mapping(content.get("examples")).values()
    values = [mapping(example)["value"] for example in examples if "value" in mapping(example)]
    values += [holder["example"] for holder in (content, schema) if "example" in holder]
    for value in values:
        yield _read(value, schema)


def name_examples(holder: dict[str, Json]) -> bool:
    """Write the examples beside a schema in the only way that OpenAPI has for several: by name.

    A wrong example is no reason to leave out an operation. Returns whether anything changed.
    """
    before = holder.get("examples", holder)  # None is an example too
    if before is holder:
        return False
    examples = mapping(before) or {
        str(index): {"value": example} for index, example in enumerate(sequence(before))
    }
    has_example = "example" in holder
    result: dict[str, Json] = {"example": {"value": holder["example"]}} if has_example else {}
    for name, example in examples.items():
        good = isinstance(example, dict) and not {"value", "externalValue"} <= example.keys()
        result[name] = example if good else {"value": mapping(example).get("value", example)}
    if result == before and not has_example:
        return False
    if has_example and not examples:
        del holder["examples"]
    else:
        holder["examples"] = result
        holder.pop("example", None)
    return True


def mismatches(document: dict[str, Json]) -> Iterator[str]:
    """Report which examples of good answers do not fit the schema beside them, and where.

    Such an answer would be a `ResponseError` for callers: the page contradicts itself.
    """
    for place, media_type, content in good_answers(document):
        for example in published(content):
            message = mismatch(document, content, example)
            if message:
                yield f"{called(place)}: an example ({media_type}) does not fit {message}."


def mismatch(document: dict[str, Json], content: dict[str, Json], example: Json) -> str | None:
    """Return where and how an example does not fit its schema, or None."""
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
    """Keep the end of a long text: the reason follows the wrong value."""
    return text if len(text) <= 100 else "…" + text[-100:]


def good_answers(document: dict[str, Json]) -> Iterator[tuple[Place, str, dict[str, Json]]]:
    """Walk through the good answers: the place, the media type, and its schema and examples."""
    for place, operation in operations(document):
        for status, response in mapping(operation.get("responses")).items():
            if status.startswith("2"):
                contents = mapping(resolved(response, document).get("content"))
                for media_type, content in contents.items():
                    yield (*place, status), media_type, mapping(content)


def left_out(document: dict[str, Json]) -> Iterator[tuple[list[Json], int]]:
    """Find the required fields that an example leaves out: the list of required ones, the index."""
    for _, operation in operations(document):
        responses = mapping(operation.get("responses")).values()
        for holder in [*responses, operation.get("requestBody")]:
            for content in mapping(resolved(holder, document).get("content")).values():
                for value in published(mapping(content)):
                    yield from _missing(document, mapping(content).get("schema"), value)


def _missing(
    document: dict[str, Json], holder: Json, value: Json
) -> Iterator[tuple[list[Json], int]]:
    schema = resolved(holder, document)
    for part in sequence(schema.get("allOf")):
        yield from _missing(document, part, value)
    if isinstance(value, list):
        for item in value:
            yield from _missing(document, schema.get("items"), item)
    if isinstance(value, dict) and value:  # an empty one stands for anything
        required, fields = sequence(schema.get("required")), mapping(schema.get("properties"))
        yield from ((required, index) for index, name in enumerate(required) if name not in value)
        for name in fields.keys() & value.keys():
            yield from _missing(document, fields[name], value[name])


def _read(value: Json, schema: dict[str, Json]) -> Json:
    if isinstance(value, str) and schema.get("type") in ("object", "array"):
        try:
            read: Json = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return read
    return value
