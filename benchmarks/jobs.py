"""What a process that measures one library can be told to do, each job returning its figures.

Each job is the loop that a person would write. CPU is this process's own, user and system, in
seconds; the server's is not in it.
"""

from __future__ import annotations

import asyncio
import cProfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from benchmarks.answers import VIDEO
from benchmarks.machine import resident

Figures = dict[str, float]
Ask = Callable[[], object]
AsyncAsk = Callable[[], Awaitable[object]]


class Peer(Protocol):
    """A module of `benchmarks.peers`."""

    def call(self, url: str) -> Ask: ...
    def acall(self, url: str) -> AsyncAsk: ...
    def client(self, url: str) -> None: ...


class Bench:
    """One library in this process: its clients are made once and kept from job to job."""

    def __init__(self, peer: Peer, url: str, media: str) -> None:
        self.peer = peer
        self.url = url
        self.media = media
        self._runner: asyncio.Runner | None = None
        self._asks: dict[str, Ask] = {}
        self._aasks: dict[str, AsyncAsk] = {}

    def ask(self, at: str = "") -> Ask:
        """Return the function that asks once, at another base URL than the usual one if given."""
        at = at or self.url
        if at not in self._asks:
            self._asks[at] = self.peer.call(at)
        return self._asks[at]

    async def aask(self, at: str = "") -> AsyncAsk:
        """Return the function that asks once, asynchronously; to be called in the loop."""
        at = at or self.url
        if at not in self._aasks:
            self._aasks[at] = self.peer.acall(at)
        return self._aasks[at]

    @property
    def runner(self) -> asyncio.Runner:
        """The loop in which everything asynchronous happens, kept like the clients."""
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=getattr(self.peer, "loop", None))
        return self._runner


class Stopwatch:
    """CPU and time since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def figures(self, count: int) -> Figures:
        """Return what `count` things took together, and CPU in µs for each."""
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        each = cpu / count * 1e6 if count else float("nan")
        return {"cpu": cpu, "wall": wall, "count": count, "us": each}


def sync(bench: Bench, *, calls: int, at: str = "") -> Figures:
    """Ask one time after the other, on one thread."""
    return timed(bench.ask(at), calls)


def timed(ask: Ask, calls: int) -> Figures:
    """Return what it takes to ask so many times; the first ones are not counted."""
    for _ in range(3):
        ask()
    watch = Stopwatch()
    for _ in range(calls):
        ask()
    return watch.figures(calls)


def counted(bench: Bench, *, calls: int, at: str = "") -> Figures:
    """Count the functions called, in Python and C, for one request."""
    return count(bench.ask(at), calls)


def count(ask: Ask, calls: int) -> Figures:
    """Return how many functions are called to ask once; the first ones are not counted."""
    for _ in range(3):
        ask()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(calls):
        ask()
    profile.disable()
    return {"calls": called(profile) / calls}


def called(profile: cProfile.Profile) -> int:
    """Return how many calls a profile saw, without its own end."""
    return sum(
        entry.callcount
        for entry in profile.getstats()
        if not (isinstance(entry.code, str) and "_lsprof" in entry.code)
    )


def made(bench: Bench, *, clients: int) -> Figures:
    """Make and close clients; the first one, which loads what is shared, is not counted."""
    bench.peer.client(bench.url)
    watch = Stopwatch()
    for _ in range(clients):
        bench.peer.client(bench.url)
    return watch.figures(clients)


def flight(bench: Bench, *, in_flight: int, seconds: float, most: int, at: str = "") -> Figures:
    """Keep so many requests under way for a while, and ask `most` times at most.

    The CPU is that for an answer; what failed has no answer, but its CPU is in it.
    """
    tally: Counter[str] = Counter()

    async def once() -> None:
        ask = await bench.aask(at)
        try:
            await ask()
            tally["good"] += 1
        except Exception:  # noqa: BLE001 - whatever a library raises
            tally["failed"] += 1

    async def keep_asking(until: float) -> None:
        while tally.total() < most and time.perf_counter() < until:
            await once()

    async def run() -> Figures:
        await _all(once() for _ in range(in_flight))  # opens the connections there will be
        tally.clear()
        watch = Stopwatch()
        until = time.perf_counter() + seconds
        await _all(keep_asking(until) for _ in range(in_flight))
        return {**watch.figures(tally["good"]), "failed": float(tally["failed"])}

    return bench.runner.run(run())


def burst(bench: Bench, *, calls: int, within: float) -> Figures:
    """Start so many calls at once; what is not there within some seconds counts as failed."""
    good = 0
    failed: Counter[str] = Counter()

    async def run() -> Figures:
        ask = await bench.aask()

        async def once() -> None:
            nonlocal good
            try:
                await ask()
                good += 1
            except Exception as error:  # noqa: BLE001 - whatever a library raises
                failed[type(error).__name__] += 1

        watch = Stopwatch()
        await _all((once() for _ in range(calls)), within)
        return watch.figures(calls)

    figures = bench.runner.run(run())
    return {**figures, "good": float(good), "failed": float(calls - good)}


async def _all(work: Iterable[Coroutine[None, None, None]], limit: float | None = None) -> None:
    """Run coroutines together; what is not done at the limit is cancelled."""
    tasks = [asyncio.ensure_future(one) for one in work]
    done, late = await asyncio.wait(tasks, timeout=limit)
    for task in late:
        task.cancel()
    await asyncio.gather(*done)
    await asyncio.gather(*late, return_exceptions=True)


def fetched(bench: Bench, *, into: str, at: str, files: int) -> Figures:
    """Download a small video again and again with httpx, on one connection."""
    httpx = import_module("httpx")
    with TemporaryDirectory(dir=into) as folder, httpx.Client() as client:
        watch = Stopwatch()
        for number in range(files):
            with (
                client.stream("GET", f"{at}{VIDEO}") as answer,
                Path(folder, f"{number}.mp4").open("wb") as file,
            ):
                answer.raise_for_status()
                for piece in answer.iter_raw():
                    file.write(piece)
        return watch.figures(files)


def memory(bench: Bench) -> Figures:
    """Tell how much memory this process holds after one request."""
    bench.ask()()
    held = resident()
    return {"mb": float("nan") if held is None else held}
