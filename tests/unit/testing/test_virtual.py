"""The clock that does not sleep: who wakes when, alone and beside others."""

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

import chainhub
from chainhub import _clock
from chainhub.testing import (
    EndlessWait,
    Sandbox,
    VirtualClock,
    pending,
    reset,
    slow,
    status,
    virtual_time,
)

SOON = 2.0


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Give a clock that is in use; a test that really sleeps takes too long."""
    began = time.monotonic()
    with virtual_time() as virtual:
        yield virtual
    assert time.monotonic() - began < 60


@pytest.fixture
def played(mode, clock: VirtualClock):
    """Give a sandbox that was started under the clock, and a client of it."""
    with Sandbox() as sandbox:
        yield sandbox, mode.client(sandbox.key, base_url=sandbox.base_url)


def test_one_clock_is_in_use_and_gives_time_back() -> None:
    """A second one would skip the sleeps of the first; after the block, clients sleep again."""
    names = ("monotonic", "sleep", "asleep", "timeout", "request_under_way")
    before = [getattr(_clock, name) for name in names]
    with virtual_time() as clock:
        assert repr(clock) == "<VirtualClock, 0.000 s skipped>"
        assert not {getattr(_clock, name) for name in names} & set(before)
        with pytest.raises(RuntimeError, match="already in use"), virtual_time():
            pass
    assert [getattr(_clock, name) for name in names] == before


@contextmanager
def request(clock: VirtualClock) -> Iterator[None]:
    """Tell the clock of a request that lasts as long as the block."""
    clock.request_under_way(1)
    try:
        yield
    finally:
        clock.request_under_way(-1)


def test_a_sleep_takes_its_time_and_no_other(clock: VirtualClock) -> None:
    """What is slept passes on the clock, sync and async."""
    began = _clock.monotonic()
    _clock.sleep(100, None)
    assert _clock.monotonic() - began == pytest.approx(100, abs=1)
    asyncio.run(_clock.asleep(50, None))
    assert clock.skipped == pytest.approx(150, abs=1)
    _clock.sleep(0, None)
    asyncio.run(_clock.asleep(0, None))
    assert _clock.monotonic() - began == pytest.approx(150, abs=1)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_time_goes_forward_only(seconds: float) -> None:
    """A test may skip time itself, but neither back nor for ever."""
    clock = VirtualClock()
    before = clock.monotonic()
    with pytest.raises(ValueError, match="only moves forward"):
        clock.skip(seconds)
    clock.skip(10)
    assert clock.monotonic() - before == pytest.approx(10, abs=1)


def test_tasks_wake_in_the_order_they_are_due(clock: VirtualClock) -> None:
    """Of several tasks the one that is due first wakes first, and time moves only so far."""
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, *delays: float) -> None:
        for delay in delays:
            await _clock.asleep(delay, None)
            woken.append((name, round(clock.skipped)))

    async def scenario() -> None:
        await asyncio.gather(sleeper("a", 500), sleeper("b", 100, 150, 300), sleeper("c", 200))

    asyncio.run(scenario())
    assert woken == [("b", 100), ("c", 200), ("b", 250), ("a", 500), ("b", 550)]


def run_together(*works) -> None:
    """Run functions in threads of their own."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_threads_wake_in_the_order_they_are_due(clock: VirtualClock) -> None:
    """No thread loses time to the sleep of another, and those that only wait cost little."""
    woken: list[tuple[str, int]] = []
    together = threading.Barrier(2)

    def sleeper(name: str, delay: float) -> None:
        together.wait(SOON)
        for _ in range(3):
            _clock.sleep(delay, None)
            woken.append((name, round(clock.skipped, -1)))

    run_together(partial(sleeper, "a", 400), partial(sleeper, "b", 300))
    assert woken == [("b", 300), ("a", 400), ("b", 600), ("a", 800), ("b", 900), ("a", 1200)]

    def often() -> None:
        for _ in range(150):
            _clock.sleep(10, None)

    began = time.monotonic()
    run_together(often, often)
    assert time.monotonic() - began < 2
    assert clock.skipped == pytest.approx(2700, abs=50)


