"""One operation of the contract: the request of its generated module, and the response it reads.

Generated code checks little when it parses a response: a document is validated first, and what
does not fit becomes one `ResponseError` that names the field. `raw_response` returns the whole
response together with its value.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from inspect import isawaitable
from types import ModuleType, SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
    cast,
    get_args,
    get_origin,
    overload,
)

import attrs

from chainhub._responses import (
    Mismatch,
    TypeValidator,
    additional_type_of,
    decode_json,
    explain_mismatch,
    fields_of,
    members,
    resolve,
)
from chainhub._session.call import CallResult, request_id_of
from chainhub._transport import Response, of_system
from chainhub.errors import ChainhubError, ConfigurationError
from chainhub_api.errors import UnexpectedStatus
from chainhub_api.types import UNSET, Unset

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
T = TypeVar("T")
FinishedCall = tuple[CallResult, Callable[[], Iterable[str]]]
"""A call with a good response, and a function that returns the secrets to mask in its texts."""

finished_calls: ContextVar[list[FinishedCall] | None] = ContextVar("finished_calls", default=None)
"""Set by `raw_response` to a list for the last call; None otherwise."""

# What generated code raises for values it does not expect. Other exceptions are not caught, such
# as one of a signal handler.
_CODE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_TEXT = (str, str | Unset)
_PARSING_ERRORS = (Mismatch, UnexpectedStatus, *_CODE_ERRORS)
# The arguments may be files, which the request is made of.
REQUEST_ERRORS = (OSError, *_CODE_ERRORS)


def build_body(kind: object, value: object, place: str) -> object:
    """Return the value that generated code sends, models where the contract declares them.

    In an error it is called `place`, such as `body` or `body.input`.

    Raises:
        ConfigurationError: A field is missing, or unknown where the contract allows no others;
            or a text is given for a list, or one that is no time for a time.
    """
    kinds: list[Any] = [*members(kind)]
    if isinstance(value, list | tuple):
        inner = next(
            (get_args(member)[0] for member in kinds if get_origin(member) is list), object
        )
        return [build_body(inner, item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str | bytes):
        return _build_text(value, kinds, place)
    models = [member for member in kinds if hasattr(member, "from_dict")]
    if not isinstance(value, Mapping) or not models:
        return value
    # Of several, first the one with the fewest missing and the fewest unknown fields; the next, if
    # a nested value does not fit.
    models.sort(key=lambda member: [*map(len, _compare(member, value))])
    problem = None
    for model in models:
        try:
            return _build_model(model, value, place)
        except ConfigurationError as error:
            problem = problem or error
    assert problem is not None  # there is a model, and none was made
    raise problem


def _build_text(value: str | bytes, kinds: list[Any], place: str) -> object:
    if {str, bytes, Any} & {*kinds} or any(get_origin(member) is Literal for member in kinds):
        return value
    time_types = [member for member in kinds if member in (date, datetime)]
    if time_types and isinstance(value, str):  # as JSON has it
        try:
            return time_types[0].fromisoformat(value)
        except ValueError:
            problem = f"{place} must be a time such as 2026-01-02T03:04:05Z"
            raise ConfigurationError(problem) from None
    # Generated code would make a list of its characters.
    if any(get_origin(member) is list for member in kinds):
        raise ConfigurationError(f"{place} must be a list, not a {type(value).__name__}")
    return value


def _build_model(model: Any, values: Mapping[str, object], place: str) -> object:  # noqa: ANN401
    missing, unknown = _compare(model, values)
    if missing:
        raise ConfigurationError(f"{place} needs {' and '.join(missing)}")
    fields = _fields(model)
    instance: Any = model(
        **{
            fields[name][0].alias: build_body(fields[name][1], value, f"{place}.{name}")
            for name, value in values.items()
            if name in fields
        }
    )
    if unknown and not hasattr(instance, "additional_properties"):
        names = ", ".join(field.name for field, _, _ in fields_of(model).values())
        raise ConfigurationError(f"{place} has no field {unknown[0]!r}; its fields are {names}")
    for name in unknown:
        value = build_body(additional_type_of(model), values[name], f"{place}.{name}")
        instance.additional_properties[name] = value
    return instance


@cache
def _fields(model: object) -> dict[str, tuple[Any, object, bool]]:
    """Return the fields of a model by their names in Python and in JSON."""
    fields = fields_of(model)
    return {field[0].name: field for field in fields.values()} | fields


def _compare(model: object, values: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Return the required fields that have no value, and the names that are no fields."""
    fields = _fields(model)
    present = {fields[name][0].name for name in values if name in fields}
    missing = [
        field.name
        for field, _, optional in fields_of(model).values()
        if field.default is attrs.NOTHING and not optional and field.name not in present
    ]
    return missing, [name for name in values if name not in fields]


