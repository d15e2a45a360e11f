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


def overlaid(actions: Json, version: str = "1.1.0") -> dict[str, Json]:
    """Make an overlay of these actions."""
    return {"overlay": version, "info": {"title": "t", "version": "1"}, "actions": actions}


def applied(*actions: dict[str, Json], document: dict[str, Json] = DOCUMENT) -> Json:
    """Apply actions to a copy, each of which has to find something."""
    copy = deepcopy(document)
    applied = overlay.apply(copy, overlaid(list(actions)), "o.yaml")
    left = [action for action, places in applied if not places]
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
        ({"target": "$.info.tags", "update": ["x"]}, {"tags": ["a/b", "c", "d/e", "x"]}, 0),
        ({"target": "$.info.tags", "update": {"x": 1}}, {"tags": ["a/b", "c", "d/e", {"x": 1}]}, 0),
        ({"target": "$.info.title", "update": "t"}, {"title": "t"}, 0),
        ({"target": "$.info.title", "update": None}, {"title": None}, 0),
        (
            {"target": "$.info", "update": {"title": 1, "x": {"y": 1}}},
            {"title": 1, "x": {"y": 1}},
            0,
        ),
        ({"target": "$.info.title", "remove": False, "update": "t"}, {"title": "t"}, 0),
        ({"target": "$.list[0]", "remove": True, "update": "t"}, {}, -1),
        ({"target": "$.list[*]", "remove": True}, {}, -2),
        ({"target": "$.list[::-1]", "remove": True}, {}, -2),
        ({"target": "$.list[1, 0, 1]", "remove": True}, {}, -2),
        ({"target": "$['list', 'list']", "update": 1}, {}, 1),
        ({"target": "$"}, {}, 0),
        ({"target": "$.info", "copy": "$.list[1]"}, {"n": 2}, 0),
        ({"target": "$.info.title", "copy": "$.list[0].n"}, {"title": 1}, 0),
        (
            {"target": "$.info.tags", "copy": "$.list[0].in.deep"},
            {"tags": ["a/b", "c", "d/e", 1]},
            0,
        ),
        ({"target": "$.list", "copy": "$.list"}, {}, 2),
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
    applied = overlay.apply({}, overlaid(actions), "o.yaml")
    left = [action for action, places in applied if not places]
    assert [(action.name, action.may_find_nothing) for action in left] == [
        ("o.yaml: action 1 ($.nope)", False),
        ("o.yaml: action 2 ($.no)", True),
    ]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("x", "o.yaml: action 1 has no `target`."),
        ({"remove": True}, "o.yaml: action 1 has no `target`."),
        ({"target": "$.a", "description": 1}, "has a `description` that is not text."),
        ({"target": "$.a", "updtae": {}}, "has the unknown key 'updtae'."),
        ({"target": "$.a", "copy": 1}, "has a `copy` that is not text."),
        ({"target": "$.a", "update": 1, "copy": "$.b"}, "has an `update` and a `copy`; "),
        ({"target": "$.info", "copy": "$.x["}, "has a copy that is not JSONPath: "),
        ({"target": "$.info", "copy": "$.list[*]"}, "has a copy that finds 2 places, not one."),
        ({"target": "$.info", "copy": "$.x"}, "has a copy that finds 0 places, not one."),
        ({"target": "$.info", "copy": "$.list"}, "does not fit what it finds at $['info']."),
        ({"target": "$.a", "remove": "no"}, "has a `remove` that is not true or false."),
        ({"target": "$.a", "remove": True, "x-only": "other"}, "has an unknown `x-only`."),
        ({"target": "$.a", "remove": True, "x-only": None}, "has an unknown `x-only`."),
        ({"target": "$.a", "remove": True, "x-only": [1]}, "has an unknown `x-only`."),
        ({"target": "info.title", "remove": True}, "has a target that is not JSONPath: "),
        (
            {"target": "$.info.*", "update": "x"},
            "finds objects, lists or plain values, not one kind.",
        ),
        ({"target": "$", "update": {"info": "x"}}, "does not fit what it finds at $['info']."),
        ({"target": "$", "update": {"info": {"tags": {}}}}, "finds at $['info']['tags']."),
        ({"target": "$.info", "update": {"title": {}}}, "finds at $['info']['title']."),
        ({"target": "$", "update": {"list": None}}, "does not fit what it finds at $['list']."),
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
    with pytest.raises(PipelineError) as caught:
        overlay.apply(deepcopy(DOCUMENT), overlaid([action]), "o.yaml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"overlay": None}, " is not an OpenAPI Overlay 1.x document: no `overlay: 1.1.0`."),
        ({"overlay": "2.0.0"}, " is not an OpenAPI Overlay 1.x document: no `overlay: 1.1.0`."),
        ({"overlay": "1.1"}, " is not an OpenAPI Overlay 1.x document: no `overlay: 1.1.0`."),
        ({"info": []}, " has no `info` with a title and a version, all of it text."),
        ({"info": {"title": "t", "version": "1", "description": 1}}, " has no `info` with a title"),
        ({"info": {"title": "t"}}, " has no `info` with a title and a version, all of it text."),
        ({"info": {"title": 1, "version": "1"}}, " has no `info` with a title and a version, "),
        ({"invalid": 1}, " has the unknown key 'invalid'."),
        ({"actions": []}, " has no list of `actions`."),
        ({"actions": {}}, " has no list of `actions`."),
        ({"actions": [{"target": "$"}] * 2}, ": action 2 is the same as action 1."),
    ],
)
def test_what_is_no_overlay_is_refused(document: dict[str, Json], sentence: str) -> None:
    """A document of another kind is not half applied; extensions are allowed anywhere."""
    whole: dict[str, Json] = {**overlaid([{"target": "$", "x-y": 1}], "1.0.0"), "x-y": 1}
    overlay.apply({}, whole, "o.yaml")
    with pytest.raises(PipelineError) as caught:
        overlay.apply({}, {**whole, **document}, "o.yaml")
    assert str(caught.value).startswith(f"o.yaml{sentence}")


def test_a_copy_is_taken_before_anything_changes_and_is_nobody_elses() -> None:
    """One target may hold what is copied; a target that finds nothing needs nothing to copy."""
    result = applied(
        {"target": "$.*", "copy": "$.a"},
        {"target": "$.b.list", "update": 3},
        document={"a": {"list": [1]}, "b": {"list": [2]}},
    )
    assert result == {"a": {"list": [1, 1]}, "b": {"list": [2, 1, 3]}}
    missing = overlay.apply({}, overlaid([{"target": "$.no", "copy": "$.a"}]), "o.yaml")
    assert [places for _, places in missing] == [0]


def test_a_contract_may_be_nested_deeper_than_the_library_allows() -> None:
    """Which is a hundred levels: fifty objects with properties."""
    inner: Json = {"last": 1}
    for _ in range(150):
        inner = {"a": inner}
    found = overlay.apply(
        {"paths": inner}, overlaid([{"target": "$..last", "remove": True}]), "o.yaml"
    )
    assert [places for _, places in found] == [1]
