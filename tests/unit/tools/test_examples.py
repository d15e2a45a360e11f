"""What published examples say beside their schemas."""

from __future__ import annotations

import pytest

from tools.contract import at
from tools.documents import Json
from tools.repair import examples
from tools.repair.examples import left_out, mismatches, published

TEXT: Json = {"type": "string"}
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "inner": {"type": "object", "properties": {"x": TEXT}, "required": ["x"]},
        "items": {"type": "array", "items": {"type": "object", "required": ["y"]}},
        "shared": {"$ref": "#/components/schemas/Shared"},
    },
    "required": ["id", "inner"],
    "allOf": [{"required": ["z"]}],
}


def document(*examples: Json, **content: Json) -> dict[str, Json]:
    """Make a contract with one answer."""
    named: Json = {str(number): {"value": value} for number, value in enumerate(examples)}
    answer: Json = {"application/json": {"schema": SCHEMA, "examples": named, **content}}
    return {
        "openapi": "3.0.1",
        "paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/A"}}}}},
        "components": {
            "responses": {"A": {"content": answer}},
            "schemas": {"Shared": {"type": "object", "required": ["s"]}},
        },
    }


@pytest.mark.parametrize(
    ("example", "lacking"),
    [
        ({"id": "1", "inner": {"x": "1"}, "z": 1}, []),
        ({"id": "1"}, ["inner", "z"]),
        ({"id": "1", "inner": {"more": 1}, "z": 1}, ["x"]),
        ({"id": "1", "inner": {}, "z": 1}, []),
        ({"id": "1", "inner": 7, "z": 1, "items": [{"y": 1}, {"w": 1}]}, ["y"]),
        ({"id": "1", "inner": 7, "z": 1, "shared": {"w": 1}}, ["s"]),
        ('{"id": "1", "inner": {"x": "1"}}', ["z"]),
        ("{not JSON", []),
        ({}, []),
    ],
)
def test_fields_that_an_example_leaves_out_are_found(example: Json, lacking: list[Json]) -> None:
    """At any depth, through references; an empty example says nothing."""
    assert {required[at] for required, at in left_out(document(example))} == {*lacking}


def test_every_example_is_found_wherever_it_stands() -> None:
    """Beside the schema, by name, and within it."""
    inner: dict[str, Json] = {"type": "object", "example": "[1]"}
    named: Json = {"a": {"value": 1}, "b": {"externalValue": "x"}}
    assert list(published({"example": 2, "examples": named, "schema": inner})) == [1, 2, [1]]
    assert list(published({"example": "[1]", "schema": TEXT})) == ["[1]"]


def test_references_in_a_circle_end() -> None:
    """They are followed a bounded number of times."""
    made = document({"id": "1"})
    made["components"] = {"responses": {"A": {"$ref": "#/components/responses/A"}}}
    assert [*left_out(made)] == []


def test_an_example_that_contradicts_its_schema_is_told() -> None:
    """With the operation and the place; errors are left alone."""
    good: Json = {"id": "1", "inner": {"x": "1"}, "z": 1}
    long: Json = {"id": ["x" * 200], "inner": {"x": "1"}, "z": 1}
    made = document(good, long, [1])
    paths = at(made, ("paths", "/a", "get", "responses"))
    assert isinstance(paths, dict)
    paths["404"] = {"content": {"application/json": {"schema": TEXT, "example": 1}}}
    first, second = mismatches(made)
    assert first.startswith("GET /a: an example (application/json) does not fit at id: …xxx")
    assert first.endswith("xxx'] is not of type 'string'.")
    assert second == (
        "GET /a: an example (application/json) does not fit at its top level: "
        "[1] is not of type 'object'."
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"example": 1}, None),
        ({"examples": {"a": {"value": 1}}}, None),
        ({"examples": {"a": {"$ref": "#/components/examples/A"}}}, None),
        ({"examples": {}}, None),
        ({"example": 1, "examples": {}}, {"example": 1}),
        ({"example": 1, "examples": None}, {"example": 1}),
        (
            {"example": 1, "examples": {"a": {"value": 2}}},
            {"examples": {"example": {"value": 1}, "a": {"value": 2}}},
        ),
        ({"examples": [1]}, {"examples": {"0": {"value": 1}}}),
        ({"examples": {"a": 5}}, {"examples": {"a": {"value": 5}}}),
        (
            {"examples": {"a": {"value": 5, "externalValue": "x"}}},
            {"examples": {"a": {"value": 5}}},
        ),
    ],
)
def test_examples_are_told_in_one_way(
    told: dict[str, Json], expected: dict[str, Json] | None
) -> None:
    """However they were written; what is well told stays."""
    made = dict(told)
    assert examples.name_examples(made) is (expected is not None)
    assert made == (expected or told)
    assert examples.name_examples(made) is False
