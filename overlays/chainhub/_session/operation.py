"""One operation of the contract: the request of its generated module, and the answer it reads.

Generated code parses answers with the optimism of the contract: a document is validated before it
comes there, and what does not fit becomes one `ResponseError` that names the field. `raw_response`
gives the whole response beside the value that it stands for.
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
Finished = tuple[CallResult, Callable[[], Iterable[str]]]
"""A call with a good answer, and what returns the secrets to mask in texts of it."""

finished: ContextVar[list[Finished] | None] = ContextVar("finished", default=None)
"""Where the last call is kept for somebody who wants its response; nobody does as a rule."""

# What generated code raises for values it does not expect. Everything else is no fault of theirs:
# an exception of a signal handler passes as it is.
_SLIPS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_TEXT = (str, str | Unset)
_UNPARSED = (Mismatch, UnexpectedStatus, *_SLIPS)
# The arguments may be files, which the request is made of.
UNSENDABLE = (OSError, *_SLIPS)


def build_body(kind: object, given: object, place: str) -> object:
    """Return the value that generated code sends, models where the contract declares them.

    In an error it is called `place`, such as `body` or `body.input`.

    Raises:
        ConfigurationError: A field is missing, or unknown where the contract allows no others;
            or a text is given for a list, or one that is no time for a time.
    """
    kinds: list[Any] = [*members(kind)]
    if isinstance(given, list | tuple):
        inner = next((get_args(one)[0] for one in kinds if get_origin(one) is list), object)
        return [build_body(inner, item, f"{place}[{at}]") for at, item in enumerate(given)]
    if isinstance(given, str | bytes):
        return _build_text(given, kinds, place)
    models = [one for one in kinds if hasattr(one, "from_dict")]
    if not isinstance(given, Mapping) or not models:
        return given
    # Of several, the one that misses the least and knows the most of what was given; the others,
    # if what is inside does not fit.
    models.sort(key=lambda one: [*map(len, _compared(one, given))])
    problem = None
    for model in models:
        try:
            return _build_model(model, given, place)
        except ConfigurationError as error:
            problem = problem or error
    assert problem is not None  # there is a model, and none was made
    raise problem


def _build_text(given: str | bytes, kinds: list[Any], place: str) -> object:
    if {str, bytes, Any} & {*kinds} or any(get_origin(one) is Literal for one in kinds):
        return given
    times = [one for one in kinds if one in (date, datetime)]
    if times and isinstance(given, str):  # as JSON has it
        try:
            return times[0].fromisoformat(given)
        except ValueError:
            problem = f"{place} must be a time such as 2026-01-02T03:04:05Z"
            raise ConfigurationError(problem) from None
    # Generated code would take it for a list of its letters.
    if any(get_origin(one) is list for one in kinds):
        raise ConfigurationError(f"{place} must be a list, not a {type(given).__name__}")
    return given


def _build_model(model: Any, given: Mapping[str, object], place: str) -> object:  # noqa: ANN401
    missing, others = _compared(model, given)
    if missing:
        raise ConfigurationError(f"{place} needs {' and '.join(missing)}")
    fields = _fields(model)
    made: Any = model(
        **{
            fields[name][0].alias: build_body(fields[name][1], value, f"{place}.{name}")
            for name, value in given.items()
            if name in fields
        }
    )
    if others and not hasattr(made, "additional_properties"):
        known = ", ".join(one.name for one, _, _ in fields_of(model).values())
        raise ConfigurationError(f"{place} has no field {others[0]!r}; its fields are {known}")
    for name in others:
        value = build_body(additional_type_of(model), given[name], f"{place}.{name}")
        made.additional_properties[name] = value
    return made


@cache
def _fields(model: object) -> dict[str, tuple[Any, object, bool]]:
    """Return the fields of a model by their names in Python and in JSON."""
    named = fields_of(model)
    return {found[0].name: found for found in named.values()} | named


def _compared(model: object, given: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Return the fields that were not given and must be, and the names that are no fields."""
    fields = _fields(model)
    there = {fields[name][0].name for name in given if name in fields}
    missing = [
        one.name
        for one, _, optional in fields_of(model).values()
        if one.default is attrs.NOTHING and not optional and one.name not in there
    ]
    return missing, [name for name in given if name not in fields]


class ResponseView:
    """As much of a response, and of a client, as generated functions look at.

    Its JSON is validated against `declared`, if anything is known of it.
    """

    raise_on_unexpected_status = True

    def __init__(
        self,
        response: Response,
        secrets: Iterable[str],
        declared: TypeValidator | None,
        lenient: bool,
    ) -> None:
        self.status_code, self.content = response.status, response.body
        self._response = response
        self._secrets = secrets
        self.declared = declared
        self._lenient = lenient

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> object:
        document = decode_json(self._response, secrets=self._secrets)
        declared = self.declared
        return document if declared is None else declared.validate(document, self._lenient)

    def undeclared(self) -> object:
        """Return what generated code drops, for it knows no schema: JSON, text, or bytes."""
        kind = (self._response.header(b"content-type") or "").partition(";")[0].strip().lower()
        if not self.content:
            return None
        if kind.endswith(("/json", "+json")):
            return self.json()
        found = self.text if kind.startswith("text/") else self.content
        return found if self.declared is None else self.declared.validate(found)


class _Probe(int):
    """The status of no response, which notes the statuses that it is compared with."""

    seen: list[int]

    def __eq__(self, other: object) -> bool:
        self.seen.append(cast("int", other))
        return False

    __ge__ = __eq__  # of a range, such as 2XX, the first one
    __hash__ = int.__hash__


