"""Which class of error an answer deserves, and what its message says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chainhub import errors
from chainhub._redaction import redact_url

if TYPE_CHECKING:
    from typing import Unpack

    from chainhub._responses.html_page import HTMLErrorPage

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
_CLASSES: dict[int, type[errors.StatusError]] = {
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


def status_error(
    status: int,
    message: str | None = None,
    /,
    *,
    kind: str | None = None,
    page: HTMLErrorPage | None = None,
    location: str | None = None,
    hidden: int | None = None,
    **facts: Unpack[errors.Facts],
) -> errors.StatusError:
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
    text = page.sentence() if page else message or _silent(meant, location)
    return _class(meant)(text, **facts)


def _class(status: int) -> type[errors.StatusError]:
    if status in _CLASSES:
        return _CLASSES[status]
    if 300 <= status <= 399:
        return errors.RedirectError
    if 500 <= status <= 599:
        return errors.ServerError
    return errors.StatusError


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


def _silent(status: int, location: str | None) -> str:
    if 300 <= status <= 399:
        where = f"to {redact_url(location)}" if location else "without a location"
        return f"the service redirects {where}"
    return "the service gave no message"
