"""How requests of waits are sent: by threads or asyncio tasks, a single wait's by the caller."""

import asyncio
import gc
import threading
import time

import pytest

import chainhub
from tests.client.test_many import PACE, URL, Fleet
from tests.client.test_wait import task
from tests.loopback import SOON


def test_an_id_that_cannot_be_sent_is_its_own_failure(mode, server, http):
    """The waits for the others go on, wherever it stands."""
    server.answers = [Fleet(http)]
    client = mode.client(base_url=server.url)
    outcomes = mode(client.video.wait_many(["\ud800", "a", "\ud801", "b"], interval=PACE))
    assert [type(outcome.error) for outcome in outcomes.values()] == [
        chainhub.ConfigurationError,
        type(None),
        chainhub.ConfigurationError,
        type(None),
    ]
    with pytest.raises(chainhub.ConfigurationError, match="lone surrogate"):
        mode(client.video.wait("\ud800"))


def test_a_journal_is_free_when_the_loop_is_left(mode, server, http, tmp_path):
    """By `break`: at once, not when the event loop has time for it."""
    server.answers = [Fleet(http, polls=1)]
    client, journal = mode.client(base_url=server.url), tmp_path / "journal.jsonl"

    def again():
        return client.video.as_completed(["a", "b"], interval=PACE, journal=journal)

    async def left():
        async for outcome in again():
            assert not outcome.replayed
            break
        async for outcome in again():
            return outcome

    def left_sync():
        for outcome in again():
            assert not outcome.replayed
            break
        return next(again())

    assert (mode(left()) if mode.asynchronous else left_sync()).replayed


def test_a_journal_that_cannot_be_closed_says_nothing_to_nobody(
    server, http, tmp_path, monkeypatch
):
    """There is no caller left to tell. Async only: else the loop itself closes."""
    server.answers = [Fleet(http, polls=1)]
    client, seen = chainhub.AsyncClient("sk-test-left", base_url=server.url), []
    monkeypatch.setattr("sys.unraisablehook", seen.append)

    async def left():
        async for _ in client.video.as_completed(["a", "b"], journal=tmp_path / "j"):
            monkeypatch.setattr("os.fsync", broken)
            break
        await client.aclose()

    def broken(descriptor):
        raise OSError(28, "No space left on device")

    asyncio.run(left())
    gc.collect()
    assert seen == []


def no_thread(self):
    """Fail as the system does when a limit of threads is reached."""
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("few", [0, 1])
def test_where_no_thread_can_be_started_a_wait_for_many_goes_on(server, http, monkeypatch, few):
    """With the threads there are, or in the caller's. Sync only: asyncio needs none."""
    server.answers = [Fleet(http)]
    start, started = threading.Thread.start, []

    def limited(self):
        if not self.name.startswith("chainhub_"):
            return start(self)
        if len(started) >= few:
            no_thread(self)
        started.append(self)
        return start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with chainhub.Client("sk-test-threads", base_url=server.url) as client:
        outcomes = client.video.wait_many(["a", "b", "c"], interval=PACE)
    assert [outcome.result().video_url for outcome in outcomes.values()] == [URL] * 3
    assert len(started) == few


def test_threads_are_as_many_as_requests_in_flight(server, http):
    """Up to `max_connections`; they end with the wait. Sync only."""
    together = threading.Barrier(20)

    def behave(connection, head):
        together.wait(SOON)
        fleet(connection, head)

    fleet = Fleet(http, polls=1)
    server.answers = [behave]
    with chainhub.Client("sk-test-threads", base_url=server.url, max_connections=20) as client:
        outcomes = client.video.wait_many(str(number) for number in range(40))
    assert {outcome.error for outcome in outcomes.values()} == {None}
    assert server.connections == 20
    assert not [t for t in threading.enumerate() if t.name.startswith("chainhub_")]


def test_a_single_wait_needs_no_thread_and_no_task(mode, server, http, monkeypatch):
    """Its requests are sent where it was called, so that a signal and a context reach them."""
    where = set()

    def here(event):
        where.add((threading.current_thread(), mode.asynchronous and asyncio.current_task()))

    server.answers = [http(200, task()), http(503, b""), http(200, task("completed", URL))]
    client = mode.client(base_url=server.url, on_attempt=here)

    async def waited():
        done = await client.video.wait("a", interval=PACE)
        return done, asyncio.current_task()

    done, current = (
        mode(waited()) if mode.asynchronous else (client.video.wait("a", interval=PACE), False)
    )
    assert done.video_url == URL
    assert where == {(threading.current_thread(), current)}


def test_ids_that_are_slow_to_come_hold_up_nobody(server, http):
    """The tasks that are known already are polled meanwhile. Async only: a sync iterator blocks."""
    server.answers = [Fleet(http)]
    gate, known = asyncio.Event(), []

    async def ids():
        yield "a"
        await asyncio.wait_for(gate.wait(), SOON)
        yield "b"

    async def consume():
        async with chainhub.AsyncClient("sk-test-many", base_url=server.url) as client:
            async for outcome in client.video.as_completed(ids(), interval=PACE):
                known.append(outcome.id)
                gate.set()

    asyncio.run(consume())
    assert known == ["a", "b"]


def test_cancelling_a_single_wait_says_how_far_it_was(mode, server, http):
    """In numbers as well."""
    cancel = chainhub.Cancel()
    server.answers = [http(200, task())]
    client = mode.client(base_url=server.url)
    began = time.monotonic()
    with pytest.raises(chainhub.CancelledByUser, match="the wait for a was cancelled") as caught:
        mode(client.video.wait("a", cancel=cancel, on_update=lambda task: cancel.set()))
    assert caught.value.attempts == 1
    assert 0 < caught.value.elapsed <= time.monotonic() - began


def test_what_is_watched_ends_with_its_error(mode, server, http):
    """After every change."""
    server.answers = [http(200, task()), http(401, b"{}")]
    client = mode.client(base_url=server.url)
    seen = []

    async def consume():
        async for item in client.video.watch("a", interval=PACE):
            seen.append(item.status)

    def consume_sync():
        for item in client.video.watch("a", interval=PACE):
            seen.append(item.status)

    with pytest.raises(chainhub.AuthenticationError):
        mode(consume()) if mode.asynchronous else consume_sync()
    assert seen == ["pending"]
