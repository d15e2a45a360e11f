"""Read the expressions for a part of an answer, and follow them through its schema.

A path is a tuple of steps: the name of a field, the number of an item, or None for every item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tools.contract import Place, at, mapping, pointer, resolved, sequence
from tools.documents import Json
from tools.repair.schemas import Schema

Step = str | int | None
Path = tuple[Step, ...]

# A link of this name leads to the operation that queries a task.
LINK: Final = re.compile(r"task(_\d+)?")
_BODY: Final = "$response.body#/"
_REQUEST: Final = re.compile(r"\$request\.(path|query)\.(.+)")
_STEP: Final = re.compile(
    r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<index>\d+|\*)\]|\[(?P<quote>['"])(?P<quoted>[^'"\\]+)(?P=quote)\]"""
)
_DEEPEST: Final = 20


class Location(NamedTuple):
    """Where a path leads.

    Attributes:
        path: Its steps; a number in a JSON Pointer is an index only where there is a list.
        schemas: The schemas of the value there; None where a schema allows any value.
        is_described: Whether the last object on the path describes any fields.
    """

    path: Path
    schemas: list[Schema] | None
    is_described: bool


class Answer(NamedTuple):
    """The successful answer of an operation; without media type and schema if it has no body."""

    status: str
    media_type: str | None
    content: dict[str, Json]
    links: dict[str, Json]

    @property
    def schema(self) -> Json:
        """The schema of JSON, or None."""
        is_json = self.media_type is not None and "json" in self.media_type
        return self.content.get("schema", {}) if is_json else None


def answer(document: dict[str, Json], place: Place) -> Answer:
    """Find the successful answer of an operation: the first 2xx, else `default`."""
    responses = mapping(at(document, (*place, "responses")))
    successful = sorted(status for status in responses if status.startswith("2"))
    status = (successful or ["default"])[0]
    response = resolved(responses.get(status), document)
    contents = mapping(response.get("content"))
    media_type = next(iter(contents), None)
    return Answer(
        status, media_type, mapping(contents.get(str(media_type))), mapping(response.get("links"))
    )


def parameters(document: dict[str, Json], place: Place) -> dict[tuple[str, str], dict[str, Json]]:
    """Find the parameters of an operation by location and name, its own ones last."""
    entries = [*sequence(mapping(at(document, place[:2])).get("parameters"))]
    entries += sequence(mapping(at(document, place)).get("parameters"))
    values = (resolved(entry, document) for entry in entries)
    return {(str(value.get("in")), str(value.get("name"))): value for value in values}


def target(link: dict[str, Json], names: Mapping[str, Place]) -> Place | None:
    """Find the operation that a link leads to, by its place or its name."""
    if isinstance(link.get("operationRef"), str):
        return pointer(str(link["operationRef"]))
    return names.get(str(link.get("operationId")))


def request_parameter(expression: str) -> tuple[str, str] | None:
    """Read `$request.query.id` as the location and the name of a parameter; None if it is none."""
    match = _REQUEST.fullmatch(expression)
    return (match[1], match[2]) if match else None


def answer_path(expression: str) -> Path | None:
    """Read `$response.body#/data/0/id`, or JSONPath of names, indexes, `[*]`; None if neither."""
    if expression.startswith(_BODY):
        return pointer(expression.removeprefix(_BODY))
    steps: list[Step] = []
    position = 1
    while position < len(expression):
        match = _STEP.match(expression, position)
        if match is None:
            return None
        index = match["index"]
        name: str | None = match["name"] or match["quoted"]
        steps.append(name if index is None else None if index == "*" else int(index))
        position = match.end()
    return tuple(steps) if steps and expression.startswith("$") else None


def expression(path: Path) -> str:
    """Write a path as the contract does: a pointer, or JSONPath if it has a step for every item."""
    if None in path:
        steps = ("[*]" if step is None else f"['{step}']" for step in path)
        return "$" + "".join(steps)
    names = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "$response.body#/" + "/".join(names)


def follow(schema: Json, path: Path, document: dict[str, Json]) -> Location:
    """Follow a path through a schema.

    Raises:
        LookupError: the schema does not allow a step of the path; the text says which and where.
    """
    schemas = list(variants(schema, document))
    described = False
    steps: list[Step] = []
    for index, step in enumerate(path):
        step = _index(step, schemas)
        inner_schemas = [inner for schema in schemas for inner in _inner_schemas(schema, step)]
        described = any("properties" in schema and schema["properties"] for schema in schemas)
        steps.append(step)
        if not inner_schemas:
            if not any(_allows(schema, step) for schema in schemas):
                raise LookupError(_fault(steps, schemas))
            return Location((*steps, *path[index + 1 :]), None, described)
        schemas = [inner for schema in inner_schemas for inner in variants(schema, document)]
    return Location(tuple(steps), schemas, described)


def variants(schema: Json, document: dict[str, Json], depth: int = 0) -> Iterator[Schema]:
    """Walk through the schemas of a value: all of a `oneOf` or `anyOf`, all parts of an `allOf`."""
    definition = resolved(schema, document)
    if depth > _DEEPEST:
        return
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in sequence(definition.get(key))]
    for part in parts:
        yield from variants(part, document, depth + 1)
    if not parts or "properties" in definition:
        yield definition


def _index(step: Step, schemas: list[Schema]) -> Step:
    is_list = bool(schemas) and all(schema.get("type") == "array" for schema in schemas)
    return int(step) if is_list and isinstance(step, str) and step.isdecimal() else step


def _inner_schemas(schema: Schema, step: Step) -> Iterator[Json]:
    if not isinstance(step, str):
        if "items" in schema:
            yield schema["items"]
    elif step in mapping(schema.get("properties")):
        yield mapping(schema["properties"])[step]
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def _allows(schema: Schema, step: Step) -> bool:
    kind = schema.get("type")
    if not isinstance(step, str):
        return kind is None and "properties" not in schema
    return kind in (None, "object") and schema.get("additionalProperties") is not False


def _fault(steps: list[Step], schemas: list[Schema]) -> str:
    step = steps[-1]
    where = text_of(steps[:-1]) or "the answer"
    if all(schema.get("type") in (None, "object") for schema in schemas):
        return f"{where} has no {'list' if not isinstance(step, str) else f'field {step!r}'}"
    kinds = sorted(
        {str(schema["type"]) for schema in schemas if schema.get("type") not in (None, "object")}
    )
    need = f"has a field {step!r}" if isinstance(step, str) else "has items"
    return f"{where} is of the type {' or '.join(kinds)}, which never {need}"


def is_in(path: Path, value: Json) -> bool:
    """Tell whether a value has something at a path, be it null."""
    for index, step in enumerate(path):
        if step is None:
            return any(is_in(path[index + 1 :], item) for item in sequence(value))
        items = {str(number): item for number, item in enumerate(sequence(value))} or mapping(value)
        if str(step) not in items:
            return False
        value = items[str(step)]
    return True


def text_of(path: Path | list[Step]) -> str:
    """Write a path as a person reads it: `data.images[*].url`."""
    text = "".join(
        f".{step}" if isinstance(step, str) else f"[{'*' if step is None else step}]"
        for step in path
    )
    return text.removeprefix(".")
