"""What an overlay does to a document, action by action."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tools.documents import Json
from tools.errors import PipelineError
from tools.repair import overlay

DOCUMENT: dict[str, Json] = {
    "info": {"title": "", "tags": ["a/b", "c", "d/e"]},
    "list": [{"n": 1, "in": {"deep": [1]}}, {"n": 2}],
}


def applied(*actions: dict[str, Json], document: dict[str, Json] = DOCUMENT) -> Json:
    """Apply actions to a copy, each of which has to find something."""
    copy = deepcopy(document)
    data: list[Json] = [{"description": "why", **action} for action in actions]
    applied = overlay.apply(copy, {"overlay": "1.0.0", "actions": data}, "o.yaml")
    left = [one.action for one in applied if not one.places]
    assert left == []
    return copy


@pytest.mark.parametrize(
    ("action", "info", "items"),
    [
        (
            {"target": "$.info.tags[?search(@, '/')]", "remove": True},
            {"title": "", "tags": ["c"]},
            0,
        ),
        ({"target": "$[?@.title == '']", "update": {"title": "t"}}, {"title": "t"}, 0),
        ({"target": "$.info", "update": {"tags": ["x"]}}, {"tags": ["a/b", "c", "d/e", "x"]}, 0),
        ({"target": "$.info.tags", "update": "x"}, {"tags": ["a/b", "c", "d/e", "x"]}, 0),
        ({"target": "$.info.tags", "update": ["x"]}, {"tags": ["a/b", "c", "d/e", ["x"]]}, 0),
        ({"target": "$.info.title", "update": "t"}, {"title": "t"}, 0),
        ({"target": "$.info.title", "update": None}, {"title": None}, 0),
        ({"target": "$.info", "update": {"title": {"x": 1}}}, {"title": {"x": 1}}, 0),
        ({"target": "$.info.title", "remove": False, "update": "t"}, {"title": "t"}, 0),
        ({"target": "$.list[*]", "remove": True}, {}, -2),
    ],
)
def test_actions_change_what_they_find(
    action: dict[str, Json], info: dict[str, Json], items: int
) -> None:
    """Mappings merge, lists grow, plain values are replaced, `remove: false` removes nothing."""
    result = applied(action)
    assert isinstance(result, dict)
    assert isinstance(result["list"], list)
    assert {"title": "", "tags": ["a/b", "c", "d/e"], **info} == result["info"]
    assert len(result["list"]) == 2 + items


def test_actions_are_carried_out_in_order_and_merge_deeply() -> None:
    """A later action sees what an earlier one did, and no value is shared with the overlay."""
    update: Json = {"in": {"deep": [2], "new": {"x": [1]}}}
    result = applied(
        {"target": "$.list[0]", "update": update},
        {"target": "$.list[0].in.new.x", "update": 2},
        {"target": "$.list[1]", "remove": True},
    )
    assert isinstance(result, dict)
    assert result["list"] == [{"n": 1, "in": {"deep": [1, 2], "new": {"x": [1, 2]}}}]
    assert update == {"in": {"deep": [2], "new": {"x": [1]}}}


def test_a_reference_is_wrapped_before_it_is_updated() -> None:
    """Beside a $ref the update would be ignored."""
    result = applied(
        {"target": "$.a", "update": {"nullable": True}}, document={"a": {"$ref": "#/b"}}
    )
    assert result == {"a": {"allOf": [{"$ref": "#/b"}], "nullable": True}}


def test_a_later_action_sees_the_wrapper() -> None:
    """And can go on from it, although neither the document nor an update has such a name."""
    result = applied(
        {"target": "$.a", "update": {"nullable": True}},
        {"target": "$.a.allOf[0]", "remove": True},
        document={"a": {"$ref": "#/b"}},
    )
    assert result == {"a": {"allOf": [], "nullable": True}}


def test_only_optional_answer_fields_can_be_asked_for() -> None:
    """The marker keeps, of what the target finds, only these."""
    schema: Json = {"properties": {"a": {}, "b": {}}, "required": ["a"]}
    content: Json = {"content": {"application/json": {"schema": schema}}}
    result = applied(
        {"target": "$..properties.*", "x-only": "optional answer fields", "update": {"x": 1}},
        document={"paths": {"/a": {"get": {"responses": {"200": content}}}}},
    )
    assert '"a": {}, "b": {"x": 1}' in str(result).replace("'", '"')


def test_actions_that_find_nothing_are_named() -> None:
    """With their number, their target, and whether that is expected of them."""
    actions: list[Json] = [
        {"target": "$.nope", "description": "why", "remove": True},
        {"target": "$.no", "description": "why", "remove": True, "x-may-find-nothing": True},
    ]
    applied = overlay.apply({}, {"overlay": "1.1.0", "actions": actions}, "o.yaml")
    left = [one.action for one in applied if not one.places]
    assert [(action.name, action.may_find_nothing) for action in left] == [
        ("o.yaml: action 1 ($.nope)", False),
        ("o.yaml: action 2 ($.no)", True),
    ]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("x", "o.yaml: action 1 has no `target`."),
        ({"remove": True}, "o.yaml: action 1 has no `target`."),
        ({"target": "$.a", "description": " "}, "($.a) gives no reason in its `description`."),
        ({"target": "$.a", "remove": "no"}, "has a `remove` that is not true or false."),
        ({"target": "$.a", "remove": True, "x-only": "other"}, "has an unknown `x-only`."),
        ({"target": "$.a", "remove": True, "x-only": None}, "has an unknown `x-only`."),
        ({"target": "$.a", "remove": True, "x-only": [1]}, "has an unknown `x-only`."),
        ({"target": "$.a", "remove": False}, "neither removes nor updates."),
        ({"target": "$.a[", "remove": True}, "has a target that is not JSONPath: "),
        ({"target": "$", "remove": True}, "would remove the whole document."),
        ({"target": "$.info", "update": "x"}, "does not fit what it finds at $['info']."),
        (
            {"target": "$.info.title", "update": {}},
            "does not fit what it finds at $['info']['title'].",
        ),
    ],
)
def test_bad_actions_are_refused_by_number(action: Json, sentence: str) -> None:
    """One sentence names the action and what is wrong with it."""
    if isinstance(action, dict):
        action = {"description": "why", **action}
    with pytest.raises(PipelineError) as caught:
        overlay.apply(deepcopy(DOCUMENT), {"overlay": "1.0.0", "actions": [action]}, "o.yaml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"actions": []}, "o.yaml is not an OpenAPI Overlay 1.x document"),
        ({"overlay": "2.0.0"}, "o.yaml is not an OpenAPI Overlay 1.x document"),
        ({"overlay": "1.0.0", "actions": []}, "o.yaml has no list of `actions`."),
        ({"overlay": "1.0.0", "actions": {}}, "o.yaml has no list of `actions`."),
    ],
)
def test_what_is_no_overlay_is_refused(document: dict[str, Json], sentence: str) -> None:
    """A document of another kind is not half applied."""
    with pytest.raises(PipelineError) as caught:
        overlay.apply({}, document, "o.yaml")
    assert str(caught.value).startswith(sentence)
