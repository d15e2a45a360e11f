"""The words of a script: steps, their lengths, and what is no step."""

import json
import math
from collections.abc import Callable
from functools import partial

import httpx
import pytest

from chainhub.sandbox import (
    Sandbox,
    Step,
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


def test_a_bare_name_is_a_step_for_one_question() -> None:
    """A step that is given no length lasts for one question."""
    assert [(step.polls, step.seconds) for step in (pending, reset, html())] == [(1, None)] * 3


@pytest.mark.parametrize(
    "step",
    [
        pending(polls=3),
        failed(polls=3),
        completed(polls=3),
        reset(polls=3),
        close(polls=3),
        html(polls=3),
        answer("", polls=3),
        slow(1, polls=3),
        trickle(1, polls=3),
        cut(polls=3),
        state("new", polls=3),
        status(503, polls=3),
    ],
)
def test_every_step_can_last_for_several_questions(step: Step) -> None:
    """`polls=` says for how many questions a step lasts."""
    assert (step.polls, step.seconds) == (3, None)


@pytest.mark.parametrize("make", [pending, failed, completed, reset, html, partial(status, 503)])
def test_every_step_can_last_for_a_span(make: Callable[..., Step]) -> None:
    """`seconds=` says how long a step lasts on the script's clock."""
    assert make(seconds=2.5).seconds == 2.5


@pytest.mark.parametrize(
    ("length", "complaint"),
    [
        ({"polls": 1, "seconds": 1.0}, "not for both"),
        ({"polls": 0}, "1 or more"),
        ({"seconds": -1.0}, "0 or more"),
        ({"seconds": math.nan}, "0 or more"),
        ({"seconds": math.inf}, "0 or more"),
    ],
)
def test_an_impossible_length_is_refused(length: dict[str, float], complaint: str) -> None:
    """A length is refused that cannot be kept."""
    with pytest.raises(ValueError, match=complaint):
        pending.lasting(**length)  # type: ignore[arg-type]  # the table mixes int and float


def test_a_failure_says_why() -> None:
    """A failure takes a reason and a code, and keeps its own unless told otherwise."""
    step = failed("no luck", code="unlucky")
    assert (step.word, step.reason, step.code) == ("failed", "no luck", "unlucky")
    assert (step(polls=2).reason, cancelled(code="c").reason) == ("no luck", cancelled.reason)


def test_a_completion_serves_the_sandboxs_video_unless_told_otherwise() -> None:
    """A completion's URL is the sandbox's, one of the user's own, or missing."""
    own = completed(url="https://cdn.example/v.mp4")
    assert [(s.served, s.url) for s in (completed(), own, completed_without_url)] == [
        (True, None),
        (False, "https://cdn.example/v.mp4"),
        (False, None),
    ]
    assert own(polls=2).url == own.url


def test_extra_fields_add_up() -> None:
    """Extra fields are laid over those a step has already, and leave the original alone."""
    step = pending(extra={"a": 1})
    assert step(extra={"b": 2}).extra == {"a": 1, "b": 2}
    assert (step.extra, pending.extra) == ({"a": 1}, {})


def test_an_answer_is_taken_as_it_is() -> None:
    """An answer of the user's own keeps body, status, type and headers."""
    step = answer("grüezi", status=520, content_type=None, headers={"Retry-After": "soon"})
    assert step.body == "grüezi".encode()
    assert (step.status, step.content_type, step.headers) == (520, None, (("Retry-After", "soon"),))
    assert answer(b"\xff").body == b"\xff"


@pytest.mark.parametrize("code", [199, 600])
def test_an_answer_needs_a_final_status(code: int) -> None:
    """A status that ends no request is refused."""
    for make in (answer, html, status):
        with pytest.raises(ValueError, match="200 to 599"):
            make(**{"body": ""} if make is answer else {}, status=code)  # type: ignore[operator]  # functions of different arguments


@pytest.mark.parametrize("at", [-0.1, 1.0, math.nan])
def test_a_cut_is_within_the_body(at: float) -> None:
    """A cut behind the end of the body, or before its beginning, is refused."""
    with pytest.raises(ValueError, match="less than 1"):
        cut(at)


@pytest.mark.parametrize("make", [slow, trickle])
@pytest.mark.parametrize("span", [-1.0, math.inf, math.nan])
def test_a_delay_is_a_span(make: Callable[[float], Step], span: float) -> None:
    """A delay is refused that would never end."""
    with pytest.raises(ValueError, match="0 or more"):
        make(span)


@pytest.mark.parametrize(
    ("script", "steps"),
    [
        ([pending, "polishing"], ["pending", "polishing"]),
        (pending, ["pending"]),
        ("polishing", ["polishing"]),
    ],
)
def test_a_script_takes_steps_and_words(
    sandbox: Sandbox, client: httpx.Client, script: list[Step | str], steps: list[str]
) -> None:
    """A string is a status word; a single step is a script too."""
    task_id = sandbox.add(script)
    assert [ask(client, task_id).json()["status"] for _ in steps] == steps


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("completed", None),
        ("Succeeded", None),
        ("SUCCESS", None),
        ("failed", failed.reason),
        ("FAILURE", failed.reason),
        ("error", error.reason),
        ("cancelled", cancelled.reason),
        ("canceled", cancelled.reason),
        ("expired", expired.reason),
        ("video_upsampling_failed", video_upsampling_failed.reason),
        ("video_upsampling_completed", "running"),
    ],
)
def test_a_word_that_ends_a_task_comes_with_what_belongs_to_it(
    sandbox: Sandbox, client: httpx.Client, word: str, reason: str | None
) -> None:
    """A final word has a URL or a reason; a stage is a mere state."""
    body = ask(client, sandbox.add([word], id=f"grok:{word}")).json()
    url = "video_url" if reason is None else ""
    assert (body["status"], body["error"]) == (word, "" if reason in (None, "running") else reason)
    assert bool(body["video_url"]) is bool(url)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [(html, r"Step 2 .* write html\(…\)"), (7, "use a step"), (None, "use a step")],
)
def test_what_is_no_step_is_named(entry: object, hint: str) -> None:
    """The complaint says which entry is no step, and what to write instead."""
    with pytest.raises(TypeError, match=hint):
        Sandbox().add([pending, entry])  # type: ignore[list-item]  # wrong on purpose


def test_an_empty_script_is_refused() -> None:
    """A script without any step is refused."""
    with pytest.raises(ValueError, match="at least one step"):
        Sandbox().add([])


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
