"""Places, references and operations in a contract, and the optional fields of its answers."""

from __future__ import annotations

import pytest

from tools.contract import at, called, needed, operations, pointer
from tools.documents import Json
from tools.layout import ROOT, shown
from tools.repair.answers import optional_fields


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((), {"a": [{"b": 1}]}),
        (("a", 0, "b"), 1),
        (("a", 1), None),
        (("a", "b"), None),
        (("a", 0, "b", "c"), None),
        (("z",), None),
    ],
)
def test_a_place_is_followed_or_gives_none(place: tuple[int | str, ...], value: Json) -> None:
    """A place that is not there is None, never an exception."""
    assert at({"a": [{"b": 1}]}, place) == value


def test_a_reference_is_turned_into_its_place() -> None:
    """The two escapes of JSON Pointer are undone."""
    assert pointer("#/paths/~1a~0b/get") == ("paths", "/a~b", "get")


def test_operations_are_the_methods_of_paths() -> None:
    """Shared parameters and extensions of a path are no operations."""
    document: dict[str, Json] = {"paths": {"/a": {"get": {}, "x-get": {}, "parameters": []}}}
    assert [called(place) for place, _ in operations(document)] == ["GET /a"]
    assert list(operations({"paths": {"/a": {"get": None}, "/b": None}})) == []


def test_files_are_shown_as_seen_from_the_project() -> None:
    """Others keep the name they were given."""
    assert shown(ROOT / "tools" / "x") == "tools/x"
    assert shown(ROOT.parent / "x") == str(ROOT.parent / "x")


def test_optional_answer_fields_are_found_through_everything() -> None:
    """References, lists, unions and nested objects are followed, circles end; no requests."""
    schema: Json = {
        "properties": {
            "needed": {},
            "free": {"items": {"properties": {"inner": {}}}},
            "any": {"oneOf": [{"$ref": "#/components/schemas/B"}, {"properties": {"o": {}}}]},
            "map": {"additionalProperties": {"properties": {"m": {}}}},
        },
        "required": ["needed", "any"],
    }
    response: Json = {"content": {"application/json": {"schema": schema}}}
    request: Json = {"content": {"application/json": {"schema": {"properties": {"r": {}}}}}}
    document: dict[str, Json] = {
        "paths": {"/a": {"post": {"requestBody": request, "responses": {"200": response}}}},
        "components": {
            "schemas": {"B": {"properties": {"self": {"$ref": "#/components/schemas/B"}}}}
        },
    }
    found = {name for _, name in optional_fields(document)}
    assert found == {"free", "inner", "m", "map", "o", "self"}


def test_needed_components_are_those_that_references_reach() -> None:
    """Each once, however often; security schemes stay."""
    ref: dict[str, Json] = {"$ref": "#/components/schemas/A"}
    document: dict[str, Json] = {
        "paths": {"/a": {"get": {"one": ref, "two": ref}}},
        "components": {
            "schemas": {"A": {"items": {"$ref": "#/components/schemas/B"}}, "B": ref, "C": {}},
            "securitySchemes": {"bearer": {}},
        },
    }
    assert needed(document, [*operations(document)]) == {
        "schemas": {"A": {"items": {"$ref": "#/components/schemas/B"}}, "B": ref},
        "securitySchemes": {"bearer": {}},
    }
