"""From a response to its value or its error: which class, message, request id, excerpt.

Every operation passes `judge` (by status only) and, where it declares JSON, `decode_json`.
`explain_mismatch` is for an answer that could be decoded but is not what was declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from chainhub import errors
from chainhub._redaction import redact_text, redact_url
from chainhub._responses.error_body import (
    CODES,
    MESSAGES,
    ErrorBody,
    HTMLErrorPage,
    body_and_task_id,
    code_of,
    parse_error_body,
    read_page,
)
from chainhub._responses.response import NotJSON, charset_of, lenient_text, parse
from chainhub._responses.validation import Mismatch
from chainhub.errors import ChainhubError, ResponseError, StatusError
from chainhub_api.errors import UnexpectedStatus

if TYPE_CHECKING:
    from chainhub._transport import Response
    from chainhub.errors import Facts

_GOOD_WORDS = frozenset({"", "success", "succeeded", "succeed", "ok", "0", "1", "200", "true"})
_PARTS = (
    "data detail details error errors param path reason request_id requestId result status success"
    " timestamp title trace_id type"
)
_ENVELOPE = frozenset({*MESSAGES, *CODES, *_PARTS.split()})
_PAGE_ADVICE = "check the base URL; something other than the API responded"
_WINDOW = 65_536  # the message is at the beginning; excerpts are shorter still
_LONGEST_ERROR = 1_048_576  # larger ones are not parsed: what a service says of an error is short
_MOST_UNREADABLE = 0.1  # a text in another charset has some, an image has more
# The service's own first: its support knows no id that a gateway in front of it has given.
_ID_HEADERS = (
    b"x-oneapi-request-id",
    b"x-request-id",
    b"request-id",
    b"x-amzn-requestid",
    b"x-trace-id",
)
_CODES_OF_STATUSES = {
    **dict.fromkeys(("api_key_invalid", "invalid_api_key", "invalid_token", "unauthorized"), 401),
    **dict.fromkeys(("rate_limit", "rate_limit_exceeded", "rate_limited"), 429),
}
# All other codes for it contain words that the pattern below matches.
_QUOTA_CODES = frozenset({"pre_consume_token_quota_failed", "billing_hard_limit_reached"})
# The patterns are compiled for the first error.
_MONEY = r"(?:\w+ )?(?:quota|credit|balance|funds)s?\b"
_QUOTA_TEXT = (
    rf"(?i)insufficient {_MONEY}|n[o']t (?:have )?enough {_MONEY}|\b(?:out of|no) credits?\b"
    rf"|{_MONEY} (?:(?:is|are|has been|have been) )?(?:not enough|insufficient|exhausted|used up)"
    r"|exceeded your (?:current )?quota|额度不足|余额不足|积分不足|预扣费"
)
# Where the words of a code meet: NOT_ENOUGH_CREDITS, InsufficientBalance.
_JOINTS = r"[_\-.]|(?<=[a-z])(?=[A-Z])"
_NO_TASK_CODES = frozenset({"task_not_exist", "task_not_exists", "task_not_found"})
_NO_TASK_TEXT = (
    r"(?i)\b(?:task|video)(?: id)?\b.{0,80}\b(?:not found|not exist|does ?n[o']t exist|unknown)"
    r"|\btask_not_exist|\bno such (?:task|video)|\bunknown (?:task|video)|任务不存在"
)
_NO_ROUTE_TEXT = r"(?i)\binvalid url\b"
_OVERLOAD_TEXT = r"(?i)saturated|overload|\bbusy\b|try again later|繁忙|负载"
_CLASSES: dict[int, type[StatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.QuotaExceededError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    422: errors.UnprocessableError,
    429: errors.RateLimitError,
}
_ADVICE = {
    405: "the base URL may be wrong: the gateway does not allow this method at this URL",
    407: "the proxy asks for a user name and password: put them into the proxy's address",
    408: "try again",
    410: "it no longer exists",
    413: "send a smaller request",
    425: "try again",
    501: "the service does not support this; retrying will not help",
    505: "the gateway does not support this version of HTTP; contact its operator",
    525: "the gateway's own TLS connection is broken: contact its operator",
    526: "the gateway's own certificate is not valid: contact its operator",
    530: "Cloudflare cannot find the gateway's server: check the base URL, or try again later",
}


def judge(response: Response, *, secrets: Iterable[str] = ()) -> StatusError | None:
    """Return the error that a response is by its status, or None for any 2xx.

    `secrets` are masked, even if the body echoes them.
    """
    if 200 <= response.status <= 299:
        return None
    # A page first: something in front of the API has written it.
    page = _page(response, secrets)
    if page:
        return _error(response, ErrorBody(), secrets, page)
    if len(response.body) <= _LONGEST_ERROR:
        with suppress(NotJSON):
            return _error(response, parse_error_body(parse(response)), secrets)
    text = _beginning(response)
    message = "the body is not text" if _is_binary(text) else text.strip()[:2000]
    return _error(response, parse_error_body(message), secrets)


def decode_json(response: Response, *, secrets: Iterable[str] = ()) -> object:
    """Return the decoded body of a 2xx.

    Raises:
        ResponseError: If the body is no acceptable JSON document.
        StatusError: If it is certainly an error in spite of the status.
    """
    error: ChainhubError
    try:
        document = parse(response)
    except NotJSON as problem:
        error = _response_error(response, f"the body is not the declared JSON: {problem}", secrets)
    else:
        if not is_hidden_error(document, certain=True):
            return document
        error = _error_in_body(response, document, secrets)
    raise error


def explain_mismatch(
    response: Response, problem: Exception | str, *, secrets: Iterable[str] = ()
) -> ChainhubError:
    """Return the error for a 2xx that could be decoded but is not what was declared.

    An error hidden in the body is preferred, as long as the body has no id of a task. The problem
    is what validation or generated parsing has raised, or a sentence.
    """
    try:
        document = parse(response)
    except NotJSON:
        document = None
    field = None
    if is_hidden_error(document, certain=False):
        return _error_in_body(response, document, secrets)
    if _is_empty_success(document):
        problem = "the response says success but contains no data"
    elif isinstance(problem, Mismatch):
        field, problem = problem.field(secrets), problem.sentence(secrets)
    elif isinstance(problem, UnexpectedStatus):
        problem = f"the contract declares no response for the status {response.status}"
    elif isinstance(problem, Exception):
        problem = f"the response does not match the contract ({type(problem).__name__}: {problem})"
    return _response_error(response, problem, secrets, field)


def is_hidden_error(document: object, *, certain: bool) -> bool:
    """Tell whether a body with a good status is an error.

    It is certain if the object holds nothing but parts of an error envelope, no data, and either a
    filled `error`, `success: false`, a `code` from 400 to 599, or a `code` that is a word other
    than success: no operation answers so when all is well. It is likely if the answer did not fit
    what was declared, has no `id` and no `task_id`, and says one of these things among others.
    """
    if not isinstance(document, dict) or document.get("success") is True:
        return False
    if certain:
        if not _ENVELOPE.issuperset(document) or isinstance(document.get("status"), str):
            return False
        if not (_is_empty(document.get("data")) and _is_empty(document.get("result"))):
            return False
    elif document.get("id") or document.get("task_id"):
        return False
    # A number or a flag is no error message.
    values = (document.get("error"), document.get("errors"))
    if any(isinstance(value, str | dict | list) and value for value in values):
        return True
    if document.get("success") is False:
        return True
    code = code_of(document.get("code"))
    if code is None or not any(name in document for name in MESSAGES):
        return False
    if code.isdecimal():
        return len(code) == 3 and 400 <= int(code) <= 599
    return code.lower() not in _GOOD_WORDS and ("data" in document or not certain)


def _is_empty_success(document: object) -> bool:
    """Tell whether the response says success but contains no data."""
    return (
        isinstance(document, dict)
        and "data" in document
        and _is_empty(document["data"])
        and str(document.get("code", "")).lower() in _GOOD_WORDS
        and ("code" in document or document.get("success") is True)
    )


def _is_empty(data: object) -> bool:
    return data is None or data in ("", [], {})


def _error_in_body(response: Response, document: object, secrets: Iterable[str]) -> StatusError:
    """Return the error inside a good response."""
    body = parse_error_body(document)
    code = (body.code or body.kind or "").lower()
    outer_code = code_of(document.get("code")) if isinstance(document, dict) else None
    statuses = [
        int(text) for text in (code, outer_code or "") if re.fullmatch("[45][0-9]{2}", text)
    ]
    status = statuses[0] if statuses else _CODES_OF_STATUSES.get(code)
    error = _error(response, body._replace(status=status), secrets)
    error.body, error.task_id = body_and_task_id(response, secrets)
    return error


def _response_error(
    response: Response, problem: str, secrets: Iterable[str], field: str | None = None
) -> ResponseError:
    page = _page(response, secrets)
    if page:
        problem = f"{page.sentence()}, not the declared response"
    elif not response.body.strip():
        problem = "the body is empty"
    facts = _facts(response, secrets, page.ray if page else None)
    facts["advice"] = _PAGE_ADVICE if page else None
    error = ResponseError(redact_text(problem, secrets), field=field, **facts)
    error.body, error.task_id = body_and_task_id(response, secrets)
    return error


def _facts(response: Response, secrets: Iterable[str], body_id: str | None = None) -> Facts:
    """Return the facts of every error for this response; `body_id` is a request id in its body."""
    ids = [*map(response.header, _ID_HEADERS), body_id, response.header(b"cf-ray")]
    request_id = next(filter(None, ids), None)
    text = _beginning(response)
    binary = f"{len(response.body)} bytes of binary data" if _is_binary(text) else None
    return {
        "status": response.status,
        "request_id": redact_text(request_id, secrets, 100) if request_id else None,
        "excerpt": binary or redact_text(text, secrets) or None,
    }


def _beginning(response: Response) -> str:
    return lenient_text(response.body[:_WINDOW], charset_of(response))


def _error(
    response: Response, body: ErrorBody, secrets: Iterable[str], page: HTMLErrorPage | None = None
) -> StatusError:
    """Return the error for a response, whose status may be any number, from its parsed body."""
    facts = _facts(response, secrets, body.request_id or (page.ray if page else None))
    code = facts["code"] = redact_text(body.code, secrets, 100) if body.code else None
    message = redact_text(body.message, secrets) if body.message else ""
    status = response.status if body.status is None else body.status
    words = (code or "", body.kind or "")
    if page is None and _is_quota_error(status, words, message):
        return errors.QuotaExceededError(message or "the quota is used up", **facts)
    if page is None and _is_missing_task(status, words, message):
        return errors.TaskNotFoundError(message or "the task does not exist", **facts)
    facts["advice"] = _advice(status, page, f"{code}: {message}")
    text = page.sentence() if page else message or "the service gave no message"
    if not page and not message and 300 <= status <= 399:
        location = redact_text(response.header(b"location") or "", secrets)
        where = f"to {redact_url(location)}" if location else "without a location"
        text = f"the service redirects {where}"
    classes = {3: errors.RedirectError, 5: errors.ServerError}
    return _CLASSES.get(status, classes.get(status // 100, StatusError))(text, **facts)


def _page(response: Response, secrets: Iterable[str]) -> HTMLErrorPage | None:
    page = read_page(_beginning(response), response.header(b"server"))
    if page is None or page.title is None:
        return page
    # Pages often repeat the requested URL.
    return page._replace(title=redact_text(page.title, secrets, 100))


def _is_binary(text: str) -> bool:
    """Tell whether too many characters are unreadable for the body to be text."""
    sample = text[:1000]
    unreadable = sum(
        not (char.isprintable() or char.isspace()) or char == "\ufffd" for char in sample
    )
    return unreadable > _MOST_UNREADABLE * len(sample)


def _is_quota_error(status: int, words: tuple[str, ...], message: str) -> bool:
    """Tell whether the account is empty; for a 429 only codes and clear words count."""
    if any(
        word.lower() in _QUOTA_CODES or re.search(_QUOTA_TEXT, re.sub(_JOINTS, " ", word))
        for word in words
    ):
        return True
    return status in (200, 400, 402, 403, 422, 429) and re.search(_QUOTA_TEXT, message) is not None


def _is_missing_task(status: int, words: tuple[str, ...], message: str) -> bool:
    if status not in (200, 400, 404):
        return False
    if not _NO_TASK_CODES.isdisjoint(word.lower() for word in words):
        return True
    return not re.search(_NO_ROUTE_TEXT, message) and bool(re.search(_NO_TASK_TEXT, message))


def _advice(status: int, page: HTMLErrorPage | None, message: str) -> str | None:
    if page and status in (401, 403):
        if page.cloudflare:
            return "the key may still be valid: contact the gateway's operator about the block"
        return "something in front of the API refused; the key may still be valid"
    if status == 404 and (page or re.search(_NO_ROUTE_TEXT, message)):
        return "the gateway has no such route: check the base URL, which must not end in /v1"
    if status in (400, 403) and page is None and re.search(_OVERLOAD_TEXT, message):
        return "the service is overloaded: try again later"
    if not 100 <= status <= 599:
        return "this is not an HTTP status: something other than the API responded"
    return _ADVICE.get(status)
