"""A million waiting tasks over some workers against a service's limit, in virtual time.

Each worker is a process of its own with the batch, the schedule and the pace that are shipped; only
the service and the clock are modelled. All tasks start at once and take log-normal times.
The service accepts so many polls a second from all workers together and refuses the others with a
bare 429, as the real one does. The workers are independent: each learns its rate from its own
refusals. A worker has at most as many polls in flight as a client has connections.

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
"""Polls a second that the service accepts."""
LATENCY = 0.1
CONNECTIONS = 100
MEDIAN, SPREAD = 90.0, 0.5
WORKERS = (1, 8, 64)


class Outcome(NamedTuple):
    """The figures of a simulation with so many workers."""

    workers: int
    polls: int
    refused: int
    lost: int
    delay: float
    delay_p95: float
    until: float


class Service:
    """A rate limit of so many polls a second, with a burst of one second's polls at most."""

    def __init__(self, limit: float) -> None:
        self.limit = self.room = limit
        self.polls = self.refused = 0
        self._updated_at = 0.0

    def accepts(self, now: float) -> bool:
        """Whether a poll at this instant is accepted."""
        self.room = min(self.room + (now - self._updated_at) * self.limit, self.limit)
        self._updated_at = now
        self.polls += 1
        if self.room < 1.0:
            self.refused += 1
            return False
        self.room -= 1.0
        return True


class Fleet:
    """The workers, the polls in flight, and the delays of the results."""

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
        self._tasks_by_worker = [iter(range(first, tasks, workers)) for first in range(workers)]
        # The latency is constant: the first poll sent is the first one answered.
        self._in_flight: deque[tuple[float, int, SendPoll, int]] = deque()
        self._wakeups: list[tuple[float, int]] = [(0.0, worker) for worker in range(workers)]
        self._wakeup_at = [0.0] * workers

    def run(self) -> Fleet:
        """Run from event to event until no worker waits any more."""
        from chainhub import errors
        from chainhub_api.models import VideoTask

        fields = {"id": "m", "status_update_time": 0, "enhanced_prompt": None}
        running = VideoTask.from_dict({**fields, "status": "processing", "video_url": None})
        completed = VideoTask.from_dict(
            {**fields, "status": "completed", "video_url": "https://a.example"}
        )
        refusal = errors.RateLimitError("429 Too Many Requests", status=429)
        answers = (running, completed)
        while self._in_flight or self._wakeups:
            if self._in_flight and (
                not self._wakeups or self._in_flight[0][0] <= self._wakeups[0][0]
            ):
                self.now, worker, poll, answer = self._in_flight.popleft()
                scheduler = self._schedulers[worker]
                if answer < 0:
                    update = scheduler.on_failure(poll, refusal, self.now)
                else:
                    update = scheduler.on_answer(poll, answers[answer], self.now)
                self._note(update)
            else:
                self.now, worker = heapq.heappop(self._wakeups)
                if self.now < self._wakeup_at[worker]:
                    continue  # the worker has acted meanwhile and has a later wake-up
                self._wakeup_at[worker] = math.inf
            self._act(worker)
        return self

    def _act(self, worker: int) -> None:
        """Let a worker send all polls that are due now."""
        from chainhub._tasks.scheduler import SendPoll
        from chainhub._tasks.table import TaskId

        scheduler, tasks, now = self._schedulers[worker], self._tasks_by_worker[worker], self.now
        while True:
            while scheduler.wants_more and (task := next(tasks, None)) is not None:
                scheduler.add(TaskId(f"m:{task}"), 0.0)
            step = scheduler.next_step(now)
            if not isinstance(step, SendPoll):
                break
            accepted = self.service.accepts(now)
            answer = self.durations[int(step.wait.task_id.id[2:])] <= now if accepted else -1
            self._in_flight.append((now + LATENCY, worker, step, answer))
        wakeup = getattr(step, "until", math.inf)
        if wakeup < math.inf and wakeup != self._wakeup_at[worker]:
            self._wakeup_at[worker] = wakeup
            heapq.heappush(self._wakeups, (wakeup, worker))

    def _note(self, update: Update) -> None:
        outcome = update.outcome
        if outcome is None:
            return
        if outcome.error is not None:
            self.lost += 1
            return
        self.delays.append(self.now - self.durations[int(outcome.id[2:])])

    def outcome(self) -> Outcome:
        """Return the figures."""
        delays = sorted(self.delays)
        return Outcome(
            len(self._schedulers),
            self.service.polls,
            self.service.refused,
            self.lost,
            sum(delays) / len(delays),
            delays[int(len(delays) * 0.95)],
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
    """Return the figures of a simulation with so many workers."""
    return Fleet(tasks, workers, limit, seed).run().outcome()


def outcomes(tasks: int) -> Iterator[Outcome]:
    """Yield the figures with more and more workers, in virtual time."""
    limit = LIMIT * tasks / TASKS
    if tasks < TASKS:
        yield from (outcome_of(workers, tasks, limit) for workers in WORKERS)
        return
    with ProcessPoolExecutor(len(cores()) or 1, get_context("spawn")) as pool:
        yield from pool.map(outcome_of, WORKERS, repeat(tasks), repeat(limit))


def million(run: Run) -> Iterator[Row]:
    """Simulate M."""
    tasks = run.size(TASKS, 2000)
    limit = LIMIT * tasks / TASKS
    results = list(outcomes(tasks))
    lines = [_entry(result, tasks) for result in results]
    yield Row(
        "M",
        f"{tasks:,} waiting tasks, {number(limit)} polls a second: seconds until all are known",
        "s",
        "",
        [Goal(f"tasks lost, {results[-1].workers} workers", "=", 0, results[-1].lost)],
        lines,
        [
            f"In virtual time: tasks of {MEDIAN:g} s (σ {SPREAD}), all begun at once; answers "
            f"after {LATENCY:g} s; {CONNECTIONS} requests in flight per worker at most; the "
            f"service could answer a poll of each task in {number(tasks / limit)} s.",
        ],
    )


def _entry(outcome: Outcome, tasks: int) -> Entry:
    return Entry(
        f"{outcome.workers} worker{'s' if outcome.workers > 1 else ''}",
        rounded(outcome.until),
        extra={
            "polls per task": rounded(outcome.polls / tasks),
            "refused, %": rounded(100 * outcome.refused / outcome.polls),
            "lost": float(outcome.lost),
            "mean delay, s": rounded(outcome.delay),
            "p95 delay, s": rounded(outcome.delay_p95),
        },
    )


def main(tasks: int = TASKS) -> None:
    """Print the table."""
    print("workers  polls/task  refused  lost  mean delay s  p95 s  all known after s")
    for outcome in outcomes(tasks):
        print(
            f"{outcome.workers:7}{outcome.polls / tasks:16.2f}"
            f"{outcome.refused / outcome.polls:9.1%}{outcome.lost:6}{outcome.delay:14.1f}"
            f"{outcome.delay_p95:7.1f}{outcome.until:19.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
