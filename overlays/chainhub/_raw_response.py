"""The whole response of a call, beside the value that it stands for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

import attrs
import httpx

from chainhub._session import finished, request_id_of
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from chainhub._session import Finished

P = ParamSpec("P")
T = TypeVar("T")


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
        parsed = await result
    finally:
        finished.reset(token)
    return _made(parsed, calls)


def _made(parsed: T, calls: list[Finished]) -> RawResponse[T]:
    if not calls:
        raise ConfigurationError(
            "raw_response() takes a method that makes a call, such as client.video.query"
        )
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
