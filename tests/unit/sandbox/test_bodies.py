"""The bodies of answers about a task, by family of models."""

import itertools
from functools import reduce

import httpx
import pytest

from chainhub.sandbox import (
    Sandbox,
    completed,
    completed_without_url,
    failed,
    pending,
    video_generating,
)
from tests.unit.sandbox.conftest import ask

URL = "https://cdn.example/v.mp4"
FAILED = failed("no luck", code="unlucky")
NUMBERS = itertools.count()


@pytest.fixture
def body(sandbox: Sandbox, client: httpx.Client):
    """Give a function that returns the body of a task of this family, half done by default."""

    def read(family: str, step, *, begun: bool = True):
        script = [pending(seconds=0), step] if begun else [step]
        return ask(client, sandbox.add(script, id=f"{family}{next(NUMBERS)}")).json()

    return read


@pytest.mark.parametrize(
    ("family", "no_url", "unit", "reason"),
    [
        ("veo3.1-fast:", None, 1000, "detail.video_generation_error"),
        ("sora-2:task_", "absent", 1000, "detail.pending_info.failure_reason"),
        ("grok:", "", 1, "error"),
        ("video_", "absent", 1, "fail_reason"),
        ("033fa60e-f37c-", None, 1000, "error.message"),
    ],
)
def test_every_format_keeps_to_the_contract(body, family, no_url, unit, reason) -> None:
    """Id, word and time are always there, with the contract's types; formats differ in the rest."""
    for step in (pending, video_generating, FAILED, completed(url=URL), completed_without_url):
        got = body(family, step)
        assert (got["id"].startswith(family), got["status"]) == (True, step.word)
        # Some families count milliseconds, others seconds.
        assert isinstance(got["status_update_time"], int)
        assert 1e9 * unit < got["status_update_time"] < 1e10 * unit
        expected = URL if step == completed(url=URL) else no_url
        assert got.get("video_url", "absent") == expected
        assert (URL in str(got)) is (expected == URL)
        assert isinstance(got.get("enhanced_prompt", ""), str)
    assert reduce(lambda found, name: found[name], reason.split("."), body(family, FAILED)) == (
        "no luck"
    )
    # A script can add a field to any format, or change one.
    got = body(family, pending(extra={"status": "odd", "more": [1]}))
    assert (got["status"], got["more"]) == ("odd", [1])


def test_veo_moves_the_prompt_into_its_detail(body) -> None:
    """The prompt is empty in the queue, and absent from the top once work has begun."""
    queued = body("veo", pending, begun=False)
    begun = body("veo", video_generating)
    assert (queued["enhanced_prompt"], "detail" in queued) == ("", False)
    assert "enhanced_prompt" not in begun
    assert (begun["detail"]["running"], "video_url" in begun["detail"]) == (True, False)
    for step in (FAILED, completed(url=URL)):  # at once, if there is something to tell
        detail = body("veo", step, begun=False)["detail"]
        assert detail["running"] is False
        assert ("upsample_video_url" in detail) is (step != FAILED)


def test_progress_and_code_are_told_as_the_family_does(body) -> None:
    """A share or a percentage; only the published format has a code, of a failure."""
    assert body("sora-2:", pending)["detail"]["pending_info"]["progress_pct"] == 0.5
    assert body("grok:", pending)["progress"] == 50
    assert body("0", FAILED)["error"] == {"message": "no luck", "code": "unlucky"}
    assert "error" not in body("0", pending)
