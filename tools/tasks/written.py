"""Write what is said of tasks beside the client: `tasks.py` for code, `contract.json` for tools."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from pathlib import Path as FilePath
from typing import Final

from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties import AnyProperty, ModelProperty
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.parser.properties.union import UnionProperty

from tools.contract import Place, at, mapping, operations, resolved, unnamed
from tools.documents import Json
from tools.received import named_fields
from tools.repair.media import is_bytes
from tools.security import BEARER, carriers
from tools.tasks import examples, places
from tools.tasks.compile import MEDIA, ROLES, Create, Paths, Tables, Task
from tools.tasks.places import Path

TASKS: Final = "tasks.py"
CONTRACT: Final = "contract.json"

_HEAD: Final = '''"""How tasks are asked for and created, as the contract says.

A path is a tuple of steps through an answer: the name of an attribute, or of a field where no model
declares one; the number of an item; None for every item. Of several paths the first that leads to a
value counts. WORDS says what a status means, in lower case with `_` for a dash or a space. MAIN is
the operation that is meant where none is named. AnyTask is what errors about a task may hold.
"""

import typing as _t

if _t.TYPE_CHECKING:
    from . import models as _models

    AnyTask: _t.TypeAlias = {any_task}

'''


def style_of(parameter: dict[str, Json]) -> str:
    """Tell what stands between the items of a list, or `deepObject`; empty in the usual style."""
    style = str(parameter.get("style", "form"))
    if style == "deepObject" or parameter.get("explode", style == "form"):
        return style if style == "deepObject" else ""
    return {"form": ",", "pipeDelimited": "|", "spaceDelimited": " "}.get(style, "")


class Operations:
    """The operations of a contract as the generated client calls them."""

    def __init__(self, document: dict[str, Json], data: GeneratorData) -> None:
        endpoints = {
            (endpoint.method, unnamed(endpoint.path.get_untrusted_value())): (str(tag), endpoint)
            for tag, collection in data.endpoint_collections_by_tag.items()
            for endpoint in collection.endpoints
        }
        self.document = document
        self.renamed: list[str] = []
        self._found = {
            place: endpoints[str(place[2]), unnamed(str(place[1]))]
            for place, _ in operations(document)
        }
        self.models = {model.class_info.name: model for model in data.models}

    def __iter__(self) -> Iterator[tuple[str, Place]]:
        """Walk through the operations by name."""
        yield from sorted((self.name(place), place) for place in self._found)

    def name(self, place: Place) -> str:
        """Name an operation as callers do: `video.query`."""
        tag, endpoint = self._found[place]
        return f"{tag}.{endpoint.name}"

    def endpoint(self, place: Place) -> Endpoint:
        """Find what the generator knows of an operation."""
        return self._found[place][1]

    def parameters(self, place: Place) -> dict[str, tuple[str, str]]:
        """Find the parameters by their Python names: where they stand, and their own names."""
        return {
            str(one.python_name): (kind.value, one.name.get_untrusted_value())
            for kind, one in self.endpoint(place).iter_all_parameters()
        }

    def styles(self, place: Place) -> dict[str, str] | None:
        """Find how lists and objects in the query are written; None if there can be none."""
        kinds = [
            one for each in self.endpoint(place).query_parameters for one in self._choices(each)
        ]
        if not any(isinstance(one, AnyProperty | ListProperty | ModelProperty) for one in kinds):
            return None
        parameters = places.parameters(self.document, place)
        found = {
            name: style_of(one) for (where, name), one in parameters.items() if where == "query"
        }
        return {name: style for name, style in found.items() if style}

    def python_name(self, place: Place, parameter: str) -> str:
        """Find the Python name of a parameter; of two with its name, the one in the path."""
        found = {
            kind: name for name, (kind, own) in self.parameters(place).items() if own == parameter
        }
        return next(found[kind] for kind in ("path", "query", "header", "cookie") if kind in found)

    def attributes(self, place: Place, paths: Paths) -> Paths:
        """Name the steps of paths through the answer as its models do."""
        return tuple(dict.fromkeys(self._attributes(place, path) for path in paths))

    def _attributes(self, place: Place, path: Path) -> Path:
        status = places.answer(self.document, place).status
        responses = self.endpoint(place).responses
        here: list[PropertyProtocol] = [
            one.prop for one in responses if one.status_code.pattern == status
        ]
        steps: list[int | str | None] = []
        for step in path:
            here = [one for each in here for one in self._choices(each)]
            if not isinstance(step, str):
                steps.append(step)
                here = [one.inner_property for one in here if isinstance(one, ListProperty)]
                continue
            models = [
                self.models[one.class_info.name] for one in here if isinstance(one, ModelProperty)
            ]
            fields = [one for each in models for one in named_fields(each) if one.name == step]
            steps.append(str(fields[0].python_name) if fields else step)
            here = fields or [
                one.additional_properties for one in models if one.additional_properties
            ]
        return tuple(steps)

    def _choices(self, one: PropertyProtocol) -> Iterator[PropertyProtocol]:
        if isinstance(one, UnionProperty):
            for inner in one.inner_properties:
                yield from self._choices(inner)
        else:
            yield one


class Life:
    """What templates ask of tasks, by what the generator knows of an operation."""

    def __init__(self, tables: Tables, known: Operations) -> None:
        found = {place: known.endpoint(place) for _, place in known}
        self._tasks = {id(found[place]): task for place, task in tables.tasks.items()}
        self._creates: dict[int, list[Endpoint]] = {}
        for place, create in tables.creates.items():
            self._creates.setdefault(id(found[create.task]), []).append(found[place])
        self._deprecated = {
            id(endpoint)
            for place, endpoint in found.items()
            if mapping(at(known.document, place)).get("deprecated")
        }
        contents = {task.content[0]: task.kind for task in tables.tasks.values() if task.content}
        self._files: dict[int, str] = {}
        for place, endpoint in found.items():
            kind = places.answer(known.document, place).media_type
            if endpoint.method == "get" and kind and is_bytes(kind, is_body=False):
                own = kind.partition("/")[0]
                self._files[id(endpoint)] = own if own in MEDIA else contents.get(place, "file")

    def is_task(self, endpoint: Endpoint) -> bool:
        """Tell whether an operation asks for a task."""
        return id(endpoint) in self._tasks

    def is_main(self, endpoint: Endpoint) -> bool:
        """Tell whether its methods also stand on the resource."""
        return self.is_task(endpoint) and self._tasks[id(endpoint)].main

    def is_deprecated(self, endpoint: Endpoint) -> bool:
        """Tell whether the contract advises against an operation."""
        return id(endpoint) in self._deprecated

    def file_kind(self, endpoint: Endpoint) -> str:
        """Tell what the file is that an operation answers with; nothing if it is none."""
        taken = any(one.python_name == "dest" for one in endpoint.list_all_parameters())
        return "" if taken else self._files.get(id(endpoint), "")

    def is_object(self, endpoint: Endpoint) -> bool:
        """Tell whether an operation is more than a method."""
        return self.is_task(endpoint) or bool(self.file_kind(endpoint))

    def creates(self, endpoint: Endpoint) -> list[Endpoint]:
        """List the operations that create what it asks for."""
        return self._creates.get(id(endpoint), [])

    def class_name(self, endpoint: Endpoint) -> str:
        """Name the class of an operation: private, and no other operation of a tag has the same."""
        parts = str(endpoint.name).split("_")
        words = (part.capitalize() if part[:1].isalpha() else f"_{part}" for part in parts)
        return "_" + "".join(words)


def _task(
    task: Task, paths: dict[str, Paths], known: Operations, place: Place
) -> dict[str, object]:
    content = task.content
    return {
        "parameter": known.python_name(place, task.parameter),
        "parameters": tuple(known.python_name(place, name) for name in task.further),
        **paths,
        "kind": task.kind,
        "words": dict(task.words),
        "content": content and (known.name(content[0]), known.python_name(*content)),
        "main": task.main,
    }


def _create(create: Create, known: Operations, *, python: bool, place: Place) -> dict[str, object]:
    def named(paths: Paths) -> Paths:
        return known.attributes(place, paths) if python else paths

    return {
        "task": known.name(create.task),
        "id": named(create.id),
        "parameters": {
            known.python_name(create.task, name): value if isinstance(value, str) else named(value)
            for name, value in create.parameters.items()
        },
    }


def any_task(returns: Iterable[str], models: Container[str]) -> str:
    """Return a type for every task: a union of models, or `Any` if one can be something else."""
    kinds = sorted({kind for answer in returns for kind in answer.split(" | ")})
    if not kinds or not all(kind in models for kind in kinds):
        return "_t.Any"
    return " | ".join(f"_models.{kind}" for kind in kinds)


def tasks_module(tables: Tables, known: Operations, returns: dict[Place, str]) -> str:
    """Write `tasks.py`: data for the code that waits.

    Args:
        tables: What the contract says of tasks.
        known: The operations of the client.
        returns: The types of the operations' answers, as Python code.
    """
    tasks: dict[str, object] = {}
    creates: dict[str, object] = {}
    for name, place in known:
        if place in tables.tasks:
            task = tables.tasks[place]
            paths = {role: known.attributes(place, task.paths[role]) for role in ROLES}
            tasks[name] = {"returns": returns[place], **_task(task, paths, known, place)}
        if place in tables.creates:
            create = tables.creates[place]
            made = _create(create, known, python=True, place=place)
            made["lookup"] = create.lookup and known.name(create.lookup)
            creates[name] = {"returns": returns[place], **made}
    main = known.name(tables.main) if tables.main else None
    answers = [returns[place] for place in tables.tasks]
    return (
        f"{_HEAD.format(any_task=any_task(answers, known.models))}MAIN: str | None = {main!r}\n\n"
        f"WORDS: dict[str, str] = {tables.words!r}\n\n"
        f"TASKS: dict[str, dict[str, object]] = {tasks!r}\n\n"
        f"CREATES: dict[str, dict[str, object]] = {creates!r}\n"
    )


def write_contract(tables: Tables, known: Operations, into: FilePath) -> None:
    """Write `contract.json`: a line for every operation, for what plays or offers them by name."""
    lines = []
    key, others = carriers(known.document, known)
    for name, place in known:
        facts = _described(tables, known, place)
        if others.get(name, key) != BEARER:
            facts["key"] = others.get(name, key)
        described = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
        lines.append(f"{json.dumps(name)}:{described}")
    text = '{"operations":{\n' + ",\n".join(lines) + "\n}}\n"
    (into / CONTRACT).write_text(text, "utf-8")


def _described(tables: Tables, known: Operations, place: Place) -> dict[str, object]:
    document = known.document
    answer = places.answer(document, place)
    kind, status = answer.media_type, answer.status
    task, create = tables.tasks.get(place), tables.creates.get(place)
    parameters = places.parameters(document, place)
    by_name = known.parameters(place)
    required = [
        name for name, key in by_name.items() if parameters.get(key, {}).get("required") is True
    ]
    body = resolved(mapping(at(document, place)).get("requestBody"), document)
    paths = [path for role in ROLES for path in task.paths[role]] if task else []
    paths += create.id if create else ()
    described: dict[str, object] = {
        "method": str(place[2]).upper(),
        "path": place[1],
        "in": by_name,
        "required": required,
        "body": next(iter(mapping(body.get("content"))), None),
        "example": examples.example(answer.content, document, paths) if kind else None,
        "schema": None if answer.schema is None else examples.reduced(answer.schema, document),
        "status": int(status) if status.isdecimal() else 200,
        "binary": kind if kind and is_bytes(kind, is_body=False) else None,
    }
    if task:
        described["task"] = _task(task, dict(task.paths), known, place)
    if create:
        described["create"] = _create(create, known, python=False, place=place)
    return described
