"""The keywords of a method for the fields of its body, and enumerations that take text."""

from __future__ import annotations

import json

import pytest

from tools import commands, generation, keywords, properties, received
from tools.documents import Json


def parsed(body: Json, *, schemas: Json = None, required: bool = True, answer: Json = None):
    """Return the operation and all that was parsed of a contract with one POST."""
    content = {"application/json": {"schema": body}} if isinstance(body, dict) else body
    answers = {"application/json": {"schema": answer or {"type": "string"}}}
    task_id = {"name": "task_id", "in": "path", "required": True, "schema": {"type": "string"}}
    post = {
        "operationId": "video.create",
        "tags": ["video"],
        "parameters": [task_id],
        "requestBody": {"required": required, "content": content},
        "responses": {"200": {"description": "", "content": answers}},
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/v1/video/{task_id}": {"post": post}},
        "components": {"schemas": schemas or {}},
    }
    repaired = commands.repaired_document(json.loads(json.dumps(document)), "the contract").document
    data = generation.parse(repaired, "the contract")
    properties.adapt(data, received.adapt(data))
    (group,) = data.endpoint_collections_by_tag.values()
    return group.endpoints[0], data


def model(*required: str, **fields: Json) -> dict[str, Json]:
    """Return the schema of an object."""
    needed: dict[str, Json] = {"required": [*required]} if required else {}
    return {"type": "object", **needed, "properties": fields}


TEXT = {"type": "string"}
WORD = {"type": "string", "enum": ["a", 'b"c']}
COUNT = {"type": "integer", "enum": [1, 2]}

ROW: Json = {"type": "array", "items": {**model(a=TEXT), "title": "Inner"}}
TABLE: Json = {"type": "array", "items": ROW}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (model("text", size=TEXT, text=TEXT), [("text", "str", True), ("size", "str", False)]),
        (model(task_id=TEXT, body=TEXT, text=TEXT), [("text", "str", False)]),
        (
            model(inner={**model(a=TEXT), "title": "Inner"}),
            [("inner", "Inner | Mapping[str, object]", False)],
        ),
        (
            model(inner={"type": "array", "items": {**model(a=TEXT), "title": "Inner"}}),
            [("inner", "Sequence[Inner | Mapping[str, object]]", False)],
        ),
        (
            model(rows=TABLE),
            [("rows", "Sequence[Sequence[Inner | Mapping[str, object]]]", False)],
        ),
        (model(tags={"type": "array", "items": TEXT}), [("tags", "list[str]", False)]),
        (model(size={**TEXT, "nullable": True}), [("size", "str | None", False)]),
        (
            model(size=WORD),
            [("size", 'VideoCreateRequestSize | Literal["a", "b\\"c"]', False)],
        ),
        (model(count=COUNT), [("count", "VideoCreateRequestCount | Literal[1, 2]", False)]),
        ({"type": "array", "items": TEXT}, []),
        (
            {
                "oneOf": [
                    {**model("a", "b", a=TEXT, b=TEXT), "title": "One"},
                    {**model("a", a={"type": "integer"}), "title": "Two"},
                ]
            },
            [("a", "str | int", True), ("b", "str", False)],
        ),
        ({"oneOf": [{**model(a=TEXT), "title": "One"}, TEXT]}, []),
    ],
)
def test_fields(body, expected):
    """Fields by name, with what they take; what is there for sure comes first."""
    endpoint, data = parsed(body)
    found = keywords.Keywords(data.models).fields(endpoint)
    assert [(one.name, one.kind, one.required) for one in found] == expected


@pytest.mark.parametrize(
    ("body", "required", "expected"),
    [
        (
            {**model("a", a=TEXT), "title": "One"},
            True,
            "One | Mapping[str, object] | Unset",
        ),
        ({"type": "array", "items": TEXT}, True, "list[str]"),
        ({"type": "array", "items": TEXT}, False, "list[str] | Unset"),
    ],
)
def test_body(body, required, expected):
    """`body` may be left out where its fields can be given."""
    endpoint, data = parsed(body, required=required)
    assert keywords.Keywords(data.models).body(endpoint) == expected


def test_an_answer_takes_any_word_and_a_request_the_listed_ones():
    """An enumeration is open in an answer and lists its values in a request."""
    many = {"type": "array", "items": WORD}
    _, data = parsed(
        {**model(status=WORD), "title": "Asked"},
        answer={**model(status=WORD, many=many), "title": "Task"},
    )
    types = {
        (one.class_info.name, field.name.get_untrusted_value()): field.get_type_string(
            no_optional=True
        ).as_unembedded_code()
        for one in data.models
        for field in received.fields_of(one)
        if hasattr(field, "name")
    }
    assert types["Asked", "status"] == 'AskedStatus | Literal["a", "b\\"c"]'
    assert types["Task", "status"] == "None | TaskStatus | str"
    assert types["Task", "many"] == "list[TaskManyType0Item | str] | None"


def test_a_body_of_several_types_may_be_left_out():
    """Where none is given, nothing is converted."""
    either: Json = [{"type": "array", "items": TEXT}, {"type": "integer"}]
    endpoint, data = parsed({"anyOf": either}, required=False)
    assert endpoint.bodies[0].prop.template == "optional_body.py.jinja"
    assert keywords.Keywords(data.models).body(endpoint).endswith("| Unset")
