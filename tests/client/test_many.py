"""Waiting for many tasks at once, against a real server."""

import asyncio
import json
import re
import threading
import time

import pytest

import chainhub
from tests.loopback import SOON, silent

PACE = 0.02
URL = "https://cdn.example/v.mp4"


class Fleet:
    """Answers for any id: pending until its `polls`-th poll, then as its name says."""

    def __init__(self, http, polls=2):
        self.http = http
        self.polls = polls
        self.asked = {}

    def __call__(self, connection, head):
        task_id = re.search(rb"id=([^ &]*)", head)[1].decode()
        self.asked[task_id] = self.asked.get(task_id, 0) + 1
        done = self.asked[task_id] >= self.polls
        if task_id.startswith("gone"):
            body, status = {"code": "task_not_exist", "message": "task_not_exist"}, 400
        else:
            word = "failed" if task_id.startswith("bad") else "completed"
            status = 200
            body = {
                "id": task_id,
                "status": word if done else "pending",
                "video_url": URL if done and word == "completed" else None,
                "status_update_time": 1,
            }
        connection.sendall(self.http(status, body))


SEVERAL = "several tasks are given as a list of them or of their ids, such as \\[id\\], not as a "


@pytest.mark.parametrize(
    "one",
    [
        "veo3.1-fast:a",
        b"a",
        chainhub.VideoTask("a", "completed", 1),
        chainhub.Submission("1", "video.create", "a"),
    ],
)
def test_one_task_where_several_are_meant(mode, server, tmp_path, one):
    """It is refused at once: a text would count as one id for each of its letters."""
    video, journal = mode.client(base_url=server.url).video, tmp_path / "journal.jsonl"
    for call in (
        lambda: mode(video.wait_many(one, journal=journal)),
        lambda: video.as_completed(one, journal=journal),
        lambda: mode(video.download_many(one, into=tmp_path)),
    ):
        with pytest.raises(chainhub.ConfigurationError, match=SEVERAL + type(one).__name__):
            call()
    assert list(tmp_path.iterdir()) == []
    assert server.requests == []


def test_one_failure_never_loses_the_others(mode, server, http):
    """Each task has an outcome, in the order of the ids; duplicates are asked for once."""
    fleet = Fleet(http)
    server.answers = [fleet]
    ids = ["good-1", "bad-1", "good-2", "good-1", "gone-1"]
    client = mode.client(base_url=server.url)
    outcomes = mode(client.video.wait_many(ids, interval=PACE))
    assert list(outcomes) == ["good-1", "bad-1", "good-2", "gone-1"]
    assert outcomes["good-1"].result().video_url == URL
    assert fleet.asked["good-1"] == 2
    with pytest.raises(chainhub.TaskFailed):
        outcomes["bad-1"].result()
    with pytest.raises(chainhub.TaskNotFoundError):
        outcomes["gone-1"].result()
    assert outcomes["good-2"].polls == 2


def test_outcomes_come_as_they_are_known(mode, server, http):
    """Updates are told, and hundreds of tasks need few connections."""
    fleet = Fleet(http)
    server.answers = [fleet]
    updates = []
    client = mode.client(base_url=server.url)
    completed = client.video.as_completed(
        (f"task-{n}" for n in range(200)), interval=PACE, on_update=lambda t: updates.append(t.id)
    )
    outcomes = mode.collect(completed)
    assert sorted(outcome.id for outcome in outcomes) == sorted(f"task-{n}" for n in range(200))
    assert all(outcome.error is None for outcome in outcomes)
    assert len(updates) == 400
    assert server.connections <= 100


def test_async_iterables_are_taken(server, http):
    """Ids may come while others are waited for."""
    server.answers = [Fleet(http)]

    async def ids():
        for n in range(5):
            await asyncio.sleep(0.01)
            yield f"task-{n}"

    async def consume():
        async with chainhub.AsyncClient("sk-test-many", base_url=server.url) as client:
            return await client.video.wait_many(ids(), interval=PACE)

    assert list(asyncio.run(consume())) == [f"task-{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, ", not of type NoneType$"),
        (5, ", not of type int$"),
        ("", "$"),
        (" ", "$"),
        (chainhub.Outcome("c", None, None, 1, 0.0), ", not of type Outcome: pass its task$"),
    ],
)
def test_what_is_no_id_among_many(mode, server, http, bad, said):
    """It is refused; the async client has read on as if None were not there."""
    server.answers = [Fleet(http)]
    client = mode.client(base_url=server.url)
    said = f"the task id must be a non-empty string{said}"
    with pytest.raises(chainhub.ConfigurationError, match=said):
        mode(client.video.wait_many(["a", bad, "b"], interval=PACE))


def test_a_cancellation_that_is_not_ours_ends_the_wait(server):
    """Of a task that the ids or the key come from: nobody waits for what will not come."""

    async def cancelled():
        raise asyncio.CancelledError
        yield

    async def consume(key, ids):
        async with chainhub.AsyncClient(key, base_url=server.url) as client:
            await asyncio.wait_for(client.video.wait_many(ids), SOON)

    for key, ids in (("sk-test-many", cancelled()), (lambda: anext(cancelled()), ["a", "b"])):
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(consume(key, ids))


