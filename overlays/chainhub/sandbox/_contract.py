"""The operations of the contract as data, and responses that are made from their examples.

`contract.json` is a part of the generated client. It has for each operation the path, the
parameters, an example and the schema of its response, and which fields of the response describe a
task. No code here depends on the name of an operation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen

from chainhub.sandbox._script import Json

_DEFAULTS: Mapping[str, Json] = {
    "string": "",
    "boolean": False,
    "integer": 0,
    "number": 0,
    "array": [],
}
JsonPath: TypeAlias = Sequence[str | int | None]
"""A path in a response: the name of a field, the index of an item, None for every item."""


@frozen(kw_only=True)
class TaskFields:
    """Where a task operation has the id, and where its response has the fields of a task."""

    parameter: str
    parameters: Sequence[str]
    id: Sequence[JsonPath]
    status: Sequence[JsonPath]
    reason: Sequence[JsonPath]
    code: Sequence[JsonPath]
    progress: Sequence[JsonPath]
    updated: Sequence[JsonPath]
    results: Sequence[JsonPath]
    kind: str
    words: Mapping[str, str]
    content: tuple[str, str] | None
    main: bool


@frozen(kw_only=True, eq=False)
class Operation:
    """One operation of the contract; parameters by their Python names: location, name.

    The `key` is carried by a header, in the query or as user and password, under a name and after
    a prefix, or not at all. It `creates` tasks of another operation, whose id is in its response at
    `created_id`.
    """

    name: str
    method: str
    path: str
    parameters: Mapping[str, tuple[str, str]]
    required: Sequence[str]
    body: str | None
    example: Json
    schema: Mapping[str, Any] | None
    status: int
    binary: str | None
    key: Sequence[str] = ("header", "Authorization", "Bearer")
    task: TaskFields | None = None
    creates: str | None = None
    created_id: Sequence[JsonPath] = ()


def read_contract(source: Path | None) -> dict[str, Operation]:
    """Return the operations by name: those of a file, or of the installed client.

    Raises:
        FileNotFoundError: the file is not there.
    """
    file = files("chainhub_api").joinpath("contract.json") if source is None else source
    operations: dict[str, Operation] = {}
    for name, description in json.loads(file.read_text("utf-8"))["operations"].items():
        task, create = description.pop("task", None), description.pop("create", {})
        operations[name] = Operation(
            name=name,
            parameters=description.pop("in"),
            task=task and TaskFields(**task),
            creates=create.get("task"),
            created_id=create.get("id", ()),
            **description,
        )
    return operations


class Draft:
    """The body of a response: an operation's example, in which values are set."""

    def __init__(self, operation: Operation) -> None:
        # Nothing below changes a part in place, so all responses can share the example.
        self.body: Any = operation.example
        self._schema = operation.schema or {}

    def first(self, paths: Sequence[JsonPath]) -> JsonPath | None:
        """Return the first of the paths that the schema declares or the example has."""
        return next((path for path in paths if self.schemas(path) or self.values(path)), None)

    def schemas(self, path: JsonPath) -> list[Mapping[str, Any]]:
        """Return the schemas of the value at a path; none if the schema does not declare it."""
        schemas = [*_variants(self._schema)]
        for key in path:
            schemas = _children(schemas, key)
        return schemas

    def types(self, path: JsonPath) -> set[str]:
        """Return the JSON types that the schema allows at a path; empty if it declares none."""
        schemas = self.schemas(path)
        nullable = {"null"} if any(schema.get("nullable") for schema in schemas) else set()
        return nullable | {schema["type"] for schema in schemas if "type" in schema}

    def values(self, path: JsonPath) -> list[Json]:
        """Return the values that the body has at a path."""
        parts = [self.body]
        for key in path:
            if key is None:
                parts = [item for part in parts if isinstance(part, list) for item in part]
            elif isinstance(key, str):
                parts = [part[key] for part in parts if isinstance(part, dict) and key in part]
            else:
                parts = [part[key] for part in parts if isinstance(part, list) and key < len(part)]
        return parts

    def put(self, path: JsonPath, make: Callable[[], Json], count: int | None = None) -> None:
        """Set the value at a path; missing parents are created, with all that they require.

        Lists then have `count` items like their first one; without `count` those they have, or one.
        """
        self.body = _with_value(self.body, path, make, count, [*_variants(self._schema)])

    def clear(self, path: JsonPath) -> None:
        """Empty the value at a path: a list without items, else null or an empty text."""
        value: Json = []  # for a list
        if None in path:
            path = path[: path.index(None)]
        else:
            kinds = self.types(path) or {"null"}
            value = None if "null" in kinds else "" if "string" in kinds else {}
        if self.values(path):
            self.put(path, lambda: value)


def _variants(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema, and those that it is composed of."""
    yield schema
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            yield from _variants(part)


def _children(schemas: list[Mapping[str, Any]], key: str | int | None) -> list[Mapping[str, Any]]:
    """Return the schemas of a field, or of the items."""
    inner = [schema.get("items") for schema in schemas]
    if isinstance(key, str):
        inner = [schema.get("properties", {}).get(key) for schema in schemas]
    return [variant for schema in inner if schema for variant in _variants(schema)]


def _minimal_object(schemas: list[Mapping[str, Any]]) -> dict[str, Json]:
    """Return an object with the fields that its schemas require."""
    # A dict as a set that keeps the order, for people who read the response.
    names = {name: None for schema in schemas for name in schema.get("required", ())}
    return {name: _minimal_value(_children(schemas, name)) for name in names}


def _minimal_value(schemas: list[Mapping[str, Any]]) -> Json:
    """Return the simplest value that schemas allow."""
    if not schemas or any(schema.get("nullable") for schema in schemas):
        return None
    enums = [value for schema in schemas for value in schema.get("enum", ())]
    kind = next((schema["type"] for schema in schemas if "type" in schema), "object")
    return enums[0] if enums else _DEFAULTS[kind] if kind in _DEFAULTS else _minimal_object(schemas)


def _with_value(
    value: Any,  # noqa: ANN401 - JSON
    path: JsonPath,
    make: Callable[[], Json],
    count: int | None,
    schemas: list[Mapping[str, Any]],
) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return make()
    key, rest = path[0], path[1:]
    inner = partial(_with_value, path=rest, make=make, count=count, schemas=_children(schemas, key))
    if isinstance(key, str):
        fields = value if isinstance(value, dict) else _minimal_object(schemas)
        return {**fields, key: inner(fields.get(key))}
    items = value if isinstance(value, list) else []
    if key is None:
        length = count or len(items) or 1
        first = items[0] if items else None
        items = [*items[:length], *[first] * (length - len(items))]
        return [inner(item) for item in items]
    items = [*items, *[None] * (key + 1 - len(items))]
    items[key] = inner(items[key])
    return items
