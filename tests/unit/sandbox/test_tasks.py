"""A task follows its script, by requests, by time and by both."""

import re
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainhub.sandbox import (
    Sandbox,
    completed,
    pending,
    processing,
    queued,
    reset,
    slow,
    state,
    status,
    task_ids,
)
from chainhub.testing import virtual_time
from tests.unit.sandbox.conftest import PLAIN, ask, get

SECONDS = (pending(seconds=2), processing(seconds=3), completed)
POLLS = (pending(polls=2), reset, completed)
MIXED = (pending, processing(seconds=3), queued(polls=2), completed)
RESET = ("reset", None)


@pytest.mark.parametrize(
    ("script", "times", "expected"),
    [
        (POLLS, [0, 1, 2, 3, 4], [("pending", 0)] * 2 + [RESET] + [("completed", 3)] * 2),
        (
            SECONDS,
            [0, 1.9, 2, 4.9, 5, 99],
            [("pending", 0)] * 2 + [("processing", 2)] * 2 + [("completed", 5)] * 2,
        ),
        # A step by time begins when the one before ended, not when somebody asked.
        (SECONDS, [100], [("completed", 5)]),
        # The span of `processing` begins with the request that left `pending`.
        (
            MIXED,
            [0, 10, 12, 13, 14, 15],
            [("pending", 0)]
            + [("processing", 10)] * 2
            + [("queued", 13)] * 2
            + [("completed", 15)],
        ),
        ((pending(seconds=0), completed), [0], [("completed", 0)]),
        ((reset,), [0, 1], [RESET] * 2),
    ],
)
def test_a_script_goes_on(sandbox, client, script, times, expected) -> None:
    """A step ends after its requests or its seconds, and the last one stays."""
    start = ask(client, sandbox.add(pending)).json()["status_update_time"]
    task_id, seen = sandbox.add(script), []
    for before, now in pairwise([0, *times]):
        sandbox.advance(now - before)
        try:
            body = ask(client, task_id).json()
            seen.append((body["status"], round((body["status_update_time"] - start) / 1000, 1)))
        except httpx.ReadError:
            seen.append(RESET)
    assert seen == expected


steps = st.one_of(
    st.integers(1, 3).map(lambda polls: {"polls": polls}),
    st.floats(0, 9).map(lambda seconds: {"seconds": seconds}),
)


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(steps, min_size=1, max_size=6), gaps=st.lists(st.floats(0, 5), max_size=12))
def test_a_script_only_goes_forward(sandbox, client, lengths, gaps) -> None:
    """No request, however late, takes a script back or beyond its end."""
    script = [state(f"word-{n}").lasting(**length) for n, length in enumerate(lengths)]  # type: ignore[arg-type]  # the table mixes int and float
    task_id, seen = sandbox.add(script), []
    for gap in gaps:
        sandbox.advance(gap)
        seen.append(ask(client, task_id).json()["status"])
    assert seen == sorted(seen)
    assert set(seen) <= {step.word for step in script}


def test_progress_grows_with_the_steps(sandbox: Sandbox, client: httpx.Client) -> None:
    """It is the part of the script that is done, and whole with the completion."""
    task_id = sandbox.add([pending, processing, completed], id="grok:progress")
    assert [ask(client, task_id).json()["progress"] for _ in range(3)] == [0, 33, 100]


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ([slow(0)], "pending"),
        ([processing(seconds=0), slow(0)], "processing"),
        ([processing, status(503), slow(0)], "processing"),
        ([processing(seconds=0), slow(0, completed)], "completed"),
        ([slow(0, processing, seconds=0), slow(0)], "processing"),
    ],
)
def test_behind_a_fault_is_the_state_before(sandbox, client, script, word) -> None:
    """A fault shows its own state, else that of the steps before it, else pending."""
    task_id = sandbox.add(script)
    for _ in script:
        last = ask(client, task_id)
    assert last.json()["status"] == word


SCENARIOS = (
    ("completes", "pending", "completed"),
    ("fails", "pending", "failed"),
    ("upsampling-fails", "pending", "video_upsampling_failed"),
    ("is-cancelled", "pending", "cancelled"),
    ("expires", "queued", "expired"),
    ("has-no-url", "pending", "completed"),
    ("has-a-late-url", "pending", "completed"),
    ("has-leftovers", "pending", "completed"),
    ("says-a-new-word", "pending", "completed"),
    ("is-flaky", "pending", "completed"),
    ("never-ends", "queued", "queued"),
)


@pytest.mark.parametrize(("name", "first", "last"), SCENARIOS)
def test_an_id_names_its_scenario(sandbox, client, name, first, last) -> None:
    """It begins with its first request, whatever model and words stand around its name."""
    forms = ("veo3.1-fast:{}", "grok:{}-2", "sora-2:{}-a:b\n", "x:{}-")
    # Whoever copies the id in the contract gets a task that completes.
    forms += ("veo3.1-fast:1760545785-euexscdeL8",) if name == "completes" else ()
    for form in forms:
        task_id = form.format(name)
        assert ask(client, task_id).json()["status"] == first
        for _ in range(7):
            sandbox.advance(10)
            try:
                got = ask(client, task_id)
            except httpx.ReadError:
                assert name == "is-flaky"
        assert got.json()["status"] == last
    # Each is listed, with what it shows, and no other.
    assert re.search(rf"^  veo3\.1-fast:{name} +\w", task_ids(), re.MULTILINE)
    assert task_ids().count("\n  veo3.1-fast:") == len(SCENARIOS)


@pytest.mark.parametrize(
    "task_id", ["completes", "veo:completed", "veo:completesx", ":completes", "a:b:completes"]
)
def test_other_ids_name_none(sandbox: Sandbox, client: httpx.Client, task_id: str) -> None:
    """An id that is only nearly right is that of an unknown task, and no task is made."""
    before = repr(sandbox)
    assert ask(client, task_id).status_code == 400
    assert repr(sandbox) == before


def test_adding_again_starts_again(sandbox: Sandbox, client: httpx.Client) -> None:
    """A task with the same id replaces the one before, and its video's faults too."""
    sandbox.add(completed, id="again", media=[reset])
    url = ask(client, "again").json()["video_url"]
    sandbox.add([pending, completed], id="again")
    assert ask(client, "again").json()["status"] == "pending"
    assert client.get(url).status_code == 200
    # Ids need not be encodable text.
    assert Sandbox().add([pending], id="\ud800") == "\ud800"


@pytest.mark.parametrize(("speed", "passed"), [(1.0, 30), (50.0, 1500), (0.0, 0)])
def test_the_clock_runs_at_its_speed(speed: float, passed: float) -> None:
    """Thirty seconds are as many times the speed; an advance counts whatever the speed is."""
    with virtual_time() as clock, Sandbox(speed=speed) as sandbox:
        PLAIN.get(sandbox.base_url)
        clock.skip(30)
        PLAIN.get(sandbox.base_url)
        sandbox.advance(5)
        sandbox.advance(0.5)
        get(sandbox, "x:completes")
    at = [request.at for request in sandbox.requests]
    # What the requests themselves take passes too.
    assert at[1] - at[0] == pytest.approx(passed, abs=5 * speed)
    assert at[2] - at[1] == pytest.approx(5.5, abs=5 * speed)
