"""Compile what the contract says of tasks into tables, and check every word of it.

`x-task` stands on an operation that asks how a task is doing: which parameter takes the id, and
where its answer has the status and all else. A standard link of an answer, from the operation that
creates a task, leads to the one that asks for it. `x-task: false` on either means that it does not.
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
from tools.tasks.places import Found, Path

Paths = tuple[Path, ...]

STATES: Final = ("running", "succeeded", "failed", "cancelled", "expired")
MEDIA: Final = ("video", "audio", "image")
KINDS: Final = (*MEDIA, "file", "none")
ROLES: Final = ("id", "status", "reason", "code", "progress", "updated", "results")
METHODS: Final = ("wait", "watch", "wait_many", "as_completed", "download", "download_many")
_KEYS: Final = frozenset((*ROLES, "kind", "words", "content", "lookup", "main"))


class _Wrong(Exception):
    """A fault of one operation; the text says what is wrong with it."""


@dataclass(frozen=True)
class Task:
    """An operation that asks for a task. Names are those of the contract, not of Python.

    Attributes:
        parameter: The parameter that takes the id.
        further: The other parameters that are required.
        paths: Where the answer has each of ROLES; of several places the first that says it counts.
        kind: What the results are.
        words: What further status words mean.
        content: The operation that returns the result itself, and its parameter for the id.
        main: Whether it is the one that the whole tag is about; the only one always is.
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
        task: The operation that asks for it.
        id: Where the answer has the id; several links to one operation name several places.
        parameters: The other parameters of that operation: a text, or where the answer has it.
        lookup: The operation that may know a task whose creation was not answered.
    """

    task: Place
    id: Paths
    parameters: Mapping[str, str | Paths]
    lookup: Place | None = None


@dataclass(frozen=True)
class Tables:
    """All that a contract says of tasks."""

    words: dict[str, str]
    tasks: dict[Place, Task]
    creates: dict[Place, Create]
    main: Place | None = None
    """The operation that is meant where none is named: the only one, or the only `main` one."""


def compiled(document: dict[str, Json], place: str, published: Mapping[str, Place]) -> Tables:
    """Compile what a repaired contract says of tasks.

    Args:
        document: The contract.
        place: Its name, for messages.
        published: The operationIds as the contract had them before every operation got its name.

    Raises:
        PipelineError: a word of it does not fit the contract; the sentence says which.
    """
    reader = _Reader(document, named(document, published))
    tables = Tables(shared_words(), {}, {})
    for where, operation in operations(document):
        try:
            task = reader.task(where, operation)
        except _Wrong as error:
            raise PipelineError(f"{place}: the x-task of {called(where)}: {error}.") from None
        if task is not None:
            tables.tasks[where] = task
    marked = [where for where, task in tables.tasks.items() if task.main] or [*tables.tasks]
    tables = replace(tables, main=marked[0] if len(marked) == 1 else None)
    _settle_mains(document, place, tables.tasks)
    for where, operation in operations(document):
        try:
            create = reader.create(where, operation, tables.tasks)
        except _Wrong as error:
            raise PipelineError(f"{place}: the link of {called(where)}: {error}.") from None
        if create is not None:
            tables.creates[where] = create
    return tables


def _settle_mains(document: dict[str, Json], place: str, tasks: dict[Place, Task]) -> None:
    """Find the operation that a tag is about: its only one, or the one that says so."""
    by_tag: dict[str, list[Place]] = {}
    names: dict[str, set[Json]] = {}
    for where, operation in operations(document):
        names.setdefault(group_of(operation), set()).add(operation.get("operationId"))
        if where in tasks:
            by_tag.setdefault(group_of(operation), []).append(where)
    for tag, among in by_tag.items():
        mains = [where for where in among if tasks[where].main]
        if len(mains) > 1:
            both = " and ".join(map(called, mains[:2]))
            raise PipelineError(f"{place}: {both} are both `main` of one tag.")
        taken = sorted(names[tag] & {*METHODS}, key=str)
        if mains and taken:
            fault = f"cannot be `main`: the tag has an operation {taken[0]!r}"
            raise PipelineError(f"{place}: {called(mains[0])} {fault}.")
        if len(among) == 1 and not taken:
            tasks[among[0]] = replace(tasks[among[0]], main=True)


def shared_words() -> dict[str, str]:
    """Read what the status words of all services mean.

    Raises:
        PipelineError: the file does not say it word by word.
    """
    said = mapping(documents.read(layout.TASKS).get("words"))
    try:
        return _words({word: state for state in said for word in mapping(said[state])})
    except _Wrong as error:
        raise PipelineError(f"{layout.shown(layout.TASKS)}: {error}.") from None


def operation_ids(document: dict[str, Json]) -> dict[str, Place]:
    """Note the operationIds of a contract, as long as they are its own."""
    return {
        str(operation["operationId"]): place
        for place, operation in operations(document)
        if isinstance(operation.get("operationId"), str)
    }


def named(document: dict[str, Json], published: Mapping[str, Place]) -> dict[str, Place]:
    """Find operations by every name that is clear: as published, `tag.name`, or the name alone."""
    found: dict[str, list[Place]] = {}
    for place, operation in operations(document):
        name = str(operation.get("operationId"))
        found.setdefault(f"{group_of(operation)}.{name}", []).append(place)
        if name not in published:
            found.setdefault(name, []).append(place)
    clear = {name: where[0] for name, where in found.items() if len(where) == 1}
    return {**published, **clear}


def _words(said: Mapping[str, Json]) -> dict[str, str]:
    for word, state in said.items():
        if state not in STATES:
            raise _Wrong(f"the word {word!r} stands for {state!r}, not for {_one_of(STATES)}")
        if word != word.strip().casefold().replace("-", "_").replace(" ", "_") or not word:
            raise _Wrong(f"the word {word!r} is not in lower case with `_` for a dash or a space")
    return {word: str(said[word]) for word in sorted(said)}


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


class _Reader:
    """Reads what operations of one contract say of tasks."""

    def __init__(self, document: dict[str, Json], names: Mapping[str, Place]) -> None:
        self._document = document
        self._names = names

    def task(self, where: Place, operation: dict[str, Json]) -> Task | None:
        said = operation.get("x-task")
        if not said:
            return None
        if not isinstance(said, dict):
            raise _Wrong("it is neither an object nor false")
        unknown = sorted(said.keys() - _KEYS)
        if unknown:
            raise _Wrong(f"it has the unknown key {unknown[0]!r}")
        requested, told = _ids(said.get("id"))
        answer = places.answer(self._document, where)
        paths = {role: self._paths(role, said.get(role), answer) for role in ROLES[1:]}
        paths["id"] = self._paths("id", told, answer)
        if not paths["status"]:
            raise _Wrong("it says no `status`")
        kind = said.get("kind", "video" if paths["results"] else "none")
        if kind not in KINDS:
            raise _Wrong(f"its `kind` is {kind!r}, not {_one_of(KINDS)}")
        if not isinstance(said.get("main", False), bool):
            raise _Wrong("its `main` is not true or false")
        return Task(
            *self._parameters(where, requested),
            paths={role: paths[role] for role in ROLES},
            kind=str(kind),
            words=_words(mapping(said.get("words"))),
            content=self._content(said["content"], requested[1]) if said.get("content") else None,
            main=said.get("main") is True,
        )

    def create(
        self, where: Place, operation: dict[str, Json], tasks: Mapping[Place, Task]
    ) -> Create | None:
        answer = places.answer(self._document, where)
        found: Create | None = None
        for name, link in answer.links.items():
            target = places.target(mapping(link), self._names)
            if target is None or target not in tasks:
                if not places.LINK.fullmatch(name):
                    continue  # the contract's own, about something else
                aim = mapping(link).get("operationRef") or mapping(link).get("operationId")
                known = target and at(self._document, target)
                fault = "asks for no task" if known else "is not in the contract"
                raise _Wrong(f"its target {aim!r} {fault}")
            one = self._create(mapping(link), target, tasks[target], answer)
            found = found or replace(one, id=())
            if found.task != target:
                raise _Wrong(f"it leads to {called(found.task)} and to {called(target)}")
            found = replace(found, id=(*found.id, *one.id))
        return found and replace(found, lookup=self._lookup(where, found.task))

    def _lookup(self, where: Place, task: Place) -> Place | None:
        said = mapping(mapping(at(self._document, task)).get("x-task")).get("lookup")
        if said is None:
            return links.lookup(self._document, where, task)
        target = self._names.get(str(said))
        if said and target is None:
            raise _Wrong(f"the `lookup` {said!r} of its task is not in the contract")
        return target

    def _create(
        self, link: dict[str, Json], target: Place, task: Task, answer: places.Answer
    ) -> Create:
        given = {
            name.removeprefix("path.").removeprefix("query."): value
            for name, value in mapping(link.get("parameters")).items()
        }
        wanted = {task.parameter, *task.further}
        for name in given.keys() ^ wanted:
            lack = "is not given" if name in wanted else f"is not required by {called(target)}"
            raise _Wrong(f"the parameter {name!r} {lack}")
        values = {
            name: self._value(name, str(value), answer) for name, value in sorted(given.items())
        }
        own = values.pop(task.parameter)
        if isinstance(own, str):
            raise _Wrong(f"the id is {own!r}, not a place in the answer such as $response.body#/id")
        return Create(target, own, values)

    def _value(self, name: str, value: str, answer: places.Answer) -> str | Paths:
        return self._paths(name, value, answer) if value.startswith("$") else value

    def _paths(self, role: str, said: Json, answer: places.Answer) -> Paths:
        listed = said if isinstance(said, list) else [] if said is None else [said]
        return tuple(self._path(role, str(one), answer) for one in listed)

    def _path(self, role: str, expression: str, answer: places.Answer) -> Path:
        path = places.answer_path(expression)
        if path is None:
            raise _Wrong(
                f"{role} is {expression!r}, not like $response.body#/data/id or $.data[*].url"
            )
        if answer.schema is None:
            raise _Wrong("its answer is not described as JSON")
        try:
            return check(role, path, answer, self._document).path
        except LookupError as error:
            raise _Wrong(f"{role} is {expression!r}, {error}") from None

    def _parameters(self, where: Place, requested: tuple[str, str]) -> tuple[str, tuple[str, ...]]:
        known = places.parameters(self._document, where)
        if requested not in known:
            raise _Wrong(f"the operation has no parameter {requested[1]!r} in its {requested[0]}")
        required = (key for key, one in known.items() if one.get("required") is True)
        return requested[1], tuple(name for kind, name in required if (kind, name) != requested)

    def _content(self, name: Json, parameter: str) -> tuple[Place, str]:
        target = self._names.get(str(name))
        if target is None:
            raise _Wrong(f"its `content` {name!r} is not in the contract")
        kind = places.answer(self._document, target).media_type
        if kind is None or not is_bytes(kind, is_body=False):
            raise _Wrong(f"its `content` {name!r} does not answer with a file")
        known = places.parameters(self._document, target)
        required = [key for key, one in known.items() if one.get("required") is True]
        if len(required) != 1:
            raise _Wrong(
                f"its `content` {name!r} takes {len(required)} parameters, not the id alone"
            )
        return target, required[0][1]


def _ids(said: Json) -> tuple[tuple[str, str], list[Json]]:
    """Part where the id goes from where the answer says it."""
    listed = said if isinstance(said, list) else [said]
    asked = [places.request_parameter(str(one)) for one in listed]
    found = [one for one in asked if one is not None]
    if len(found) != 1:
        raise _Wrong("its `id` names no parameter such as $request.query.id, or several")
    return found[0], [one for one, key in zip(listed, asked, strict=True) if key is None]


def check(role: str, path: Path, answer: places.Answer, document: dict[str, Json]) -> Found:
    """Follow a path through an answer to what it is said to hold; an example may show it too.

    Raises:
        LookupError: the answer has no such thing there; the text goes on after "it is …,".
    """
    try:
        found = places.follow(answer.schema, path, document)
    except LookupError as error:
        raise LookupError(f"but {error}") from None
    if found.ends is None:
        shown = any(places.is_in(path, value) for value in published(answer.content))
        if role == "status" and found.described and not shown:
            raise LookupError("which the answer does not declare")
        return found
    kinds = {str(one.get("type")) for one in found.ends} - {"None"}
    wrong = kinds & {"array", "object"}
    if role not in ("reason", "code") and kinds and kinds <= wrong:
        hint = ": say [*] for its items" if "array" in kinds and role == "results" else ""
        raise LookupError(f"which is an {' or '.join(sorted(wrong))}{hint}")
    return found
