"""Carries generated operations out for the resources: the declared answer, or a typed error.

Generated code parses answers with the optimism of the contract. What it makes of an answer that is
not the declared one (KeyError, TypeError, objects of the wrong type) becomes one `ResponseError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import httpx

from chainhub._responses import APIResponse, Declared, decode_json, explain_misfit, resolve
from chainhub._session.call import CallResult, Prepared
from chainhub.errors import ChainhubError, ConfigurationError, UnprocessableError

if TYPE_CHECKING:
    from typing import Protocol

    from chainhub._session.httpx_clients import AsyncDoor, Door
    from chainhub._session.options import Options

    class Sender(Protocol):
        """The HTTP layer of a sync client."""

        def prepare(self, method: str, url: str, **kwargs: Any) -> Prepared: ...
        def build_request(self, method: str, url: str, **kwargs: Any) -> httpx.Request: ...
        def prepared(self, request: httpx.Request) -> Prepared: ...
        def exchange_prepared(self, prepared: Prepared, options: Options) -> CallResult: ...
        def secrets(self) -> tuple[str, ...]: ...

    class AsyncSender(Protocol):
        """The HTTP layer of an async client."""

        def prepare(self, method: str, url: str, **kwargs: Any) -> Prepared: ...
        def build_request(self, method: str, url: str, **kwargs: Any) -> httpx.Request: ...
        def prepared(self, request: httpx.Request) -> Prepared: ...
        async def exchange_prepared(self, prepared: Prepared, options: Options) -> CallResult: ...
        def secrets(self) -> tuple[str, ...]: ...


Finished = tuple[CallResult, Callable[[], tuple[str, ...]]]
"""A call with a good answer, and what returns the secrets to mask in texts of it."""

finished: ContextVar[list[Finished] | None] = ContextVar("finished", default=None)
"""Where the last call is kept for somebody who wants its response; nobody does as a rule."""


def undeclared(answer: APIResponse, secrets: tuple[str, ...]) -> object:
    """Return what an answer without a declared schema holds: JSON, text, or bytes.

    Raises:
        ChainhubError: it says JSON and is none, or an error inside a 200.
    """
    kind = (answer.header(b"content-type") or "").partition(";")[0].strip().lower()
    if not answer.body:
        return None
    if kind.endswith(("/json", "+json")):
        return decode_json(answer, secrets=secrets)
    return ParsedAnswer(answer, secrets).text if kind.startswith("text/") else answer.body


class ParsedAnswer:
    """As much of a response as generated functions look at, without the cost of httpx's.

    Args:
        answer: The answer.
        secrets: What must be masked in texts of it.
        declared: The type that its JSON should have, None if nothing is known of it.
        lenient: Whether numbers in strings, and strings in numbers, are converted.
    """

    __slots__ = ("_answer", "_declared", "_lenient", "_secrets", "content", "status_code")

    def __init__(
        self,
        answer: APIResponse,
        secrets: tuple[str, ...],
        declared: Declared | None = None,
        *,
        lenient: bool = False,
    ) -> None:
        self._answer = answer
        self._secrets = secrets
        self._declared = declared
        self._lenient = lenient
        self.status_code = answer.status
        self.content = answer.body

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return self._answer.headers  # generated code hands them on, and nobody looks at them

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> object:
        document = decode_json(self._answer, secrets=self._secrets)
        declared = self._declared
        return document if declared is None else declared.validate(document, self._lenient)


class Replay:
    """Replaces the client when the response is there already, so that generated code parses it."""

    raise_on_unexpected_status = True

    def __init__(self, response: ParsedAnswer) -> None:
        self._response = response

    def get_httpx_client(self) -> Replay:
        return self

    def request(self, **kwargs: object) -> ParsedAnswer:
        return self._response


def name_of(operation: ModuleType) -> str | None:
    """Return the name of an operation, such as `video.query`; an undeclared request has none."""
    *_, package, tag, name = ("", "", *operation.__name__.split("."))
    return f"{tag}.{name}" if package == "api" else None


def _prepared(
    door: Sender | AsyncSender,
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    arguments: dict[str, Any],
) -> Prepared:
    """Return the request of a generated function, with the headers of this call."""
    if not headers:
        return door.prepare(method, url, **arguments)
    request = door.build_request(method, url, **arguments)
    request.headers.update(headers)
    return door.prepared(request)


class Recorder:
    """Replaces the client in one generated call and keeps the response."""

    raise_on_unexpected_status = True

    def __init__(
        self,
        door: Sender,
        task: Task,
        options: Options,
        headers: Mapping[str, str] | None,
    ) -> None:
        self._door = door
        self._task = task
        self._options = options
        self._headers = headers
        self.outcome: CallResult | None = None
        self.sending = False

    def get_httpx_client(self) -> Recorder:
        return self

    def request(self, method: str, url: str, **kwargs: Any) -> ParsedAnswer:
        prepared = _prepared(self._door, method, url, self._headers, kwargs)
        prepared.operation = name_of(self._task.operation)
        self.sending = True
        outcome = self.outcome = self._door.exchange_prepared(prepared, self._options)
        return self._task.view(outcome.value())


class AsyncRecorder:
    """Replaces the client in one generated call and keeps the response."""

    raise_on_unexpected_status = True

    def __init__(
        self,
        door: AsyncSender,
        task: Task,
        options: Options,
        headers: Mapping[str, str] | None,
    ) -> None:
        self._door = door
        self._task = task
        self._options = options
        self._headers = headers
        self.outcome: CallResult | None = None
        self.sending = False

    def get_async_httpx_client(self) -> AsyncRecorder:
        return self

    async def request(self, method: str, url: str, **kwargs: Any) -> ParsedAnswer:
        prepared = _prepared(self._door, method, url, self._headers, kwargs)
        prepared.operation = name_of(self._task.operation)
        self.sending = True
        outcome = self.outcome = await self._door.exchange_prepared(prepared, self._options)
        return self._task.view(outcome.value())


def has_half(text: str) -> bool:
    """Tell whether a text holds a lone surrogate, which no encoding can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


