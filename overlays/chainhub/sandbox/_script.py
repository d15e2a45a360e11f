"""The steps of a script: what the mock server does for each request of a task.

A script is a list of steps. A step lasts for one request unless it has `polls=` or `seconds=`; the
last step is repeated. A string is a status value: a final one ends the task like the step of its
name, with a URL or a reason; any other means that the task is running.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from chainhub_api.tasks import WORDS

_HTML = "text/html; charset=utf-8"
S = TypeVar("S", bound="Step")
Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool | None"


@frozen(kw_only=True)
class Step:
    """One entry of a script, lasting for a number of requests or for some seconds."""

    polls: int = 1
    seconds: float | None = None

    def lasting(self, *, polls: int | None = None, seconds: float | None = None) -> Self:
        """Return this step with a length of `polls` requests or `seconds` of the script's clock.

        Raises:
            ValueError: both are given, or one is out of range.
        """
        if polls is None and seconds is None:
            return self
        if polls is not None and seconds is not None:
            raise ValueError("A step lasts for polls= or for seconds=, not for both.")
        if polls is not None and polls < 1:
            raise ValueError(f"polls= must be 1 or more, not {polls}.")
        if seconds is not None and not 0 <= seconds < math.inf:
            raise ValueError(f"seconds= must be a number, 0 or more, not {seconds}.")
        return evolve(self, polls=polls or 1, seconds=seconds)


@frozen(kw_only=True)
class State(Step):
    """The task has this status value; `extra` adds fields to the response."""

    word: str
    extra: Mapping[str, Json] = field(factory=dict, hash=False)  # a dict has none

    def __call__(
        self,
        *,
        polls: int | None = None,
        seconds: float | None = None,
        extra: Mapping[str, Json] | None = None,
    ) -> Self:
        """Return this state with another length, or with more fields in its response."""
        step = self.lasting(polls=polls, seconds=seconds)
        return step if extra is None else evolve(step, extra={**self.extra, **extra})


@frozen(kw_only=True)
class Failure(State):
    """The task has failed, with a reason and a code as the service would send them."""

    reason: str = "the video could not be generated"
    code: str = ""

    def __call__(
        self,
        reason: str | None = None,
        *,
        code: str | None = None,
        polls: int | None = None,
        seconds: float | None = None,
        extra: Mapping[str, Json] | None = None,
    ) -> Self:
        """Return this failure with another reason, code, length or more fields."""
        step = super().__call__(polls=polls, seconds=seconds, extra=extra)
        return _changed(step, reason=reason, code=code)


@frozen(kw_only=True)
class Completion(State):
    """The task is finished; its URL is the sandbox's own video, another one, or missing."""

    served: bool = True
    url: str | None = None
    results: int | None = None

    def __call__(
        self,
        *,
        url: str | None = None,
        results: int | None = None,
        polls: int | None = None,
        seconds: float | None = None,
        extra: Mapping[str, Json] | None = None,
    ) -> Self:
        """Return this completion with a URL of your own, another length or more fields.

        `results` is the number of URLs where the response has a list of them.
        """
        step = super().__call__(polls=polls, seconds=seconds, extra=extra)
        return _changed(step, served=None if url is None else False, url=url, results=results)


@frozen(kw_only=True)
class Answer(Step):
    """A whole HTTP response, instead of the task's."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()  # no dict, so that a step has a hash


@frozen(kw_only=True)
class Drop(Step):
    """The connection ends without a response, by a reset or by a normal close."""

    hard: bool

    def __call__(self, *, polls: int | None = None, seconds: float | None = None) -> Self:
        """Return this step with another length."""
        return self.lasting(polls=polls, seconds=seconds)


@frozen(kw_only=True)
class Impairment(Step):
    """The normal response, but late, byte by byte, or cut off.

    The normal response is that of `of`, else of the last state before this step.
    """

    delay: float = 0.0
    over: float = 0.0
    cut_at: float | None = None
    hard: bool = False
    of: State | None = None


pending: State = State(word="pending")
queued: State = State(word="queued")
processing: State = State(word="processing")
image_downloading: State = State(word="image_downloading")
video_generating: State = State(word="video_generating")
video_generation_completed: State = State(word="video_generation_completed")
video_generation_failed: Failure = Failure(word="video_generation_failed")
video_upsampling: State = State(word="video_upsampling")
video_upsampling_completed: State = State(word="video_upsampling_completed")
video_upsampling_failed: Failure = Failure(word="video_upsampling_failed")
completed: Completion = Completion(word="completed")
completed_without_url: Completion = Completion(word="completed", served=False)
failed: Failure = Failure(word="failed")
error: Failure = Failure(word="error")
cancelled: Failure = Failure(word="cancelled", reason="the task was cancelled")
expired: Failure = Failure(word="expired", reason="the task expired")
reset: Drop = Drop(hard=True)
close: Drop = Drop(hard=False)


def state(
    word: str,
    *,
    polls: int | None = None,
    seconds: float | None = None,
    extra: Mapping[str, Json] | None = None,
) -> State:
    """Return a state with any status value, also an unknown one."""
    return State(word=word)(polls=polls, seconds=seconds, extra=extra)


def answer(
    body: bytes | str,
    *,
    status: int = 200,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    polls: int | None = None,
    seconds: float | None = None,
) -> Answer:
    """Return a step that responds with exactly this body.

    Raises:
        ValueError: the status is not that of a final response (200 to 599).
    """
    # After an interim response (1xx) the client would wait for the final one.
    if not 200 <= status <= 599:
        raise ValueError(f"status must be 200 to 599, not {status}.")
    step = Answer(
        status=status,
        body=body.encode() if isinstance(body, str) else body,
        content_type=content_type,
        headers=tuple((headers or {}).items()),
    )
    return step.lasting(polls=polls, seconds=seconds)


def html(status: int = 200, *, polls: int | None = None, seconds: float | None = None) -> Answer:
    """Return a step that responds with a web page, as a gateway or proxy would."""
    page = "<!DOCTYPE html>\n<html><head><title>Sandbox</title></head><body></body></html>\n"
    return answer(page, status=status, content_type=_HTML, polls=polls, seconds=seconds)


def envelope(
    message: str, *, kind: str = "new_api_error", code: str = "", param: str | None = None
) -> dict[str, Json]:
    """Return the gateway's envelope around an error."""
    error: dict[str, Json] = {"message": message, "type": kind, "code": code}
    return {"error": error if param is None else {**error, "param": param}}


