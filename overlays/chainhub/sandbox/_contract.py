"""The operations of the contract as data, and answers that are written from their examples.

`contract.json` stands beside the generated client: for every operation where it is, what it takes,
an example and the schema of its answer, and where the answer has what of a task. Nothing here knows
an operation by name.
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

_PLAIN: Mapping[str, Json] = {
    "string": "",
    "boolean": False,
    "integer": 0,
    "number": 0,
    "array": [],
}
Steps: TypeAlias = Sequence[str | int | None]
"""A path through an answer: the name of a field, the number of an item, None for every item."""


@frozen(kw_only=True)
class TaskFields:
    """Where a task operation takes the id, and where its answer has what of a task."""

    parameter: str
    parameters: Sequence[str]
    id: Sequence[Steps]
    status: Sequence[Steps]
    reason: Sequence[Steps]
    code: Sequence[Steps]
    progress: Sequence[Steps]
    updated: Sequence[Steps]
    results: Sequence[Steps]
    kind: str
    words: Mapping[str, str]
    content: tuple[str, str] | None
    main: bool


@frozen(kw_only=True, eq=False)
class Operation:
    """One operation of the contract; parameters by their Python names: place, name.

    The `key` is carried by a header, in the query or as user and password, under a name and after
    a prefix, or not at all. What it `creates` are tasks of another operation, whose id is in its
    answer at `created_id`.
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
    created_id: Sequence[Steps] = ()


def read_contract(source: Path | None) -> dict[str, Operation]:
    """Return the operations by name: those of a file, or of the installed client.

    Raises:
        FileNotFoundError: the file is not there.
    """
    file = files("chainhub_api").joinpath("contract.json") if source is None else source
    operations: dict[str, Operation] = {}
    for name, described in json.loads(file.read_text("utf-8"))["operations"].items():
        task, create = described.pop("task", None), described.pop("create", {})
        operations[name] = Operation(
            name=name,
            parameters=described.pop("in"),
            task=task and TaskFields(**task),
            creates=create.get("task"),
            created_id=create.get("id", ()),
            **described,
        )
    return operations


class Draft:
    """An answer in the making: an operation's example, changed where there is more to say."""

    def __init__(self, operation: Operation) -> None:
        # Nothing below changes a part in place, so all answers can share the example.
        self.body: Any = operation.example
        self._schema = operation.schema or {}

    def first(self, paths: Sequence[Steps]) -> Steps | None:
        """Return the first of the paths that the schema declares or the example has."""
        return next((one for one in paths if self.schemas(one) or self.values(one)), None)

    def schemas(self, path: Steps) -> list[Mapping[str, Any]]:
        """Return what the schema says of the value at a path; nothing where it leaves that open."""
        here = [*_variants(self._schema)]
        for step in path:
            here = _inside(here, step)
        return here

    def types(self, path: Steps) -> set[str]:
        """Return the JSON types that the schema allows at a path; empty where it is open."""
        schemas = self.schemas(path)
        nullable = {"null"} if any(one.get("nullable") for one in schemas) else set()
        return nullable | {one["type"] for one in schemas if "type" in one}

    def values(self, path: Steps) -> list[Json]:
        """Return what the body has at a path."""
        here = [self.body]
        for step in path:
            if step is None:
                here = [one for each in here if isinstance(each, list) for one in each]
            elif isinstance(step, str):
                here = [each[step] for each in here if isinstance(each, dict) and step in each]
            else:
                here = [each[step] for each in here if isinstance(each, list) and step < len(each)]
        return here

    def put(self, path: Steps, make: Callable[[], Json], count: int | None = None) -> None:
        """Set what is at a path; what is missing on the way is made, with all that it requires.

        Lists have `count` items then, like their first one; else those that they have, or one.
        """
        self.body = _with(self.body, path, make, count, [*_variants(self._schema)])

    def clear(self, path: Steps) -> None:
        """Say nothing at a path: no item of a list, else null or an empty text."""
        value: Json = []  # a list says "none" best by having no item
        if None in path:
            path = path[: path.index(None)]
        else:
            kinds = self.types(path) or {"null"}
            value = None if "null" in kinds else "" if "string" in kinds else {}
        if self.values(path):
            self.put(path, lambda: value)


def _variants(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what a value may be, or is in parts: the schema, and those it is composed of."""
    yield schema
    for choice in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(choice, ()):
            yield from _variants(one)


def _inside(schemas: list[Mapping[str, Any]], step: str | int | None) -> list[Mapping[str, Any]]:
    """Return what schemas say of a field, or of an item."""
    inner = [one.get("items") for one in schemas]
    if isinstance(step, str):
        inner = [one.get("properties", {}).get(step) for one in schemas]
    return [one for each in inner if each for one in _variants(each)]


def _least(schemas: list[Mapping[str, Any]]) -> dict[str, Json]:
    """Return an object that has what its schemas require."""
    # A dict for a set that keeps the order, in which people read the answer.
    needed = {name: None for one in schemas for name in one.get("required", ())}
    return {name: _plain(_inside(schemas, name)) for name in needed}


def _plain(schemas: list[Mapping[str, Any]]) -> Json:
    """Return the plainest value that schemas allow."""
    if not schemas or any(one.get("nullable") for one in schemas):
        return None
    enums = [value for one in schemas for value in one.get("enum", ())]
    kind = next((one["type"] for one in schemas if "type" in one), "object")
    return enums[0] if enums else _PLAIN[kind] if kind in _PLAIN else _least(schemas)


def _with(
    value: Any,  # noqa: ANN401 - JSON
    path: Steps,
    make: Callable[[], Json],
    count: int | None,
    schemas: list[Mapping[str, Any]],
) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return make()
    step, rest = path[0], path[1:]
    inner = partial(_with, path=rest, make=make, count=count, schemas=_inside(schemas, step))
    if isinstance(step, str):
        holder = value if isinstance(value, dict) else _least(schemas)
        return {**holder, step: inner(holder.get(step))}
    items = value if isinstance(value, list) else []
    if step is None:
        wanted = count or len(items) or 1
        first = items[0] if items else None
        items = [*items[:wanted], *[first] * (wanted - len(items))]
        return [inner(one) for one in items]
    items = [*items, *[None] * (step + 1 - len(items))]
    items[step] = inner(items[step])
    return items
