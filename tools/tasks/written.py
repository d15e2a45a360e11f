"""Write the tables of tasks beside the client: `tasks.py` and `contract.json`."""

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
    """Return the separator between the items of a list, or `deepObject`; empty by default."""
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
        self._endpoints = {
            place: endpoints[str(place[2]), unnamed(str(place[1]))]
            for place, _ in operations(document)
        }
        self.models = {model.class_info.name: model for model in data.models}

    def __iter__(self) -> Iterator[tuple[str, Place]]:
        """Walk through the operations by name."""
        yield from sorted((self.name(place), place) for place in self._endpoints)

    def name(self, place: Place) -> str:
        """Name an operation as callers do: `video.query`."""
        tag, endpoint = self._endpoints[place]
        return f"{tag}.{endpoint.name}"

    def endpoint(self, place: Place) -> Endpoint:
        """Find the generator's endpoint of an operation."""
        return self._endpoints[place][1]

    def parameters(self, place: Place) -> dict[str, tuple[str, str]]:
        """Find the location and the name in the contract of parameters, by their Python names."""
        return {
            str(parameter.python_name): (kind.value, parameter.name.get_untrusted_value())
            for kind, parameter in self.endpoint(place).iter_all_parameters()
        }

    def styles(self, place: Place) -> dict[str, str] | None:
        """Find the styles of lists and objects in the query; None if it can have none."""
        kinds = [
            prop for item in self.endpoint(place).query_parameters for prop in self._choices(item)
        ]
        if not any(isinstance(prop, AnyProperty | ListProperty | ModelProperty) for prop in kinds):
            return None
        parameters = places.parameters(self.document, place)
        styles = {
            name: style_of(value) for (where, name), value in parameters.items() if where == "query"
        }
        return {name: style for name, style in styles.items() if style}

    def python_name(self, place: Place, parameter: str) -> str:
        """Find the Python name of a parameter; of two with its name, the one in the path."""
        names = {
            kind: name for name, (kind, key) in self.parameters(place).items() if key == parameter
        }
        return next(names[kind] for kind in ("path", "query", "header", "cookie") if kind in names)

    def attributes(self, place: Place, paths: Paths) -> Paths:
        """Name the steps of paths through the answer as its models name them."""
        return tuple(dict.fromkeys(self._attributes(place, path) for path in paths))

    def _attributes(self, place: Place, path: Path) -> Path:
        status = places.answer(self.document, place).status
        responses = self.endpoint(place).responses
        props: list[PropertyProtocol] = [
            response.prop for response in responses if response.status_code.pattern == status
        ]
        steps: list[int | str | None] = []
        for step in path:
            props = [choice for prop in props for choice in self._choices(prop)]
            if not isinstance(step, str):
                steps.append(step)
                props = [prop.inner_property for prop in props if isinstance(prop, ListProperty)]
                continue
            models = [
                self.models[prop.class_info.name]
                for prop in props
                if isinstance(prop, ModelProperty)
            ]
            hits = [prop for model in models for prop in named_fields(model) if prop.name == step]
            steps.append(str(hits[0].python_name) if hits else step)
            props = hits or [
                model.additional_properties for model in models if model.additional_properties
            ]
        return tuple(steps)

    def _choices(self, prop: PropertyProtocol) -> Iterator[PropertyProtocol]:
        if isinstance(prop, UnionProperty):
            for member in prop.inner_properties:
                yield from self._choices(member)
        else:
            yield prop


class Life:
    """What templates ask about tasks, by the generator's endpoint of an operation."""

    def __init__(self, tables: Tables, client: Operations) -> None:
        endpoints = {place: client.endpoint(place) for _, place in client}
        self._tasks = {id(endpoints[place]): task for place, task in tables.tasks.items()}
        self._creates: dict[int, list[Endpoint]] = {}
        for place, create in tables.creates.items():
            self._creates.setdefault(id(endpoints[create.task]), []).append(endpoints[place])
        self._deprecated = {
            id(endpoint)
            for place, endpoint in endpoints.items()
            if mapping(at(client.document, place)).get("deprecated")
        }
        contents = {task.content[0]: task.kind for task in tables.tasks.values() if task.content}
        self._files: dict[int, str] = {}
        for place, endpoint in endpoints.items():
            media_type = places.answer(client.document, place).media_type
            if endpoint.method == "get" and media_type and is_bytes(media_type, is_body=False):
                top = media_type.partition("/")[0]
                self._files[id(endpoint)] = top if top in MEDIA else contents.get(place, "file")

    def is_task(self, endpoint: Endpoint) -> bool:
        """Tell whether an operation queries a task."""
        return id(endpoint) in self._tasks

    def is_main(self, endpoint: Endpoint) -> bool:
        """Tell whether the resource has its methods too."""
        return self.is_task(endpoint) and self._tasks[id(endpoint)].main

    def is_deprecated(self, endpoint: Endpoint) -> bool:
        """Tell whether the contract advises against an operation."""
        return id(endpoint) in self._deprecated

    def file_kind(self, endpoint: Endpoint) -> str:
        """Tell the kind of the file that an operation returns; empty if it returns none."""
        has_dest = any(prop.python_name == "dest" for prop in endpoint.list_all_parameters())
        return "" if has_dest else self._files.get(id(endpoint), "")

    def is_object(self, endpoint: Endpoint) -> bool:
        """Tell whether an operation is more than a method."""
        return self.is_task(endpoint) or bool(self.file_kind(endpoint))

    def creates(self, endpoint: Endpoint) -> list[Endpoint]:
        """List the operations that create its tasks."""
        return self._creates.get(id(endpoint), [])

    def class_name(self, endpoint: Endpoint) -> str:
        """Name the class of an operation: private, and no other operation of a tag has the same."""
        parts = str(endpoint.name).split("_")
        words = (part.capitalize() if part[:1].isalpha() else f"_{part}" for part in parts)
        return "_" + "".join(words)