@pytest.mark.parametrize("slip", [ZeroDivisionError, TimeoutError])
def test_a_slip_in_the_ids_propagates(mode, server, http, slip):
    """An exception of the iterable, or of a callback, ends the wait as it is."""
    server.answers = [Fleet(http)]

    def ids():
        yield "task-1"
        raise slip

    client = mode.client(base_url=server.url)
    with pytest.raises(slip):
        mode(client.video.wait_many(ids(), interval=PACE))

    def callback(task):
        raise slip

    with pytest.raises(slip):
        mode(client.video.wait_many(["task-9"], interval=PACE, on_update=callback))


def test_deadline_is_for_all_together(mode, server, http, chainhub_clock):
    """What is not done by then is a WaitTimeout in its outcome."""
    server.answers = [Fleet(http, polls=10**6)]
    client = mode.client(base_url=server.url)
    began = chainhub_clock.monotonic()
    outcomes = mode(client.video.wait_many(["a", "b"], deadline=120, interval=10))
    assert 119 < chainhub_clock.monotonic() - began < 120 + SOON
    assert [type(outcome.error) for outcome in outcomes.values()] == [chainhub.WaitTimeout] * 2


def test_journal_replays_what_is_final(mode, server, http, tmp_path):
    """After a restart no finished task is asked for, and its outcome comes again, marked."""
    fleet = Fleet(http)
    server.answers = [fleet]
    journal = tmp_path / "journal.jsonl"
    client = mode.client(base_url=server.url)
    first = mode(client.video.wait_many(["a", "bad-b"], interval=PACE, journal=journal))
    assert not any(outcome.replayed for outcome in first.values())
    asked = dict(fleet.asked)
    again = mode(client.video.wait_many(["c", "bad-b", "a", "a"], interval=PACE, journal=journal))
    assert list(again) == ["c", "bad-b", "a"]
    assert [outcome.replayed for outcome in again.values()] == [False, True, True]
    assert again["a"].result().video_url == URL
    assert {**asked, "c": 2} == fleet.asked
    header, *kept = [json.loads(line) for line in journal.read_text().splitlines()]
    assert header["base_url"] == server.url
    assert sorted(line["id"] for line in kept) == ["a", "bad-b", "c"]


def test_an_answer_too_long_for_the_journal_ends_nobody_elses_wait(mode, server, http, tmp_path):
    """All outcomes come, at each run; only that one task is asked about again."""

    def answer(connection, head):
        task_id = re.search(rb"id=([^ &]*)", head)[1].decode()
        url = "data:video/mp4;base64," + "A" * 2**20 if task_id == "b" else URL
        fields = {"status": "completed", "video_url": url, "status_update_time": 1}
        connection.sendall(http(200, {"id": task_id, **fields}))

    server.answers = [answer]
    client, journal = mode.client(base_url=server.url), tmp_path / "journal.jsonl"
    for replayed in (False, True):
        found = mode(client.video.wait_many(["a", "b", "c"], interval=PACE, journal=journal))
        assert [outcome.error for outcome in found.values()] == [None] * 3
        assert [outcome.replayed for outcome in found.values()] == [replayed, False, replayed]


def test_cancel_ends_a_wait_for_many(mode, server, http):
    """At once, leaving no thread and no task behind."""
    cancel, set_at = chainhub.Cancel(), []

    def stall(connection, head):
        time.sleep(0.1)
        set_at.append(time.monotonic())
        cancel.set()
        silent(connection, head)

    server.answers = [stall]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.CancelledByUser, match="2 tasks was cancelled"):
        mode(client.video.wait_many(["a", "b"], cancel=cancel))
    assert time.monotonic() - set_at[0] < SOON
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("chainhub_")]
    assert left == []


def test_leaving_early_ends_the_polls(mode, server, http):
    """Whoever breaks out of the loop leaves nothing running."""
    server.answers = [Fleet(http, polls=1), silent]
    client = mode.client(base_url=server.url)
    completed = client.video.as_completed(["a", "b"], interval=PACE)

    async def first():
        outcome = await anext(completed)
        await completed.aclose()
        return outcome

    began = time.monotonic()
    if mode.asynchronous:
        outcome = mode(first())
    else:
        outcome = next(completed)
        completed.close()
    assert outcome.error is None
    assert time.monotonic() - began < SOON


def test_errors_before_any_request_are_outcomes(mode, server):
    """A key that cannot be had ends every task's wait with that error."""

    def no_key():
        raise LookupError

    client = mode.client(no_key, base_url=server.url)
    outcomes = mode(client.video.wait_many(["a", "b"]))
    assert {type(outcome.error) for outcome in outcomes.values()} == {chainhub.CredentialsError}


def test_slips_below_propagate(mode, server, http):
    """An exception that is none of ours, of an observer say, comes through."""
    server.answers = [Fleet(http)]

    def slip(event):
        raise ZeroDivisionError

    client = mode.client(base_url=server.url, on_attempt=slip)
    with pytest.raises(ZeroDivisionError):
        mode(client.video.wait_many(["a"], interval=PACE))


def test_an_interrupt_while_a_thread_starts_ends_the_wait(server, http, monkeypatch):
    """The one that had started is not known, and takes what ends the others."""
    server.answers = [Fleet(http, polls=1000)]
    started, start = [], threading.Thread.start

    def interrupted(thread):
        start(thread)
        if thread.name.startswith("chainhub_"):
            started.append(thread)
            if len(started) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    client = chainhub.Client("sk-test-many", base_url=server.url)
    with client, pytest.raises(KeyboardInterrupt):
        client.video.wait_many(["a", "b", "c"], interval=PACE)
    for thread in started:
        thread.join(SOON)
        assert not thread.is_alive()
