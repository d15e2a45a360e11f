"""Which class of error an answer deserves, and what it advises."""

from __future__ import annotations

import json

import pytest

from chainhub import errors
from chainhub._responses import decode_json, judge
from chainhub._transport import Response

HTML = "<html><title>nginx</title>"
CLOUDFLARE = "<html><title>Denied</title><p>cloudflare</p><p>Error 1010</p>"
SENTENCES = {
    HTML: "the response is an HTML page: nginx",
    CLOUDFLARE: "Cloudflare responded instead of the API: error 1010,"
    " this client is blocked because of its User-Agent",
}


def error_of(
    status: int,
    message: str | None = None,
    *,
    code: str | None = None,
    kind: str | None = None,
    page: str | None = None,
    location: str | None = None,
) -> errors.StatusError:
    """Return the error of a response whose body says this, or is this page."""
    said = {"message": message, "code": code, "type": kind}
    body = page or json.dumps({"error": {name: text for name, text in said.items() if text}})
    headers = [] if location is None else [(b"Location", location.encode())]
    response = Response(status, headers, body.encode())
    if status != 200:
        error = judge(response)
        assert error is not None
        return error
    with pytest.raises(errors.StatusError) as caught:
        decode_json(response)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (errors.BadRequestError, [400]),
        (errors.AuthenticationError, [401]),
        (errors.QuotaExceededError, [402]),
        (errors.PermissionDeniedError, [403]),
        (errors.NotFoundError, [404]),
        (errors.ConflictError, [409]),
        (errors.UnprocessableError, [422]),
        (errors.RateLimitError, [429]),
        (errors.RedirectError, [300, 304, 399]),
        (errors.ServerError, [500, 520, 599]),
        (errors.StatusError, [405, 407, 410, 101, 600, 999, 0, -1]),
    ],
)
def test_the_status_picks_the_class(kind: type[errors.StatusError], statuses: list[int]) -> None:
    """Statuses without a class of their own are the common one."""
    for status in statuses:
        error = error_of(status, "m")
        assert (type(error), error.status, error.message) == (kind, status, "m")


QUOTA, NO_TASK = errors.QuotaExceededError, errors.TaskNotFoundError


@pytest.mark.parametrize(
    ("status", "code", "type_", "message", "kind"),
    [
        (403, "insufficient_user_quota", None, "m", QUOTA),
        (403, "pre_consume_token_quota_failed", None, "m", QUOTA),
        (403, "Insufficient_Quota", None, None, QUOTA),
        (429, "insufficient_quota", "insufficient_quota", "m", QUOTA),
        (429, None, "insufficient_quota", "m", QUOTA),
        (429, None, None, "You exceeded your current quota", QUOTA),
        (500, "insufficient_user_quota", None, "m", QUOTA),
        (403, None, None, "user quota is not enough", QUOTA),
        (400, None, None, "用户额度不足", QUOTA),
        (403, "insufficient_balance", None, "m", QUOTA),
        (403, "billing_hard_limit_reached", None, "m", QUOTA),
        (403, None, None, "not enough credits", QUOTA),
        (422, None, None, "You do not have enough API credits.", QUOTA),
        (400, None, None, "You don't have enough balance", QUOTA),
        (402, None, None, "Your credits are insufficient", QUOTA),
        (429, None, None, "account balance is not enough", QUOTA),
        (400, None, None, "Insufficient account balance", QUOTA),
        (403, None, None, "you have run out of credits", QUOTA),
        (403, None, None, "no credits left", QUOTA),
        (403, None, None, "the quota has been exhausted", QUOTA),
        (200, None, None, "积分不足", QUOTA),
        (400, "NOT_ENOUGH_CREDITS", None, "m", QUOTA),
        (500, "insufficient_credits", None, None, QUOTA),
        (400, None, "InsufficientFunds", "m", QUOTA),
        (400, None, "not-enough-quota", "m", QUOTA),
        (400, None, None, "the image has not enough contrast", errors.BadRequestError),
        (500, None, None, "not enough credits", errors.ServerError),
        (429, None, None, "quota exceeded for requests per minute", errors.RateLimitError),
        (500, None, None, "quota is not enough", errors.ServerError),
        (400, "task_not_exist", None, "task_not_exist", NO_TASK),
        (400, None, None, "no such task", NO_TASK),
        (404, None, None, "Task not found", NO_TASK),
        (404, None, None, "Video with id x does not exist", NO_TASK),
        (404, "task_not_found", None, None, NO_TASK),
        (404, None, None, "Invalid URL (GET /v1/task/not found)", errors.NotFoundError),
        (404, None, None, "Not Found", errors.NotFoundError),
        (403, None, None, "task not found", errors.PermissionDeniedError),
        (500, "task_not_exist", None, "m", errors.ServerError),
    ],
)
def test_the_code_goes_before_the_status(
    status: int,
    code: str | None,
    type_: str | None,
    message: str | None,
    kind: type[errors.StatusError],
) -> None:
    """Quota and unknown tasks are told by code or words, where the status allows it."""
    error = error_of(status, message, kind=type_, code=code)
    assert type(error) is kind
    assert error.message


@pytest.mark.parametrize(
    ("status", "message", "page", "advice"),
    [
        (404, "Invalid URL (GET /v1/video/query)", None, "no such route"),
        (404, None, HTML, "no such route"),
        (404, "Not Found", None, "check the base URL"),
        (403, None, CLOUDFLARE, "the key may still be valid"),
        (401, None, CLOUDFLARE, "the key may still be valid"),
        (403, None, HTML, "the key may still be valid"),
        (403, "no access", None, "permissions of the key"),
        (403, "upstream load saturated", None, "overloaded"),
        (400, "bad id", None, "correct the request"),
        (403, "server busy", HTML, "the key may still be valid"),
        (429, "m", None, "send fewer requests"),
        (500, "m", None, "try again later"),
        (407, None, None, "proxy"),
        (530, None, CLOUDFLARE, "base URL"),
        (526, None, HTML, "operator"),
        (999, None, None, "not an HTTP status"),
        (600, None, None, "not an HTTP status"),
        (99, None, None, "not an HTTP status"),
        (302, None, None, "not followed"),
    ],
)
def test_every_error_says_what_to_do(
    status: int, message: str | None, page: str | None, advice: str
) -> None:
    """The advice fits what was seen, and stands in the line."""
    error = error_of(status, message, page=page)
    assert advice in str(error)
    if page:
        assert error.message == SENTENCES[page]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("https://u:p@h/x?id=1&t=2", "the service redirects to https://h/x?id=***&t=***"),
        ("/x?id=1&t=2", "the service redirects to /x?id=***&t=***"),
        (None, "the service redirects without a location"),
    ],
)
def test_a_redirect_says_where_it_points(location: str | None, message: str) -> None:
    """The address is shown without its secrets."""
    assert error_of(302, location=location).message == message


def test_silence_is_named() -> None:
    """An answer without words gives a sentence all the same."""
    assert error_of(500).message == "the service gave no message"
    assert error_of(403, code="insufficient_quota").message == "the quota is used up"
    assert error_of(404, code="task_not_exist").message == "the task does not exist"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(None, errors.StatusError), ("429", errors.RateLimitError), ("503", errors.ServerError)],
)
def test_a_hidden_error_is_what_its_body_says(
    code: str | None, kind: type[errors.StatusError]
) -> None:
    """The class follows the body, the status stays the one that came."""
    error = error_of(200, "m", code=code)
    assert type(error) is kind
    assert str(error).startswith("200 OK, but the body is an error: m")