def described_by(read: Callable[..., object]) -> tuple[list[int], bool]:
    """Return the statuses a generated function reads, and whether it reads all others too."""
    probe = _Probe()
    probe.seen = []
    view = SimpleNamespace(status_code=probe, content=b"", raise_on_unexpected_status=True)
    try:
        read(client=view, response=view)
    except UnexpectedStatus:
        return probe.seen, False
    except AttributeError:  # it looks for the body
        pass
    return probe.seen, True


class Operation:
    """An operation as calls and waits use it: a generated module, and the type of its 2xx answers.

    Attributes:
        name: Its name, such as `video.query`; None for a request that is not in the contract.
    """

    __slots__ = ("_declared", "_good", "_make", "_read", "name")

    def __init__(self, module: ModuleType | SimpleNamespace, returns: str) -> None:
        package, tag, name = ["", "", *str(module.__name__).split(".")][-3:]
        self.name = f"{tag}.{name}" if package == "api" else None
        self._make = module._get_kwargs
        self._read = module._parse_response
        self._declared = None
        self._good: tuple[int, ...] = ()
        if isinstance(module, ModuleType) and returns != "Any":
            statuses, has_default = described_by(self._read)
            self._good = tuple(status for status in statuses if 200 <= status <= 299)
            if self._good or has_default:  # else the contract describes errors only
                self._declared = TypeValidator(resolve(returns, module))

    def request(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Return what to build the request of, as arguments for `httpx.Client.build_request`.

        Raises:
            ConfigurationError: An argument is empty, missing, or no text where it must be.
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
            # httpx would make several parameters of a list, and of a dict something worse.
            elif isinstance(value, list | dict | tuple) and make.__annotations__.get(name) in _TEXT:
                problem = f"must be a string, not a {type(value).__name__}"
            if problem:
                raise ConfigurationError(f"{name} {problem}")
        if "body" in arguments and self.name:
            # Where a body must be there, one of which nothing was given lacks fields, or has none.
            lacking = arguments["body"] is UNSET and "body" not in (make.__kwdefaults__ or ())
            body = {} if lacking else arguments["body"]
            kind = make.__annotations__["body"]
            arguments = {**arguments, "body": build_body(kind, body, self.name)}
        made: dict[str, Any] = make(**arguments)
        # Percent-encoding leaves dots alone, and two of them lead to the path of another operation.
        if self.name and "/." in made["url"] and not {".", ".."}.isdisjoint(made["url"].split("/")):
            raise ConfigurationError("an argument in the path of a URL must not be . or ..")
        return made

    def parse(self, response: Response, secrets: Iterable[str], *, lenient: bool = False) -> object:
        """Return what a response with a good status holds, typed as the contract declares.

        Raises:
            ChainhubError: It is not what was declared, or an error in spite of its status.
        """
        view = ResponseView(response, secrets, self._declared, lenient)
        try:
            if self._declared is None:  # the contract says nothing, and generated code drops it
                return view.undeclared()
            documented = not self._good or response.status in self._good
            read = self._read if documented else self._read_as_documented
            parsed = read(client=view, response=view)
            if parsed is not None:
                return parsed
            if view.status_code not in (204, 205):  # without a schema it can be anything
                view.declared = None
            return view.undeclared()
        except ChainhubError:
            raise
        except _UNPARSED as error:
            failure = explain_mismatch(response, of_system(error), secrets=secrets)
        raise failure

    def _read_as_documented(self, client: ResponseView, response: ResponseView) -> object:
        """Read a response with a status that is not documented as the first one that it fits."""
        # The service has done what it was asked to, perhaps for money: 201 for 200 is good enough.
        status = response.status_code
        for documented in self._good:
            response.status_code = documented
            with suppress(*_UNPARSED):
                return self._read(client=client, response=response)
        raise UnexpectedStatus(status, b"")

    def documented(self, response: Response, secrets: Iterable[str]) -> object:
        """Return the body that the contract documents for an error status, None without one."""
        view = ResponseView(response, secrets, None, False)
        with suppress(ChainhubError, *_UNPARSED):
            return self._read(client=view, response=view)
        return None


operation_of = cache(Operation)
"""Return the operation of a generated module; the same one each time."""


def _undescribed(
    *, method: str, url: str, params: object = None, json: object = None, content: object = None
) -> dict[str, Any]:
    asked = {"method": method, "url": url, "params": params, "json": json, "content": content}
    return {name: value for name, value in asked.items() if value is not None}


UNDESCRIBED = Operation(
    SimpleNamespace(
        __name__="request", _get_kwargs=_undescribed, _parse_response=lambda **_given: None
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


# A coroutine fits T as well: the first signature that fits is the one that counts.
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
    calls: list[Finished] = []
    token = finished.set(calls)
    try:
        result = method(*args, **kwargs)
    finally:
        finished.reset(token)
    return _awaited(result, calls) if isawaitable(result) else _made(result, calls)


async def _awaited(result: Awaitable[T], calls: list[Finished]) -> RawResponse[T]:
    token = finished.set(calls)
    try:
        return _made(await result, calls)
    finally:
        finished.reset(token)


def _made(parsed: T, calls: list[Finished]) -> RawResponse[T]:
    if not calls:
        raise ConfigurationError(
            "raw_response() takes a method that makes a call, such as client.video.query"
        )
    import httpx

    ((ended, secrets),) = calls
    answer = ended.value()
    return RawResponse(
        parsed=parsed,
        status_code=answer.status,
        headers=httpx.Headers(answer.headers),
        content=answer.body,
        request_id=request_id_of(answer, secrets()),
        attempts=ended.attempts,
        elapsed=ended.elapsed,
    )