class ResponseView:
    """The attributes of a response, and of a client, that generated functions use.

    Its JSON is validated by `validator`, if there is one.
    """

    raise_on_unexpected_status = True

    def __init__(
        self,
        response: Response,
        secrets: Iterable[str],
        validator: TypeValidator | None,
        lenient: bool,
    ) -> None:
        self.status_code, self.content = response.status, response.body
        self._response = response
        self._secrets = secrets
        self.validator = validator
        self._lenient = lenient

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> object:
        document = decode_json(self._response, secrets=self._secrets)
        validator = self.validator
        return document if validator is None else validator.validate(document, self._lenient)

    def read_undeclared(self) -> object:
        """Return a body without a schema, which generated code drops: JSON, text, or bytes."""
        kind = (self._response.header(b"content-type") or "").partition(";")[0].strip().lower()
        if not self.content:
            return None
        if kind.endswith(("/json", "+json")):
            return self.json()
        content = self.text if kind.startswith("text/") else self.content
        return content if self.validator is None else self.validator.validate(content)


class _Probe(int):
    """A status that equals no other, and records the statuses that it is compared with."""

    statuses: list[int]

    def __eq__(self, other: object) -> bool:
        self.statuses.append(cast("int", other))
        return False

    __ge__ = __eq__  # of a range, such as 2XX, the first one
    __hash__ = int.__hash__


def documented_statuses(read: Callable[..., object]) -> tuple[list[int], bool]:
    """Return the statuses that a generated function reads, and whether it reads all others too."""
    probe = _Probe()
    probe.statuses = []
    view = SimpleNamespace(status_code=probe, content=b"", raise_on_unexpected_status=True)
    try:
        read(client=view, response=view)
    except UnexpectedStatus:
        return probe.statuses, False
    except AttributeError:  # it reads the body
        pass
    return probe.statuses, True


