"""What refusals (429) cost a wait for many tasks, in virtual time.

300 tasks are polled once a second each, and the last one is done after ten seconds; a service
refuses single polls, or some at random. The figure is the time until all results are known, as a
ratio to that with a service that refuses nothing. Then tasks would like twice what a service
allows: the figures are the share of its limit that is used, and the share of polls it refuses.

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

Refuses = Callable[[float], float | None]
"""Takes the instant of a poll; returns its Retry-After, 0 for a 429 without one, None for none."""


def nobody(now: float) -> None:
    """Refuse nothing."""


def nth(number: int, retry_after: float) -> Refuses:
    """Refuse one poll."""
    seen = 0

    def refuses(now: float) -> float | None:
        nonlocal seen
        seen += 1
        return retry_after if seen == number else None

    return refuses


def at_random(share: float, retry_after: float, random: Random) -> Refuses:
    """Refuse a share of all polls."""
    return lambda now: retry_after if random.random() < share else None


def bucket(rate: float, burst: float, retry_after: float) -> Refuses:
    """Refuse what is above a rate, as a token bucket does."""
    tokens, filled_at = burst, 0.0

    def refuses(now: float) -> float | None:
        nonlocal tokens, filled_at
        tokens, filled_at = min(burst, tokens + (now - filled_at) * rate), now
        if tokens < 1:
            return retry_after
        tokens -= 1
        return None

    return refuses


def window(rate: float, retry_after: float) -> Refuses:
    """Refuse what is above a number in each second of the service's clock."""
    second, count = -1, 0

    def refuses(now: float) -> float | None:
        nonlocal second, count
        if int(now + 0.3) != second:
            second, count = int(now + 0.3), 0
        count += 1
        return retry_after if count > rate else None

    return refuses


class Batch:
    """A wait for many tasks, led through virtual time to its end.

    Attributes:
        known: The instants at which results became known.
        polls: The instants of all polls, and whether they were answered.
    """

    def __init__(
        self,
        refuses: Refuses,
        seed: int,
        *,
        done: Callable[[int], float],
        until: float,
        tasks: int = TASKS,
        latency: float = LATENCY,
    ) -> None:
        self.known: list[float] = []
        self.polls: list[tuple[float, bool]] = []
        self._refuses, self._done, self._latency = refuses, done, latency
        self._random = Random(seed)
        schedule = PollIntervals(DurationMemory(self._random.random), self._random.random, PACE)
        options = WaitOptions(task_named("video.query"), schedule, until)
        self._scheduler = Scheduler(options, IN_FLIGHT)
        self._under_way: list[tuple[float, int, SendPoll]] = []
        self._lead(tasks)

    def _lead(self, tasks: int) -> None:
        now, added, sent = 0.0, 0, 0
        while added < tasks or len(self._scheduler):
            while added < tasks and self._scheduler.wants_more:
                self._scheduler.add(TaskId(str(added)), now)
                added += 1
            step = self._scheduler.next_step(now)
            if isinstance(step, SendPoll):
                # A loop of events needs some time for each request that it sends.
                sent, now = sent + 1, now + COST
                arrives = now + self._latency * self._random.uniform(0.8, 1.2)
                heapq.heappush(self._under_way, (arrives, sent, step))
            elif not isinstance(step, Update):
                at = self._under_way[0][0] if self._under_way else math.inf
                now = max(now, min(step.until, at))
                self._arrive(now)

    def _arrive(self, now: float) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            update = self._answer(heapq.heappop(self._under_way)[2], now)
            if update.outcome is not None and update.outcome.error is None:
                self.known.append(now)

    def _answer(self, step: SendPoll, now: float) -> Update:
        retry_after = self._refuses(now)
        self.polls.append((now, retry_after is None))
        if retry_after is not None:
            error = errors.RateLimitError("no", status=429, retry_after=retry_after or None)
            return self._scheduler.on_failure(step, error, now)
        over = now >= self._done(int(step.wait.task_id.id))
        return self._scheduler.on_answer(step, RESULT if over else RUNNING, now)


def _task(status: str, url: str | None) -> VideoTask:
    return VideoTask.from_dict(
        {"id": "m:1", "status": status, "status_update_time": 1, "video_url": url}
    )


RUNNING, RESULT = _task("processing", None), _task("completed", "https://cdn.example/v.mp4")


def until_known(refuses: Refuses, seed: int, latency: float = LATENCY) -> float:
    """Return the seconds until all results are known, as a ratio to those without refusals."""

    def seconds(refusing: Refuses) -> float:
        batch = Batch(refusing, seed, done=_ends, until=LATE, latency=latency)
        assert len(batch.known) == TASKS
        return max(batch.known)

    return seconds(refuses) / seconds(nobody)


def _ends(number: int) -> float:
    return LAST * number / TASKS


def share_of_limit(
    refuses: Refuses, limit: int, begin: float, end: float, latency: float = LATENCY
) -> tuple[float, float]:
    """Return how much of a limit was used between two instants, and the share that was refused."""
    batch = Batch(refuses, 1, done=lambda _: LATE, until=end, tasks=2 * limit, latency=latency)
    polls = [good for at, good in batch.polls if begin <= at <= end]
    return sum(polls) / (limit * (end - begin)), 1 - sum(polls) / len(polls)


def rows(seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    for latency in (0.001, 0.05, 0.3):
        for retry_after in (1.0, 0.0):
            said = f"latency {latency:g} s, Retry-After {retry_after or 'missing'}"
            for number in (1, 5, 50, 300):
                found = until_known(nth(number, retry_after), 1, latency)
                yield f"{said}, answer {number} is refused: {found:.2f}"
            for share in (0.01, 0.03):
                found = max(
                    until_known(at_random(share, retry_after, Random(seed)), seed, latency)
                    for seed in range(seeds)
                )
                yield f"{said}, {share:.0%} are refused at random: {found:.2f} at most"
    services: dict[str, Callable[[], Refuses]] = {
        "a second's polls at once": lambda: bucket(LIMIT, LIMIT, 1.0),
        "10 polls at once": lambda: bucket(LIMIT, 10, 1.0),
        "so many in each second": lambda: window(LIMIT, 1.0),
    }
    for name, service in services.items():
        for begin, end in ((0.0, 60.0), (60.0, 120.0)):
            used, refused = share_of_limit(service(), LIMIT, begin, end)
            span = f"{LIMIT}/s, {name}, {begin:g} to {end:g} s"
            yield f"{span}: {used:.1%} used, {refused:.1%} refused"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    for row in rows(parser.parse_args().seeds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
