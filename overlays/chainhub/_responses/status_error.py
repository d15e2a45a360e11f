"""From a response to its value or its error: message, request id, excerpt.

Every operation passes `judge` (by status only) and, where it declares JSON, `decode_json`.
`explain_misfit` is for an answer that could be decoded but is not what was declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub._redaction import redact_text
from chainhub._responses.classify import status_error
from chainhub._responses.error_body import ErrorBody, parse_error_body
from chainhub._responses.hidden_error import code_of, empty_success, hidden_error
from chainhub._responses.html_page import HTMLErrorPage, read_page
from chainhub._responses.mismatch import Mismatch
from chainhub._responses.response import APIResponse, lenient_text
from chainhub._responses.strict_json import NotJSON, parse
from chainhub.errors import ChainhubError, ResponseError, StatusError
from chainhub_api.errors import UnexpectedStatus

if TYPE_CHECKING:
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
    return _refused(answer, _text(problem, answer.status), secrets)


def _text(problem: Exception | str, status: int) -> str:
    if isinstance(problem, str):
        return problem
    if isinstance(problem, UnexpectedStatus):
        return f"the contract declares no response for the status {status}"
    return f"the response does not match the contract ({type(problem).__name__}: {problem})"


def _hidden(answer: APIResponse, document: object, secrets: tuple[str, ...]) -> StatusError:
    """Return the error inside a good answer."""
    said = parse_error_body(document)
    code = (said.code or said.kind or "").lower()
    numbered = code_of(document.get("code")) if isinstance(document, dict) else None
    hidden = _as_status(code) or _as_status(numbered or "") or _CODES_OF_STATUSES.get(code)
    return _error(answer, said, secrets, hidden=hidden)


def _refused(
    answer: APIResponse, problem: str, secrets: tuple[str, ...], field: str | None = None
) -> ResponseError:
    """Return the error of a good answer that is not the declared one.

    Args:
        answer: The answer.
        problem: Why it is not.
        secrets: Keys that must not be shown.
        field: Where in it the fault is.
    """
    page = _page(answer, secrets)
    if page:
        problem = f"{page.sentence()}, not the declared response"
    elif not answer.body.strip():
        problem = "the body is empty"
    facts = _facts(answer, secrets, page.ray if page else None)
    facts["advice"] = _PAGE_ADVICE if page else None
    return ResponseError(redact_text(problem, secrets), field=field, **facts)


def _facts(answer: APIResponse, secrets: tuple[str, ...], named_id: str | None = None) -> Facts:
    """Return what every error about this answer carries.

    Args:
        answer: The answer.
        secrets: Keys that must not be shown.
        named_id: The request id the body names.
    """
    ids = [*map(answer.header, _ID_HEADERS), named_id, answer.header(b"cf-ray")]
    number = next(filter(None, ids), None)
    return {
        "status": answer.status,
        "request_id": redact_text(number, secrets, 100) if number else None,
        "method": answer.method,
        "url": redact_text(answer.url, secrets),
        "excerpt": _excerpt(answer, secrets),
    }


def _beginning(answer: APIResponse) -> str:
    """Return the beginning of the body as text."""
    window = answer.body[:_WINDOW]
    return lenient_text(window, answer.charset())


def _excerpt(answer: APIResponse, secrets: tuple[str, ...]) -> str | None:
    """Return what may be shown of the body, at most 300 characters, or None if it is empty."""
    text = _beginning(answer)
    if _binary(text):
        return f"{len(answer.body)} bytes of binary data"
    return redact_text(text, secrets) or None


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


def _as_status(code: str) -> int | None:
    return int(code) if len(code) == 3 and code.isdecimal() and 400 <= int(code) <= 599 else None
