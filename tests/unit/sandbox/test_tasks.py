"""The tasks in memory."""

import pytest

from chainhub.sandbox import (
    Step,
    answer,
    completed,
    cut,
    pending,
    processing,
    reset,
    slow,
    status,
)
from chainhub.sandbox._bodies import Moment
from chainhub.sandbox._script import Hindered
from chainhub.sandbox._state import Clock, Tasks


def tell(tasks: Tasks, task_id: str) -> Moment:
    """Ask for a task that exists."""
    told = tasks.ask(task_id)
    assert told is not None
    return told


def test_a_task_follows_its_script() -> None:
    """Each question moves the task on; the clock says since when it is where it is."""
    clock = Clock(0, wall=lambda: 0.0)
    tasks = Tasks(clock)
    tasks.add("a", [pending, processing(seconds=5), completed])
    seen = [tell(tasks, "a")]
    for gap in (3, 5):
        clock.advance(gap)
        seen.append(tell(tasks, "a"))
    assert [(told.state.word, told.updated) for told in seen] == [
        ("pending", 0),
        ("processing", 3),
        ("completed", 8),
    ]
    assert [told.progress for told in seen] == [0, 1 / 3, 1]


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ([reset], "pending"),
        ([slow(1)], "pending"),
        ([processing(seconds=0), status(503)], "processing"),
        ([processing(seconds=0), slow(1)], "processing"),
        ([processing(seconds=0), slow(1, completed)], "completed"),
        ([slow(1, processing, seconds=0), cut()], "processing"),
    ],
)
def test_behind_a_fault_is_the_state_before(script: list[Step], word: str) -> None:
    """A fault shows its own state, else that of the steps before it, else pending."""
    tasks = Tasks(Clock(0))
    tasks.add("a", script)
    told = tell(tasks, "a")
    assert (told.step, told.state.word) == (script[-1], word)


def test_an_unknown_task_is_none() -> None:
    """An id that was never added and names no scenario has no task."""
    tasks = Tasks(Clock(0))
    assert tasks.ask("veo:unknown") is None
    assert len(tasks) == 0


def test_a_scenario_begins_with_the_first_request() -> None:
    """A task named by its id starts when it is first asked for, and then goes on."""
    clock = Clock(0)
    tasks = Tasks(clock)
    clock.advance(1000)
    assert tell(tasks, "veo:completes").state.word == "pending"
    clock.advance(1000)
    assert tell(tasks, "veo:completes").state.word == "completed"
    assert len(tasks) == 1


def test_adding_again_starts_again() -> None:
    """A task with the same id replaces the one before, and its video's faults too."""
    tasks = Tasks(Clock(0))
    tasks.add("a", [pending, completed], media=[reset])
    tasks.ask("a")
    tasks.add("a", [pending, completed])
    told = tell(tasks, "a")
    assert told.state.word == "pending"
    assert tasks.fetch(told.token) == Hindered()


def test_a_video_has_its_faults_first() -> None:
    """The video's faults come first, one per request; then it is served for good."""
    tasks = Tasks(Clock(0))
    faults = [status(403), reset]
    tasks.add("a", completed, media=faults)
    token = tell(tasks, "a").token
    assert [tasks.fetch(token) for _ in range(4)] == [*faults, Hindered(), Hindered()]


def test_a_token_of_no_task_is_an_error() -> None:
    """Only the token of a task has a video."""
    with pytest.raises(KeyError):
        Tasks(Clock(0)).fetch("f00")


@pytest.mark.parametrize("entry", [pending, "pending", None])
def test_a_videos_script_takes_only_faults(entry: object) -> None:
    """A video has no states; the complaint says which entry is wrong."""
    with pytest.raises(TypeError, match="Step 2 of the media script"):
        Tasks(Clock(0)).add("a", pending, media=[answer(""), entry])  # type: ignore[list-item]  # wrong on purpose


def test_an_odd_id_is_an_id() -> None:
    """Ids need not be encodable text."""
    tasks = Tasks(Clock(0))
    tasks.add("\ud800", [pending])
    assert tell(tasks, "\ud800").state == pending
