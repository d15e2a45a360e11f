"""A request that may have cost money: what came is never lost, whatever the contract said."""

import json

import pytest

import chainhub
from tests.client import contracts
from tests.loopback import KEY, response

THING = {"$ref": "#/components/schemas/Thing"}
OTHER = {"$ref": "#/components/schemas/Other"}
OOPS = {"$ref": "#/components/schemas/Oops"}
PATHS = {
    "declared": contracts.answers(THING),
    "with_default": contracts.answers(THING) | contracts.answers(OOPS, "default"),
    "two": contracts.answers(THING) | contracts.answers(OTHER, "201"),
    "any_2xx": contracts.answers(THING, "2XX"),
    "only_default": contracts.answers(THING, "default"),
    "bare_default": {"default": {"description": ""}},
    "only_errors": contracts.answers(OOPS, "400"),
    "no_schema": {"200": {"description": ""}},
    "half_described": contracts.answers(THING) | {"202": {"description": ""}},
    "gone": {"204": {"description": ""}},
    "listed": contracts.answers({"type": "array", "items": THING}),
}
SCHEMAS = {
    "Thing": {
        "type": "object",
        "required": ["id", "status"],
        "properties": {"id": {"type": "string"}, "status": {"type": "string"}},
    },
    "Other": {
        "type": "object",
        "required": ["task_id"],
        "properties": {"task_id": {"type": "string"}},
    },
    "Oops": {
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string"}},
    },
}
GOOD = {"id": "a", "status": "queued"}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Give operations that answer in every way a contract can describe."""
    paths = {
        f"/v1/{name}": {"post": contracts.operation(name, responses)}
        for name, responses in PATHS.items()
    }
    components = {"schemas": SCHEMAS}
    return contracts.generated(tmp_path_factory, "paid_api", paths, components=components)


def asked(mode, server, package, name, answer):
    """Return what an operation returns for an answer."""
    server.answers = [answer]
    client = mode.client(base_url=server.url)
    return mode(getattr(contracts.things(package, mode, client), name)())


def listed(value):
    """Return a list as it is, anything else in a list."""
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("name", "status", "document", "kind"),
    [
        ("declared", 200, GOOD, "Thing"),
        ("declared", 201, GOOD, "Thing"),
        ("declared", 202, GOOD, "Thing"),
        ("declared", 299, GOOD, "Thing"),
        ("with_default", 201, GOOD, "Thing"),
        ("two", 202, GOOD, "Thing"),
        ("two", 202, {"task_id": "a"}, "Other"),
        ("two", 201, {"task_id": "a"}, "Other"),
        ("any_2xx", 206, GOOD, "Thing"),
        ("only_default", 201, GOOD, "Thing"),
        ("bare_default", 200, GOOD, "dict"),
        ("only_errors", 200, GOOD, "dict"),
        ("only_errors", 201, [GOOD], "list"),
        ("no_schema", 200, GOOD, "dict"),
        ("no_schema", 202, GOOD, "dict"),
        ("half_described", 200, GOOD, "Thing"),
        ("half_described", 202, {"task_id": 7}, "dict"),
        ("listed", 201, [GOOD], "list"),
    ],
)
def test_where_the_contract_leaves_room_it_is_accepted(
    mode, server, package, name, status, document, kind
):
    """A status that is not documented with the declared shape; no schema; only errors."""
    given = response(status, document, "Content-Type: application/json")
    value = asked(mode, server, package, name, given)
    assert type(value).__name__ == kind
    shown = [one.to_dict() if hasattr(one, "to_dict") else one for one in listed(value)]
    assert shown == listed(document)


@pytest.mark.parametrize(("name", "status"), [("gone", 204), ("gone", 200), ("no_schema", 204)])
def test_an_empty_body_is_none(mode, server, package, name, status):
    """Where nothing is declared, nothing is missed."""
    assert asked(mode, server, package, name, response(status, b"")) is None


NUMBERED = {"id": 4118, "status": "queued"}


@pytest.mark.parametrize(
    ("name", "status", "body", "task_id"),
    [
        ("declared", 200, NUMBERED, "4118"),
        ("declared", 202, NUMBERED, "4118"),
        ("declared", 200, {"task_id": "t:1", "id": 7}, "t:1"),
        ("declared", 201, {"taskId": "t:1"}, "t:1"),
        ("declared", 200, [GOOD], "a"),
        ("declared", 200, {"data": {"task": {"id": "deep"}}}, "deep"),
        ("declared", 200, {"data": [{"x": 1}, {"id": "b"}]}, "b"),
        ("declared", 200, {"code": "success", "data": "task_abc"}, "task_abc"),
        ("declared", 200, {"code": 1, "description": "submitted", "result": "42"}, "42"),
        ("declared", 200, {"code": 1, "result": "two words"}, None),
        ("declared", 200, {"id": True, "ids": [None]}, None),
        ("declared", 200, "task_abc", None),
        ("declared", 200, 7, None),
        ("with_default", 201, NUMBERED, "4118"),
        ("two", 202, {"id": 7}, "7"),
        ("listed", 200, GOOD, "a"),
        ("gone", 200, GOOD, "a"),
        # Of an error inside a 200 too: the task may be there all the same.
        ("declared", 200, {"error": "late", "data": {"task_id": "t"}}, "t"),
        ("declared", 200, {"success": False, "message": "no"}, None),
    ],
)
def test_what_does_not_fit_is_carried_by_the_error(
    mode, server, package, name, status, body, task_id
):
    """The whole parsed document, and the id found in it."""
    given = response(status, json.dumps(body).encode(), "Content-Type: application/json")
    with pytest.raises((chainhub.ResponseError, chainhub.StatusError)) as caught:
        asked(mode, server, package, name, given)
    assert (caught.value.body, caught.value.task_id) == (body, task_id)
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"queued as 7", "queued as 7"),
        (b'{"id": 7', '{"id": 7'),
        (b"\xff\x00\x01", b"\xff\x00\x01"),
        (b"", None),
        (b"<html>gateway</html>", "<html>gateway</html>"),
    ],
)
def test_what_is_no_json_is_carried_as_it_is(mode, server, package, raw, body):
    """As text, or as bytes."""
    with pytest.raises(chainhub.ResponseError) as caught:
        asked(mode, server, package, "declared", response(200, raw))
    assert (caught.value.body, caught.value.task_id) == (body, None)


def test_a_page_is_no_answer_where_nothing_is_declared(mode, server, package):
    """A gateway's page instead of an empty body is an error, with the page."""
    page = response(200, b"<html><title>Login</title>", "Content-Type: text/html")
    with pytest.raises(chainhub.ResponseError, match="HTML page: Login"):
        asked(mode, server, package, "gone", page)


@pytest.mark.parametrize("size", [10, 2_000_000])
@pytest.mark.parametrize("tail", [b'"}', b"", b"\xff"])
def test_the_key_is_masked_and_nothing_else(mode, server, package, size, tail):
    """However large it is, and whether it can be parsed or not."""
    head = f'{{"id": 7, "said": "sk-somebody-else-1 {KEY}'.encode()
    with pytest.raises(chainhub.ResponseError) as caught:
        asked(mode, server, package, "declared", response(200, head + b"x" * size + tail))
    assert KEY not in str(caught.value.body)
    assert "sk-somebody-else-1 ***x" in str(caught.value.body)
    assert caught.value.task_id == ("7" if tail == b'"}' else None)
