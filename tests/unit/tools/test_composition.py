"""Schemas of several parts, rewritten so that the generator can read them."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from tools.contract import at, mapping, sequence
from tools.documents import Json
from tools.repair.composition import compose

STRING: Json = {"type": "string"}
NULLABLE: Json = {"type": "string", "nullable": True}
INTEGER: Json = {"type": "integer"}


def fields(*required: str, **named: Json) -> dict[str, Json]:
    """Describe an object."""
    made: dict[str, Json] = {"type": "object", "properties": dict(named)}
    return {**made, "required": list(required)} if required else made


def ref(name: str) -> Json:
    """Point to a shared schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def composed(schema: dict[str, Json], **shared: Json) -> tuple[dict[str, Json], dict[str, Json]]:
    """Rewrite one shared schema beside others; return all of them, and what each rule found."""
    named: dict[str, Json] = {"It": deepcopy(schema), **deepcopy(shared)}
    document: dict[str, Json] = {"paths": {}, "components": {"schemas": named}}
    return named, {reason[:6]: count for reason, count in compose(document)}


ALL: dict[str, Json] = {"id": NULLABLE, "n": INTEGER}
PART = fields(id=NULLABLE, n=INTEGER)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        # A later part says more of a field; null only where both allow it.
        ({"allOf": [ref("Part"), fields("id", id=STRING)]}, fields("id", id=STRING, n=INTEGER)),
        ({"allOf": [ref("Part")], **fields(id=STRING)}, fields(id=STRING, n=INTEGER)),
        ({"allOf": [ref("Part"), fields(n=STRING)], "title": "T"},
         {"title": "T", **fields(id=NULLABLE, n=STRING)}),
        ({"allOf": [ref("Part"), fields(n={})]}, fields(id=NULLABLE, n=INTEGER)),
        (
            {"allOf": [ref("Part"), {"additionalProperties": False, **fields(n=STRING)}]},
            {**fields(id=NULLABLE, n=STRING), "additionalProperties": False},
        ),
        # A choice of objects beside others becomes a choice of whole objects.
        (
            {"allOf": [{"oneOf": [fields(a=STRING), ref("Part")]}, fields("b", b=STRING)]},
            {"oneOf": [fields("b", a=STRING, b=STRING), fields("b", **ALL, b=STRING)]},
        ),
        # Two choices at once allow too much to be listed.
        ({"allOf": [{"oneOf": [STRING]}, {"anyOf": [INTEGER]}], "title": "T"}, {"title": "T"}),
    ],
)  # fmt: skip
def test_parts_that_disagree_become_one(schema: dict[str, Json], expected: Json) -> None:
    """Nothing is lost by it that callers can see."""
    made, counts = composed(schema, Part=PART)
    it = mapping(made["It"])
    if "oneOf" in it:
        it = {"oneOf": [made[str(mapping(one)["$ref"])[21:]] for one in sequence(it["oneOf"])]}
    assert it == expected
    assert counts == {"Parts ": 1}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [ref("Part")]},
        {"allOf": [ref("Part"), fields(other=STRING)]},
        {"allOf": [ref("Part"), fields(n=INTEGER)]},
        {"allOf": [ref("Part"), {"description": "no more"}]},
        fields(a=STRING),
    ],
)
def test_parts_that_agree_stay(schema: dict[str, Json]) -> None:
    """The generator puts them together itself."""
    assert composed(schema, Part=PART) == ({"It": schema, "Part": PART}, {})


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [ref("It"), fields(n=STRING)]},
        {"type": "array", "items": ref("It")},
    ],
)
def test_what_no_value_can_end_stays(schema: dict[str, Json]) -> None:
    """It says nothing that could be kept; the operation is left out later."""
    assert composed(schema) == ({"It": schema}, {})


def test_a_choice_that_holds_itself_in_an_object_stays_whole() -> None:
    """The object becomes a shared schema, which the generator reads later than the choice."""
    inner: Json = {"type": "object", "additionalProperties": ref("It")}
    made, counts = composed({"oneOf": [inner, STRING]}, ItCaseA=STRING)
    assert made["It"] == {"oneOf": [ref("ItCaseAOther"), STRING]}
    assert made["ItCaseAOther"] == inner
    assert counts == {}


def test_a_choice_that_holds_itself_in_a_list_holds_anything() -> None:
    """Directly, or by way of another; a field between is no obstacle."""
    tree = {"anyOf": [STRING, {"type": "array", "items": ref("Other")}]}
    made, counts = composed(tree, Other={"type": "array", "items": ref("It")}, Leaf=STRING)
    assert counts == {"A choi": 1}
    assert made["Other"] == {"type": "array", "items": {}}
    made, counts = composed(fields(next=ref("It")))
    assert counts == {}


