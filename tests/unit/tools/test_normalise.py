"""What carelessly published contracts mean."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tools.contract import at, mapping
from tools.documents import Json
from tools.repair.normalise import normalise
from tools.repair.schemas import schemas

TEXT: dict[str, Json] = {"type": "string"}
GET = ("paths", "/a/{id}", "get")
ID: dict[str, Json] = {"name": "id", "in": "path", "required": True, "schema": TEXT}


def document(schema: Json = None, **operation: Json) -> dict[str, Json]:
    """Make a contract with one operation, and one schema as a field of its answer."""
    answer: Json = {"type": "object", "properties": {"field": TEXT if schema is None else schema}}
    content: Json = {"application/json": {"schema": answer}}
    get: dict[str, Json] = {
        "parameters": [ID],
        "responses": {"200": {"description": "", "content": content}},
        **operation,
    }
    made: dict[str, Json] = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "paths": {"/a/{id}": {"get": get}},
    }
    return deepcopy(made)


def tidied(schema: Json) -> Json:
    """Normalise a schema; nothing or one rule may say something, and once is enough."""
    made = document(schema)
    told = normalise(made)
    assert sum(places for _, places in told) == (made != document(schema))
    assert normalise(made) == []
    content = ("responses", "200", "content", "application/json", "schema", "properties", "field")
    return at(made, (*GET, *content))


@pytest.mark.parametrize(
    "schema",
    [
        TEXT,
        {"type": "null"},
        {"$ref": "#/x"},
        {"$ref": "#/x", "type": "odd"},
        {"type": "array", "items": TEXT},
        {"type": "object", "properties": {"type": TEXT, "required": TEXT}, "required": ["type"]},
        {"type": "string", "enum": ["a", "b", None], "default": "a", "x-more": 1},
        {"type": "integer", "enum": [1, 2], "default": 2, "minimum": 0, "maxLength": 7},
        {"enum": ["16:9", "9:16", ""]},
        {"type": "string", "format": "date", "default": "2026-11-25"},
        {"type": "string", "format": "date-time", "default": "2026-11-25T10:00:00+00:00"},
        {"type": "string", "format": "uuid", "default": "00000000-0000-0000-0000-000000000007"},
        {"type": "array", "items": TEXT, "default": []},
        {"type": "array", "items": TEXT, "default": ["a"]},
        {"type": "array", "items": {}, "default": [1]},
        {"default": 7},
        {"type": "number", "default": 7, "minimum": 7, "maximum": 7, "maxLength": 0},
        {"type": "string", "default": "ab", "minLength": 2, "maxLength": 2, "maximum": 0},
        {"type": "object", "default": {}},
        {"type": "boolean", "default": False, "nullable": True},
    ],
)
def test_what_is_well_said_stays(schema: Json) -> None:
    """Whatever its fields are called."""
    assert tidied(schema) == schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "String"}, {"type": "string"}),
        ({"type": "file"}, {"type": "string", "format": "binary"}),
        ({"type": "any"}, {}),
        ({"type": ""}, {}),
        ({"type": ["string"]}, {}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "items": [TEXT]}, {"type": "array", "items": TEXT}),
        ({"type": "array", "items": [TEXT, TEXT]}, {"type": "array", "items": {}}),
        ({"properties": []}, {"properties": {}}),
        ({"properties": {"a": None, "b": True}}, {"properties": {"a": {}, "b": {}}}),
        ({"type": "string", "oneOf": [], "allOf": None}, TEXT),
        ({"required": True}, {}),
        ({"required": ["a", "a", 1]}, {"required": ["a", "1"]}),
        ({"required": []}, {}),
        ({"title": 5, "description": None, "odd": 1}, {}),
        ({"type": "string", "pattern": "(a+)+$"}, {**TEXT, "x-pattern": "(a+)+$"}),
        ({"nullable": "true", "minLength": True, "maxItems": -1, "minimum": "1"}, {}),
        ({"maximum": True}, {}),
        ({"type": "string", "enum": []}, TEXT),
        ({"type": "string", "enum": ["a", "a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "enum": ["a-b", "a_b"]}, TEXT),
        ({"type": "string", "enum": ["A", "a"]}, TEXT),
        ({"type": "string", "enum": [1]}, TEXT),
        ({"type": "boolean", "enum": [True]}, {"type": "boolean"}),
        ({"type": "number", "enum": [0.5]}, {"type": "number"}),
        ({"enum": [1, "a"]}, {}),
        ({"enum": "a"}, {}),
        ({"type": "integer", "default": "x"}, {"type": "integer"}),
        ({"type": "integer", "default": True}, {"type": "integer"}),
        ({"type": "string", "default": None}, TEXT),
        (
            {"type": "array", "items": TEXT, "default": ["a", 1]},
            {"type": "array", "items": TEXT},
        ),
        (
            {"type": "string", "minLength": 2, "default": "x"},
            {"type": "string", "minLength": 2},
        ),
        (
            {"type": "integer", "maximum": 2, "default": 3},
            {"type": "integer", "maximum": 2},
        ),
        (
            {"type": "array", "items": {}, "minItems": 1, "default": []},
            {"type": "array", "items": {}, "minItems": 1},
        ),
        (
            {"type": "string", "enum": ["a"], "default": "b"},
            {"type": "string", "enum": ["a"]},
        ),
        (
            {"type": "string", "format": "date", "default": "soon"},
            {"type": "string", "format": "date"},
        ),
        (
            {"type": "string", "format": "binary", "default": "x"},
            {"type": "string", "format": "binary"},
        ),
    ],
)
def test_a_schema_says_what_it_means(schema: Json, expected: Json) -> None:
    """Each rule that found something is told once."""
    assert tidied(schema) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"parameters": [ID, ID]}, {"parameters": [ID]}),
        (
            {"parameters": [ID, {"name": "q", "in": "query"}]},
            {"parameters": [ID, {"name": "q", "in": "query", "schema": TEXT}]},
        ),
        ({"parameters": []}, {"parameters": [ID]}),
        ({"parameters": [{**ID, "required": False}]}, {"parameters": [ID]}),
        ({"parameters": [ID, {**ID, "name": "other"}]}, {"parameters": [ID]}),
        ({"summary": None}, {}),
        ({"description": 7, "deprecated": "no"}, {}),
        ({"responses": {}}, {"responses": {"200": {"description": ""}}}),
        (
            {"responses": {"200": {}, "x-y": 1, "ok": {}, "4XX": {"$ref": "#/x"}}},
            {"responses": {"200": {"description": ""}, "x-y": 1, "4XX": {"$ref": "#/x"}}},
        ),
        ({"requestBody": {}}, {}),
        (
            {"requestBody": {"content": {"*/*": {}}}},
            {"requestBody": {"content": {"application/json": {"schema": {}}}}},
        ),
        (
            {"responses": {"200": {"description": "", "content": {"*/*": {"schema": TEXT}}}}},
            {
                "responses": {
                    "200": {"description": "", "content": {"application/json": {"schema": TEXT}}}
                }
            },
        ),
    ],
)
def test_an_operation_says_what_it_means(given: dict[str, Json], expected: dict[str, Json]) -> None:
    """Its parameters, its texts, its bodies."""
    made = document(**given)
    assert [places for _, places in normalise(made)] == [1]
    assert made == document(**expected)
    assert normalise(made) == []


def test_a_parameter_of_a_media_type_is_given_as_its_text() -> None:
    """Wherever it is described: else it could not be sent at all."""
    content: Json = {"application/json": {"schema": {"type": "object"}}}
    query: dict[str, Json] = {"name": "q", "in": "query", "content": content}
    made = document(parameters=[ID, deepcopy(query), {"$ref": "#/components/parameters/Q"}])
    made["components"] = {"parameters": {"Q": deepcopy(query)}}
    assert [places for _, places in normalise(made)] == [2]
    given: Json = {"name": "q", "in": "query", "schema": TEXT, "x-content": content}
    assert at(made, (*GET, "parameters", 1)) == given
    assert at(made, ("components", "parameters", "Q")) == given


def test_what_answers_a_head_request_has_no_body() -> None:
    """The contract describes it as that of the GET request."""
    made = document(TEXT)
    answer = at(made, (*GET, "responses"))
    head: Json = {"parameters": [ID], "responses": deepcopy(answer)}
    made["paths"] = {"/a/{id}": {"head": head}}
    assert [places for _, places in normalise(made)] == [1]
    assert at(made, ("paths", "/a/{id}", "head", "responses", "200")) == {"description": ""}


@pytest.mark.parametrize(
    "given",
    [
        {"parameters": [{"$ref": "#/components/parameters/Id"}]},
        {"requestBody": {"$ref": "#/components/requestBodies/B"}},
        {"requestBody": {"content": {"application/json": {"schema": {}}}}},
    ],
)
def test_what_stands_elsewhere_is_followed(given: dict[str, Json]) -> None:
    """A parameter that is shared is none the less there."""
    components: Json = {"parameters": {"Id": deepcopy(ID)}}
    made = {**document(**given), "components": components}
    assert normalise(made) == []


def test_parameters_of_the_path_itself_count() -> None:
    """They are not told again."""
    made = document()
    get = at(made, GET)
    assert isinstance(get, dict)
    del get["parameters"]
    made["paths"] = {"/a/{id}": {"parameters": [ID], "get": get}}
    assert normalise(made) == []


def test_a_contract_has_a_title_and_a_version() -> None:
    """Where it has none, an empty one, which the overlay repairs."""
    made = {**document(), "info": None}
    normalise(made)
    assert made["info"] == {"title": "", "version": "1"}


def test_what_yaml_takes_for_a_number_is_text() -> None:
    """A version, and what a server's variable may be."""
    variables = {"port": {"default": 8443, "enum": [8443, 443]}}
    servers = [{"url": "https://a.example:{port}", "variables": variables}]
    info = {"title": 2026, "version": 1.0}
    made: dict[str, Json] = {**document(), "openapi": 3.0, "info": info, "servers": servers}
    normalise(made)
    assert made["openapi"] == "3.0.0"
    assert made["info"] == {"title": "2026", "version": "1.0"}
    assert variables == {"port": {"default": "8443", "enum": ["8443", "443"]}}


