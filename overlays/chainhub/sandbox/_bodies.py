"""The bodies of responses, each as the service writes it. Pure.

A task is described in the format of its family of models: the part before the colon of the id, or
how the id begins. All formats keep to the contract; they differ in what is absent, null, in
`detail`, or in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import frozen

from chainhub.sandbox._script import Answer, Completion, Failure, Json, State, Step, answer, pending

Body: TypeAlias = dict[str, Json]

PROMPT = "A brown cow with large feathered wings flies over green farmland, in warm light."
_HTML = "text/html; charset=utf-8"


@frozen
class Moment:
    """What a task has to say to one request.

    Attributes:
        id: The task.
        state: Its state; while a fault shows none of its own, that of the steps before.
        updated: When the step began, in Unix seconds.
        progress: What is done, from 0 to 1.
        url: Where the video is, None if it has none.
        step: The step of the script, a state or a fault.
        token: The name of its video in URLs.
    """

    id: str
    state: State
    updated: float
    progress: float
    url: str | None = None
    step: Step = pending
    token: str = ""

    @property
    def reason(self) -> str | None:
        """Why the task failed, None unless it did."""
        return self.state.reason if isinstance(self.state, Failure) else None


def task_body(moment: Moment) -> Body:
    """Return the body in the format of the id's family, with the state's extra fields."""
    formats = (form for start, form in _FAMILIES.items() if moment.id.startswith(start))
    return {**next(formats, _published)(moment), **moment.state.extra}


def _published(moment: Moment) -> Body:
    """Return the format of the contract's own example: every field is there."""
    body: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "video_url": moment.url,
        "enhanced_prompt": PROMPT,
        "status_update_time": int(moment.updated * 1000),
    }
    if isinstance(moment.state, Failure):
        body["error"] = {"message": moment.state.reason, "code": moment.state.code}
    return body


def _veo(moment: Moment) -> Body:
    """Return the format with a `detail` once work has begun; the prompt is only there then."""
    body: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "video_url": moment.url,
        "status_update_time": int(moment.updated * 1000),
    }
    if moment.progress == 0 and moment.reason is None and moment.url is None:
        return {**body, "enhanced_prompt": ""}
    detail: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "running": not isinstance(moment.state, Completion | Failure),
        "enhanced_prompt": PROMPT,
        "video_generation_error": moment.reason,
    }
    if moment.url is not None:
        detail |= {"video_url": moment.url, "upsample_video_url": moment.url}
    return {**body, "detail": detail}


def _sora(moment: Moment) -> Body:
    """Return the format without a URL while running and with a nested progress."""
    done, word = round(moment.progress, 2), moment.state.word
    body: Body = {
        "id": moment.id,
        "detail": {
            "id": moment.id.partition(":")[2],
            "status": word,
            "pending_info": {"progress_pct": done, "failure_reason": moment.reason},
        },
        "status": word,
        "status_update_time": int(moment.updated * 1000),
    }
    return body if moment.url is None else {**body, "video_url": moment.url}


def _grok(moment: Moment) -> Body:
    """Return the format with times in seconds, a progress in percent and an `error` string."""
    return {
        "id": moment.id,
        "error": moment.reason or "",
        "model": "grok-3",
        "status": moment.state.word,
        "progress": int(moment.progress * 100),
        "video_url": moment.url or "",
        "status_update_time": int(moment.updated),
    }


def _bare(moment: Moment) -> Body:
    """Return the shortest format: times in seconds and nothing that is not there yet."""
    body: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "status_update_time": int(moment.updated),
    }
    if moment.reason is not None:
        body["fail_reason"] = moment.reason
    return body if moment.url is None else {**body, "video_url": moment.url}


_FAMILIES: Mapping[str, Callable[[Moment], Body]] = {
    "veo": _veo,
    "sora": _sora,
    "grok": _grok,
    "video_": _bare,
}


def envelope(
    message: str, *, kind: str = "new_api_error", code: str = "", param: str | None = None
) -> Body:
    """Return the gateway's envelope around an error."""
    error: Body = {"message": message, "type": kind, "code": code}
    return {"error": error if param is None else {**error, "param": param}}


_WORDS: Mapping[int, str] = {
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
        retry_after = f"{retry_after:g}"
    body, content_type = _body(status, message, code)
    return answer(
        body,
        status=status,
        content_type=content_type,
        headers={} if retry_after is None else {"Retry-After": retry_after},
        polls=polls,
        seconds=seconds,
    )


def _body(status: int, message: str | None, code: str) -> tuple[str, str | None]:
    if message is None and not code:
        if status in (204, 304, 429):
            return "", None
        if status == 500:
            failed = {"code": "do_request_failed", "message": "upstream failed", "data": None}
            return json.dumps(failed), "application/json"
        if status > 500:
            return f"<html><head><title>{status}</title></head><body></body></html>\n", _HTML
    words = message or _WORDS.get(status, "the request was refused")
    return json.dumps(envelope(words, code=code)), "application/json"