def _task(
    task: Task, paths: dict[str, Paths], client: Operations, place: Place
) -> dict[str, object]:
    content = task.content
    return {
        "parameter": client.python_name(place, task.parameter),
        "parameters": tuple(client.python_name(place, name) for name in task.further),
        **paths,
        "kind": task.kind,
        "words": dict(task.words),
        "content": content and (client.name(content[0]), client.python_name(*content)),
        "main": task.main,
    }


def _create(create: Create, client: Operations, *, python: bool, place: Place) -> dict[str, object]:
    def steps(paths: Paths) -> Paths:
        return client.attributes(place, paths) if python else paths

    return {
        "task": client.name(create.task),
        "id": steps(create.id),
        "parameters": {
            client.python_name(create.task, name): value if isinstance(value, str) else steps(value)
            for name, value in create.parameters.items()
        },
    }


def any_task(returns: Iterable[str], models: Container[str]) -> str:
    """Return a type for every task: a union of models, or `Any` if one can be something else."""
    kinds = sorted({kind for answer in returns for kind in answer.split(" | ")})
    if not kinds or not all(kind in models for kind in kinds):
        return "_t.Any"
    return " | ".join(f"_models.{kind}" for kind in kinds)


def tasks_module(tables: Tables, client: Operations, returns: dict[Place, str]) -> str:
    """Write `tasks.py`: data for the code that waits.

    Args:
        tables: The tasks of the contract.
        client: The operations of the client.
        returns: The types of the operations' answers, as Python code.
    """
    tasks: dict[str, object] = {}
    creates: dict[str, object] = {}
    for name, place in client:
        if place in tables.tasks:
            task = tables.tasks[place]
            paths = {role: client.attributes(place, task.paths[role]) for role in ROLES}
            tasks[name] = {"returns": returns[place], **_task(task, paths, client, place)}
        if place in tables.creates:
            create = tables.creates[place]
            entry = _create(create, client, python=True, place=place)
            entry["lookup"] = create.lookup and client.name(create.lookup)
            creates[name] = {"returns": returns[place], **entry}
    main = client.name(tables.main) if tables.main else None
    answers = [returns[place] for place in tables.tasks]
    return (
        f"{_HEAD.format(any_task=any_task(answers, client.models))}MAIN: str | None = {main!r}\n\n"
        f"WORDS: dict[str, str] = {tables.words!r}\n\n"
        f"TASKS: dict[str, dict[str, object]] = {tasks!r}\n\n"
        f"CREATES: dict[str, dict[str, object]] = {creates!r}\n"
    )


def write_contract(tables: Tables, client: Operations, into: FilePath) -> None:
    """Write `contract.json`: a line for every operation, for the sandbox."""
    lines = []
    key, other_keys = carriers(client.document, client)
    for name, place in client:
        entry = _entry(tables, client, place)
        if other_keys.get(name, key) != BEARER:
            entry["key"] = other_keys.get(name, key)
        value = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        lines.append(f"{json.dumps(name)}:{value}")
    text = '{"operations":{\n' + ",\n".join(lines) + "\n}}\n"
    (into / CONTRACT).write_text(text, "utf-8")


def _entry(tables: Tables, client: Operations, place: Place) -> dict[str, object]:
    document = client.document
    answer = places.answer(document, place)
    media_type, status = answer.media_type, answer.status
    task, create = tables.tasks.get(place), tables.creates.get(place)
    parameters = places.parameters(document, place)
    by_name = client.parameters(place)
    required = [
        name for name, key in by_name.items() if parameters.get(key, {}).get("required") is True
    ]
    body = resolved(mapping(at(document, place)).get("requestBody"), document)
    paths = [path for role in ROLES for path in task.paths[role]] if task else []
    paths += create.id if create else ()
    entry: dict[str, object] = {
        "method": str(place[2]).upper(),
        "path": place[1],
        "in": by_name,
        "required": required,
        "body": next(iter(mapping(body.get("content"))), None),
        "example": examples.example(answer.content, document, paths) if media_type else None,
        "schema": None if answer.schema is None else examples.reduced(answer.schema, document),
        "status": int(status) if status.isdecimal() else 200,
        "binary": media_type if media_type and is_bytes(media_type, is_body=False) else None,
    }
    if task:
        entry["task"] = _task(task, dict(task.paths), client, place)
    if create:
        entry["create"] = _create(create, client, python=False, place=place)
    return entry