@pytest.mark.parametrize(
    ("flag", "sent", "received"),
    [("readOnly", ["a"], ["a", "id"]), ("writeOnly", ["a", "id"], ["a"])],
)
def test_a_field_of_one_way_is_not_required_on_the_other(
    flag: str, sent: list[Json], received: list[Json]
) -> None:
    """A caller cannot give an id that the service makes, nor an answer have a password."""
    fields: Json = {"id": {"type": "string", flag: True}, "a": TEXT}
    model: dict[str, Json] = {"type": "object", "properties": fields, "required": ["a", "id"]}
    bodies = [{"application/json": {"schema": deepcopy(model)}} for _ in range(2)]
    response: Json = {"200": {"description": "", "content": bodies[1]}}
    operation: Json = {"requestBody": {"content": bodies[0]}, "responses": response}
    made: dict[str, Json] = {"openapi": "3.0.3", "paths": {"/a": {"post": operation}}}
    assert [places for reason, places in normalise(made) if "only answers" in reason] == [1]
    found = [mapping(one["application/json"]["schema"])["required"] for one in bodies]
    assert found == [sent, received]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"type": "int", "maximum": 3}, {"schema": {"type": "integer", "maximum": 3}}),
        ({"schema": {"type": "string"}, "enum": ["a"]}, {"schema": {**TEXT, "enum": ["a"]}}),
        ({"schema": TEXT, "collectionFormat": "multi"}, {"schema": TEXT}),
        ({"schema": TEXT, "collectionFormat": "csv"}, {"schema": TEXT, "explode": False}),
        ({"schema": TEXT, "description": "a", "example": 1}, None),
    ],
)
def test_a_parameter_as_in_swagger_2_is_read(
    words: dict[str, Json], expected: dict[str, Json] | None
) -> None:
    """Its type stands beside it there; a word that a parameter has too stays."""
    named: dict[str, Json] = {"name": "q", "in": "query"}
    made = document(parameters=[ID, {**named, **words}])
    told = [places for reason, places in normalise(made) if "beside" in reason]
    assert told == ([] if expected is None else [1])
    assert at(made, (*GET, "parameters", "1")) == {**named, **(expected or words)}


