"""The bodies of error responses, each as the service writes it, pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from chainhub.sandbox._script import Answer, Json, answer

_HTML = "text/html; charset=utf-8"


def envelope(
    message: str,
    *,
    request_id: str | None = None,
    kind: str = "new_api_error",
    code: str = "",
    param: str | None = None,
) -> Mapping[str, Json]:
    """Return the gateway's envelope around an error, quoting the request id if it is given."""
    text = message if request_id is None else f"{message} (request id: {request_id})"
    error: dict[str, Json] = {"message": text, "type": kind, "code": code}
    if param is not None:
        error["param"] = param
    return {"error": error}


def bad_key(request_id: str) -> Mapping[str, Json]:
    """Return the body of the 401 for a missing or wrong key."""
    return envelope("Invalid token", request_id=request_id)


def missing_id(request_id: str) -> Mapping[str, Json]:
    """Return the body of the 400 for a request without an id."""
    return envelope(
        "id is required", request_id=request_id, kind="invalid_request_error", param="id"
    )


def unknown_task() -> Mapping[str, Json]:
    """Return the body of the 400 for a task that does not exist."""
    return {"code": "task_not_exist", "message": "task_not_exist", "data": None}


def no_route(method: str, path: str) -> Mapping[str, Json]:
    """Return the body for a route, or a method of a route, that does not exist."""
    return envelope(f"Invalid URL ({method} {path[:200]})", kind="invalid_request_error", param="")


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
    body, content_type = _body(status, message, code)
    return answer(
        body,
        status=status,
        content_type=content_type,
        headers={} if retry_after is None else {"Retry-After": _number(retry_after)},
        polls=polls,
        seconds=seconds,
    )


def _body(status: int, message: str | None, code: str) -> tuple[str, str | None]:
    if message is None and not code:
        if status in (204, 304, 429):
            return "", None
        if status == 500:
            trouble = {"code": "do_request_failed", "message": "upstream failed", "data": None}
            return json.dumps(trouble), "application/json"
        if status > 500:
            return f"<html><head><title>{status}</title></head><body></body></html>\n", _HTML
    words = message or _WORDS.get(status, "the request was refused")
    return json.dumps(envelope(words, code=code)), "application/json"


def _number(retry_after: float | str) -> str:
    return retry_after if isinstance(retry_after, str) else f"{retry_after:g}"


_WORDS: Mapping[int, str] = {
    400: "the request was not understood",
    401: "Invalid token",
    403: "no access to this model",
    404: "Task not found",
    429: "rate limited",
}