def test_loops_in_threads_share_the_time(clock: VirtualClock) -> None:
    """Two event loops that sleep at once wake each at its instant."""
    woken: list[int] = []

    def loop(delay: float) -> None:
        asyncio.run(_clock.asleep(delay, None))
        woken.append(round(clock.skipped, -1))

    together = [threading.Thread(target=loop, args=(delay,)) for delay in (700, 300)]
    with request(clock):
        for thread in together:
            thread.start()
        wait_for(lambda: len(clock._open_timeouts) == 2)
    for thread in together:
        thread.join(10)
    assert woken == [300, 700]


def wait_for(condition) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def test_time_stands_while_a_request_is_under_way(clock: VirtualClock) -> None:
    """Tasks and threads that sleep meanwhile wake only when the response is there."""
    heard: list[float] = []

    async def exchange() -> None:
        with request(clock):
            await asyncio.sleep(0.05)
            heard.append(clock.skipped)

    async def scenario() -> None:
        await asyncio.gather(_clock.asleep(100, None), exchange())

    asyncio.run(scenario())
    assert heard == [0.0]
    assert clock.skipped == pytest.approx(100, abs=1)
    began = threading.Event()

    def in_thread() -> None:
        with request(clock):
            began.set()
            threading.Event().wait(0.05)
            heard.append(clock.skipped)

    def sleep() -> None:
        began.wait(SOON)
        _clock.sleep(100, None)

    run_together(in_thread, sleep)
    assert heard[1] == pytest.approx(100, abs=1)
    assert clock.skipped == pytest.approx(200, abs=1)


def test_a_loop_that_is_closed_is_forgotten(clock: VirtualClock) -> None:
    """Also while a request is under way that began in it; other loops wake as before."""

    async def scenario() -> None:
        sleeping = asyncio.create_task(_clock.asleep(100, None))
        for _ in range(20):
            await asyncio.sleep(0)
        sleeping.cancel()

    with request(clock):
        asyncio.run(scenario())
    assert clock.skipped == 0
    asyncio.run(_clock.asleep(30, None))
    assert clock.skipped == pytest.approx(30, abs=1)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_switch_ends_sleeps_of_threads_and_loops(clock: VirtualClock, when: str) -> None:
    """A cancelled sleep skips nothing more."""
    cancel = chainhub.Cancel()
    if when == "before":
        cancel.set()
    # A request under way keeps the time from jumping until the switch is set.
    for sleep in (_clock.sleep, lambda *given: asyncio.run(_clock.asleep(*given))):
        with request(clock):
            timer = threading.Timer(0.01, cancel.set)
            timer.start()
            sleep(100, cancel)
            timer.join()
        cancel = cancel if when == "before" else chainhub.Cancel()
    assert clock.skipped == 0


def test_a_block_is_bounded_in_this_time(clock: VirtualClock) -> None:
    """A time-out of the clock jumps too, one without seconds never comes; tidying up takes none."""

    async def bounded(turns: int) -> None:
        async with clock.timeout(300):
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                for _ in range(turns):
                    await asyncio.sleep(0)

    async def scenario() -> None:
        for turns in (0, 50):
            with pytest.raises(TimeoutError):
                await bounded(turns)
        async with clock.timeout(None):
            await _clock.asleep(10, None)
        async with clock.timeout(300):
            await _clock.asleep(10, None)

    asyncio.run(scenario())
    assert clock.skipped == pytest.approx(620, abs=1)


def test_a_wait_without_end_ends(clock: VirtualClock) -> None:
    """After a day, or what the clock allows, a further sleep fails the test."""
    clock.limit = 100
    clock.skip(1000)
    _clock.sleep(101, None)
    with pytest.raises(EndlessWait, match="larger limit"):
        _clock.sleep(1, None)
    with pytest.raises(EndlessWait):
        VirtualClock().sleep(math.inf)


def test_a_client_that_never_gets_there_is_stopped(mode) -> None:
    """So does a task that never ends, waited for without a deadline."""
    with virtual_time(limit=3600), Sandbox() as sandbox:
        client = mode.client(sandbox.key, base_url=sandbox.base_url)
        with pytest.raises(EndlessWait):
            mode(client.video.wait(sandbox.task("pending"), deadline=None, interval=60))