def test_shared_objects_of_parameters_bodies_and_answers_are_shared_schemas() -> None:
    """Listed values and plain types stay where they are."""
    listed: Json = {"type": "string", "enum": ["a"]}
    content: Json = {"application/json": {"schema": fields(a=STRING)}}
    plain: Json = {"application/json": {"schema": STRING}}
    components: dict[str, Json] = {
        "schemas": {"PageAnswer": STRING},
        "parameters": {"page": {"schema": fields(n=INTEGER)}, "kind": {"schema": listed}},
        "requestBodies": {"page": {"content": content}},
        "responses": {"page": {"content": deepcopy(content)}, "text": {"content": plain}},
    }
    compose({"paths": {}, "components": components})
    assert set(mapping(components["schemas"])) == {
        "PageAnswer",
        "PageAnswerOther",
        "PageParameter",
        "PageRequest",
    }
    assert at(components, ("parameters", "page", "schema")) == ref("PageParameter")
    assert at(components, ("parameters", "kind", "schema")) == listed


def test_a_part_that_references_lead_to_is_shared() -> None:
    """In lists, in each other and in itself; what leads to nothing is left for its refusal."""
    inner = fields(more=ref("It/oneOf/0"), name=STRING)
    schema: dict[str, Json] = {"oneOf": [inner, STRING]}
    uses = fields(
        a=ref("It/oneOf/0"),
        b=ref("It/oneOf/0"),
        c=ref("It/oneOf/0/properties/name"),
        d=ref("Chain/properties/x"),
        e=ref("It/oneOf/7"),
        f=ref("ItOneOf0Name"),
    )
    named, counts = composed(
        schema, Uses=uses, Chain=fields(x=ref("It/oneOf/1")), ItOneOf1=INTEGER, ItOneOf0Name=STRING
    )
    assert counts == {"A refe": 3}
    assert named["It"] == {"oneOf": [ref("ItOneOf0"), ref("ItOneOf1Other")]}
    assert named["ItOneOf0"] == fields(more=ref("ItOneOf0"), name=ref("ItOneOf0PropertiesName"))
    assert named["ItOneOf1Other"] == named["ItOneOf0PropertiesName"] == STRING
    assert named["Chain"] == fields(x=ref("ItOneOf1Other"))
    assert mapping(named["Uses"])["properties"] == {
        "a": ref("ItOneOf0"),
        "b": ref("ItOneOf0"),
        "c": ref("ItOneOf0PropertiesName"),
        "d": ref("ItOneOf1Other"),
        "e": ref("It/oneOf/7"),
        "f": ref("ItOneOf0Name"),
    }


def test_what_only_refers_to_another_schema_is_that_schema() -> None:
    """Through several of them; those in a circle are left for their refusal."""
    named, _ = composed(
        fields(a=ref("First"), b=ref("Round")),
        First=ref("Second"),
        Second=ref("Last"),
        Last=fields(x=STRING),
        Round=ref("Again"),
        Again=ref("Round"),
    )
    assert mapping(mapping(named["It"])["properties"])["a"] == ref("Last")
    assert sorted(named) == ["Again", "It", "Last", "Round"]


def test_a_part_of_an_operation_is_shared_under_its_path() -> None:
    """Where no shared schema is, there is one then."""
    content: Json = {"content": {"application/json": {"schema": deepcopy(INTEGER)}}}
    place = "paths/~1a/get/responses/200/content/application~1json/schema"
    user: Json = {"content": {"application/json": {"schema": {"$ref": f"#/{place}"}}}}
    operation: Json = {"responses": {"200": content, "201": user}}
    document: dict[str, Json] = {"paths": {"/a": {"get": operation}}}
    compose(document)
    shared = ref("PathsAGetResponses200ContentApplicationJsonSchema")
    assert mapping(at(document, ("components", "schemas"))) == {
        "PathsAGetResponses200ContentApplicationJsonSchema": INTEGER
    }
    assert at(document, ("paths", "/a", "get", "responses", "201", "content")) == {
        "application/json": {"schema": shared}
    }
    assert at(document, ("paths", "/a", "get", "responses", "200")) == {
        "content": {"application/json": {"schema": shared}}
    }


def test_a_part_that_stands_alone_is_the_schema_itself() -> None:
    """A reference stays one: it leads to a model of its own."""
    lone = {"allOf": [fields("a", a=STRING)], "required": ["b"], "description": "D"}
    named, _ = composed(lone, Ref={"allOf": [ref("It")]})
    assert named["It"] == {**fields("a", "b", a=STRING), "description": "D"}
    assert named["Ref"] == {"allOf": [ref("It")]}


def test_null_is_allowed_where_references_lead_to_what_may_be_null() -> None:
    """Not in a part of a combination, all of which would have to allow it."""
    reference: Json = {"$ref": "#/components/schemas/A"}
    properties: Json = {"a": reference, "b": {"allOf": [reference]}, "c": {"type": "string"}}
    both: Json = {"allOf": [reference, {"type": "object", "properties": {"d": {}}}]}
    node: Json = {"type": "object", "nullable": True, "properties": properties}
    shared: Json = {"A": node, "B": both}
    document: dict[str, Json] = {"paths": {}, "components": {"schemas": shared}}
    document = json.loads(json.dumps(document))  # no two parts are one object
    compose(document)
    maybe: Json = {"allOf": [reference], "nullable": True}
    made = {"a": maybe, "b": maybe, "c": {"type": "string"}}
    assert document["components"] == {
        "schemas": {"A": {"type": "object", "properties": made}, "B": both}
    }
