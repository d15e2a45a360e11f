"""How schemas that are all allowed become one of parts that can be told apart."""

from __future__ import annotations

import pytest

from tools.documents import Json
from tools.repair.unions import simplify, together

TEXT: Json = {"type": "string"}
A: Json = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
B: Json = {"type": "object", "properties": {"b": TEXT}, "required": ["b"]}


@pytest.mark.parametrize(
    ("schemas", "expected"),
    [
        ([TEXT, {**TEXT, "description": "the same"}], TEXT),  # type: ignore[dict-item]
        ([TEXT, {"description": "anything"}, A], {}),
        ([TEXT, {"type": "integer"}], {"anyOf": [TEXT, {"type": "integer"}]}),
        ([{"type": "integer"}, {"type": "number", "minimum": 1}], {"type": "number"}),
        ([TEXT, {"type": "string", "enum": ["x"]}], TEXT),
        (
            [{"type": "string", "enum": ["x", "y"]}, {"type": "string", "enum": ["y", "z"]}],
            {"type": "string", "enum": ["x", "y", "z"]},
        ),
        (
            [{"type": "string", "nullable": True}, {"type": "string", "format": "date"}],
            {"type": "string", "nullable": True},
        ),
        (
            [TEXT, {"type": "string", "format": "binary"}],
            {"anyOf": [TEXT, {"type": "string", "format": "binary"}]},
        ),
        (
            [{"type": "array", "items": TEXT}, {"type": "array", "items": {"type": "boolean"}}],
            {"type": "array", "items": {"anyOf": [TEXT, {"type": "boolean"}]}},
        ),
        ([{"type": "array", "items": TEXT}, {"type": "array"}], {"type": "array", "items": {}}),
        (
            [{"type": "array", "items": A}, {"type": "array", "items": B}],
            {
                "type": "array",
                "items": {"type": "object", "properties": {"a": TEXT, "b": TEXT}},
            },
        ),
        (
            [{"$ref": "#/a"}, {"$ref": "#/b"}],
            {"anyOf": [{"$ref": "#/a"}, {"$ref": "#/b"}]},
        ),
    ],
)
def test_one_schema_takes_whatever_any_takes(schemas: list[Json], expected: Json) -> None:
    """Parts of one type become one; parts of different types stay apart."""
    assert together(schemas) == expected
    assert together([expected, *schemas]) == expected


@pytest.mark.parametrize("key", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([A, B], None),
        ([TEXT, {"type": "boolean"}], None),
        ([True, True], None),
        ([TEXT, {"type": "string", "enum": ["x"]}], TEXT),
        (
            [A, {"type": "array", "items": A}, {"type": "array", "items": B}],
            [A, {"type": "array", "items": {"anyOf": [A, B]}}],
        ),
    ],
)
def test_choices_within_a_contract_are_merged(key: str, parts: list[Json], expected: Json) -> None:
    """Where Python cannot tell their parts apart; objects stay the choice they are."""
    schema: dict[str, Json] = {"description": "one", key: parts}
    simplify([{"schema": schema}])
    if expected is None:
        assert schema == {"description": "one", key: parts}
    elif isinstance(expected, list):
        assert schema == {"description": "one", key: expected}
    else:
        assert schema == {"description": "one", "type": "string"}
