"""What contracts may say and Python, or the generator's own code, takes for something else."""

import datetime
import inspect
import io
import json
import sys
from pathlib import Path

import httpx
import pytest

import chainhub
from chainhub_api import types
from tests.client import contracts
from tests.client.contracts import TEXT, parameter

FORM = "application/x-www-form-urlencoded"
OBJECT = {"type": "object"}
# Names of what generated code calls its own, one name in three spellings, letters that are equal.
FIELDS = [
    *("additional_properties", "cast", "d", "from_dict", "to_dict", "src_dict"),
    *("foo-bar", "foo_bar", "fooBar", "ﬁeld", "field"),
]
MANY = [("id", "query"), ("Id", "query"), ("ID", "header"), ("id", "header"), ("id", "cookie")]
QUERY = ["body", "params", "headers", "ſ", "s"]


def body(kind, schema):
    """Return a body that has to be given."""
    return {"required": True, "content": {kind: {"schema": schema}}}


def written(name, kind, place="query", **more):
    """Return a parameter that may be given."""
    return {"name": name, "in": place, "required": place == "path", "schema": kind, **more}


TIME = {"type": "string", "format": "date-time"}
DAY = {"type": "string", "format": "date"}
LIST = {"type": "array", "items": {"type": "string"}}
SOME = {"oneOf": [LIST, {"type": "string", "enum": ["all"]}]}
TEXTS = {
    **OBJECT,
    "properties": {"at": TIME, "days": {"type": "array", "items": DAY}, "some": SOME},
}
NESTED = {**OBJECT, "properties": {"a": {**OBJECT, "properties": {"b": LIST}}}}
WRITTEN = [
    written("ids", LIST, "path"),
    written("at", TIME, "path"),
    written("csv", LIST, explode=False),
    written("pipe", LIST, style="pipeDelimited"),
    written("deep", NESTED, style="deepObject"),
    written("each", {"type": "array", "items": NESTED}),
    written("X-List", LIST, "header"),
    written("X-At", TIME, "header"),
    written("X-None", {"type": "string", "nullable": True}, "header"),
    written("c", {"type": "boolean", "nullable": True}, "cookie"),
    written("d", {"type": "boolean", "nullable": True}, "cookie"),
]


