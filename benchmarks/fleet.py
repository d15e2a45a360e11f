"""A million waiting tasks over some workers against a service's limit, in virtual time.

Each worker is a process of its own with the batch, the schedule and the pace that are shipped; only
the service and the clock are modelled. The tasks are all begun at once and take log-normal times.
The service takes so many polls a second from everybody together and refuses the others with a
bare 429, as this one does. The workers know nothing of each other: what each may ask it learns from
its own refusals. A worker has as many polls under way as a client has connections.

Run: `PYTHONPATH=overlays:generated python -m benchmarks.fleet [TASKS]`.
"""

from __future__ import annotations

import heapq
import math
import sys
from array import array
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.machine import cores
from benchmarks.report import Entry, Goal, Row, number, rounded
from benchmarks.running import Run

if TYPE_CHECKING:
    from chainhub._tasks.scheduler import Scheduler, SendPoll, Update

TASKS = 1_000_000
LIMIT = 5000.0
"""Polls a second the service takes."""
LATENCY = 0.1
CONNECTIONS = 100
MEDIAN, SPREAD = 90.0, 0.5
WORKERS = (1, 8, 64)


class Outcome(NamedTuple):
    """What became of all tasks with so many workers."""

    workers: int
    asked: int
    refused: int
    lost: int
    delay: float
    delay_p95: float
    until: float


class Service:
    """Takes so many polls a second, with a second's worth in hand at most."""

    def __init__(self, limit: float) -> None:
        self.limit = self.room = limit
        self.asked = self.refused = 0
        self._at = 0.0

    def takes(self, now: float) -> bool:
        """Say whether a poll that comes now is answered."""
        self.room = min(self.room + (now - self._at) * self.limit, self.limit)
        self._at = now
        self.asked += 1
        if self.room < 1.0:
            self.refused += 1
            return False
        self.room -= 1.0
        return True


class Fleet:
    """The workers, the answers that are on their way, and what was found."""

    def __init__(self, tasks: int, workers: int, limit: float, seed: int) -> None:
        random = Random(seed)
        logarithm = math.log(MEDIAN)
        self.durations = array(
            "d", (random.lognormvariate(logarithm, SPREAD) for _ in range(tasks))
        )
        self.service = Service(limit)
        self.delays = array("d")
        self.lost = 0
        self.now = 0.0
        self._schedulers = [_batch(random) for _ in range(workers)]
        self._left = [iter(range(first, tasks, workers)) for first in range(workers)]
        # An answer takes always as long: the first poll asked is the first one answered.
        self._under_way: deque[tuple[float, int, SendPoll, int]] = deque()
        self._wakes: list[tuple[float, int]] = [(0.0, worker) for worker in range(workers)]
        self._wake_at = [0.0] * workers

    def run(self) -> Fleet:
        """Go from instant to instant until nobody waits any more."""
        from chainhub import errors
        from chainhub_api.models import VideoTask

        word = {"id": "m", "status_update_time": 0, "enhanced_prompt": None}
        running = VideoTask.from_dict({**word, "status": "processing", "video_url": None})
        done = VideoTask.from_dict(
            {**word, "status": "completed", "video_url": "https://a.example"}
        )
        refusal = errors.RateLimitError("429 Too Many Requests", status=429)
        answers = (running, done)
        while self._under_way or self._wakes:
            if self._under_way and (not self._wakes or self._under_way[0][0] <= self._wakes[0][0]):
                self.now, worker, step, answer = self._under_way.popleft()
                scheduler = self._schedulers[worker]
                if answer < 0:
                    update = scheduler.on_failure(step, refusal, self.now)
                else:
                    update = scheduler.on_answer(step, answers[answer], self.now)
                self._note(update)
            else:
                self.now, worker = heapq.heappop(self._wakes)
                if self.now < self._wake_at[worker]:
                    continue  # somebody has acted meanwhile, and wakes later
                self._wake_at[worker] = math.inf
            self._act(worker)
        return self

    def _act(self, worker: int) -> None:
        """Let a worker ask whatever it wants to ask now."""
        from chainhub._tasks.scheduler import SendPoll
        from chainhub._tasks.table import TaskId

        scheduler, left, now = self._schedulers[worker], self._left[worker], self.now
        while True:
            while scheduler.wants_more and (task := next(left, None)) is not None:
                scheduler.add(TaskId(f"m:{task}"), 0.0)
            step = scheduler.next_step(now)
            if not isinstance(step, SendPoll):
                break
            taken = self.service.takes(now)
            answer = self.durations[int(step.wait.task_id.id[2:])] <= now if taken else -1
            self._under_way.append((now + LATENCY, worker, step, answer))
        until = getattr(step, "until", math.inf)
        if until < math.inf and until != self._wake_at[worker]:
            self._wake_at[worker] = until
            heapq.heappush(self._wakes, (until, worker))

    def _note(self, update: Update) -> None:
        outcome = update.outcome
        if outcome is None:
            return
        if outcome.error is not None:
            self.lost += 1
            return
        self.delays.append(self.now - self.durations[int(outcome.id[2:])])

    def outcome(self) -> Outcome:
        """Return what was found."""
        late = sorted(self.delays)
        return Outcome(
            len(self._schedulers),
            self.service.asked,
            self.service.refused,
            self.lost,
            sum(late) / len(late),
            late[int(len(late) * 0.95)],
            self.now,
        )


