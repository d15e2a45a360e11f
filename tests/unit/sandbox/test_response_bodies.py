"""The shapes of a task's answer, by family of models."""

import pytest

from chainhub.sandbox import (
    State,
    completed,
    completed_without_url,
    failed,
    pending,
    video_generating,
)
from chainhub.sandbox._bodies import Moment, task_body

URL = "https://cdn.example/v.mp4"
FAILED = failed("no luck", code="unlucky")
FAMILIES = ["veo3.1-fast:1-a", "sora-2:task_1", "grok:1", "video_1", "033fa60e-f37c-4ff6"]


def moment(task_id: str, state: State, progress: float = 0.5) -> Moment:
    """Return a task that was last changed at 1700000000.25 s."""
    url = URL if state == completed else None
    return Moment(task_id, state, 1_700_000_000.25, progress, url)


@pytest.mark.parametrize("task_id", FAMILIES)
@pytest.mark.parametrize("state", [pending, video_generating, FAILED, completed])
def test_every_shape_keeps_to_the_contract(task_id: str, state: State) -> None:
    """Id, word and time are always there, with the types that the contract says."""
    body = task_body(moment(task_id, state))
    assert (body["id"], body["status"]) == (task_id, state.word)
    assert type(body["status_update_time"]) is int
    assert body.get("video_url") in ((URL,) if state == completed else (None, ""))
    assert isinstance(body.get("enhanced_prompt", ""), str)


@pytest.mark.parametrize(
    ("task_id", "time"),
    list(
        zip(
            FAMILIES,
            [1_700_000_000_250] * 2 + [1_700_000_000] * 2 + [1_700_000_000_250],
            strict=True,
        )
    ),
)
def test_time_is_in_milliseconds_or_seconds(task_id: str, time: int) -> None:
    """Some families count milliseconds, others seconds."""
    assert task_body(moment(task_id, pending))["status_update_time"] == time


@pytest.mark.parametrize(
    ("task_id", "expected"),
    list(zip(FAMILIES, [None, "absent", "", "absent", None], strict=True)),
)
def test_a_running_task_has_no_url_in_three_ways(task_id: str, expected: str | None) -> None:
    """While a task runs its URL is null, empty or absent."""
    assert task_body(moment(task_id, pending)).get("video_url", "absent") == expected


@pytest.mark.parametrize(
    ("task_id", "where"),
    [
        (FAMILIES[0], ["detail", "video_generation_error"]),
        (FAMILIES[1], ["detail", "pending_info", "failure_reason"]),
        (FAMILIES[2], ["error"]),
        (FAMILIES[3], ["fail_reason"]),
        (FAMILIES[4], ["error", "message"]),
    ],
)
def test_a_failure_tells_its_reason(task_id: str, where: list[str]) -> None:
    """The reason stands where the family has it."""
    found: object = task_body(moment(task_id, FAILED))
    for name in where:
        assert isinstance(found, dict)
        found = found[name]
    assert found == "no luck"


def test_veo_moves_the_prompt_into_its_detail() -> None:
    """The prompt is empty in the queue, and absent from the top once work has begun."""
    queued = task_body(moment(FAMILIES[0], pending, progress=0))
    begun = task_body(moment(FAMILIES[0], video_generating))
    assert (queued["enhanced_prompt"], "detail" in queued) == ("", False)
    assert "enhanced_prompt" not in begun
    assert isinstance(begun["detail"], dict)
    assert (begun["detail"]["running"], "video_url" in begun["detail"]) == (True, False)


@pytest.mark.parametrize("state", [FAILED, completed])
def test_veo_has_a_detail_at_once_if_there_is_something_to_tell(state: State) -> None:
    """A task that fails or completes with its first step has its detail all the same."""
    detail = task_body(moment(FAMILIES[0], state, progress=0))["detail"]
    assert isinstance(detail, dict)
    assert detail["running"] is False
    assert ("upsample_video_url" in detail) is (state == completed)


def test_progress_is_a_share_or_a_percentage() -> None:
    """Progress is told as the family tells it."""
    sora = task_body(moment(FAMILIES[1], pending))["detail"]
    assert isinstance(sora, dict)
    assert isinstance(sora["pending_info"], dict)
    assert sora["pending_info"]["progress_pct"] == 0.5
    assert task_body(moment(FAMILIES[2], pending))["progress"] == 50


@pytest.mark.parametrize("task_id", FAMILIES)
def test_extra_fields_have_the_last_word(task_id: str) -> None:
    """A script can add a field to any shape, or change one."""
    body = task_body(moment(task_id, pending(extra={"status": "odd", "more": [1]})))
    assert (body["status"], body["more"]) == ("odd", [1])


@pytest.mark.parametrize("task_id", FAMILIES)
def test_a_completion_without_url_has_none(task_id: str) -> None:
    """A task can be completed and still have no URL anywhere."""
    assert URL not in str(task_body(moment(task_id, completed_without_url)))
