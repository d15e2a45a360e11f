"""The jobs that only our own client has: waits, waits for many, downloads, who listens."""

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
from benchmarks.jobs import Bench, Figures, Stopwatch, called, count, timed
from benchmarks.machine import resident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainhub._cancel import Cancel
    from chainhub_api.models import VideoTask

WARM = 3
FOREVER = 1e6


class Enough(BaseException):
    """Ends a wait from inside its sleep."""


@contextmanager
def without_sleep(
    began: Callable[[], None], ended: Callable[[], None], polls: int
) -> Iterator[None]:
    """Let waits poll without a pause, and tell when they begin and end `polls` polls."""
    from chainhub import _clock

    slept, skipped = 0, 0.0
    monotonic = _clock.monotonic

    def instead(delay: float, cancel: Cancel | None) -> None:
        nonlocal slept, skipped
        slept += 1
        skipped += delay
        if slept == WARM + polls:
            ended()
            raise Enough
        if slept == WARM:
            began()

    sleep, _clock.sleep = _clock.sleep, instead
    _clock.monotonic = lambda: monotonic() + skipped
    try:
        with suppress(Enough):
            yield
    finally:
        _clock.sleep, _clock.monotonic = sleep, monotonic


def polled(bench: Bench, *, polls: int, at: str = "") -> Figures:
    """Poll inside `wait`; the sleep between polls is left out, for peers' calls have none."""
    import chainhub

    watch: list[Stopwatch] = []
    found: list[Figures] = []
    unslept = without_sleep(
        lambda: watch.append(Stopwatch()),
        lambda: found.append(watch[0].figures(polls)),
        polls,
    )
    with chainhub.Client(KEY, base_url=at or bench.url) as client, unslept:
        client.video.wait(TASK_ID, interval=5.0, deadline=FOREVER)
    return found[0]


def counted_polls(bench: Bench, *, polls: int, at: str = "") -> Figures:
    """Count the functions called for one poll inside `wait`."""
    import chainhub

    profile = cProfile.Profile()
    unslept = without_sleep(profile.enable, profile.disable, polls)
    with chainhub.Client(KEY, base_url=at or bench.url) as client, unslept:
        client.video.wait(TASK_ID, interval=5.0, deadline=FOREVER)
    return {"calls": called(profile) / polls}


@contextmanager
def listening(bench: Bench, kind: str) -> Iterator[Callable[[], object]]:
    """Give a function that asks once, while a logger or an observer hears of it, or nobody."""
    import logging

    import chainhub

    hook = (lambda event: None) if kind == "hook" else None
    logger = logging.getLogger("chainhub")
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        chainhub.Client(KEY, base_url=bench.url, on_attempt=hook) as client,
    ):
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if kind == "info" else logging.WARNING)
        try:
            yield lambda: client.video.query(TASK_ID)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.WARNING)


def listened(bench: Bench, *, calls: int, kind: str) -> Figures:
    """Ask one time after the other while somebody hears of it."""
    with listening(bench, kind) as ask:
        return timed(ask, calls)


def counted_listened(bench: Bench, *, calls: int, kind: str) -> Figures:
    """Count the functions called for one request while somebody hears of it."""
    with listening(bench, kind) as ask:
        return count(ask, calls)


def ids(count: int) -> Iterator[str]:
    """Yield the ids of so many tasks."""
    return (f"{TASK_ID}{number:06}" for number in range(count))


def gathered(bench: Bench, *, tasks: int, every: float, seconds: float) -> Figures:
    """Wait for many tasks with `wait_many`, at a pace of one's own, until the deadline."""
    import chainhub

    async def run() -> Figures:
        async with chainhub.AsyncClient(KEY, base_url=bench.url) as client:
            await client.video.query(TASK_ID)
            watch = Stopwatch()
            outcomes = await client.video.wait_many(ids(tasks), interval=every, deadline=seconds)
            polls = sum(outcome.polls for outcome in outcomes.values())
            return watch.figures(polls)

    return asyncio.run(run())


def threaded(bench: Bench, *, tasks: int, every: float, seconds: float) -> Figures:
    """Wait for many tasks with the sync `wait_many` until the deadline."""
    import chainhub

    with chainhub.Client(KEY, base_url=bench.url) as client:
        watch = Stopwatch()
        outcomes = client.video.wait_many(ids(tasks), interval=every, deadline=seconds)
        return watch.figures(sum(outcome.polls for outcome in outcomes.values()))


def waiting(bench: Bench, *, tasks: int, within: float, at: str = "") -> Figures:
    """Tell how many MB it takes to wait for many tasks, each asked about once."""
    import chainhub

    async def run() -> Figures:
        async with chainhub.AsyncClient(KEY, base_url=at or bench.url) as client:
            await client.video.query(TASK_ID)
            before = resident()
            asked: set[str] = set()
            everybody = asyncio.Event()

            def noted(task: Any) -> None:
                asked.add(str(len(asked)))
                if len(asked) == tasks:
                    everybody.set()

            work = asyncio.create_task(
                client.video.wait_many(
                    ids(tasks), interval=FOREVER / 2, deadline=FOREVER, on_update=noted
                )
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await everybody.wait()
            after = resident()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            grown = float("nan") if after is None or before is None else after - before
            return {"mb": grown, "tasks": float(len(asked))}

    return asyncio.run(run())


def downloaded(bench: Bench, *, into: str, size: int) -> Figures:
    """Download the video with `download`, without a checksum: MB a second, and memory's growth."""
    import chainhub

    task = finished(f"{bench.media}/video.mp4")
    held: list[float] = []

    def noted(_progress: object) -> None:
        held.append(resident() or float("nan"))

    with TemporaryDirectory(dir=into) as folder, chainhub.Client(KEY, base_url=bench.url) as client:
        place = Path(folder) / "video.mp4"
        noted(None)
        watch = Stopwatch()
        client.video.download(task, place, allow_hosts=["127.0.0.1"], progress=noted)
        figures = watch.figures(1)
        assert place.stat().st_size == size
    return {**figures, "mb_s": size / 1e6 / figures["wall"], "grown": max(held) - held[0]}


def fetched_many(bench: Bench, *, into: str, at: str, files: int, parallel: int) -> Figures:
    """Download a small video again and again with `download_many`."""
    import chainhub

    tasks = [finished(f"{at}{VIDEO}", f"{TASK_ID}{number:06}") for number in range(files)]
    with TemporaryDirectory(dir=into) as folder, chainhub.Client(KEY, base_url=at) as client:
        before = resident() or float("nan")
        watch = Stopwatch()
        found = client.video.download_many(
            tasks, into=folder, parallel=parallel, allow_hosts=["127.0.0.1"]
        )
        figures = watch.figures(files)
        for outcome in found.values():
            outcome.result()
        return {**figures, "grown": (resident() or float("nan")) - before}


def finished(address: str, name: str = TASK_ID) -> VideoTask:
    """Return a finished task whose video is at an address."""
    from chainhub_api.models import VideoTask

    return VideoTask.from_dict(
        {
            "id": name,
            "status": "completed",
            "video_url": address,
            "enhanced_prompt": None,
            "status_update_time": 1750323167003,
        }
    )
