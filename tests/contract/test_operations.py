"""Every generated operation keeps what the overlay promises; none is named here.

The operations are found by walking the generated package. The same tests run again over a client
generated from `tests/golden/grown.yaml`, whose operations do not exist yet (`test_grown.py`).
"""

import copy
import datetime
import enum
import importlib
import inspect
import io
import json
import pickle
import pkgutil
import re
import threading
import time
import types
import typing
import uuid

import attrs
import httpx
import pytest

import chainhub
from chainhub_api import api, models
from chainhub_api.security import OTHERS
from chainhub_api.types import UNSET, File, Unset
from tests.loopback import FAST

KEY = "sk-test-contract-0123456789"
NAMES = {
    **{name: getattr(models, name) for name in models.__all__},
    "File": File,
    "Unset": Unset,
    "UNSET": UNSET,
    "datetime": datetime,
    "UUID": uuid.UUID,
    "Any": object,
    "Literal": typing.Literal,
    "Mapping": typing.Mapping,
    "Sequence": typing.Sequence,
}


class Operation(typing.NamedTuple):
    """A generated operation: where it is, and how its method looks."""

    tag: str
    name: str

    @property
    def module(self):
        return importlib.import_module(f"chainhub_api.api.{self.tag}.{self.name}")

    @property
    def method(self):
        """Return the resource's function; an object that is called like one has it too."""
        tag = importlib.import_module(f"chainhub_resources.{self.tag}")
        (resource,) = (
            value
            for name, value in vars(tag).items()
            if name.endswith("Resource") and not name.startswith(("Async", "_"))
        )
        found = getattr(resource, self.name)
        return found if inspect.isfunction(found) else type(found).__call__

    def arguments(self):
        """Return a value for every argument that is required."""
        parameters = list(inspect.signature(self.method).parameters.values())[1:]
        return {
            parameter.name: "trace"
            if parameter.name.startswith("x_")
            else sample(eval(parameter.annotation, NAMES))
            for parameter in parameters
            if parameter.default is parameter.empty or parameter.name == "body"
        }

    @property
    def returns(self):
        return eval(inspect.signature(self.method).return_annotation, NAMES)

    def bound(self, client):
        return getattr(getattr(client, self.tag), self.name)

    def call(self, client, **options):
        return self.bound(client)(**self.arguments(), **options)

    def request(self):
        return self.module._get_kwargs(**self.arguments())

    def plain(self, mode):
        """Return the generated function itself."""
        return self.module.asyncio_detailed if mode.asynchronous else self.module.sync_detailed

    @property
    def status(self):
        """The declared good status, if there is a body."""
        return {"upload": 201, "remix": 202}.get(self.name, 200)

    @property
    def idempotent(self):
        return self.request()["method"].upper() != "POST"


def operations():
    """Walk the package."""
    for tag in pkgutil.iter_modules(api.__path__):
        folder = importlib.import_module(f"chainhub_api.api.{tag.name}").__path__
        for module in pkgutil.iter_modules(folder):
            yield Operation(tag.name, module.name)


def sample(kind):
    """Return a value of a type."""
    plain = {
        str: "a b/ü:1",
        int: 7,
        float: 0.5,
        bool: True,
        object: {"any": "thing"},
        uuid.UUID: uuid.UUID(int=7),
        datetime.datetime: datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC),
        datetime.date: datetime.date(2026, 11, 25),
    }
    if kind in plain:
        return plain[kind]
    if kind is File:
        return File(payload=io.BytesIO(b"bytes"), file_name="f.bin")
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [one for one in typing.get_args(kind) if one not in (Unset, type(None))]
        return sample(members[0])
    if typing.get_origin(kind) is list:
        return [sample(typing.get_args(kind)[0])]
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    required = [field for field in attrs.fields(kind) if field.default is attrs.NOTHING]
    return kind(**{field.name: sample(resolved(field.type)) for field in required})


def filled(model):
    """Return a model with a value for every field."""
    fields = [field for field in attrs.fields(model) if field.init]
    return model(**{field.name: sample(resolved(field.type)) for field in fields})


def resolved(annotation):
    """Return the type an annotation of a model stands for."""
    return eval(annotation, NAMES) if isinstance(annotation, str) else annotation