@pytest.mark.unmeasured
def test_many_are_waited_for_in_no_time(mode, clock: VirtualClock, played) -> None:
    """Fifty tasks of ten minutes each take together ten minutes, and next to nothing."""
    sandbox, client = played
    ids = [sandbox.task(pending(seconds=600), "completed") for _ in range(50)]
    began = time.monotonic()
    outcomes = mode(client.video.wait_many(ids, interval=200))
    assert time.monotonic() - began < 30
    assert {outcome.result().status for outcome in outcomes.values()} == {"completed"}
    assert 590 < clock.skipped < 605
    outcomes = mode(client.video.wait_many([sandbox.task("pending")], deadline=900, interval=60))
    assert [type(outcome.error) for outcome in outcomes.values()] == [chainhub.WaitTimeout]
    assert 1480 < clock.skipped < 1506


def test_a_switch_ends_the_pause_between_polls_of_many(mode) -> None:
    """In real time, while no poll is in flight: the wait ends at once."""
    cancel, set_at = chainhub.Cancel(), []

    def switch() -> None:
        set_at.append(time.monotonic())
        cancel.set()

    timer = threading.Timer(0.1, switch)
    with Sandbox() as sandbox:
        client = mode.client(sandbox.key, base_url=sandbox.base_url)
        with pytest.raises(chainhub.CancelledByUser):
            mode(
                client.video.wait_many(
                    [sandbox.task("pending")],
                    interval=60,
                    cancel=cancel,
                    on_update=lambda task: timer.start(),
                )
            )
    assert time.monotonic() - set_at[0] < SOON
    timer.join()


def test_waits_side_by_side_take_no_time_from_each_other(clock: VirtualClock) -> None:
    """A slow answer to one is no time-out, and ids that come late are waited for by one clock."""
    with Sandbox() as sandbox:
        slow_one = sandbox.task(slow(0.1), "completed")
        long_one = sandbox.task(pending(seconds=600), "completed")

        async def ids():
            for _ in range(3):
                yield sandbox.task(pending(seconds=60), "completed")
                await _clock.asleep(300, None)

        async def scenario():
            key, url = sandbox.key, sandbox.base_url
            async with chainhub.AsyncClient(key, base_url=url, timeout=5) as client:
                found = client.video.as_completed(ids(), interval=10, deadline=2000)
                ends = [(o.result().status, round(clock.skipped, -2)) async for o in found]
                waits = [client.video.wait(task_id) for task_id in (long_one, slow_one)]
                return ends, await asyncio.gather(*waits)

        ends, tasks = asyncio.run(scenario())
        assert ends == [("completed", 100), ("completed", 400), ("completed", 700)]
        assert [task.status for task in tasks] == ["completed"] * 2
        assert [one.status for one in sandbox.requests if one.task_id == slow_one] == [200, 200]


def test_threads_wait_side_by_side(clock: VirtualClock) -> None:
    """Waits in several threads end each at its own time."""
    ended: list[tuple[int, int]] = []
    with Sandbox() as sandbox, chainhub.Client(sandbox.key, base_url=sandbox.base_url) as client:

        def wait(seconds: int) -> None:
            task_id = sandbox.task(pending(seconds=seconds), "completed")
            client.video.wait(task_id, interval=20, deadline=seconds + 50)
            ended.append((seconds, round(clock.skipped, -2)))

        run_together(*(partial(wait, seconds) for seconds in (600, 200, 400)))
    assert ended == [(200, 200), (400, 400), (600, 600)]


def test_a_sandbox_made_before_keeps_its_own_time() -> None:
    """It goes by the time that it was made in."""
    with Sandbox() as sandbox, virtual_time():
        task_id = sandbox.task(pending(seconds=600), "completed")
        with chainhub.Client(sandbox.key, base_url=sandbox.base_url) as client:
            _clock.sleep(1000, None)
            assert client.video.query(task_id).status == "pending"


def test_downloads_pause_on_the_clock(mode, clock: VirtualClock, played, tmp_path) -> None:
    """What a video's server refuses at first is asked for again, without a real pause."""
    sandbox, client = played
    faults = [status(503, retry_after=30), reset]
    ids = [sandbox.task("completed", media=faults) for _ in range(3)]
    outcomes = mode(client.video.download_many(ids, into=tmp_path))
    assert [outcome.error for outcome in outcomes.values()] == [None] * 3
    assert 30 <= clock.skipped < 150
