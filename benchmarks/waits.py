"""The jobs of our own client only: waits, waits for many, downloads, observers."""

from __future__ import annotations

import asyncio
import cProfile
import os
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.answers import KEY, TASK_ID, VIDEO
from benchmarks.jobs import Bench, Figures, Stopwatch, calls_in, count, time_calls
from benchmarks.machine import resident_mb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainhub._cancel import Cancel
    from chainhub_api.models import VideoTask

WARM = 3
FOREVER = 1e6


class EndOfWait(BaseException):
    """Ends a wait from inside its sleep."""


@contextmanager
def without_sleep(
    on_start: Callable[[], None], on_end: Callable[[], None], polls: int
) -> Iterator[None]:
    """Skip the sleeps of waits, and call a function before and after `polls` polls."""
    from chainhub import _clock

    sleeps, skipped = 0, 0.0
    monotonic = _clock.monotonic

    def fake_sleep(delay: float, cancel: Cancel | None) -> None:
        nonlocal sleeps, skipped
        sleeps += 1
        skipped += delay
        if sleeps == WARM + polls:
            on_end()
            raise EndOfWait
        if sleeps == WARM:
            on_start()

    sleep, _clock.sleep = _clock.sleep, fake_sleep
    _clock.monotonic = lambda: monotonic() + skipped
    try:
        with suppress(EndOfWait):
            yield
    finally:
        _clock.sleep, _clock.monotonic = sleep, monotonic


def poll(bench: Bench, *, polls: int, at: str = "") -> Figures:
    """Poll inside `wait`; the sleep between polls is skipped, as peers' calls have none."""
    import chainhub

    watch: list[Stopwatch] = []
    figures: list[Figures] = []
    no_sleep = without_sleep(
        lambda: watch.append(Stopwatch()),
        lambda: figures.append(watch[0].figures(polls)),
        polls,
    )
    with chainhub.Client(KEY, base_url=at or bench.url) as client, no_sleep:
        client.video.wait(TASK_ID, interval=5.0, deadline=FOREVER)
    return figures[0]


def count_poll_calls(bench: Bench, *, polls: int, at: str = "") -> Figures:
    """Count the functions called for one poll inside `wait`."""
    import chainhub

    profile = cProfile.Profile()
    no_sleep = without_sleep(profile.enable, profile.disable, polls)
    with chainhub.Client(KEY, base_url=at or bench.url) as client, no_sleep:
        client.video.wait(TASK_ID, interval=5.0, deadline=FOREVER)
    return {"calls": calls_in(profile) / polls}


@contextmanager
def observed_query(bench: Bench, kind: str) -> Iterator[Callable[[], object]]:
    """Give a function that sends one request, with a logger, an event hook or neither."""
    import logging

    import chainhub

    hook = (lambda event: None) if kind == "hook" else None
    logger = logging.getLogger("chainhub")
    with (
        open(os.devnull, "w", encoding="utf-8") as null,
        chainhub.Client(KEY, base_url=bench.url, on_attempt=hook) as client,
    ):
        handler = logging.StreamHandler(null)
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if kind == "info" else logging.WARNING)
        try:
            yield lambda: client.video.query(TASK_ID)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.WARNING)


def query_observed(bench: Bench, *, calls: int, kind: str) -> Figures:
    """Send one request after the other, with a logger, an event hook or neither."""
    with observed_query(bench, kind) as call:
        return time_calls(call, calls)


def count_observed_calls(bench: Bench, *, calls: int, kind: str) -> Figures:
    """Count the functions called for one request, with a logger, an event hook or neither."""
    with observed_query(bench, kind) as call:
        return count(call, calls)


def ids(count: int) -> Iterator[str]:
    """Yield the ids of so many tasks."""
    return (f"{TASK_ID}{number:06}" for number in range(count))


