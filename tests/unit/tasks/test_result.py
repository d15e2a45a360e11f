"""From a task to the bytes of its video."""

import pytest

from chainhub._tasks import task_named
from chainhub._tasks.result import results_in
from chainhub.errors import ResultMissing, TaskFailed
from chainhub_api.models import VideoTask


def made(status: str | None, url: str | None, **more: object) -> VideoTask:
    """Return a task."""
    fields = {"id": "a", "status": status, "video_url": url, "enhanced_prompt": None}
    return VideoTask.from_dict(fields | {"status_update_time": 1} | more)


@pytest.mark.parametrize("status", ["completed", "SUCCESS", "polished"])
def test_the_address_of_a_finished_task(status):
    """A word nobody knows does not matter if there is an address."""
    assert results_in(task_named("video.query"), "a", made(status, " http://a/v ")) == [
        "http://a/v"
    ]


@pytest.mark.parametrize(
    ("status", "url", "error", "text"),
    [
        ("pending", None, ResultMissing, "'pending': wait for it first"),
        ("video_generation_completed", "http://a/", ResultMissing, "wait for it first"),
        ("completed", None, ResultMissing, "no video URL"),
        ("polished", None, ResultMissing, "no video URL"),
        ("failed", "http://a/", TaskFailed, "failed"),
    ],
)
def test_a_task_without_an_address(status, url, error, text):
    """An address of a task that failed or still runs is not its video."""
    with pytest.raises(error, match=text) as caught:
        results_in(task_named("video.query"), "a", made(status, url))
    assert caught.value.task.status == status
