"""The steps of a script, their lengths, and what is refused."""

import json
import math
from functools import partial

import pytest

from chainhub.sandbox import (
    Sandbox,
    answer,
    cancelled,
    close,
    completed,
    completed_without_url,
    cut,
    error,
    expired,
    failed,
    html,
    pending,
    reset,
    slow,
    state,
    status,
    trickle,
    video_upsampling_failed,
)
from tests.unit.sandbox.conftest import ask

MAKERS = (
    *(pending, failed, completed, reset, close, html, cut),
    *(partial(answer, ""), partial(slow, 1), partial(trickle, 1)),
    *(partial(state, "new"), partial(status, 503)),
)

WRONG = (-1.0, math.nan, math.inf)


@pytest.mark.parametrize("make", MAKERS)
def test_every_step_lasts_for_requests_or_seconds(make) -> None:
    """For one request if nothing is said."""
    lengths = [(step.polls, step.seconds) for step in (make(), make(polls=3), make(seconds=2.5))]
    assert lengths == [(1, None), (3, None), (1, 2.5)]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: pending.lasting(polls=1, seconds=1.0), "not for both"),
        (lambda: pending(polls=0), "1 or more"),
        *((partial(pending, seconds=n), "0 or more") for n in WRONG),
        (lambda: answer("", status=199), "200 to 599"),
        (lambda: html(600), "200 to 599"),
        (lambda: status(199), "200 to 599"),
        (lambda: cut(-0.1), "less than 1"),
        (lambda: cut(1.0), "less than 1"),
        (lambda: cut(math.nan), "less than 1"),
        *((partial(make, span), "0 or more") for make in (slow, trickle) for span in WRONG),
        (lambda: Sandbox().add([]), "at least one step"),
        (lambda: Sandbox().task(), "at least one step"),
        (lambda: Sandbox().add(id=""), "must not be empty"),
        *((partial(Sandbox, url_lifetime=n), "1 second or more") for n in (0, *WRONG)),
        *((partial(Sandbox, speed=n), "0 or more") for n in WRONG),
        *((partial(Sandbox().advance, n), "forward") for n in WRONG),
        *((partial(Sandbox, key=k), "^The sandbox's key must be .* without spaces.$")
          for k in ("", "a b", "ü", "a\n")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, complaint) -> None:
    """At once, in a sentence that says what can be."""
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("entry", "hint"),
    [(html, r"Step 2 .* write html\(…\)"), (7, "use a step"), (None, "use a step")],
)
def test_what_is_no_step_is_named(entry, hint) -> None:
    """The complaint says which entry it is, and what to write instead; a video has no states."""
    with pytest.raises(TypeError, match=hint):
        Sandbox().add([pending, entry])
    for wrong in (pending, "pending", None):
        with pytest.raises(TypeError, match="Step 2 of the media script"):
            Sandbox().add(pending, media=[answer(""), wrong])


def test_a_step_with_other_facts() -> None:
    """What is not said stays as it was, and the original is left alone."""
    step = failed("no luck", code="unlucky")
    assert (step.word, step.reason, step.code) == ("failed", "no luck", "unlucky")
    assert (step(polls=2).reason, cancelled(code="c").reason) == ("no luck", cancelled.reason)
    own = completed(url="https://cdn.example/v.mp4")
    assert [(one.served, one.url) for one in (completed(), own, completed_without_url)] == [
        (True, None),
        (False, "https://cdn.example/v.mp4"),
        (False, None),
    ]
    assert own(polls=2).url == own.url
    more = pending(extra={"a": 1})
    assert more(extra={"b": 2}).extra == {"a": 1, "b": 2}
    assert (more.extra, pending.extra) == ({"a": 1}, {})


def test_an_answer_is_taken_as_it_is() -> None:
    """An answer of the user's own keeps body, status, type and headers."""
    step = answer("grüezi", status=520, content_type=None, headers={"Retry-After": "soon"})
    assert step.body == "grüezi".encode()
    assert (step.status, step.content_type, step.headers) == (520, None, (("Retry-After", "soon"),))
    assert answer(b"\xff").body == b"\xff"


@pytest.mark.parametrize(
    ("script", "words"),
    [([pending, "polishing"], ["pending", "polishing"]), (pending, ["pending"]), ("a", ["a"])],
)
def test_a_script_takes_steps_and_words(sandbox, client, script, words) -> None:
    """A string is a status word; a single step is a script too."""
    task_id = sandbox.add(script)
    assert [ask(client, task_id).json()["status"] for _ in words] == words


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *((word, None) for word in ("completed", "Succeeded", "SUCCESS")),
        *((word, failed.reason) for word in ("failed", "FAILURE")),
        *((word, cancelled.reason) for word in ("cancelled", "canceled")),
        ("error", error.reason),
        ("expired", expired.reason),
        ("video_upsampling_failed", video_upsampling_failed.reason),
        ("video_upsampling_completed", "running"),
    ],
)
def test_a_word_that_ends_a_task_comes_with_what_belongs_to_it(
    sandbox, client, word, reason
) -> None:
    """A final word has a URL or a reason; a stage is a mere state."""
    body = ask(client, sandbox.add([word], id=f"grok:{word}")).json()
    assert (body["status"], body["error"]) == (word, "" if reason in (None, "running") else reason)
    assert bool(body["video_url"]) is (reason is None)


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
def test_a_status_has_the_body_the_service_sends(code, content_type, part) -> None:
    """Each its own kind, 429 none; with a message or a code it is the gateway's envelope."""
    step = status(code)
    assert (step.status, step.content_type, step.headers) == (code, content_type, ())
    assert part in step.body
    assert bool(step.body) is bool(part)
    error = json.loads(status(code, message="m", code="c").body)["error"]
    assert (error["message"], error["code"]) == ("m", "c")
    assert json.loads(status(code, code="c").body)["error"]["code"] == "c"


@pytest.mark.parametrize(
    ("given", "header"),
    [(2, "2"), (1.5, "1.5"), ("Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT")],
)
def test_retry_after_stands_in_the_header(given, header) -> None:
    """A span is written as a number, a text as it is."""
    assert status(429, retry_after=given).headers == (("Retry-After", header),)