def wait_many(bench: Bench, *, tasks: int, interval: float, deadline: float) -> Figures:
    """Wait for many tasks with `wait_many`, at a given interval, until the deadline."""
    import chainhub

    async def run() -> Figures:
        async with chainhub.AsyncClient(KEY, base_url=bench.url) as client:
            await client.video.query(TASK_ID)
            watch = Stopwatch()
            outcomes = await client.video.wait_many(
                ids(tasks), interval=interval, deadline=deadline
            )
            polls = sum(outcome.polls for outcome in outcomes.values())
            return watch.figures(polls)

    return asyncio.run(run())


def wait_on_threads(bench: Bench, *, tasks: int, interval: float, deadline: float) -> Figures:
    """Wait for many tasks with the sync `wait_many` until the deadline."""
    import chainhub

    with chainhub.Client(KEY, base_url=bench.url) as client:
        watch = Stopwatch()
        outcomes = client.video.wait_many(ids(tasks), interval=interval, deadline=deadline)
        return watch.figures(sum(outcome.polls for outcome in outcomes.values()))


def wait_idle(bench: Bench, *, tasks: int, within: float, at: str = "") -> Figures:
    """Return the MB that a wait for many tasks takes, each of them polled once."""
    import chainhub

    async def run() -> Figures:
        async with chainhub.AsyncClient(KEY, base_url=at or bench.url) as client:
            await client.video.query(TASK_ID)
            before = resident_mb()
            polled: set[str] = set()
            all_polled = asyncio.Event()

            def on_update(task: Any) -> None:
                polled.add(str(len(polled)))
                if len(polled) == tasks:
                    all_polled.set()

            wait = asyncio.create_task(
                client.video.wait_many(
                    ids(tasks), interval=FOREVER / 2, deadline=FOREVER, on_update=on_update
                )
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await all_polled.wait()
            after = resident_mb()
            wait.cancel()
            with suppress(asyncio.CancelledError):
                await wait
            grown = float("nan") if after is None or before is None else after - before
            return {"mb": grown, "tasks": float(len(polled))}

    return asyncio.run(run())


def download(bench: Bench, *, into: str, size: int) -> Figures:
    """Download the video with `download`, without a checksum: MB per second, and memory growth."""
    import chainhub

    task = finished_task(f"{bench.media}/video.mp4")
    memory_mb: list[float] = []

    def on_progress(_progress: object) -> None:
        memory_mb.append(resident_mb() or float("nan"))

    with TemporaryDirectory(dir=into) as folder, chainhub.Client(KEY, base_url=bench.url) as client:
        path = Path(folder) / "video.mp4"
        on_progress(None)
        watch = Stopwatch()
        client.video.download(task, path, allow_hosts=["127.0.0.1"], progress=on_progress)
        figures = watch.figures(1)
        assert path.stat().st_size == size
    return {**figures, "mb_s": size / 1e6 / figures["wall"], "grown": max(memory_mb) - memory_mb[0]}


def download_many(bench: Bench, *, into: str, at: str, files: int, parallel: int) -> Figures:
    """Download a small video again and again with `download_many`."""
    import chainhub

    tasks = [finished_task(f"{at}{VIDEO}", f"{TASK_ID}{number:06}") for number in range(files)]
    with TemporaryDirectory(dir=into) as folder, chainhub.Client(KEY, base_url=at) as client:
        before = resident_mb() or float("nan")
        watch = Stopwatch()
        outcomes = client.video.download_many(
            tasks, into=folder, parallel=parallel, allow_hosts=["127.0.0.1"]
        )
        figures = watch.figures(files)
        for outcome in outcomes.values():
            outcome.result()
        return {**figures, "grown": (resident_mb() or float("nan")) - before}


def finished_task(url: str, task_id: str = TASK_ID) -> VideoTask:
    """Return a finished task whose video has a URL."""
    from chainhub_api.models import VideoTask

    return VideoTask.from_dict(
        {
            "id": task_id,
            "status": "completed",
            "video_url": url,
            "enhanced_prompt": None,
            "status_update_time": 1750323167003,
        }
    )
