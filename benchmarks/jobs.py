"""The jobs of a process that measures one library; each returns its figures.

Each job is the loop that a user would write. CPU is this process's own, user and system, in
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
from benchmarks.machine import resident_mb

Figures = dict[str, float]
Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]


class Peer(Protocol):
    """A module of `benchmarks.peers`."""

    def call(self, url: str) -> Call: ...
    def acall(self, url: str) -> AsyncCall: ...
    def client(self, url: str) -> None: ...


class Bench:
    """One library in this process: its clients are created once and used by all jobs."""

    def __init__(self, peer: Peer, url: str, media: str) -> None:
        self.peer = peer
        self.url = url
        self.media = media
        self._runner: asyncio.Runner | None = None
        self._calls: dict[str, Call] = {}
        self._acalls: dict[str, AsyncCall] = {}

    def call(self, at: str = "") -> Call:
        """Return the function that sends one request, to another base URL if one is given."""
        at = at or self.url
        if at not in self._calls:
            self._calls[at] = self.peer.call(at)
        return self._calls[at]

    async def acall(self, at: str = "") -> AsyncCall:
        """Return the async function that sends one request; call this one in the event loop."""
        at = at or self.url
        if at not in self._acalls:
            self._acalls[at] = self.peer.acall(at)
        return self._acalls[at]

    @property
    def runner(self) -> asyncio.Runner:
        """The runner of all async jobs, one for all of them."""
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=getattr(self.peer, "loop", None))
        return self._runner


class Stopwatch:
    """CPU and wall time since its creation."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def figures(self, count: int) -> Figures:
        """Return the CPU and wall time of `count` requests together, and the CPU of one in µs."""
        if not count:
            raise RuntimeError("no request succeeded")
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        return {"cpu": cpu, "wall": wall, "count": count, "us": cpu / count * 1e6}


def query(bench: Bench, *, calls: int, at: str = "") -> Figures:
    """Send one request after the other, on one thread."""
    return time_calls(bench.call(at), calls)


def time_calls(call: Call, calls: int) -> Figures:
    """Return the figures of so many calls; three more before them are not measured."""
    for _ in range(3):
        call()
    watch = Stopwatch()
    for _ in range(calls):
        call()
    return watch.figures(calls)


def count_calls(bench: Bench, *, calls: int, at: str = "") -> Figures:
    """Count the functions called, in Python and C, for one request."""
    return count(bench.call(at), calls)


def count(call: Call, calls: int) -> Figures:
    """Return how many functions one call calls; the first three calls are not counted."""
    for _ in range(3):
        call()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(calls):
        call()
    profile.disable()
    return {"calls": calls_in(profile) / calls}


def calls_in(profile: cProfile.Profile) -> int:
    """Return the number of calls in a profile, without the one that disables it."""
    return sum(
        entry.callcount
        for entry in profile.getstats()
        if not (isinstance(entry.code, str) and "_lsprof" in entry.code)
    )


def open_clients(bench: Bench, *, clients: int) -> Figures:
    """Create and close clients; the first one, which loads shared modules, is not counted."""
    bench.peer.client(bench.url)
    watch = Stopwatch()
    for _ in range(clients):
        bench.peer.client(bench.url)
    return watch.figures(clients)


def flight(bench: Bench, *, in_flight: int, seconds: float, most: int, at: str = "") -> Figures:
    """Keep so many requests in flight for a while, `most` of them in all.

    The CPU is divided by the number of responses; the CPU of failed requests is included.
    """
    tally: Counter[str] = Counter()

    async def call_once() -> None:
        call = await bench.acall(at)
        try:
            await call()
            tally["good"] += 1
        except Exception:  # noqa: BLE001 - whatever a library raises
            tally["failed"] += 1

    async def keep_calling(until: float) -> None:
        while tally.total() < most and time.perf_counter() < until:
            await call_once()

    async def run() -> Figures:
        await _all(call_once() for _ in range(in_flight))  # opens the connections
        tally.clear()
        watch = Stopwatch()
        until = time.perf_counter() + seconds
        await _all(keep_calling(until) for _ in range(in_flight))
        return {**watch.figures(tally["good"]), "failed": float(tally["failed"])}

    return bench.runner.run(run())


def burst(bench: Bench, *, calls: int, within: float) -> Figures:
    """Start so many calls at once; a call that does not end within some seconds has failed."""
    good = 0
    failed: Counter[str] = Counter()

    async def run() -> Figures:
        call = await bench.acall()

        async def call_once() -> None:
            nonlocal good
            try:
                await call()
                good += 1
            except Exception as error:  # noqa: BLE001 - whatever a library raises
                failed[type(error).__name__] += 1

        watch = Stopwatch()
        await _all((call_once() for _ in range(calls)), within)
        return watch.figures(calls)

    figures = bench.runner.run(run())
    return {**figures, "good": float(good), "failed": float(calls - good)}


async def _all(
    coroutines: Iterable[Coroutine[None, None, None]], limit: float | None = None
) -> None:
    """Run coroutines together and cancel those that have not ended at the limit."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    done, pending = await asyncio.wait(tasks, timeout=limit)
    for task in pending:
        task.cancel()
    await asyncio.gather(*done)
    await asyncio.gather(*pending, return_exceptions=True)


def fetch(bench: Bench, *, into: str, at: str, files: int) -> Figures:
    """Download a small video again and again with httpx, on one connection."""
    httpx = import_module("httpx")
    with TemporaryDirectory(dir=into) as folder, httpx.Client() as client:
        watch = Stopwatch()
        for number in range(files):
            with (
                client.stream("GET", f"{at}{VIDEO}") as response,
                Path(folder, f"{number}.mp4").open("wb") as file,
            ):
                response.raise_for_status()
                for chunk in response.iter_raw():
                    file.write(chunk)
        return watch.figures(files)


def memory(bench: Bench) -> Figures:
    """Return the memory of this process after one request."""
    bench.call()()
    memory_mb = resident_mb()
    return {"mb": float("nan") if memory_mb is None else memory_mb}
