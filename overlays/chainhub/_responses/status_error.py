"""From a response to its value or its error: which class, message, request id, excerpt.

Every operation passes `judge` (by status only) and, where it declares JSON, `decode_json`.
`explain_misfit` is for an answer that could be decoded but is not what was declared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from chainhub import errors
from chainhub._redaction import redact_text, redact_url
from chainhub._responses.error_body import (
    ErrorBody,
    HTMLErrorPage,
    code_of,
    empty_success,
    hidden_error,
    parse_error_body,
    read_page,
)
from chainhub._responses.response import APIResponse, NotJSON, lenient_text, parse
from chainhub._responses.validation import Mismatch
from chainhub.errors import ChainhubError, ResponseError, StatusError
from chainhub_api.errors import UnexpectedStatus

if TYPE_CHECKING:
    from typing import Unpack

    from chainhub.errors import Facts

_PAGE_ADVICE = "check the base URL; something other than the API responded"
_WINDOW = 65_536
_LONGEST_ERROR = 1_048_576
_MOST_UNREADABLE = 0.1
_ID_HEADERS = (
    b"x-oneapi-request-id",
    b"x-request-id",
    b"request-id",
    b"x-amzn-requestid",
    b"x-trace-id",
)
_CODES_OF_STATUSES = {
    "api_key_invalid": 401,
    "invalid_api_key": 401,
    "invalid_token": 401,
    "unauthorized": 401,
    "rate_limit": 429,
    "rate_limit_exceeded": 429,
    "rate_limited": 429,
}
_QUOTA_CODES = frozenset(
    {
        "insufficient_balance",
        "insufficient_quota",
        "insufficient_user_quota",
        "pre_consume_token_quota_failed",
        "billing_hard_limit_reached",
        "quota_not_enough",
    }
)
# The patterns are compiled when the first error comes.
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
_PASSING = r"(?i)saturated|overload|\bbusy\b|try again later|繁忙|负载"
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


def judge(answer: APIResponse, *, secrets: tuple[str, ...] = ()) -> StatusError | None:
    """Return the error an answer is by its status, or None for any 2xx.

    Args:
        answer: The answer.
        secrets: Keys that must not be shown, even if the body echoes them.
    """
    if 200 <= answer.status <= 299:
        return None
    page = _page(answer, secrets)
    said = ErrorBody() if page else _said(answer)
    return _error(answer, said, secrets, page=page)


def decode_json(answer: APIResponse, *, secrets: tuple[str, ...] = ()) -> object:
    """Return the decoded body of a 2xx.

    Args:
        answer: The answer.
        secrets: Keys that must not be shown, even if the body echoes them.

    Raises:
        ResponseError: If the body is no acceptable JSON document.
        StatusError: If it is certainly an error in spite of the status.
    """
    error: ChainhubError
    try:
        document = parse(answer.body, answer.charset)
    except NotJSON as problem:
        error = _refused(answer, f"the body is not the declared JSON: {problem}", secrets)
    else:
        if not hidden_error(document, certain=True):
            return document
        error = _hidden(answer, document, secrets)
    raise error


def explain_misfit(
    answer: APIResponse, problem: Exception | str, *, secrets: tuple[str, ...] = ()
) -> ChainhubError:
    """Return the error for a 2xx that could be decoded but is not what was declared.

    An error hidden in the body is preferred, as long as the body has no id of a task.

    Args:
        answer: The answer.
        problem: What validation or generated parsing has raised, or a sentence.
        secrets: Keys that must not be shown.
    """
    try:
        document = parse(answer.body, answer.charset)
    except NotJSON:
        document = None
    if hidden_error(document, certain=False):
        return _hidden(answer, document, secrets)
    if empty_success(document):
        return _refused(answer, "the response says success but contains no data", secrets)
    if isinstance(problem, Mismatch):
        return _refused(answer, problem.sentence(secrets), secrets, problem.field(secrets))
    if isinstance(problem, UnexpectedStatus):
        problem = f"the contract declares no response for the status {answer.status}"
    if isinstance(problem, Exception):
        problem = f"the response does not match the contract ({type(problem).__name__}: {problem})"
    return _refused(answer, problem, secrets)


def _hidden(answer: APIResponse, document: object, secrets: tuple[str, ...]) -> StatusError:
    """Return the error inside a good answer."""
    said = parse_error_body(document)
    code = (said.code or said.kind or "").lower()
    numbered = code_of(document.get("code")) if isinstance(document, dict) else None
    statuses = [int(text) for text in (code, numbered or "") if re.fullmatch("[45][0-9]{2}", text)]
    hidden = statuses[0] if statuses else _CODES_OF_STATUSES.get(code)
    return _error(answer, said, secrets, hidden=hidden)


def _refused(
    answer: APIResponse, problem: str, secrets: tuple[str, ...], field: str | None = None
) -> ResponseError:
    page = _page(answer, secrets)
    if page:
        problem = f"{page.sentence()}, not the declared response"
    elif not answer.body.strip():
        problem = "the body is empty"
    facts = _facts(answer, secrets, page.ray if page else None)
    facts["advice"] = _PAGE_ADVICE if page else None
    return ResponseError(redact_text(problem, secrets), field=field, **facts)


def _facts(answer: APIResponse, secrets: tuple[str, ...], named_id: str | None = None) -> Facts:
    """Return what every error about this answer carries; the body may name a request id."""
    ids = [*map(answer.header, _ID_HEADERS), named_id, answer.header(b"cf-ray")]
    number = next(filter(None, ids), None)
    text = _beginning(answer)
    binary = f"{len(answer.body)} bytes of binary data" if _binary(text) else None
    excerpt = binary or redact_text(text, secrets)
    return {
        "status": answer.status,
        "request_id": redact_text(number, secrets, 100) if number else None,
        "method": answer.method,
        "url": redact_text(answer.url, secrets),
        "excerpt": excerpt or None,
    }


def _beginning(answer: APIResponse) -> str:
    return lenient_text(answer.body[:_WINDOW], answer.charset())


def _error(
    answer: APIResponse,
    said: ErrorBody,
    secrets: tuple[str, ...],
    *,
    page: HTMLErrorPage | None = None,
    hidden: int | None = None,
) -> StatusError:
    named_id = said.request_id or (page.ray if page else None)
    facts = _facts(answer, secrets, named_id)
    facts["code"] = redact_text(said.code, secrets, 100) if said.code else None
    location = answer.header(b"location")
    return status_error(
        answer.status,
        redact_text(said.message, secrets) if said.message else None,
        kind=said.kind,
        page=page,
        location=redact_text(location, secrets) if location else None,
        hidden=hidden,
        **facts,
    )


def _page(answer: APIResponse, secrets: tuple[str, ...]) -> HTMLErrorPage | None:
    page = read_page(_beginning(answer), answer.header(b"server"))
    if page is None or page.title is None:
        return page
    return attrs.evolve(page, title=redact_text(page.title, secrets, 100))


def _said(answer: APIResponse) -> ErrorBody:
    if len(answer.body) <= _LONGEST_ERROR:
        try:
            document = parse(answer.body, answer.charset)
        except NotJSON:
            pass
        else:
            return parse_error_body(document)
    text = _beginning(answer)
    if _binary(text):
        return ErrorBody(message="the body is not text")
    return parse_error_body(text.strip()[:2000])


def _binary(text: str) -> bool:
    """Return whether the text has too many unreadable characters to be text."""
    sample = text[:1000]
    unreadable = sum(
        not (char.isprintable() or char.isspace()) or char == "\ufffd" for char in sample
    )
    return unreadable > _MOST_UNREADABLE * len(sample)


def status_error(
    status: int,
    message: str | None = None,
    /,
    *,
    kind: str | None = None,
    page: HTMLErrorPage | None = None,
    location: str | None = None,
    hidden: int | None = None,
    **facts: Unpack[Facts],
) -> StatusError:
    """Return the error for an answer.

    Args:
        status: The HTTP status, which may be any number.
        message: The service's words.
        kind: The service's type of error.
        page: What the body says, if it is a page and not JSON.
        location: Where a redirect points.
        hidden: The status named inside a body that came with a good one.
        **facts: What the error carries.
    """
    facts["status"] = status
    code = facts.get("code")
    words = (code or "", kind or "")
    meant = status if hidden is None else hidden
    if page is None and _no_quota(meant, words, message or ""):
        return errors.QuotaExceededError(message or "the quota is used up", **facts)
    if page is None and _no_task(meant, words, message or ""):
        return errors.TaskNotFoundError(message or "the task does not exist", **facts)
    facts["advice"] = facts.get("advice") or _advice(meant, page, f"{code}: {message}")
    text = page.sentence() if page else message or "the service gave no message"
    if not page and not message and 300 <= meant <= 399:
        where = f"to {redact_url(location)}" if location else "without a location"
        text = f"the service redirects {where}"
    kinds = {3: errors.RedirectError, 5: errors.ServerError}
    return _CLASSES.get(meant, kinds.get(meant // 100, StatusError))(text, **facts)


def _no_quota(status: int, words: tuple[str, ...], message: str) -> bool:
    """Tell whether the account is empty; for a 429 only codes and clear words count."""
    if _QUOTA_CODES.intersection(word.lower() for word in words):
        return True
    if any(re.search(_QUOTA_TEXT, re.sub(_JOINTS, " ", word)) for word in words):
        return True
    return status in (200, 400, 402, 403, 422, 429) and re.search(_QUOTA_TEXT, message) is not None


def _no_task(status: int, words: tuple[str, ...], message: str) -> bool:
    if status not in (200, 400, 404):
        return False
    if _NO_TASK_CODES.intersection(word.lower() for word in words):
        return True
    return (
        re.search(_NO_ROUTE_TEXT, message) is None and re.search(_NO_TASK_TEXT, message) is not None
    )


def _advice(status: int, page: HTMLErrorPage | None, message: str) -> str | None:
    if page and page.cloudflare and status in (401, 403):
        return "the key may still be valid: contact the gateway's operator about the block"
    if page and status in (401, 403):
        return "something in front of the API refused; the key may still be valid"
    if status == 404 and (page or re.search(_NO_ROUTE_TEXT, message)):
        return "the gateway has no such route: check the base URL, which must not end in /v1"
    if status in (400, 403) and page is None and re.search(_PASSING, message):
        return "the service is overloaded: try again later"
    if not 100 <= status <= 599:
        return "this is not an HTTP status: something other than the API responded"
    return _ADVICE.get(status)
