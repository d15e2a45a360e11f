"""Apply an OpenAPI Overlay 1.x document: ordered actions that update or remove what they find.

Two things go beyond the specification. An action that finds nothing is named, because its fault is
gone and so should be the action. And `x-only` narrows what a target finds to what JSONPath cannot
say: the `optional answer fields`, which their schema does not require, or the entries in lists of
required fields that `published examples leave out`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Final, cast

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathNode

from tools.contract import Place
from tools.documents import Json
from tools.errors import PipelineError
from tools.repair.answers import optional_fields
from tools.repair.examples import left_out
from tools.repair.quick import quicken

_ONLY: Final[dict[str, Callable[[dict[str, Json]], set[Place]]]] = {
    "optional answer fields": optional_fields,
    "published examples leave out": left_out,
}
_WRAPPER: Final = "allOf"


@dataclass(frozen=True)
class Action:
    """One repair; `name` tells a person which one."""

    name: str
    target: str
    remove: bool
    update: Json
    only: str | None
    may_find_nothing: bool
    reason: str


@dataclass(frozen=True)
class Applied:
    """An action and how many places it has changed."""

    action: Action
    places: int


def apply(document: dict[str, Json], overlay: dict[str, Json], place: str) -> list[Applied]:
    """Change `document` as `overlay` says and tell what each action has found.

    Raises:
        PipelineError: `overlay` is not an Overlay 1.x document, or an action cannot be carried out.
    """
    actions = _actions(overlay, place)
    return [Applied(action, _carry_out(document, action)) for action in actions]


def _actions(overlay: dict[str, Json], place: str) -> list[Action]:
    if not str(overlay.get("overlay", "")).startswith("1."):
        raise PipelineError(f"{place} is not an OpenAPI Overlay 1.x document: no `overlay: 1.…`.")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise PipelineError(f"{place} has no list of `actions`.")
    return [_action(data, f"{place}: action {number}") for number, data in enumerate(actions, 1)]


def _action(data: Json, name: str) -> Action:
    if not isinstance(data, dict) or not isinstance(data.get("target"), str):
        raise PipelineError(f"{name} has no `target`.")
    name = f"{name} ({data['target']})"
    faults = {
        "gives no reason in its `description`": not str(data.get("description") or "").strip(),
        "has a `remove` that is not true or false": not isinstance(data.get("remove", False), bool),
        "has an unknown `x-only`": "x-only" in data and data["x-only"] not in list(_ONLY),
        "neither removes nor updates": not data.get("remove") and "update" not in data,
    }
    for fault, found in faults.items():
        if found:
            raise PipelineError(f"{name} {fault}.")
    return Action(
        name,
        target=str(data["target"]),
        remove=bool(data.get("remove")),
        update=data.get("update"),
        only=cast("str | None", data.get("x-only")),
        may_find_nothing=data.get("x-may-find-nothing") is True,
        reason=" ".join(str(data["description"]).split()),
    )


def _carry_out(document: dict[str, Json], action: Action) -> int:
    try:
        query = JSONPathEnvironment().compile(action.target)
        allowed = None if action.only is None else _ONLY[action.only](document)
        found = [] if allowed == set() else list(quicken(query).find(document))
    except JSONPathError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise PipelineError(f"{action.name} has a target that is not JSONPath: {reason}.") from None
    if allowed is not None:
        found = [node for node in found if node.location in allowed]
    for node in reversed(found):  # from behind, so that the places of list items stay right
        change = _remove if action.remove else _update
        change(node, action)
    return len(found)


def _remove(node: JSONPathNode, action: Action) -> None:
    if node.parent is None:
        raise PipelineError(f"{action.name} would remove the whole document.")
    container = cast("dict[int | str, Json]", node.parent.value)
    del container[node.location[-1]]


def _update(node: JSONPathNode, action: Action) -> None:
    value = node.value
    if isinstance(value, list):
        value.append(deepcopy(action.update))
    elif isinstance(value, dict) and isinstance(action.update, dict):
        _merge(_opened(value), action.update)
    elif isinstance(value, dict) or isinstance(action.update, dict | list):
        raise PipelineError(f"{action.name} does not fit what it finds at {node.path()}.")
    else:
        node.value = action.update


def _opened(value: dict[str, Json]) -> dict[str, Json]:
    """Wrap a reference: in OpenAPI 3.0 whatever stands beside a $ref is ignored."""
    if "$ref" in value:
        value[_WRAPPER] = [{"$ref": value.pop("$ref")}]
    return value


def _merge(target: dict[str, Json], update: dict[str, Json]) -> None:
    for key, new in update.items():
        old = target.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            _merge(old, new)
        elif isinstance(old, list) and isinstance(new, list):
            old.extend(deepcopy(new))
        else:
            target[key] = deepcopy(new)