def with_input(needed):
    """Return a schema of an object whose field `input` needs another field."""
    inner = {**OBJECT, "properties": {needed: TEXT}, "required": [needed]}
    return {**OBJECT, "properties": {"input": inner}, "required": ["input"]}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Generate a client with an operation of each kind."""
    fields = {**OBJECT, "title": "Odd", "properties": dict.fromkeys(FIELDS, TEXT)}
    form = {**OBJECT, "properties": {"on": {"type": "boolean"}, "all": {"type": "array"}}}
    form["properties"]["all"]["items"] = {"type": "boolean"}
    choice = {"oneOf": [with_input("a"), with_input("b")]}
    nullable = {"type": "string", "nullable": True}
    maybe = {**with_input("a"), "nullable": True}
    optional = {"content": {contracts.JSON: {"schema": nullable}}}
    each = {"type": "array", "items": with_input("a")}
    listed = {"content": {**body(contracts.JSON, each)["content"], **body(FORM, NESTED)["content"]}}
    files = {**OBJECT, "properties": {"none": nullable, "inner": with_input("a"), "any": {}}}
    files["additionalProperties"] = {"type": "array", "items": {"type": "integer"}}
    by_name = {**OBJECT, "additionalProperties": with_input("a")}
    filtered = {"name": "filter", "in": "query", "required": True}
    filtered["content"] = {contracts.JSON: {"schema": OBJECT}}
    answer = contracts.answers(fields)
    make = contracts.operation
    paths = {
        "/v1/fields": {"post": make("fields", answer, requestBody=body(contracts.JSON, fields))},
        "/v1/choice": {"post": make("choice", answer, requestBody=body(contracts.JSON, choice))},
        "/v1/objects": {
            "post": make("objects", answer, requestBody=body(contracts.JSON, by_name)),
            "put": make("image", answer, requestBody=body("image/*", {})),
        },
        "/v1/sought": {"get": make("sought", answer, requestBody=body(contracts.JSON, TEXTS))},
        "/v1/texts": {"post": make("texts", answer, requestBody=body(contracts.JSON, TEXTS))},
        "/v1/written/{ids}/{at}": {"get": make("written", answer, parameters=WRITTEN)},
        "/v1/files": {
            "post": make("files", answer, requestBody=body("multipart/form-data", files)),
            "put": make("either", answer, requestBody=body("multipart/form-data", choice)),
            "patch": make("fields_of", answer, requestBody=body(FORM, files)),
        },
        "/v1/null": {
            "post": make("null", answer, requestBody=body(contracts.JSON, maybe)),
            "delete": make("or_none", answer, requestBody=optional),
            "put": make("listed", answer, requestBody=listed),
        },
        "/v1/form": {"post": make("form", answer, requestBody=body("multipart/form-data", form))},
        "/v1/{quote}": {
            "get": make(
                "query",
                answer,
                parameters=[parameter("quote"), *(parameter(one, "query") for one in QUERY)],
            ),
        },
        "/v1/many/{id}": {
            "get": make(
                "many",
                answer,
                parameters=[parameter("id"), *(parameter(*one, required=False) for one in MANY)],
            ),
        },
        "/v1/filter": {
            "head": make("exists", answer),
            "get": make("filtered", answer, parameters=[filtered]),
            "delete": make("old", answer, deprecated=True, security=[]),
        },
    }
    return contracts.generated(tmp_path_factory, "odd_api", paths)


@pytest.fixture
def things(package, mode, server):
    """Give the operations of a client."""
    return contracts.things(package, mode, mode.client(base_url=server.url))


def test_fields_of_any_name_are_sent_and_read(things, mode, server, http):
    """By the name that the contract has, there and back."""
    given = {name: f"the {name}" for name in FIELDS}
    server.answers = [http(200, given)]
    answer = mode(things.fields(body=given))
    assert json.loads(server.bodies[0]) == given
    assert answer.to_dict() == given
    assert answer.foo_bar_2 == "the foo_bar"


def test_fields_are_keywords_under_their_names(things, mode, server):
    """Those of Python."""
    mode(things.fields(d_="1", foo_bar_3="2", field_2="3"))
    sent = json.loads(server.bodies[0])
    assert sent == {"d": "1", "fooBar": "2", "field": "3"}


@pytest.mark.parametrize("needed", ["a", "b"])
def test_of_several_bodies_the_one_that_fits_inside_is_taken(things, mode, server, needed):
    """Though they have the same fields outside; where none fits, the first one says why."""
    mode(things.choice(input_={needed: "x"}))
    assert json.loads(server.bodies[0]) == {"input": {needed: "x"}}
    with pytest.raises(chainhub.ConfigurationError, match=r"choice\.input_ needs a"):
        mode(things.choice(input_={"c": "x"}))


def test_an_object_of_objects_is_given_as_one(things, mode, server):
    """Each of them is checked, and becomes a model."""
    mode(things.objects(body={"k": {"input": {"a": "x"}}}))
    assert json.loads(server.bodies[0]) == {"k": {"input": {"a": "x"}}}
    with pytest.raises(chainhub.ConfigurationError, match=r"objects\.k needs input_"):
        mode(things.objects(body={"k": {}}))


@pytest.mark.parametrize("kind", [None, "image/png"])
def test_a_file_says_what_it_is(things, mode, server, kind):
    """Where the contract allows several media types."""
    mode(things.image(body=types.File(io.BytesIO(b"bytes"), mime_type=kind)))
    assert server.bodies == [b"bytes"]
    sent = b"Content-Type: %s\r\n" % (kind or "application/octet-stream").encode()
    assert sent.lower() in server.requests[0].lower()


def test_parameters_of_any_name_are_sent(things, mode, server):
    """In the path and in the query."""
    mode(things.query("a/b", body_="1", params_="2", headers_="3", s="4", s_2="5"))
    (head, *_) = server.requests[0].split(b"\r\n")
    assert head == b"GET /v1/a%2Fb?body=1&params=2&headers=3&%C5%BF=4&s=5 HTTP/1.1"


def test_parameters_of_one_name_in_every_place_are_sent(things, mode, server):
    """However many of them there are."""
    names = [name for name in inspect.signature(things.many).parameters if name[:2].lower() == "id"]
    mode(things.many(**{name: str(number) for number, name in enumerate(names)}))
    head = server.requests[0].lower().split(b"\r\n")
    assert head[0].startswith(b"get /v1/many/0?id=1&id=2 ")
    assert {b"id: 3", b"id: 4", b"cookie: id=5"} <= {*head}


def test_lists_objects_and_times_are_written_as_the_contract_says(package, things, mode, server):
    """In a path, a query, a header and a cookie; never as Python would."""
    models = sys.modules["odd_api.models"]
    at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    deep = models.ThingsWrittenDeep(a=models.ThingsWrittenDeepA(b=["1", "2"]))
    each = [models.ThingsWrittenEachItem(a=models.ThingsWrittenEachItemA(b=["3"]))]
    two = ["x", "y"]
    given = {"csv": two, "pipe": two, "deep": deep, "each": each, "c": True, "d": None}
    mode(things.written(two, at, **given, x_list=two, x_at=at, x_none=None))
    (line, *headers) = server.requests[0].decode().partition("\r\n\r\n")[0].split("\r\n")
    url = httpx.URL("http://host" + line.split()[1])
    assert url.raw_path.startswith(b"/v1/written/x,y/2026-01-02T00%3A00%3A00%2B00%3A00?")
    assert url.params.multi_items() == [
        *(("csv", "x,y"), ("pipe", "x|y")),
        *(("deep[a][b]", "1"), ("deep[a][b]", "2"), ("each", '{"a": {"b": ["3"]}}')),
    ]
    sent = dict(one.lower().split(": ", 1) for one in headers)
    assert (sent["x-list"], sent["x-at"]) == ("x,y", "2026-01-02t00:00:00+00:00")
    assert sent["cookie"] == "c=true"
    assert "x-none" not in sent


def test_a_form_of_parts_writes_what_is_no_text(things, mode, server):
    """None is an empty text, an object is JSON; of several kinds the one that was given is sent."""
    given = {"none": None, "inner": {"input": {"a": "x"}}, "any": [True, None], "more": [1, 2]}
    mode(things.files(body=given))
    mode(things.either(input_={"b": "x"}))
    parts, other = (
        [part.partition(b"\r\n\r\n")[2] for part in body.split(b"\r\n--")] for body in server.bodies
    )
    assert parts[:5] == [b"", b'{"input": {"a": "x"}}', b"[true, null]", b"1", b"2"]
    assert other[0] == b'{"b": "x"}'
    mode(things.fields_of(body={**given, "any": None}))
    assert httpx.QueryParams(server.bodies[2]).multi_items() == [
        *(("more", "1"), ("more", "2"), ("none", "")),
        *(("inner", '{"input": {"a": "x"}}'), ("any", "")),
    ]


def test_a_body_may_be_as_json_has_it(things, mode, server):
    """With times as texts, and a text where a list is not the only choice."""
    given = {"at": "2026-01-02T03:04:05Z", "days": ["2026-01-02"], "some": "all"}
    mode(things.texts(body=given))
    assert json.loads(server.bodies[0]) == {**given, "at": "2026-01-02T03:04:05+00:00"}
    with pytest.raises(chainhub.ConfigurationError, match=r"texts\.at must be a time such as"):
        mode(things.texts(at="soon"))
    with pytest.raises(chainhub.ConfigurationError, match=r"texts\.days must be a list, not a str"):
        mode(things.texts(days="2026-01-02"))


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("null", {"body": None}, b"null"),
        ("or_none", {"body": None}, b"null"),
        ("or_none", {"body": "x"}, b'"x"'),
        ("or_none", {}, None),
    ],
)
def test_null_is_a_body_and_nothing_is_none(things, mode, server, name, given, sent):
    """Where the contract allows it; without a body there is no media type."""
    mode(getattr(things, name)(**given))
    assert server.bodies == ([sent] if sent else [])
    assert (b"content-type: application/json" in server.requests[0].lower()) is bool(sent)


@pytest.mark.parametrize(
    ("given", "sent"),
    [([{"input": {"a": "x"}}], b'[{"input":{"a":"x"}}]'), ({"a": {"b": ["x"]}}, b"a=")],
)
def test_a_list_and_a_form_are_told_apart(things, mode, server, given, sent):
    """By what is given."""
    mode(things.listed(body=given))
    assert server.bodies[0].startswith(sent)


def test_a_get_with_fields_in_its_body_sends_them(things, mode, server):
    """Only an empty form, which many pages show, is none."""
    mode(things.sought(some="all"))
    assert server.requests[0].startswith(b"GET /v1/sought HTTP")
    assert json.loads(server.bodies[0]) == {"some": "all"}


def test_a_parameter_that_is_json_takes_its_text(things, mode, server):
    """As the caller writes it."""
    mode(things.filtered(json.dumps({"a": 1})))
    assert server.requests[0].startswith(b"GET /v1/filter?filter=%7B%22a%22%3A+1%7D HTTP")


def test_a_form_says_true_as_json_does(things, mode, server):
    """Python's word for it is another one."""
    mode(things.form(on=True, all_=[True, False]))
    values = [part.partition(b"\r\n\r\n")[2] for part in server.bodies[0].split(b"\r\n--")]
    assert [value for value in values if value in (b"true", b"false")] == [
        b"true",
        b"true",
        b"false",
    ]


def test_a_head_request_is_answered_without_a_body(things, mode, server, http):
    """Whatever the contract says."""
    server.answers = [http(200, b"")]
    assert mode(things.exists()) is None


def test_a_deprecated_operation_warns(things, mode):
    """At each call."""
    with pytest.warns(DeprecationWarning, match=r"client\.things\.old is deprecated"):
        mode(things.old())


def test_a_missing_parameter_is_named_as_python_does(things, mode):
    """So that the caller can give it."""
    with pytest.raises((TypeError, chainhub.ConfigurationError), match="params_"):
        mode(things.query("a", body_="1", headers_="3", s="4", s_2="5"))


def test_the_sandbox_is_told_who_sends_no_key(package):
    """Every other operation is sent with the key as a bearer token, which need not be said."""
    contract = Path(package.__file__).with_name("contract.json")
    operations = json.loads(contract.read_text("utf-8"))["operations"].items()
    keys = {name: one["key"] for name, one in operations if "key" in one}
    assert keys == {"things.old": ["none", "", ""]}
