"""Which repaired contracts are refused, and with what sentence."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tools.contract import at, mapping
from tools.documents import Json
from tools.errors import PipelineError
from tools.validation import validate

ID: Json = {"name": "task_id", "in": "path", "required": True, "schema": {"type": "string"}}
QUERY: Json = {
    "operationId": "query",
    "tags": ["video"],
    "parameters": [ID],
    "responses": {"200": {"description": "", "$ref": "#/components/responses/A"}},
}
GOOD: dict[str, Json] = {
    "openapi": "3.0.1",
    "info": {"title": "t", "version": "1"},
    "paths": {"/a/{task_id}": {"get": QUERY}},
    "components": {"responses": {"A": {"description": "an answer"}}},
}
GET = ("paths", "/a/{task_id}", "get")


@pytest.mark.parametrize("version", ["3.0.1", "3.0.3", "3.1.0"])
def test_a_good_contract_is_counted(version: str) -> None:
    """The number of operations comes back."""
    assert validate({**GOOD, "openapi": version}, "c") == 1


def test_an_extension_may_point_anywhere() -> None:
    """Nobody follows it; a field that is called like one is a field."""
    assert validate({**GOOD, "x-ref": {"$ref": "http://stranger/x"}}, "c") == 1
    schema: Json = {"properties": {"x-a": {"$ref": "http://stranger/x"}}}
    components = {**mapping(GOOD["components"]), "schemas": {"a": schema}}
    with pytest.raises(PipelineError, match="the \\$ref at /components/schemas/a/properties/x-a "):
        validate({**GOOD, "components": components}, "c")


def test_operations_of_different_tags_may_share_a_name() -> None:
    """Callers see `client.video.query` and `client.other.query`."""
    document = twice()
    operation = at(document, ("paths", "/b/{task_id}", "get"))
    assert isinstance(operation, dict)
    operation["tags"] = ["other"]
    assert validate(document, "c") == 2


def renamed(path: str) -> dict[str, Json]:
    """Give the operation another path."""
    return {**GOOD, "paths": {path: at(GOOD, GET[:2])}}


def changed(**values: Json) -> dict[str, Json]:
    """Give the operation other values."""
    document = deepcopy(GOOD)
    operation = at(document, GET)
    assert isinstance(operation, dict)
    operation.update(values)
    return document


def twice() -> dict[str, Json]:
    """Put the operation at another path as well."""
    document = deepcopy(GOOD)
    assert isinstance(document["paths"], dict)
    document["paths"]["/b/{task_id}"] = deepcopy(at(GOOD, GET[:2]))
    return document


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({**GOOD, "openapi": "2.0"}, "c is not OpenAPI 3.0 or 3.1: its `openapi` is '2.0'."),
        ({"paths": {}}, "c is not OpenAPI 3.0 or 3.1: its `openapi` is ''."),
        ({**GOOD, "paths": {}}, "c describes no operation."),
        (
            renamed("/a/{Task ID}"),
            "the path /a/{Task ID} has the template {Task ID}, no usable name.",
        ),
        (renamed("/a/{任务id}"), "the path /a/{任务id} has the template {任务id}, no usable name."),
        (renamed("/a/{task_id"), "the path /a/{task_id has a brace without its partner."),
        (renamed("/a b/{task_id}"), "has a space or an unprintable character."),
        (renamed("/a\n/{task_id}"), "has a space or an unprintable character."),
        (changed(operationId=""), "GET /a/{task_id} has no operationId, so callers"),
        (changed(tags=[]), "GET /a/{task_id} has no tag, so callers"),
        (twice(), "GET /b/{task_id} and GET /a/{task_id} are both called video.query."),
        (
            changed(servers=[{"url": "v7"}]),
            "c: GET /a/{task_id} has the server 'v7'; it must be a whole http(s) URL.",
        ),
        (changed(parameters=[]), "c: not valid OpenAPI at "),
        (
            changed(responses={"200": {}}),
            "c: not valid OpenAPI at paths//a/{task_id}/get/responses/200",
        ),
        (
            changed(parameters=[{"$ref": "#/components/responses/A"}]),
            "c: not valid OpenAPI at its top level: a part is not what its place asks for",
        ),
        ({**GOOD, "info": {"title": "x" * 999}}, "c: not valid OpenAPI at info: "),
        ({**GOOD, "ref": {"$ref": "http://stranger/x"}}, "the $ref at /ref points to http://s"),
        (
            {**GOOD, "ref": [{"$ref": "file:///etc/passwd"}]},
            "the $ref at /ref/0 points to file",
        ),
        ({**GOOD, "ref": {"$ref": "info"}}, "/ref points to info, which is not"),
        (
            {**GOOD, "ref": {"$ref": "#/nowhere"}},
            "the $ref at /ref points to #/nowhere, which is",
        ),
    ],
)
def test_a_bad_contract_is_refused_with_the_place(document: dict[str, Json], sentence: str) -> None:
    """One bounded sentence says what is wrong and where."""
    with pytest.raises(PipelineError) as caught:
        validate(document, "c")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_schema_made_of_itself_is_refused() -> None:
    """Rather than followed without end."""
    document: dict[str, Json] = {
        **GOOD,
        "components": {
            "responses": {"A": {"description": "an answer"}},
            "schemas": {
                "A": {"type": "array", "default": [], "items": {"$ref": "#/components/schemas/A"}}
            },
        },
    }
    document["components"]["schemas"]["B"] = {"allOf": [{"$ref": "#/components/schemas/B"}]}  # type: ignore[index,call-overload]
    with pytest.raises(PipelineError, match="c: a schema refers to itself without end"):
        validate(document, "c")