def _batch(random: Random) -> Scheduler:
    from chainhub._tasks.intervals import DurationMemory, PollIntervals
    from chainhub._tasks.poll import WaitOptions
    from chainhub._tasks.scheduler import Scheduler
    from chainhub._tasks.table import task_named

    schedule = PollIntervals(DurationMemory(random.random), random.random)
    return Scheduler(WaitOptions(task_named("video.query"), schedule, math.inf), CONNECTIONS)


def outcome_of(workers: int, tasks: int, limit: float, seed: int = 1) -> Outcome:
    """Return what becomes of the tasks with so many workers."""
    return Fleet(tasks, workers, limit, seed).run().outcome()


def outcomes(tasks: int) -> Iterator[Outcome]:
    """Yield what becomes of the tasks with more and more workers; the clock is not the real one."""
    limit = LIMIT * tasks / TASKS
    if tasks < TASKS:
        yield from (outcome_of(workers, tasks, limit) for workers in WORKERS)
        return
    with ProcessPoolExecutor(len(cores()) or 1, get_context("spawn")) as pool:
        yield from pool.map(outcome_of, WORKERS, repeat(tasks), repeat(limit))


def million(run: Run) -> Iterator[Row]:
    """Simulate M."""
    tasks = run.sized(TASKS, 2000)
    limit = LIMIT * tasks / TASKS
    found = list(outcomes(tasks))
    listed = [_entry(one, tasks) for one in found]
    yield Row(
        "M",
        f"{tasks:,} waiting tasks, {number(limit)} polls a second: seconds until all are known",
        "s",
        "",
        [Goal(f"tasks lost, {found[-1].workers} workers", "=", 0, found[-1].lost)],
        listed,
        [
            f"In virtual time: tasks of {MEDIAN:g} s (σ {SPREAD}), all begun at once; answers "
            f"after {LATENCY:g} s; {CONNECTIONS} requests in flight per worker at most; the "
            f"service could answer a poll of each task in {number(tasks / limit)} s.",
        ],
    )


def _entry(one: Outcome, tasks: int) -> Entry:
    return Entry(
        f"{one.workers} worker{'s' if one.workers > 1 else ''}",
        rounded(one.until),
        extra={
            "polls per task": rounded(one.asked / tasks),
            "refused, %": rounded(100 * one.refused / one.asked),
            "lost": float(one.lost),
            "mean delay, s": rounded(one.delay),
            "p95 delay, s": rounded(one.delay_p95),
        },
    )


def main(tasks: int = TASKS) -> None:
    """Print the table."""
    print("workers  polls/task  refused  lost  mean delay s  p95 s  all known after s")
    for one in outcomes(tasks):
        print(
            f"{one.workers:7}{one.asked / tasks:16.2f}{one.refused / one.asked:9.1%}{one.lost:6}"
            f"{one.delay:14.1f}{one.delay_p95:7.1f}{one.until:19.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
