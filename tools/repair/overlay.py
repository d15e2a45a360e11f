"""Apply an OpenAPI Overlay 1.0 or 1.1 document: ordered actions that change what they find.

Two things go beyond the specification. An action that finds nothing is reported, because its fault
is gone and so should be the action. And `x-only` narrows the matches of a target to what JSONPath
cannot say: the `optional answer fields`, which their schema does not require, or the entries in
lists of required fields that `published examples leave out`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathNode

from tools.contract import mapping, sequence
from tools.documents import Json
from tools.errors import PipelineError
from tools.repair.answers import optional_fields
from tools.repair.examples import left_out

# Each yields the mappings or lists that hold the matches, and the key or index in them.
_ONLY: Final[dict[str, Callable[[dict[str, Json]], Iterable[tuple[Json, int | str]]]]] = {
    "optional answer fields": optional_fields,
    "published examples leave out": left_out,
}
_WRAPPER: Final = "allOf"
_VERSION: Final = re.compile(r"1\.[01]\.\d+(-.+)?")
_CHANGES: Final = ("update", "copy")
# Contracts nest deeper than the 100 levels that the library allows; Python's own limit holds.
_JSONPATH: Final = JSONPathEnvironment()
_JSONPATH.max_recursion_depth = sys.maxsize
_ROOT: Final = ("overlay", "info", "extends", "actions")
_KEYS: Final = ("target", "description", "remove", *_CHANGES)


@dataclass(frozen=True)
class Action:
    """One repair; `name` identifies it for people, `reason` is its description, which may be empty.

    `change` is what is merged or appended, or a JSONPath expression of what is copied, or None.
    """

    name: str
    target: str
    remove: bool
    change: tuple[Literal["update", "copy"], Json] | None
    only: str | None
    may_find_nothing: bool
    reason: str


Applied: TypeAlias = tuple[Action, int]


def apply(document: dict[str, Json], overlay: dict[str, Json], place: str) -> list[Applied]:
    """Change `document` as `overlay` says; return each action and how many places it has changed.

    Raises:
        PipelineError: `overlay` is not an Overlay 1.x document, or an action cannot be carried out.
    """
    actions = _actions(overlay, place)
    return [(action, _carry_out(document, action)) for action in actions]


def _actions(overlay: dict[str, Json], place: str) -> list[Action]:
    if not _VERSION.fullmatch(str(overlay.get("overlay", ""))):
        raise PipelineError(f"{place} is not an OpenAPI Overlay 1.x document: no `overlay: 1.1.0`.")
    info = mapping(overlay.get("info"))
    texts = [info.get(key) for key in ("title", "version")]
    if not all(isinstance(text, str) for text in [*texts, info.get("description", "")]):
        raise PipelineError(f"{place} has no `info` with a title and a version, all of it text.")
    unknown = _unknown(overlay, _ROOT)
    if unknown:
        raise PipelineError(f"{place} has the unknown key {unknown!r}.")
    items = overlay.get("actions")
    if not isinstance(items, list) or not items:
        raise PipelineError(f"{place} has no list of `actions`.")
    for number, data in enumerate(items, 1):
        if data in items[: number - 1]:
            first = items.index(data) + 1
            raise PipelineError(f"{place}: action {number} is the same as action {first}.")
    return [_action(data, f"{place}: action {number}") for number, data in enumerate(items, 1)]


def _unknown(data: dict[str, Json], known_keys: Sequence[str]) -> str:
    return next((key for key in data if key not in known_keys and not key.startswith("x-")), "")


def _action(data: Json, name: str) -> Action:
    if not isinstance(data, dict) or not isinstance(data.get("target"), str):
        raise PipelineError(f"{name} has no `target`.")
    name = f"{name} ({data['target']})"
    unknown = _unknown(data, _KEYS)
    messages = {
        f"has the unknown key {unknown!r}": bool(unknown),
        "has a `description` that is not text": not isinstance(data.get("description", ""), str),
        "has a `remove` that is not true or false": not isinstance(data.get("remove", False), bool),
        "has a `copy` that is not text": not isinstance(data.get("copy", ""), str),
        "has an `update` and a `copy`; only one of them counts": {"update", "copy"} <= data.keys(),
        "has an unknown `x-only`": "x-only" in data and data["x-only"] not in list(_ONLY),
    }
    for message, applies in messages.items():
        if applies:
            raise PipelineError(f"{name} {message}.")
    return Action(
        name,
        target=str(data["target"]),
        remove=bool(data.get("remove")),
        change=next(((key, data[key]) for key in _CHANGES if key in data), None),
        only=cast("str | None", data.get("x-only")),
        may_find_nothing=data.get("x-may-find-nothing") is True,
        reason=" ".join(str(data.get("description", "")).split()),
    )


def _carry_out(document: dict[str, Json], action: Action) -> int:
    selected = _ONLY[action.only](document) if action.only else ()
    places = {(id(holder), place) for holder, place in selected}
    nodes = _find(document, action.target, action, "target") if places or not action.only else []
    if action.only:
        nodes = [
            node
            for node in nodes
            if node.parent and (id(node.parent.value), node.location[-1]) in places
        ]
    if action.remove:
        # From behind, so that the places of list items stay right.
        for node in sorted(nodes, key=lambda node: node.location, reverse=True):
            _remove(node, action)
    elif action.change and nodes:
        if len({_kind(node.value) for node in nodes}) > 1:
            raise PipelineError(
                f"{action.name} finds objects, lists or plain values, not one kind."
            )
        value = _value(document, action)
        for node in nodes:
            _update(node, value, action)
    return len(nodes)


def _find(
    document: dict[str, Json], expression: str, action: Action, key: str
) -> list[JSONPathNode]:
    try:
        nodes = _JSONPATH.find(expression, document)
        return list({node.location: node for node in nodes}.values())  # it may find one twice
    except JSONPathError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise PipelineError(f"{action.name} has a {key} that is not JSONPath: {reason}.") from None


def _value(document: dict[str, Json], action: Action) -> Json:
    """Return what an action merges or appends; a copy is taken before anything is changed."""
    key, value = cast("tuple[str, Json]", action.change)
    if key == "update":
        return value
    nodes = _find(document, str(value), action, key)
    if len(nodes) != 1:
        raise PipelineError(f"{action.name} has a copy that finds {len(nodes)} places, not one.")
    return deepcopy(cast("Json", nodes[0].value))


def _remove(node: JSONPathNode, action: Action) -> None:
    if node.parent is None:
        raise PipelineError(f"{action.name} would remove the whole document.")
    container = cast("dict[int | str, Json]", node.parent.value)
    del container[node.location[-1]]


def _update(node: JSONPathNode, update: Json, action: Action) -> None:
    value = node.value
    if isinstance(value, list):
        value.extend(deepcopy(update if isinstance(update, list) else [update]))
    elif _kind(value) is not _kind(update):
        raise PipelineError(f"{action.name} does not fit what it finds at {node.path()}.")
    elif isinstance(value, dict):
        _merge(_wrap_reference(value), mapping(update), f"{action.name} does not fit", node.path())
    else:
        node.value = update


def _wrap_reference(value: dict[str, Json]) -> dict[str, Json]:
    """Wrap a reference: in OpenAPI 3.0 anything beside a $ref is ignored."""
    if "$ref" in value:
        value[_WRAPPER] = [{"$ref": value.pop("$ref")}]
    return value


def _merge(target: dict[str, Json], update: dict[str, Json], message: str, path: str) -> None:
    for key, new in update.items():
        old = target.get(key)
        if key not in target or (_kind(old) is _kind(new) is object):
            target[key] = deepcopy(new)
        elif _kind(old) is not _kind(new):
            raise PipelineError(f"{message} what it finds at {path}['{key}'].")
        elif isinstance(old, dict):
            _merge(old, mapping(new), message, f"{path}['{key}']")
        else:
            sequence(old).extend(deepcopy(sequence(new)))


def _kind(value: object) -> type:
    """Sort values as the specification does: objects, lists, and all others."""
    return next((kind for kind in (dict, list) if isinstance(value, kind)), object)
