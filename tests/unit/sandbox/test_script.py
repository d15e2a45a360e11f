"""The words of a script: steps, their lengths, and what is no step."""

import math
from collections.abc import Callable

import pytest
from attrs import evolve

from chainhub.sandbox import (
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
    trickle,
    video_upsampling_failed,
)
from chainhub.sandbox._script import Completion, as_script


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
    ],
)
def test_every_step_can_last_for_several_questions(step: Step) -> None:
    """`polls=` says for how many questions a step lasts."""
    assert (step.polls, step.seconds) == (3, None)


@pytest.mark.parametrize("make", [pending, failed, completed, reset, html])
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
    assert isinstance(own(polls=2), Completion)


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


@pytest.mark.parametrize("status", [199, 600])
def test_an_answer_needs_a_final_status(status: int) -> None:
    """A status that ends no request is refused."""
    with pytest.raises(ValueError, match="200 to 599"):
        answer("", status=status)


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


def test_a_script_takes_steps_and_words() -> None:
    """A string is a status word; a single step is a script too."""
    assert as_script([pending, "polishing"]) == (pending, state("polishing"))
    assert as_script(pending) == (pending,)
    assert as_script("polishing") == (state("polishing"),)


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("completed", completed),
        ("Succeeded", evolve(completed, word="Succeeded")),
        ("SUCCESS", evolve(completed, word="SUCCESS")),
        ("failed", failed),
        ("FAILURE", evolve(failed, word="FAILURE")),
        ("error", error),
        ("cancelled", cancelled),
        ("canceled", evolve(cancelled, word="canceled")),
        ("expired", expired),
        ("video_upsampling_failed", video_upsampling_failed),
        ("video_upsampling_completed", state("video_upsampling_completed")),
    ],
)
def test_a_word_that_ends_a_task_comes_with_what_belongs_to_it(word: str, step: Step) -> None:
    """A final word has a URL or a reason; a stage is a mere state."""
    assert as_script([word]) == (step,)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [(html, r"Step 2 .* write html\(…\)"), (7, "use a step"), (None, "use a step")],
)
def test_what_is_no_step_is_named(entry: object, hint: str) -> None:
    """The complaint says which entry is no step, and what to write instead."""
    with pytest.raises(TypeError, match=hint):
        as_script([pending, entry])  # type: ignore[list-item]  # wrong on purpose


def test_an_empty_script_is_refused() -> None:
    """A script without any step is refused."""
    with pytest.raises(ValueError, match="at least one step"):
        as_script([])