_MESSAGES: Mapping[int, str] = {
    400: "the request was not understood",
    401: "Invalid token",
    403: "no access to this model",
    404: "Task not found",
    429: "rate limited",
}


def status(
    status: int,
    *,
    message: str | None = None,
    code: str = "",
    retry_after: float | str | None = None,
    polls: int | None = None,
    seconds: float | None = None,
) -> Answer:
    """Return a step that responds with this status and the body that the service sends with it.

    With a message or a code the body is the gateway's error object. `retry_after` is a number of
    seconds, or the text of the header.

    Raises:
        ValueError: the status is not that of a final response (200 to 599).
    """
    if isinstance(retry_after, int | float):
        retry_after = f"{retry_after:g}"  # 2 as servers write it, not 2.0
    text = message or _MESSAGES.get(status, "the request was refused")
    body = json.dumps(envelope(text, code=code))
    content_type: str | None = "application/json"
    if message is None and not code:
        # 204 and 304 have no body by definition, and the service sends none with 429.
        if status in (204, 304, 429):
            body, content_type = "", None
        elif status == 500:
            body = '{"code": "do_request_failed", "message": "upstream failed", "data": null}'
        elif status > 500:  # of a gateway in front of the service
            body = f"<html><head><title>{status}</title></head><body></body></html>\n"
            content_type = _HTML
    return answer(
        body,
        status=status,
        content_type=content_type,
        headers={} if retry_after is None else {"Retry-After": retry_after},
        polls=polls,
        seconds=seconds,
    )


def slow(
    delay: float,
    of: State | None = None,
    *,
    polls: int | None = None,
    seconds: float | None = None,
) -> Impairment:
    """Return a step whose response begins after `delay` real seconds."""
    return Impairment(delay=_duration(delay), of=of).lasting(polls=polls, seconds=seconds)


def trickle(
    over: float,
    of: State | None = None,
    *,
    polls: int | None = None,
    seconds: float | None = None,
) -> Impairment:
    """Return a step whose body is sent in small pieces over `over` real seconds."""
    return Impairment(over=_duration(over), of=of).lasting(polls=polls, seconds=seconds)


def cut(
    at: float = 0.5,
    of: State | None = None,
    *,
    hard: bool = False,
    polls: int | None = None,
    seconds: float | None = None,
) -> Impairment:
    """Return a step whose connection ends when the fraction `at` of the body has been sent.

    With `hard` it is reset, and the client may then not receive what was sent.

    Raises:
        ValueError: `at` is not from 0 up to, but not including, 1.
    """
    if not 0 <= at < 1:  # with 1 nothing would be cut off
        raise ValueError(f"at must be from 0 to less than 1, not {at}.")
    return Impairment(cut_at=at, hard=hard, of=of).lasting(polls=polls, seconds=seconds)


def as_script(
    steps: Step | str | Iterable[Step | str], words: Mapping[str, str] = MappingProxyType({})
) -> tuple[Step, ...]:
    """Return a script as steps; a string becomes the final step of its meaning, or a state.

    Raises:
        TypeError: an entry is not a step; often it is a function without its parentheses.
        ValueError: there is no step.
    """
    script: list[Step] = []
    for entry in (steps,) if isinstance(steps, Step | str) else steps:
        if isinstance(entry, str):
            template = _FINAL_STATES.get(meaning(entry, words) or "running")
            script.append(State(word=entry) if template is None else evolve(template, word=entry))
        elif isinstance(entry, Step):
            script.append(entry)
        else:
            name = getattr(entry, "__name__", None)
            hint = f"write {name}(…)" if callable(entry) and name else "use a step or a status word"
            number = len(script) + 1
            raise TypeError(f"Step {number} of the script is not a step: {hint}.")
    if not script:
        raise ValueError("A script needs at least one step.")
    return tuple(script)


_FINAL_STATES: Mapping[str, State] = {
    "succeeded": completed,
    "failed": failed,
    "cancelled": cancelled,
    "expired": expired,
}


def meaning(word: str, words: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """Return the meaning of a status word by the contract: running, succeeded, failed and so on.

    `words` are those of one operation, in addition to the common ones. None if it is unknown.
    """
    # Words are compared as in the client, so that a script means what the client reads.
    normalized = word.strip().casefold().replace("-", "_").replace(" ", "_")
    sense = words.get(normalized) or WORDS.get(normalized)
    return sense or ("failed" if normalized.endswith("_failed") else None)


def _changed(step: S, **changes: Any) -> S:
    """Return a step with these fields changed; those that are None are kept."""
    return evolve(step, **{name: value for name, value in changes.items() if value is not None})


def _duration(seconds: float) -> float:
    if not 0 <= seconds < math.inf:  # nan is neither
        raise ValueError(f"A duration must be a number of seconds, 0 or more, not {seconds}.")
    return seconds
