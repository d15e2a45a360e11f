"""The cost of refusals (429) for a wait for many tasks, in virtual time.

300 tasks are polled once a second each, and the last one is done after ten seconds; a service
refuses single polls, or some at random. The figure is the time until all results are known, as a
ratio to that with a service that refuses nothing. Then the tasks need twice the polls that a
service allows: the figures are the share of its limit that is used, and of polls that it refuses.

Run: python -m benchmarks.refusals [--seeds 5]
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Callable, Iterator
from random import Random

from chainhub import errors
from chainhub._tasks.intervals import DurationMemory, PollIntervals
from chainhub._tasks.poll import WaitOptions
from chainhub._tasks.scheduler import Scheduler, SendPoll, Update
from chainhub._tasks.table import TaskId, task_named
from chainhub_api.models import VideoTask

TASKS = 300
PACE = 1.0
LAST = 10.0
LATENCY = 0.05
IN_FLIGHT = 100
COST = 0.0003
LATE = 1e9
LIMIT = 150

RefusalPolicy = Callable[[float], float | None]
"""Takes the instant of a poll; returns its Retry-After, 0 for a 429 without one, None for none."""


def never(now: float) -> None:
    """Refuse nothing."""


def nth(number: int, retry_after: float) -> RefusalPolicy:
    """Refuse one poll."""
    polls = 0

    def policy(now: float) -> float | None:
        nonlocal polls
        polls += 1
        return retry_after if polls == number else None

    return policy


def at_random(share: float, retry_after: float, random: Random) -> RefusalPolicy:
    """Refuse a share of all polls."""
    return lambda now: retry_after if random.random() < share else None


def bucket(rate: float, burst: float, retry_after: float) -> RefusalPolicy:
    """Refuse polls above a rate, as a token bucket does."""
    tokens, filled_at = burst, 0.0

    def policy(now: float) -> float | None:
        nonlocal tokens, filled_at
        tokens, filled_at = min(burst, tokens + (now - filled_at) * rate), now
        if tokens < 1:
            return retry_after
        tokens -= 1
        return None

    return policy


def window(rate: float, retry_after: float) -> RefusalPolicy:
    """Refuse polls above a number in each second of the service's clock."""
    second, count = -1, 0

    def policy(now: float) -> float | None:
        nonlocal second, count
        if int(now + 0.3) != second:
            second, count = int(now + 0.3), 0
        count += 1
        return retry_after if count > rate else None

    return policy


class Batch:
    """A wait for many tasks, run in virtual time to its end.

    Attributes:
        known: The instants at which results became known.
        polls: The instants of all polls, and whether they were answered.
    """

    def __init__(
        self,
        policy: RefusalPolicy,
        seed: int,
        *,
        ends: Callable[[int], float],
        until: float,
        tasks: int = TASKS,
        latency: float = LATENCY,
    ) -> None:
        self.known: list[float] = []
        self.polls: list[tuple[float, bool]] = []
        self._policy, self._ends, self._latency = policy, ends, latency
        self._random = Random(seed)
        schedule = PollIntervals(DurationMemory(self._random.random), self._random.random, PACE)
        terms = WaitOptions(task_named("video.query"), schedule, until)
        self._scheduler = Scheduler(terms, IN_FLIGHT)
        self._in_flight: list[tuple[float, int, SendPoll]] = []
        self._run(tasks)

    def _run(self, tasks: int) -> None:
        now, tasks_added, polls_sent = 0.0, 0, 0
        while tasks_added < tasks or len(self._scheduler):
            while tasks_added < tasks and self._scheduler.wants_more:
                self._scheduler.add(TaskId(str(tasks_added)), now)
                tasks_added += 1
            step = self._scheduler.next_step(now)
            if isinstance(step, SendPoll):
                # The event loop needs some time for each request.
                polls_sent, now = polls_sent + 1, now + COST
                arrives = now + self._latency * self._random.uniform(0.8, 1.2)
                heapq.heappush(self._in_flight, (arrives, polls_sent, step))
            elif not isinstance(step, Update):
                arrival = self._in_flight[0][0] if self._in_flight else math.inf
                now = max(now, min(step.until, arrival))
                self._arrive(now)

    def _arrive(self, now: float) -> None:
        while self._in_flight and self._in_flight[0][0] <= now:
            update = self._answer(heapq.heappop(self._in_flight)[2], now)
            if update.outcome is not None and update.outcome.error is None:
                self.known.append(now)

    def _answer(self, poll: SendPoll, now: float) -> Update:
        retry_after = self._policy(now)
        self.polls.append((now, retry_after is None))
        if retry_after is not None:
            error = errors.RateLimitError("no", status=429, retry_after=retry_after or None)
            return self._scheduler.on_failure(poll, error, now)
        finished = now >= self._ends(int(poll.wait.task_id.id))
        return self._scheduler.on_answer(poll, RESULT if finished else RUNNING, now)


def _task(status: str, url: str | None) -> VideoTask:
    return VideoTask.from_dict(
        {"id": "m:1", "status": status, "status_update_time": 1, "video_url": url}
    )


RUNNING, RESULT = _task("processing", None), _task("completed", "https://cdn.example/v.mp4")


def until_known(policy: RefusalPolicy, seed: int, latency: float = LATENCY) -> float:
    """Return the seconds until all results are known, as a ratio to those without refusals."""

    def seconds(policy: RefusalPolicy) -> float:
        batch = Batch(policy, seed, ends=_end_of, until=LATE, latency=latency)
        assert len(batch.known) == TASKS
        return max(batch.known)

    return seconds(policy) / seconds(never)


def _end_of(number: int) -> float:
    return LAST * number / TASKS


def share_of_limit(
    policy: RefusalPolicy, limit: int, begin: float, end: float, latency: float = LATENCY
) -> tuple[float, float]:
    """Return how much of a limit was used between two instants, and the share that was refused."""
    batch = Batch(policy, 1, ends=lambda _: LATE, until=end, tasks=2 * limit, latency=latency)
    polls = [good for at, good in batch.polls if begin <= at <= end]
    return sum(polls) / (limit * (end - begin)), 1 - sum(polls) / len(polls)


def rows(seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    for latency in (0.001, 0.05, 0.3):
        for retry_after in (1.0, 0.0):
            prefix = f"latency {latency:g} s, Retry-After {retry_after or 'missing'}"
            for number in (1, 5, 50, 300):
                ratio = until_known(nth(number, retry_after), 1, latency)
                yield f"{prefix}, answer {number} is refused: {ratio:.2f}"
            for share in (0.01, 0.03):
                ratio = max(
                    until_known(at_random(share, retry_after, Random(seed)), seed, latency)
                    for seed in range(seeds)
                )
                yield f"{prefix}, {share:.0%} are refused at random: {ratio:.2f} at most"
    services: dict[str, Callable[[], RefusalPolicy]] = {
        "a second's polls at once": lambda: bucket(LIMIT, LIMIT, 1.0),
        "10 polls at once": lambda: bucket(LIMIT, 10, 1.0),
        "so many in each second": lambda: window(LIMIT, 1.0),
    }
    for name, service in services.items():
        for begin, end in ((0.0, 60.0), (60.0, 120.0)):
            share_used, share_refused = share_of_limit(service(), LIMIT, begin, end)
            span = f"{LIMIT}/s, {name}, {begin:g} to {end:g} s"
            yield f"{span}: {share_used:.1%} used, {share_refused:.1%} refused"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    for row in rows(parser.parse_args().seeds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
