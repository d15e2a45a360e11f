"""What the contract says of a task operation, and the `TaskId` of a wait: an id and parameters.

The generated table contains plain data. A path leads through an answer: a text is a field,
a number the index in a list, None every index.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs

from chainhub.errors import ConfigurationError
from chainhub_api.tasks import CREATES as _CREATES
from chainhub_api.tasks import MAIN
from chainhub_api.tasks import TASKS as _TASKS

if TYPE_CHECKING:
    from chainhub._session import Operation

    Path = tuple[str | int | None, ...]
    Paths = tuple[Path, ...]

T = TypeVar("T")

# Their inferred types would be those of one contract.
TASKS: Mapping[str, Any] = _TASKS
CREATES: Mapping[str, Any] = _CREATES


class TaskId(NamedTuple):
    """The task of a poll: an id, and further parameters in the order of `Task.parameters`."""

    id: str
    parameters: tuple[str, ...] = ()


@attrs.frozen
class Submission:
    """A task that was created once; a wait takes it in place of an id.

    Attributes:
        key: The key under which it was submitted.
        operation: The operation that created it, such as `video.create`.
        id: The id of the task.
        parameters: What its task operation requires besides the id.
    """

    key: str
    operation: str
    id: str
    parameters: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(eq=False, kw_only=True)
class Task:
    """An operation that says how a task is doing, as the table of the contract has it.

    Attributes:
        returns: The name of the model it returns, or of several.
        parameter: The parameter that takes the id.
        parameters: Its further required parameters.
        results: Where the URLs of the results are, the best ones first.
        kind: What the results are: video, audio, image, file or none.
        words: What status values mean beyond the usual ones.
        content: The operation that returns the result itself, and its parameter.
        main: Whether its methods also stand on the resource.
    """

    name: str
    returns: str
    parameter: str
    parameters: tuple[str, ...]
    id: Paths
    status: Paths
    reason: Paths
    code: Paths
    progress: Paths
    updated: Paths
    results: Paths
    kind: str
    words: Mapping[str, str]
    content: tuple[str, str] | None
    main: bool

    @property
    def holder(self) -> str:
        """The name before `.wait` and `.download` in code: `video`, or `video.query`."""
        return self.name.partition(".")[0] if self.main else self.name

    @property
    def wait(self) -> str:
        return f"{self.holder}.wait"

    @property
    def has_lists(self) -> bool:
        """Whether a task may have several results."""
        return any(None in path for path in self.results)

    def operation(self) -> Operation:
        return operation_named(self.name, self.returns)

    def arguments(self, task_id: TaskId) -> dict[str, object]:
        further = zip(self.parameters, task_id.parameters, strict=True)
        return {self.parameter: task_id.id, **dict(further)}

    def check(self, parameters: Mapping[str, object]) -> None:
        for name in parameters:
            if name not in self.parameters:
                where = "; client.with_options() takes it" if name in ("timeout", "retry") else ""
                text = f"a method of {self.holder} got an unexpected keyword argument {name!r}"
                raise TypeError(text + where)

    def task_id_of(self, task: object, parameters: Mapping[str, str]) -> TaskId:
        """Return what to poll for an id, a task, or the answer of an operation that created it."""
        id_, values = (task, {}) if isinstance(task, str) else self.identify(task)
        if not isinstance(id_, str) or not id_.strip():
            raise ConfigurationError(f"the task id must be a non-empty string{self._hint(task)}")
        if not self.parameters:
            return TaskId(id_)
        values.update(parameters)
        missing = [name for name in self.parameters if name not in values]
        if missing:
            names = ", ".join(f"{name}=" for name in missing)
            raise ConfigurationError(f"{self.name} needs {names} besides the id of the task")
        return TaskId(id_, tuple(values[name] for name in self.parameters))

    @property
    def models(self) -> list[str]:
        return _models(self.returns)

    def is_answer(self, task: object) -> bool:
        """Return whether this is an answer of the operation, and not an id or another answer."""
        return type(task).__name__ in self.models

    def _hint(self, task: object) -> str:
        """Return why an answer, a submission or anything else contains no id."""
        specs, model = {**TASKS, **CREATES}, type(task).__name__
        names = [name for name, spec in specs.items() if model in _models(spec["returns"])]
        if isinstance(task, Submission):
            names = [task.operation]
        if not names:
            advice = ": pass its task" if hasattr(task, "task") else ""  # an outcome
            return "" if isinstance(task, str) else f", not of type {model}{advice}"
        is_own = any(self.name in (name, CREATES.get(name, {}).get("task")) for name in names)
        problem = "has no id" if is_own else f"is about no task of {self.name}"
        return f": an answer of {' and '.join(names)} {problem}"

    def identify(self, answer: object) -> tuple[str | None, dict[str, str]]:
        """Return the id and the parameters that an answer contains."""
        if isinstance(answer, Submission):
            create = CREATES.get(answer.operation, {})
            values = create.get("parameters", {})
            fixed = {name: value for name, value in values.items() if isinstance(value, str)}
            own = create.get("task") == self.name  # ids of other operations may look the same
            return (answer.id if own else None), {**fixed, **answer.parameters}
        model = type(answer).__name__
        creates = [
            create
            for create in CREATES.values()
            if create["task"] == self.name and model in _models(create["returns"])
        ]
        paths = self.id if self.is_answer(answer) else ()
        ids = values_at(answer, [*paths, *(path for create in creates for path in create["id"])])
        candidates = [
            {
                name: value if isinstance(value, str) else next(values_at(answer, value), None)
                for name, value in create["parameters"].items()
            }
            for create in creates
        ]
        # Two operations may return the same model with different parameters: then none.
        parameters = {
            name: value
            for name, value in (candidates[0] if candidates else {}).items()
            if isinstance(value, str)
            and all(candidate.get(name) == value for candidate in candidates)
        }
        # If an answer has two forms, the fields of the other one may exist and be empty.
        # Zero is an id; True and an empty text are not.
        valid = (id_ for id_ in ids if type(id_) is int or (isinstance(id_, str) and id_.strip()))
        return next(map(str, valid), None), parameters


def operation_named(name: str, returns: str) -> Operation:
    from chainhub._session import operation_of

    return operation_of(import_module(f"chainhub_api.api.{name}"), returns)


@cache
def task_named(name: str) -> Task:
    """Return what the contract says of a task operation, such as `video.query`."""
    # Now: when the first wait begins, perhaps no file can be opened any more.
    import_module(f"chainhub_api.api.{name}")
    return Task(name=name, **TASKS[name])


def main_task() -> Task:
    """Return the default task operation."""
    return task_named(MAIN or next(iter(TASKS)))


@lru_cache(256)  # bounded: a name may be that of any class of the caller
def _find_task(model: str) -> Task | None:
    """Return the task operation of a model name; of several operations, with all their paths."""
    tasks = [task_named(name) for name, task in TASKS.items() if model in _models(task["returns"])]
    if len(tasks) < 2:
        return tasks[0] if tasks else None
    paths: dict[str, Any] = {
        name: tuple(dict.fromkeys(path for task in tasks for path in getattr(task, name)))
        for name in ("id", "status", "reason", "code", "progress", "updated", "results")
    }
    words = {word: state for task in tasks for word, state in task.words.items()}
    return attrs.evolve(tasks[0], words=words, **paths)


def task_of(model: object) -> Task:
    """Return what the contract says of a task, by its model."""
    task = _find_task(type(model).__name__)
    if task is None:
        raise ConfigurationError(
            f"a {type(model).__name__} is no task: no task operation of the contract returns one"
        )
    return task


def task_models() -> set[str]:
    return {model for task in TASKS.values() for model in _models(task["returns"])}


def several(tasks: T) -> T:
    """Refuse a single task instead of several: a text would count as one id per letter."""
    if isinstance(tasks, str | bytes | bytearray | Submission) or hasattr(tasks, "to_dict"):
        text = "several tasks are given as a list of them or of their ids, such as [id], not as"
        raise ConfigurationError(f"{text} a {type(tasks).__name__}")
    return tasks


async def each_async(items: Iterable[object] | AsyncIterable[object]) -> AsyncIterator[object]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def values_at(holder: object, paths: Iterable[Path]) -> Iterator[Any]:
    return (value for path in paths for value in dig(holder, path) if value is not None)


def dig(holder: object, path: Path) -> list[object]:
    """Return the values at a path in models, mappings and lists."""
    steps = iter(path)
    for step in steps:
        if isinstance(step, str):
            extras = getattr(holder, "additional_properties", holder)
            # Nearly all are dicts, and the check of an abstract class takes ten times as long.
            if (type(extras) is dict or isinstance(extras, Mapping)) and step in extras:
                holder = extras[step]
            else:
                holder = getattr(holder, step, None)
        elif not isinstance(holder, list):
            return []
        elif step is None:
            rest = tuple(steps)
            return [value for each in holder for value in dig(each, rest)]
        else:
            holder = holder[step] if -len(holder) <= step < len(holder) else None
    return [holder]


def _models(returns: str) -> list[str]:
    # As the generator writes a type: "A | B" where an answer has several forms.
    return returns.replace("|", " ").split()