@cache
def _declared(operation: ModuleType, returns: str) -> Declared | None:
    """Return the type of an operation's answers; a request that is not declared has none."""
    return None if returns == "Any" else Declared(resolve(returns, operation))


class Task:
    """One carrying out of an operation: what it is, what it should return, what it was given."""

    __slots__ = ("arguments", "operation", "returns", "secrets")

    def __init__(
        self,
        operation: ModuleType,
        returns: str,
        arguments: dict[str, object],
        secrets: Callable[[], tuple[str, ...]],
    ) -> None:
        self.operation = operation
        self.returns = returns
        self.arguments = arguments
        self.secrets = secrets

    def refuse_empty(self) -> None:
        """Refuse an argument that is empty, missing or no text where it must be, before a request.

        Raises:
            ConfigurationError: names the argument.
        """
        function = self.operation.sync_detailed
        for name, value in self.arguments.items():
            if isinstance(value, str) and value:
                if not value.isascii() and has_half(value):
                    raise ConfigurationError(
                        f"{name} contains a lone surrogate, which cannot be encoded"
                    )
                continue
            if (value is None or value == "") and name not in (function.__kwdefaults__ or ()):
                raise ConfigurationError(f"{name} must not be empty")
            # httpx would make several parameters of a list, and of a dict something worse.
            if function.__annotations__.get(name) is str and isinstance(value, list | dict | tuple):
                raise ConfigurationError(f"{name} must be a string, not a {type(value).__name__}")

    def wanted(self) -> dict[str, Any]:
        """Return what the generated function would ask of its client.

        Raises:
            ConfigurationError: an argument cannot be sent.
        """
        self.refuse_empty()
        catcher = Catcher()
        with suppress(_Caught):
            self.operation.sync_detailed(client=catcher, **self.arguments)
        return catcher.kwargs

    def view(self, answer: APIResponse, *, lenient: bool = False) -> ParsedAnswer:
        """Return the answer for generated code to parse."""
        declared = _declared(self.operation, self.returns)
        return ParsedAnswer(answer, self.secrets(), declared, lenient=lenient)

    def declared(self, parsed: object, outcome: CallResult | None) -> object:
        """Return the parsed answer, or what an answer holds that the contract does not describe.

        Raises:
            ChainhubError: it is an error.
        """
        assert outcome is not None  # there is a parsed answer
        failure: ChainhubError | None = None
        if self.returns == "Any":  # the contract says nothing, and generated code drops it
            try:
                parsed = undeclared(outcome.value(), self.secrets())
            except ChainhubError as error:
                failure = outcome.told(error)
        if failure is not None:
            raise failure
        calls = finished.get()
        if calls is not None:
            calls[:] = [(outcome, self.secrets)]
        return parsed

    def unsendable(self, error: Exception) -> ConfigurationError:
        """Return the error for arguments that no request can be made of."""
        from chainhub._redaction import redact_text

        name = self.operation.__name__.rpartition(".")[2].removeprefix("_")
        text = redact_text(f"{type(error).__name__}: {error}", self.secrets())
        return ConfigurationError(f"{name} cannot be called with these arguments ({text})")

    def failure(self, error: Exception, outcome: CallResult | None) -> Exception:
        """Return what to raise for what generated code raised."""
        if outcome is None or outcome.answer is None:
            return error  # nothing came: the session's own error, or a slip in an observer
        if isinstance(error, UnprocessableError):
            error.body = self._documented_body(outcome.answer)
        if not isinstance(error, ChainhubError):
            error = self._misfit(outcome.answer, error)
        return outcome.told(error)

    def _misfit(self, answer: APIResponse, error: Exception) -> ChainhubError:
        return explain_misfit(answer, error, secrets=self.secrets())

    def _documented_body(self, answer: APIResponse) -> object:
        replay = Replay(ParsedAnswer(answer, self.secrets()))
        try:
            return self.operation.sync_detailed(client=replay, **self.arguments).parsed
        except Exception:  # noqa: BLE001 - the body is not the documented one: then there is none
            return None