def wire(value):
    """Return content type and body of an answer that holds a value."""
    if isinstance(value, File):
        return "video/mp4", b"bytes"
    if isinstance(value, str):
        return "text/plain", value.encode()
    if isinstance(value, dict):
        return "application/json", json.dumps(value).encode()
    plain = [one.to_dict() for one in value] if isinstance(value, list) else value.to_dict()
    return "application/json", json.dumps(plain).encode()


def good(http, operation):
    """Write the declared good answer of an operation."""
    members = typing.get_args(operation.returns) or (operation.returns,)
    if operation.returns is None or set(members) == {type(None)}:
        return http(204, b"")
    content_type, body = wire(sample(operation.returns))
    return http(operation.status, body, f"Content-Type: {content_type}")


@pytest.fixture(params=[pytest.param(one, id=f"{one.tag}.{one.name}") for one in operations()])
def operation(request):
    """Give every operation of the generated package."""
    return request.param


def test_good_answer_is_returned(mode, server, http, operation):
    """The declared answer comes back typed, the key in the header, the path well quoted."""
    server.answers = [good(http, operation)]
    result = mode(operation.call(mode.client(KEY, base_url=server.url)))
    expected = sample(operation.returns) if operation.returns is not None else None
    if isinstance(result, File):
        assert result.payload.read() == b"bytes"
    elif attrs.has(type(result)):
        assert type(result) is type(expected)
        assert not any(
            isinstance(getattr(result, f.name), Unset) for f in attrs.fields(type(result))
        )
    else:
        assert type(result) is type(expected)
    (head,) = server.requests
    method, _, rest = head.decode("latin-1").partition(" ")
    assert method == operation.request()["method"].upper()
    assert rest.partition("?")[0].partition(" ")[0] == operation.request()["url"]
    wants_key = OTHERS.get(f"{operation.tag}.{operation.name}") != ("none", "", "")
    assert (f"Authorization: Bearer {KEY}".encode() in head) is wants_key
    assert (KEY.encode() in head) is wants_key