class Operation:
    """An operation for calls and waits: a generated module, and the type of its 2xx responses.

    Attributes:
        name: Its name, such as `video.query`; None for a request that is not in the contract.
    """

    __slots__ = ("_good_statuses", "_make", "_read", "_validator", "name")

    def __init__(self, module: ModuleType | SimpleNamespace, returns: str) -> None:
        package, tag, name = ["", "", *str(module.__name__).split(".")][-3:]
        self.name = f"{tag}.{name}" if package == "api" else None
        self._make = module._get_kwargs
        self._read = module._parse_response
        self._validator = None
        self._good_statuses: tuple[int, ...] = ()
        if isinstance(module, ModuleType) and returns != "Any":
            statuses, has_default = documented_statuses(self._read)
            self._good_statuses = tuple(status for status in statuses if 200 <= status <= 299)
            if self._good_statuses or has_default:  # else the contract describes errors only
                self._validator = TypeValidator(resolve(returns, module))

    def request(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Return the keyword arguments of `httpx.Client.build_request` for the request.

        Raises:
            ConfigurationError: An argument is empty, missing, or not a string where it must be one.
        """
        make = self._make
        for name, value in arguments.items():
            problem = None
            if isinstance(value, str) and value:
                if not value.isascii() and re.search("[\ud800-\udfff]", value):
                    problem = "contains a lone surrogate, which cannot be encoded"
            elif (value is None or value == "") and name not in (make.__kwdefaults__ or ()):
                null = name == "body" and type(None) in members(make.__annotations__[name])
                problem = None if null and value is None else "must not be empty"
            # httpx would make several parameters of a list, and one of the text of a dict.
            elif isinstance(value, list | dict | tuple) and make.__annotations__.get(name) in _TEXT:
                problem = f"must be a string, not a {type(value).__name__}"
            if problem:
                raise ConfigurationError(f"{name} {problem}")
        if "body" in arguments and self.name:
            # A required body of which no field was given is checked as an empty one.
            is_missing = arguments["body"] is UNSET and "body" not in (make.__kwdefaults__ or ())
            body = {} if is_missing else arguments["body"]
            kind = make.__annotations__["body"]
            arguments = {**arguments, "body": build_body(kind, body, self.name)}
        kwargs: dict[str, Any] = make(**arguments)
        # Percent-encoding leaves dots alone, and two of them lead to the path of another operation.
        url = kwargs["url"] if self.name else ""
        if "/." in url and not {".", ".."}.isdisjoint(url.split("/")):
            raise ConfigurationError("an argument in the path of a URL must not be . or ..")
        return kwargs

    def parse(self, response: Response, secrets: Iterable[str], *, lenient: bool = False) -> object:
        """Return the value of a response with a good status, typed as the contract declares.

        Raises:
            ChainhubError: It is not what was declared, or an error in spite of its status.
        """
        view = ResponseView(response, secrets, self._validator, lenient)
        try:
            if self._validator is None:  # the contract says nothing, and generated code drops it
                return view.read_undeclared()
            documented = not self._good_statuses or response.status in self._good_statuses
            read = self._read if documented else self._read_as_documented
            parsed = read(client=view, response=view)
            if parsed is not None:
                return parsed
            if view.status_code not in (204, 205):  # without a schema it can be anything
                view.validator = None
            return view.read_undeclared()
        except ChainhubError:
            raise
        except _PARSING_ERRORS as error:
            failure = explain_mismatch(response, of_system(error), secrets=secrets)
        raise failure

    def _read_as_documented(self, client: ResponseView, response: ResponseView) -> object:
        """Read a response with an undocumented status as the first documented one that it fits."""
        # The service has processed the request, perhaps for money: 201 for 200 is good enough.
        original_status = response.status_code
        for status in self._good_statuses:
            response.status_code = status
            with suppress(*_PARSING_ERRORS):
                return self._read(client=client, response=response)
        raise UnexpectedStatus(original_status, b"")

    def documented_body(self, response: Response, secrets: Iterable[str]) -> object:
        """Return the body that the contract documents for an error status, None without one."""
        view = ResponseView(response, secrets, None, False)
        with suppress(ChainhubError, *_PARSING_ERRORS):
            return self._read(client=view, response=view)
        return None


operation_of = cache(Operation)
"""Return the operation of a generated module; the same one each time."""


def _undescribed_kwargs(
    *, method: str, url: str, params: object = None, json: object = None, content: object = None
) -> dict[str, Any]:
    kwargs = {"method": method, "url": url, "params": params, "json": json, "content": content}
    return {name: value for name, value in kwargs.items() if value is not None}


UNDESCRIBED = Operation(
    SimpleNamespace(
        __name__="request", _get_kwargs=_undescribed_kwargs, _parse_response=lambda **_kwargs: None
    ),
    "Any",
)
"""A request that the contract does not describe; its arguments are those of `Client.request`."""


@attrs.frozen(kw_only=True, eq=False)
class RawResponse(Generic[T]):
    """The response that ended a call, with what the call returns.

    Attributes:
        parsed: What the call returns: the model that the contract declares, say.
        status_code: The HTTP status.
        headers: The headers as they came.
        content: The body, decompressed.
        request_id: The service's id of the request, if it sent one; its support asks for it.
        attempts: How many attempts the call took.
        elapsed: Seconds the call took, retries and pauses included.
    """

    parsed: T = attrs.field(repr=False)
    status_code: int
    headers: httpx.Headers = attrs.field(repr=False)
    content: bytes = attrs.field(repr=False)
    request_id: str | None
    attempts: int
    elapsed: float


# A coroutine matches T as well: type checkers use the first signature that matches.
@overload
def raw_response(  # type: ignore[overload-overlap]
    method: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, RawResponse[T]]: ...
@overload
def raw_response(
    method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> RawResponse[T]: ...
def raw_response(method: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> object:
    """Call a method of a resource and return its whole response.

    It works for every operation, sync and async (then it is awaited). Of a method that makes
    several calls, such as `wait`, it is the response of the last one.

    Example:
        response = chainhub.raw_response(client.video.query, task_id)
        print(response.status_code, response.headers["content-type"], response.parsed.status)

    Args:
        method: The method, such as `client.video.query`.
        args: Its arguments.
        kwargs: Its arguments by name.

    Raises:
        ConfigurationError: the method has made no call in this thread.
        ChainhubError: what the method itself raises.
    """
    calls: list[FinishedCall] = []
    token = finished_calls.set(calls)
    try:
        result = method(*args, **kwargs)
    finally:
        finished_calls.reset(token)
    return _araw_response(result, calls) if isawaitable(result) else _raw_response(result, calls)


async def _araw_response(result: Awaitable[T], calls: list[FinishedCall]) -> RawResponse[T]:
    token = finished_calls.set(calls)
    try:
        return _raw_response(await result, calls)
    finally:
        finished_calls.reset(token)


def _raw_response(parsed: T, calls: list[FinishedCall]) -> RawResponse[T]:
    if not calls:
        raise ConfigurationError(
            "raw_response() takes a method that makes a call, such as client.video.query"
        )
    import httpx

    ((result, secrets),) = calls
    response = result.value()
    return RawResponse(
        parsed=parsed,
        status_code=response.status,
        headers=httpx.Headers(response.headers),
        content=response.body,
        request_id=request_id_of(response, secrets()),
        attempts=result.attempts,
        elapsed=result.elapsed,
    )
