"""What OpenAPI 3.1 says, in the words of 3.0."""

from __future__ import annotations

import pytest

from tools.contract import mapping
from tools.documents import Json
from tools.repair.downgrade import downgrade

TEXT: Json = {"type": "string"}
REFERENCE: Json = {"$ref": "#/components/schemas/A"}


def document(schema: Json, version: str = "3.1.0") -> dict[str, Json]:
    """Make a contract with one schema."""
    return {
        "openapi": version,
        "info": {"title": "t", "summary": "s", "license": {"name": "n", "identifier": "MIT"}},
        "webhooks": {},
        "jsonSchemaDialect": "x",
        "paths": {"/a": {"get": {"responses": {"200": {"content": {"j": {"schema": schema}}}}}}},
        "components": {"schemas": {"A": {"properties": {"a": schema}}}, "pathItems": {}},
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string"]}, {"type": "string"}),
        ({"type": ["null"]}, {"nullable": True}),
        (
            {"type": ["string", "integer", "null"]},
            {"anyOf": [TEXT, {"type": "integer"}], "nullable": True},
        ),
        ({"type": "null"}, {"type": "null"}),
        ({"anyOf": [TEXT, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"oneOf": [REFERENCE, {"type": "null"}]}, {"allOf": [REFERENCE], "nullable": True}),
        (
            {"anyOf": [TEXT, {"type": "boolean"}, {"type": "null"}]},
            {"anyOf": [TEXT, {"type": "boolean"}], "nullable": True},
        ),
        ({"anyOf": [{"type": "null"}]}, {"nullable": True}),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"const": 7}, {"type": "integer", "enum": [7]}),
        ({"const": True}, {"const": True}),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        ({"type": "string", "examples": []}, TEXT),
        (
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {
                "type": "number",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 1,
                "exclusiveMaximum": True,
            },
        ),
        (
            {"type": "string", "contentMediaType": "application/octet-stream"},
            {
                "type": "string",
                "format": "binary",
                "x-contentMediaType": "application/octet-stream",
            },
        ),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "items": False}, {"type": "array", "items": {}}),
        ({"type": "array", "prefixItems": [TEXT]}, {"type": "array", "items": TEXT}),
        (
            {"type": "array", "prefixItems": [TEXT, REFERENCE], "items": False},
            {"type": "array", "items": {"anyOf": [TEXT, REFERENCE]}},
        ),
        (
            {"type": "array", "prefixItems": [TEXT], "items": REFERENCE},
            {"type": "array", "items": {"anyOf": [TEXT, REFERENCE]}},
        ),
        (
            {"type": "object", "$id": "a", "if": {}},
            {"type": "object", "x-if": {}},
        ),
        (
            {"type": "object", "default": {"type": ["string", "null"]}},
            {"type": "object", "default": {"type": ["string", "null"]}},
        ),
    ],
)
def test_schemas_are_rewritten_wherever_they_stand(
    schema: dict[str, Json], expected: dict[str, Json]
) -> None:
    """In answers and in components, at any depth."""
    made = document({"type": "array", "items": dict(schema)})
    downgrade(made)
    answer = {"type": "array", "items": expected}
    assert made == {
        "openapi": "3.0.3",
        "info": {"title": "t", "license": {"name": "n"}},
        "paths": {"/a": {"get": {"responses": {"200": {"content": {"j": {"schema": answer}}}}}}},
        "components": {"schemas": {"A": {"properties": {"a": answer}}}},
    }


def test_a_certificate_is_no_security_scheme() -> None:
    """An operation that asks for it is told of, and the others stay."""
    made = document({"type": "string"})
    bearer: Json = {"type": "http", "scheme": "bearer"}
    mapping(made["components"])["securitySchemes"] = {"m": {"type": "mutualTLS"}, "b": bearer}
    downgrade(made)
    assert mapping(made["components"])["securitySchemes"] == {"b": bearer}


def test_an_older_contract_is_left_alone() -> None:
    """What looks like a word of 3.1 there is a mistake, and not this module's."""
    made = document({"type": ["string", "null"]}, "3.0.1")
    downgrade(made)
    assert made == document({"type": ["string", "null"]}, "3.0.1")


@pytest.mark.parametrize(
    ("reference", "new"),
    [
        ("#/components/schemas/A/$defs/Part", "PartOther"),
        ("#/components/schemas/A/$defs/Part/properties/of~1it", "PartOther/properties/of~1it"),
        ("#/$defs/Part", "PartOther"),
        ("#/$defs/Part/$defs/Inner", "Inner"),
        ("#/$defs/a b", "a_b"),
        ("#/components/schemas/Part", "Part"),
        ("#/$defs/None", None),
    ],
)
@pytest.mark.parametrize("version", ["3.0.1", "3.1.0"])
def test_what_a_schema_defines_for_itself_is_shared(
    reference: str, new: str | None, version: str
) -> None:
    """Under a free name; a field may be called `$defs`."""
    part: Json = {"$defs": {"Inner": TEXT}, "properties": {"of/it": TEXT}}
    field: Json = {"anyOf": [{"$ref": reference}], "default": {"$defs": {"no": "schema"}}}
    schema: Json = {"$defs": {"Part": part, "a b": TEXT}, "properties": {"$defs": field}}
    made: dict[str, Json] = {"openapi": version, "paths": {}}
    made["components"] = {"schemas": {"A": schema, "Part": TEXT}}
    downgrade(made)
    wanted = reference if new is None else f"#/components/schemas/{new}"
    assert made["components"] == {
        "schemas": {
            "A": {"properties": {"$defs": {**field, "anyOf": [{"$ref": wanted}]}}},
            "Part": TEXT,
            "Inner": TEXT,
            "PartOther": {"properties": {"of/it": TEXT}},
            "a_b": TEXT,
        }
    }