@pytest.mark.parametrize("given", ["null", "left out", "there"])
def test_answer_is_given_back_as_it_came(mode, server, http, operation, given):
    """None stands for null and for what was left out, never UNSET; `to_dict` tells them apart."""
    members = typing.get_args(operation.returns) or (operation.returns,)
    model = next((one for one in members if attrs.has(one) and one is not File), None)
    if model is None:
        return
    body = (sample(model) if given != "there" else filled(model)).to_dict() | {"undeclared": [1]}
    if given == "left out":
        body = {name: value for name, value in body.items() if value is not None}
    answer = [body] if typing.get_origin(operation.returns) is list else body
    ours = mode.client(KEY, base_url=server.url)
    for call in (
        lambda: mode(operation.call(ours)),
        lambda: mode(operation.plain(mode)(client=ours, **operation.arguments())).parsed,
    ):
        server.answers = [http(operation.status, answer)]
        result = call()
        task = result[0] if isinstance(result, list) else result
        assert not any(
            isinstance(getattr(task, field.name), Unset) for field in attrs.fields(type(task))
        )
        for one in (task, copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
            assert json.loads(json.dumps(one.to_dict())) == body
            assert one == task


def test_plain_function_takes_our_client(mode, server, http, operation):
    """The generated function itself works with the same client."""
    server.answers = [good(http, operation)]
    client = mode.client(KEY, base_url=server.url)
    response = mode(operation.plain(mode)(client=client, **operation.arguments()))
    assert 200 <= response.status_code < 300


def test_transient_errors_are_retried_where_it_is_safe(mode, server, http, operation):
    """A 503 costs an attempt; what may have been carried out is not sent twice."""
    server.answers = [http(503, b""), good(http, operation)]
    client = mode.client(KEY, base_url=server.url, retry=FAST)
    if operation.idempotent:
        mode(operation.call(client))
        assert len(server.requests) == 2
    else:
        with pytest.raises(chainhub.AmbiguousOutcome):
            mode(operation.call(client))
        assert len(server.requests) == 1


def test_statuses_are_typed_errors(mode, server, http, operation):
    """Also those that the contract does not document, and 520, which Python does not know."""
    for status, kind in [
        (401, chainhub.AuthenticationError),
        (404, chainhub.NotFoundError),
        (418, chainhub.StatusError),
        (526, chainhub.ServerError),
    ]:
        server.answers = [http(status, {"error": {"message": f"no {KEY}", "code": "E"}})]
        server.requests.clear()
        client = mode.client(KEY, base_url=server.url)
        with pytest.raises((kind, chainhub.AmbiguousOutcome)) as caught:
            mode(operation.call(client))
        assert KEY not in str(caught.value)
        assert caught.value.status == status


def test_wrong_answer_is_one_typed_error(mode, server, http, operation):
    """Where JSON is declared, HTML, null and a list of lists are response errors."""
    _, body = wire(sample(operation.returns)) if operation.returns is not None else ("", b"")
    if not body.startswith((b"{", b"[")):
        return
    # Where the contract describes nothing, whatever is JSON is an answer.
    declared = () if operation.returns is object else (b"null", b"[[]]", b'"x"')
    for wrong in (b"<html>", b'{"a": NaN}', *declared):
        server.answers = [http(200, wrong, "Content-Type: application/json")]
        server.requests.clear()
        with pytest.raises(chainhub.ChainhubError) as caught:
            mode(operation.call(mode.client(KEY, base_url=server.url)))
        assert isinstance(caught.value, chainhub.ResponseError | chainhub.StatusError)
        assert caught.value.attempts == 1


def test_field_that_is_wrong_is_named_as_in_the_answer(mode, server, http, operation):
    """Also one whose name Python does not allow, such as `from`."""
    model = operation.returns
    members = [one for one in typing.get_args(model) or (model,) if hasattr(one, "to_dict")]
    if typing.get_origin(model) is list or not members:
        return
    body = filled(members[0]).to_dict()
    client = mode.client(KEY, base_url=server.url)
    for name, value in body.items():
        if isinstance(value, str | int):
            server.answers = [http(operation.status, {**body, name: {"an": "object"}})]
            with pytest.raises(chainhub.ResponseError, match=f"the field {name} should") as caught:
                mode(operation.call(client))
            assert caught.value.field == name


def test_options_of_one_call(mode, server, http, operation):
    """They hold for it and for no other; the key's header is refused, as in a client's headers."""
    client = mode.client(KEY, base_url=server.url, headers={"X-Mine": "client"})
    server.answers = [good(http, operation)]
    options = {"timeout": 5, "deadline": 9.0, "headers": {"x-mine": "call", "X-More": "1"}}
    for given in (options, {}, {"deadline": None, "timeout": None}):
        mode(operation.call(client, **given))
    with_headers, without, _ = (head.lower().split(b"\r\n") for head in server.requests)
    assert {b"x-mine: call", b"x-more: 1"} < set(with_headers)
    assert b"x-mine: client" not in with_headers
    assert b"x-mine: client" in without
    for wrong, message in [
        ({"headers": {"authorization": "x"}}, "carries the key"),
        ({"headers": {"X-A": "a\nb"}}, "is not valid: line breaks"),
        ({"timeout": 0}, "timeout must be"),
        ({"deadline": "1"}, "deadline must be"),
    ]:
        with pytest.raises(chainhub.ConfigurationError, match=message):
            mode(operation.call(client, **wrong))
    assert len(server.requests) == 3


@pytest.mark.parametrize("option", ["timeout", "deadline"])
def test_limits_of_one_call_hold(mode, server, http, operation, option):
    """An answer that does not come is waited for no longer than the call says."""
    over = threading.Event()
    server.answers = [lambda connection, head: over.wait(12)]
    client = mode.client(KEY, base_url=server.url, retry=chainhub.RetryPolicy.off())
    began = time.monotonic()
    with pytest.raises((chainhub.TransportError, chainhub.AmbiguousOutcome)):
        mode(operation.call(client, **{option: 0.02}))
    assert time.monotonic() - began < 8
    over.set()


def test_whole_response(mode, server, http, operation):
    """The answer as it came beside what the method returns, for every operation."""
    answer = good(http, operation).replace(b"\r\n", b"\r\nX-Oneapi-Request-Id: r-1\r\n", 1)
    retried = [http(503, b"")] if operation.idempotent else []
    server.answers = [*retried, answer, answer]
    client = mode.client(KEY, base_url=server.url, retry=FAST)
    method = operation.bound(client)
    response = mode(chainhub.raw_response(method, **operation.arguments(), deadline=20))
    assert type(response.parsed) is type(mode(operation.call(client)))
    assert f"HTTP/1.1 {response.status_code} ".encode() in answer
    assert response.content == answer.partition(b"\r\n\r\n")[2]
    assert response.headers["x-oneapi-request-id"] == response.request_id == "r-1"
    assert response.attempts == len(retried) + 1
    assert 0 < response.elapsed < 20


def test_empty_required_text_is_refused(mode, server, operation):
    """No request is sent with a hole in it."""
    arguments = operation.arguments()
    texts = [name for name, value in arguments.items() if isinstance(value, str)]
    client = mode.client(KEY, base_url=server.url)
    for name in texts:
        with pytest.raises(chainhub.ConfigurationError, match=f"{name} must not be empty"):
            mode(operation.bound(client)(**{**arguments, name: ""}))
    assert server.requests == []


def test_documented_422_carries_its_body(mode, server, http, operation):
    """An error the contract describes keeps what it describes; any other has none."""
    documented = "422" in inspect.getsource(operation.module)
    body = {"message": "prompt too long", "fields": None}
    client = mode.client(KEY, base_url=server.url)
    server.answers = [http(422, body)]
    with pytest.raises(chainhub.UnprocessableError, match="prompt too long") as caught:
        mode(operation.call(client))
    if documented:
        assert caught.value.body.message == "prompt too long"
        server.answers = [http(422, b"[]")]
        with pytest.raises(chainhub.UnprocessableError) as caught:
            mode(operation.call(client))
        assert caught.value.body is None


def test_arguments_that_cannot_be_sent_are_a_sentence(mode, server, operation):
    """A text that no header can carry, or a number for a model, is the caller's mistake."""
    arguments = operation.arguments()
    for name, wrong in (("x_trace", "trä\nce"), ("body", 7)):
        if name in arguments:
            client = mode.client(KEY, base_url=server.url)
            with pytest.raises(chainhub.ConfigurationError, match="cannot be called with these"):
                mode(operation.bound(client)(**{**arguments, name: wrong}))
    assert server.requests == []


def test_a_body_can_be_given_by_its_fields(mode, operation):
    """As keywords, as an object, with objects inside: the same bytes are sent as for a model."""
    annotation = inspect.signature(operation.method).parameters.get("body")
    kinds = typing.get_args(eval(annotation.annotation, NAMES)) if annotation else ()
    model = next(filter(attrs.has, kinds), None)
    if model is None:
        return
    bodies = []

    def answer(request):
        bodies.append(request.read())
        return httpx.Response(400)

    async def answer_async(request):
        bodies.append(await request.aread())
        return httpx.Response(400)

    transport = httpx.MockTransport(answer_async if mode.asynchronous else answer)
    client = mode.client(KEY, httpx_args={"transport": transport})
    method = getattr(getattr(client, operation.tag), operation.name)
    others = {name: one for name, one in operation.arguments().items() if name != "body"}
    for give in (
        lambda fields: {"body": filled(model)},
        lambda fields: fields,
        lambda fields: {"body": fields},
        lambda fields: {
            name: one.to_dict() if hasattr(one, "to_dict") else one for name, one in fields.items()
        },
    ):
        made = filled(model)
        fields = {one.name: getattr(made, one.name) for one in attrs.fields(model) if one.init}
        with pytest.raises(chainhub.BadRequestError):
            mode(method(**others, **give(fields)))
    # A form has a boundary of its own each time, which no file can contain.
    boundaries = [re.match(rb"--(\w{16,})\r\n|", body)[1] or b"" for body in bodies]
    assert len(bodies) == 4
    assert len(set(boundaries)) == (4 if boundaries[0] else 1)
    bare = {body.replace(mark, b"") for body, mark in zip(bodies, boundaries, strict=True)}
    assert len(bare) == 1


def test_there_are_operations():
    """A walk that finds nothing would prove nothing."""
    assert len(list(operations())) >= 1