class _Caught(Exception):
    """Carries what a generated function would have sent out of it."""


class Catcher:
    """Replaces the client of a call that is not made, to learn what it would send."""

    def __init__(self) -> None:
        self.kwargs: dict[str, Any] = {}

    def get_httpx_client(self) -> Catcher:
        return self

    def request(self, **kwargs: Any) -> NoReturn:
        self.kwargs = kwargs
        raise _Caught


def simple_target(wanted: Mapping[str, Any]) -> bytes | None:
    """Return the path and query of a request that is nothing but these; None leaves it to httpx."""
    if wanted.keys() != {"method", "url", "params"}:
        return None
    return f"{wanted['url']}?{httpx.QueryParams(wanted['params'])}".encode("ascii", "replace")


class Question:
    """One call that is made many times: its request is built once, its answers read as usual."""

    def __init__(
        self, door: Door | AsyncDoor, operation: ModuleType, returns: str, **arguments: object
    ) -> None:
        self._task = Task(operation, returns, arguments, door.secrets)
        self._door = door
        wanted = self._task.wanted()
        self.prepared: Prepared = door.prepared(door.build_request(**wanted))
        self.prepared.operation = name_of(operation)
        self._simple = self.prepared.target == simple_target(wanted)

    def target_for(self, **arguments: object) -> bytes:
        """Return the path and query of the same request with other arguments."""
        task = self._task
        wanted = Task(task.operation, task.returns, arguments, task.secrets).wanted()
        if self._simple and (target := simple_target(wanted)) is not None:
            return target
        return self._door.build_request(**wanted).url.raw_path

    def read(self, ended: CallResult) -> object:
        """Return the declared answer, forgiving numbers in strings and the reverse.

        Raises:
            ChainhubError: the call failed, or its answer is not the declared one.
        """
        task = self._task
        answer = ended.value()
        replay = Replay(task.view(answer, lenient=True))
        try:
            parsed = task.operation.sync_detailed(client=replay, **task.arguments).parsed
        except Exception as error:  # noqa: BLE001 - generated code raises whatever parsing raises
            failure = task.failure(error, ended)
        else:
            return task.declared(parsed, ended)
        raise failure


def run(
    door: Sender,
    operation: ModuleType,
    returns: str,
    arguments: dict[str, object],
    options: Options,
    headers: Mapping[str, str] | None = None,
) -> object:
    """Carry an operation out and return its declared answer.

    Raises:
        ChainhubError: whatever went wrong.
    """
    task = Task(operation, returns, arguments, door.secrets)
    task.refuse_empty()
    record = Recorder(door, task, options, headers)
    try:
        response = operation.sync_detailed(client=record, **arguments)
    except Exception as error:  # noqa: BLE001 - generated code raises whatever parsing raises
        failure = task.failure(error, record.outcome) if record.sending else task.unsendable(error)
    else:
        return task.declared(response.parsed, record.outcome)
    raise failure


async def arun(
    door: AsyncSender,
    operation: ModuleType,
    returns: str,
    arguments: dict[str, object],
    options: Options,
    headers: Mapping[str, str] | None = None,
) -> object:
    """Carry an operation out as `run` does, asynchronously."""
    task = Task(operation, returns, arguments, door.secrets)
    task.refuse_empty()
    record = AsyncRecorder(door, task, options, headers)
    try:
        response = await operation.asyncio_detailed(client=record, **arguments)
    except Exception as error:  # noqa: BLE001 - generated code raises whatever parsing raises
        failure = task.failure(error, record.outcome) if record.sending else task.unsendable(error)
    else:
        return task.declared(response.parsed, record.outcome)
    raise failure
