"""Read the expressions that lead into an answer, and follow them through its schema.

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

# A link of this name leads to the operation that asks for a task.
LINK: Final = re.compile(r"task(_\d+)?")
_BODY: Final = "$response.body#/"
_REQUEST: Final = re.compile(r"\$request\.(path|query)\.(.+)")
_STEP: Final = re.compile(
    r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<index>\d+|\*)\]|\[(?P<quote>['"])(?P<quoted>[^'"\\]+)(?P=quote)\]"""
)
_DEEPEST: Final = 20


class Found(NamedTuple):
    """Where a path leads.

    Attributes:
        path: Its steps; a number in a JSON Pointer is an index only where there is a list.
        ends: The schemas of what is there; None where a schema leaves open what there is.
        described: Whether the last object on the way describes any fields.
    """

    path: Path
    ends: list[Schema] | None
    described: bool


class Answer(NamedTuple):
    """What an operation answers when all is well; no media type and no schema if it is empty."""

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
    """Find the good answer of an operation: the first 2xx, else what stands under `default`."""
    responses = mapping(at(document, (*place, "responses")))
    good = sorted(status for status in responses if status.startswith("2"))
    status = (good or ["default"])[0]
    response = resolved(responses.get(status), document)
    contents = mapping(response.get("content"))
    kind = next(iter(contents), None)
    return Answer(status, kind, mapping(contents.get(str(kind))), mapping(response.get("links")))


def parameters(document: dict[str, Json], place: Place) -> dict[tuple[str, str], dict[str, Json]]:
    """Find the parameters of an operation by where they stand and their name, its own ones last."""
    listed = [*sequence(mapping(at(document, place[:2])).get("parameters"))]
    listed += sequence(mapping(at(document, place)).get("parameters"))
    found = (resolved(one, document) for one in listed)
    return {(str(one.get("in")), str(one.get("name"))): one for one in found}


def target(link: dict[str, Json], named: Mapping[str, Place]) -> Place | None:
    """Find the operation that a link leads to, by its place or its name."""
    if isinstance(link.get("operationRef"), str):
        return pointer(str(link["operationRef"]))
    return named.get(str(link.get("operationId")))


def request_parameter(expression: str) -> tuple[str, str] | None:
    """Read `$request.query.id`: where the parameter stands, and its name; None if it is not one."""
    found = _REQUEST.fullmatch(expression)
    return (found[1], found[2]) if found else None


def answer_path(expression: str) -> Path | None:
    """Read `$response.body#/data/0/id`, or JSONPath of names, indexes, `[*]`; None if neither."""
    if expression.startswith(_BODY):
        return pointer(expression.removeprefix(_BODY))
    steps: list[Step] = []
    position = 1
    while position < len(expression):
        found = _STEP.match(expression, position)
        if found is None:
            return None
        index = found["index"]
        name: str | None = found["name"] or found["quoted"]
        steps.append(name if index is None else None if index == "*" else int(index))
        position = found.end()
    return tuple(steps) if steps and expression.startswith("$") else None


def expression(path: Path) -> str:
    """Write a path as the contract does: a pointer, or JSONPath where it is about every item."""
    if None in path:
        steps = ("[*]" if step is None else f"['{step}']" for step in path)
        return "$" + "".join(steps)
    names = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "$response.body#/" + "/".join(names)


def follow(schema: Json, path: Path, document: dict[str, Json]) -> Found:
    """Follow a path through a schema.

    Raises:
        LookupError: the schema does not allow what the path names; the text says what and where.
    """
    here = list(variants(schema, document))
    described = False
    steps: list[Step] = []
    for number, step in enumerate(path):
        step = _index(step, here)
        inner = [one for each in here for one in _inner(each, step)]
        described = any("properties" in each and each["properties"] for each in here)
        steps.append(step)
        if not inner:
            if not any(_open(each, step) for each in here):
                raise LookupError(_fault(steps, here))
            return Found((*steps, *path[number + 1 :]), None, described)
        here = [one for each in inner for one in variants(each, document)]
    return Found(tuple(steps), here, described)


def variants(schema: Json, document: dict[str, Json], depth: int = 0) -> Iterator[Schema]:
    """Find the schemas that say what a value may be: all of a choice, all parts of one."""
    described = resolved(schema, document)
    if depth > _DEEPEST:
        return
    parts = [one for key in ("allOf", "anyOf", "oneOf") for one in sequence(described.get(key))]
    for part in parts:
        yield from variants(part, document, depth + 1)
    if not parts or "properties" in described:
        yield described


def _index(step: Step, here: list[Schema]) -> Step:
    is_list = bool(here) and all(one.get("type") == "array" for one in here)
    return int(step) if is_list and isinstance(step, str) and step.isdecimal() else step


def _inner(schema: Schema, step: Step) -> Iterator[Json]:
    if not isinstance(step, str):
        if "items" in schema:
            yield schema["items"]
    elif step in mapping(schema.get("properties")):
        yield mapping(schema["properties"])[step]
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def _open(schema: Schema, step: Step) -> bool:
    kind = schema.get("type")
    if not isinstance(step, str):
        return kind is None and "properties" not in schema
    return kind in (None, "object") and schema.get("additionalProperties") is not False


def _fault(steps: list[Step], here: list[Schema]) -> str:
    step = steps[-1]
    where = shown(steps[:-1]) or "the answer"
    if all(one.get("type") in (None, "object") for one in here):
        return f"{where} has no {'list' if not isinstance(step, str) else f'field {step!r}'}"
    kinds = sorted({str(one["type"]) for one in here if one.get("type") not in (None, "object")})
    wanted = f"has a field {step!r}" if isinstance(step, str) else "has items"
    return f"{where} is of the type {' or '.join(kinds)}, which never {wanted}"


def is_in(path: Path, value: Json) -> bool:
    """Tell whether a value has something at a path, be it null."""
    for number, step in enumerate(path):
        if step is None:
            return any(is_in(path[number + 1 :], one) for one in sequence(value))
        items = {str(place): one for place, one in enumerate(sequence(value))} or mapping(value)
        if str(step) not in items:
            return False
        value = items[str(step)]
    return True


def shown(path: Path | list[Step]) -> str:
    """Write a path as a person reads it: `data.images[*].url`."""
    text = "".join(
        f".{step}" if isinstance(step, str) else f"[{'*' if step is None else step}]"
        for step in path
    )
    return text.removeprefix(".")
