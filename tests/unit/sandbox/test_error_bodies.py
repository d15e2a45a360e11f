"""Error answers, worded as the service words them."""

import json

import pytest

from chainhub.sandbox import _bodies as bodies
from chainhub.sandbox import status


def test_a_bad_key_quotes_the_request_id() -> None:
    """The 401 is the gateway's envelope with the id to quote."""
    assert bodies.bad_key("2026a") == {
        "error": {
            "message": "Invalid token (request id: 2026a)",
            "type": "new_api_error",
            "code": "",
        }
    }


def test_other_refusals_have_their_own_words() -> None:
    """An unknown task has no envelope; a missing id and a missing route have one."""
    assert bodies.unknown_task() == {
        "code": "task_not_exist",
        "message": "task_not_exist",
        "data": None,
    }
    assert "id is required (request id: r)" in str(bodies.missing_id("r", "id"))
    assert "'Invalid URL (GET /x)'" in str(bodies.no_route("GET", "/x"))
    assert len(str(bodies.no_route("GET", "/" * 9999))) < 400


@pytest.mark.parametrize(
    ("code", "content_type", "part"),
    [
        (204, None, b""),
        (304, None, b""),
        (400, "application/json", b'"the request was not understood"'),
        (401, "application/json", b'"Invalid token"'),
        (418, "application/json", b'"the request was refused"'),
        (429, None, b""),
        (500, "application/json", b'"code": "do_request_failed"'),
        (503, "text/html; charset=utf-8", b"<title>503</title>"),
        (524, "text/html; charset=utf-8", b"<title>524</title>"),
    ],
)
def test_a_status_has_the_body_the_service_sends(
    code: int, content_type: str | None, part: bytes
) -> None:
    """Each status comes with its own kind of body; 429 with none."""
    step = status(code)
    assert (step.status, step.content_type) == (code, content_type)
    assert part in step.body
    assert bool(step.body) is bool(part)


@pytest.mark.parametrize("code", [403, 429, 500, 503])
def test_a_message_or_a_code_make_it_the_envelope(code: int) -> None:
    """With a message or a code of one's own the body is the gateway's envelope."""
    error = json.loads(status(code, message="m", code="c").body)["error"]
    assert (error["message"], error["code"]) == ("m", "c")
    assert json.loads(status(code, code="c").body)["error"]["code"] == "c"


@pytest.mark.parametrize(
    ("given", "header"),
    [(2, "2"), (1.5, "1.5"), ("Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT")],
)
def test_retry_after_stands_in_the_header(given: float | str, header: str) -> None:
    """A span is written as a number, a text as it is; without either there is no header."""
    assert status(429, retry_after=given).headers == (("Retry-After", header),)
    assert status(429).headers == ()


def test_a_status_lasts_as_it_is_told() -> None:
    """A status is a step like others."""
    assert status(503, polls=3).polls == 3
    assert status(503, seconds=30).seconds == 30
