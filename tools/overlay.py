"""Apply an OpenAPI Overlay 1.x document: ordered actions that update or remove what they find.

Two things go beyond the specification. An action that finds nothing is reported, because its fault
is gone and the action should be too. And `x-only: optional answer fields` narrows what a target
finds to the fields that an answer may leave out, which JSONPath cannot say.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathNode

from tools.answers import optional_fields
from tools.documents import Json
from tools.problem import Problem

ONLY: Final = {"optional answer fields": optional_fields}
Action = dict[str, Json]


class _Deep(JSONPathEnvironment):
    max_recursion_depth = 200


def apply(document: dict[str, Json], overlay: dict[str, Json], place: str) -> list[str]:
    """Change `document` as `overlay` says and name the actions that found nothing.

    Raises:
        Problem: `overlay` is not an Overlay 1.x document, or an action cannot be carried out.
    """
    return [
        name
        for number, action in enumerate(_actions(overlay, place), 1)
        if not _carry_out(document, action, name := _name(action, number, place))
    ]


def _actions(overlay: dict[str, Json], place: str) -> list[Action]:
    if not str(overlay.get("overlay", "")).startswith("1."):
        raise Problem(f"{place} is not an OpenAPI Overlay 1.x document: no `overlay: 1.…`.")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise Problem(f"{place} has no list of `actions`.")
    return [_checked(action, number, place) for number, action in enumerate(actions, 1)]


def _checked(action: Json, number: int, place: str) -> Action:
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        raise Problem(f"{place}: action {number} has no `target`.")
    if not str(action.get("description") or "").strip():
        raise Problem(f"{_name(action, number, place)} gives no reason in its `description`.")
    if not isinstance(action.get("remove", False), bool):
        raise Problem(f"{_name(action, number, place)} has a `remove` that is not true or false.")
    if action.get("x-only", next(iter(ONLY))) not in ONLY:
        raise Problem(f"{_name(action, number, place)} has an unknown `x-only`.")
    if not action.get("remove") and "update" not in action:
        raise Problem(f"{_name(action, number, place)} neither removes nor updates.")
    return action


def _name(action: Action, number: int, place: str) -> str:
    return f"{place}: action {number} ({action['target']})"


def _carry_out(document: dict[str, Json], action: Action, name: str) -> int:
    try:
        found = list(_Deep().find(str(action["target"]), document))
    except JSONPathError as error:
        raise Problem(f"{name} has a target that is not JSONPath: {error.args[0]}.") from None
    if "x-only" in action:
        allowed = ONLY[str(action["x-only"])](document)
        found = [node for node in found if node.location in allowed]
    for node in reversed(found):
        if action.get("remove"):
            _remove(node, name)
        else:
            _update(node, action["update"], name)
    return len(found)


def _remove(node: JSONPathNode, name: str) -> None:
    if node.parent is None:
        raise Problem(f"{name} would remove the whole document.")
    del node.parent.value[node.location[-1]]  # type: ignore[attr-defined]  # a container


def _update(node: JSONPathNode, update: Json, name: str) -> None:
    value = node.value
    if isinstance(value, list):
        value.append(deepcopy(update))
    elif isinstance(value, dict) and isinstance(update, dict):
        _merge(_open(value), update)
    elif isinstance(value, dict) or isinstance(update, dict | list):
        raise Problem(f"{name} does not fit what it finds at {node.path()}.")
    else:
        node.value = update


def _open(value: dict[str, Json]) -> dict[str, Json]:
    # Whatever stands beside a $ref is ignored in OpenAPI 3.0; inside an allOf it counts.
    if "$ref" in value:
        value["allOf"] = [{"$ref": value.pop("$ref")}]
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