def test_a_server_has_an_address() -> None:
    """What else is listed there is none."""
    made = {**document(), "servers": [{"url": "https://a.example"}, {"bearer": []}]}
    assert [places for _, places in normalise(made)] == [1]
    assert made["servers"] == [{"url": "https://a.example"}]
    assert normalise(made) == []


def test_schemas_are_found_where_they_really_are() -> None:
    """In every place a contract has one, and nowhere else."""

    def named(name: str) -> Json:
        return {"title": name}

    def holding(name: str) -> Json:
        return {"content": {"j": {"schema": named(name)}}, "headers": {"X": {"schema": named("h")}}}

    inner: Json = {
        "title": "outer",
        "properties": {"type": named("field")},
        "items": named("item"),
        "additionalProperties": named("more"),
        "not": named("not"),
        "allOf": [named("all")],
        "anyOf": [named("any"), True],
        "oneOf": [named("one")],
        "example": {"schema": named("example")},
    }
    made: dict[str, Json] = {
        "paths": {
            "/a": {
                "parameters": [{"schema": named("shared")}],
                "get": {
                    "parameters": [{"schema": inner}, {"content": {"j": {"schema": named("p")}}}],
                    "requestBody": holding("request"),
                    "responses": {"200": holding("answer")},
                },
            }
        },
        "components": {
            "schemas": {"A": named("component")},
            "parameters": {"P": {"schema": named("parameter")}},
            "requestBodies": {"B": holding("body")},
            "responses": {"R": holding("response")},
            "examples": {"E": {"schema": named("none")}},
        },
    }
    found = [str(schema["title"]) for schema in schemas(made)]
    assert found == [
        *("component", "parameter", "body", "h", "response", "h", "shared", "outer", "field"),
        *("item", "more", "not", "all", "any", "one", "p", "request", "h", "answer", "h"),
    ]


@pytest.mark.parametrize(
    ("schema", "stays"),
    [
        ({"$ref": "#/components/schemas/Mode"}, False),
        ({"oneOf": [{"$ref": "#/components/schemas/Mode"}, {"type": "integer"}]}, False),
        ({"anyOf": [{"$ref": "#/components/schemas/Mode"}, {"type": "string"}]}, True),
        ({"allOf": [{"$ref": "#/components/schemas/Mode"}]}, False),
        ({"allOf": [{"$ref": "#/components/schemas/Endless"}]}, True),
    ],
)
def test_a_default_is_held_against_what_a_schema_points_to(
    schema: dict[str, Json], stays: bool
) -> None:
    """Of a choice one part has to allow it, of `allOf` every one."""
    made = document({"default": "Human", **schema})
    endless: Json = {"allOf": [{"$ref": "#/components/schemas/Endless"}]}
    made["components"] = {"schemas": {"Mode": {"enum": ["human"]}, "Endless": endless}}
    normalise(made)
    content = ("responses", "200", "content", "application/json", "schema", "properties", "field")
    assert ("default" in mapping(at(made, (*GET, *content)))) is stays
