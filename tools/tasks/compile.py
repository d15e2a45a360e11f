"""Compile the `x-task` and the links of a contract into tables, and check every word of them.

`x-task` is in an operation that queries a task: it names the parameter for the id, and the paths of
the status and of the other roles in the answer. A standard link in the answer of the operation that
creates a task leads to it. `x-task: false` in either operation means that it has no task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tools import documents, layout
from tools.contract import Place, at, called, group_of, mapping, operations
from tools.documents import Json
from tools.errors import PipelineError
from tools.repair.examples import published
from tools.repair.media import is_bytes
from tools.tasks import links, places
from tools.tasks.places import Location, Path

Paths = tuple[Path, ...]

STATES: Final = ("running", "succeeded", "failed", "cancelled", "expired")
MEDIA: Final = ("video", "audio", "image")
KINDS: Final = (*MEDIA, "file", "none")
ROLES: Final = ("id", "status", "reason", "code", "progress", "updated", "results")
METHODS: Final = ("wait", "watch", "wait_many", "as_completed", "download", "download_many")
_KEYS: Final = frozenset((*ROLES, "kind", "words", "content", "lookup", "main"))


class _Fault(Exception):
    """A fault of one operation; the text says what is wrong with it."""


@dataclass(frozen=True)
class Task:
    """An operation that queries a task. Names are those of the contract, not of Python.

    Attributes:
        parameter: The parameter that takes the id.
        further: The other parameters that are required.
        paths: The paths of each of ROLES in the answer; of several the first with a value counts.
        kind: What the results are.
        words: The states of further status words.
        content: The operation that returns the result itself, and its parameter for the id.
        main: Whether it is the main one of its tag; the only one always is.
    """

    parameter: str
    further: tuple[str, ...]
    paths: Mapping[str, Paths]
    kind: str
    words: Mapping[str, str]
    content: tuple[Place, str] | None
    main: bool


@dataclass(frozen=True)
class Create:
    """An operation that creates a task.

    Attributes:
        task: The operation that queries it.
        id: The paths of the id in the answer; several links to one operation give several.
        parameters: The other parameters of that operation: a text, or paths in the answer.
        lookup: The operation that finds a task again after its creation got no response.
    """

    task: Place
    id: Paths
    parameters: Mapping[str, str | Paths]
    lookup: Place | None = None


@dataclass(frozen=True)
class Tables:
    """The tables of one contract."""

    words: dict[str, str]
    tasks: dict[Place, Task]
    creates: dict[Place, Create]
    main: Place | None = None
    """The default operation where none is named: the only one, or the only `main` one."""


def compiled(document: dict[str, Json], contract: str, published: Mapping[str, Place]) -> Tables:
    """Compile the `x-task` and the links of a repaired contract.

    Args:
        document: The contract.
        contract: Its name, for messages.
        published: The operationIds as the contract had them before every operation got its name.

    Raises:
        PipelineError: a value does not fit the contract; the sentence says which.
    """
    reader = _Reader(document, by_name(document, published))
    tables = Tables(shared_words(), {}, {})
    for place, operation in operations(document):
        try:
            task = reader.task(place, operation)
        except _Fault as error:
            raise PipelineError(f"{contract}: the x-task of {called(place)}: {error}.") from None
        if task is not None:
            tables.tasks[place] = task
    main_places = [place for place, task in tables.tasks.items() if task.main] or [*tables.tasks]
    tables = replace(tables, main=main_places[0] if len(main_places) == 1 else None)
    _settle_mains(document, contract, tables.tasks)
    for place, operation in operations(document):
        try:
            create = reader.create(place, operation, tables.tasks)
        except _Fault as error:
            raise PipelineError(f"{contract}: the link of {called(place)}: {error}.") from None
        if create is not None:
            tables.creates[place] = create
    return tables


def _settle_mains(document: dict[str, Json], contract: str, tasks: dict[Place, Task]) -> None:
    """Find the main operation of each tag: its only one, or the one that declares `main`."""
    by_tag: dict[str, list[Place]] = {}
    names: dict[str, set[Json]] = {}
    for place, operation in operations(document):
        names.setdefault(group_of(operation), set()).add(operation.get("operationId"))
        if place in tasks:
            by_tag.setdefault(group_of(operation), []).append(place)
    for tag, task_places in by_tag.items():
        mains = [place for place in task_places if tasks[place].main]
        if len(mains) > 1:
            both = " and ".join(map(called, mains[:2]))
            raise PipelineError(f"{contract}: {both} are both `main` of one tag.")
        conflicts = sorted(names[tag] & {*METHODS}, key=str)
        if mains and conflicts:
            fault = f"cannot be `main`: the tag has an operation {conflicts[0]!r}"
            raise PipelineError(f"{contract}: {called(mains[0])} {fault}.")
        if len(task_places) == 1 and not conflicts:
            tasks[task_places[0]] = replace(tasks[task_places[0]], main=True)


def shared_words() -> dict[str, str]:
    """Read the states of the status words that all services share.

    Raises:
        PipelineError: the file is not a valid list of words for each state.
    """
    states = mapping(documents.read(layout.TASKS).get("words"))
    try:
        return _words({word: state for state in states for word in mapping(states[state])})
    except _Fault as error:
        raise PipelineError(f"{layout.shown(layout.TASKS)}: {error}.") from None


def operation_ids(document: dict[str, Json]) -> dict[str, Place]:
    """Find operations by operationId, while the contract still has its own ones."""
    return {
        str(operation["operationId"]): place
        for place, operation in operations(document)
        if isinstance(operation.get("operationId"), str)
    }


def by_name(document: dict[str, Json], published: Mapping[str, Place]) -> dict[str, Place]:
    """Find operations by every unambiguous name: as published, `tag.name`, or the name alone."""
    matches: dict[str, list[Place]] = {}
    for place, operation in operations(document):
        name = str(operation.get("operationId"))
        matches.setdefault(f"{group_of(operation)}.{name}", []).append(place)
        if name not in published:
            matches.setdefault(name, []).append(place)
    unique = {name: candidates[0] for name, candidates in matches.items() if len(candidates) == 1}
    return {**published, **unique}


def _words(words: Mapping[str, Json]) -> dict[str, str]:
    for word, state in words.items():
        if state not in STATES:
            raise _Fault(f"the word {word!r} stands for {state!r}, not for {_one_of(STATES)}")
        if word != word.strip().casefold().replace("-", "_").replace(" ", "_") or not word:
            raise _Fault(f"the word {word!r} is not in lower case with `_` for a dash or a space")
    return {word: str(words[word]) for word in sorted(words)}


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


class _Reader:
    """Reads the `x-task` and the links of the operations of one contract."""

    def __init__(self, document: dict[str, Json], names: Mapping[str, Place]) -> None:
        self._document = document
        self._names = names

    def task(self, place: Place, operation: dict[str, Json]) -> Task | None:
        x_task = operation.get("x-task")
        if not x_task:
            return None
        if not isinstance(x_task, dict):
            raise _Fault("it is neither an object nor false")
        unknown = sorted(x_task.keys() - _KEYS)
        if unknown:
            raise _Fault(f"it has the unknown key {unknown[0]!r}")
        key, id_values = _ids(x_task.get("id"))
        answer = places.answer(self._document, place)
        paths = {role: self._paths(role, x_task.get(role), answer) for role in ROLES[1:]}
        paths["id"] = self._paths("id", id_values, answer)
        if not paths["status"]:
            raise _Fault("it says no `status`")
        kind = x_task.get("kind", "video" if paths["results"] else "none")
        if kind not in KINDS:
            raise _Fault(f"its `kind` is {kind!r}, not {_one_of(KINDS)}")
        if not isinstance(x_task.get("main", False), bool):
            raise _Fault("its `main` is not true or false")
        return Task(
            *self._parameters(place, key),
            paths={role: paths[role] for role in ROLES},
            kind=str(kind),
            words=_words(mapping(x_task.get("words"))),
            content=self._content(x_task["content"], key[1]) if x_task.get("content") else None,
            main=x_task.get("main") is True,
        )

    def create(
        self, place: Place, operation: dict[str, Json], tasks: Mapping[Place, Task]
    ) -> Create | None:
        answer = places.answer(self._document, place)
        create: Create | None = None
        for name, link in answer.links.items():
            target = places.target(mapping(link), self._names)
            if target is None or target not in tasks:
                if not places.LINK.fullmatch(name):
                    continue  # a link of the contract about something else
                target_name = mapping(link).get("operationRef") or mapping(link).get("operationId")
                target_operation = target and at(self._document, target)
                fault = "asks for no task" if target_operation else "is not in the contract"
                raise _Fault(f"its target {target_name!r} {fault}")
            partial = self._create(mapping(link), target, tasks[target], answer)
            create = create or replace(partial, id=())
            if create.task != target:
                raise _Fault(f"it leads to {called(create.task)} and to {called(target)}")
            create = replace(create, id=(*create.id, *partial.id))
        return create and replace(create, lookup=self._lookup(place, create.task))

    def _lookup(self, place: Place, task: Place) -> Place | None:
        name = mapping(mapping(at(self._document, task)).get("x-task")).get("lookup")
        if name is None:
            return links.lookup(self._document, place, task)
        target = self._names.get(str(name))
        if name and target is None:
            raise _Fault(f"the `lookup` {name!r} of its task is not in the contract")
        return target

    def _create(
        self, link: dict[str, Json], target: Place, task: Task, answer: places.Answer
    ) -> Create:
        parameters = {
            name.removeprefix("path.").removeprefix("query."): value
            for name, value in mapping(link.get("parameters")).items()
        }
        expected = {task.parameter, *task.further}
        for name in parameters.keys() ^ expected:
            fault = "is not given" if name in expected else f"is not required by {called(target)}"
            raise _Fault(f"the parameter {name!r} {fault}")
        values = {
            name: self._value(name, str(value), answer)
            for name, value in sorted(parameters.items())
        }
        ids = values.pop(task.parameter)
        if isinstance(ids, str):
            raise _Fault(f"the id is {ids!r}, not a place in the answer such as $response.body#/id")
        return Create(target, ids, values)

    def _value(self, name: str, value: str, answer: places.Answer) -> str | Paths:
        return self._paths(name, value, answer) if value.startswith("$") else value

    def _paths(self, role: str, value: Json, answer: places.Answer) -> Paths:
        values = value if isinstance(value, list) else [] if value is None else [value]
        return tuple(self._path(role, str(item), answer) for item in values)

    def _path(self, role: str, expression: str, answer: places.Answer) -> Path:
        path = places.answer_path(expression)
        if path is None:
            raise _Fault(
                f"{role} is {expression!r}, not like $response.body#/data/id or $.data[*].url"
            )
        if answer.schema is None:
            raise _Fault("its answer is not described as JSON")
        try:
            return check(role, path, answer, self._document).path
        except LookupError as error:
            raise _Fault(f"{role} is {expression!r}, {error}") from None

    def _parameters(self, place: Place, id_key: tuple[str, str]) -> tuple[str, tuple[str, ...]]:
        parameters = places.parameters(self._document, place)
        if id_key not in parameters:
            raise _Fault(f"the operation has no parameter {id_key[1]!r} in its {id_key[0]}")
        required = (key for key, value in parameters.items() if value.get("required") is True)
        return id_key[1], tuple(name for kind, name in required if (kind, name) != id_key)

    def _content(self, name: Json, parameter: str) -> tuple[Place, str]:
        target = self._names.get(str(name))
        if target is None:
            raise _Fault(f"its `content` {name!r} is not in the contract")
        media_type = places.answer(self._document, target).media_type
        if media_type is None or not is_bytes(media_type, is_body=False):
            raise _Fault(f"its `content` {name!r} does not answer with a file")
        parameters = places.parameters(self._document, target)
        required = [key for key, value in parameters.items() if value.get("required") is True]
        if len(required) != 1:
            raise _Fault(
                f"its `content` {name!r} takes {len(required)} parameters, not the id alone"
            )
        return target, required[0][1]


def _ids(value: Json) -> tuple[tuple[str, str], list[Json]]:
    """Separate the parameter that takes the id from the paths of the id in the answer."""
    values = value if isinstance(value, list) else [value]
    keys = [places.request_parameter(str(item)) for item in values]
    matches = [item for item in keys if item is not None]
    if len(matches) != 1:
        raise _Fault("its `id` names no parameter such as $request.query.id, or several")
    return matches[0], [item for item, key in zip(values, keys, strict=True) if key is None]


def check(role: str, path: Path, answer: places.Answer, document: dict[str, Json]) -> Location:
    """Follow a path through an answer and check its value; an example may show it too.

    Raises:
        LookupError: the answer has no such value there; the text goes on after "it is …,".
    """
    try:
        location = places.follow(answer.schema, path, document)
    except LookupError as error:
        raise LookupError(f"but {error}") from None
    if location.schemas is None:
        is_in_example = any(places.is_in(path, value) for value in published(answer.content))
        if role == "status" and location.is_described and not is_in_example:
            raise LookupError("which the answer does not declare")
        return location
    kinds = {str(schema.get("type")) for schema in location.schemas} - {"None"}
    containers = kinds & {"array", "object"}
    if role not in ("reason", "code") and kinds and kinds <= containers:
        hint = ": say [*] for its items" if "array" in kinds and role == "results" else ""
        raise LookupError(f"which is an {' or '.join(sorted(containers))}{hint}")
    return location
