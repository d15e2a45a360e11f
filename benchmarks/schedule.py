"""Compare polling schedules in virtual time: polls and delays, relative to a bound.

Tasks take log-normal times. A schedule's figure is its mean number of polls times its mean
delay, which does not change when a fixed interval is halved: more polls, less delay. No
schedule that does not know the future can get below a bound that follows from the distribution
alone (Cauchy-Schwarz: half the square of the integral of the root of survival times density).
The figures are ratios to that bound, 1.00 being perfect, as geometric means over medians.

Run: python benchmarks/schedule.py [--tasks 10000] [--seed 1]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import fmean, geometric_mean
from typing import NamedTuple

from chainhub._tasks.intervals import DurationMemory, PollIntervals, PollProgress

MEDIANS = (30.0, 45.0, 67.0, 90.0, 134.0, 200.0, 300.0)
SPREADS = (0.25, 0.5, 1.0)
WARM_UP = 30
# After so many tasks the memory is cleared and learned again: one lucky memory does not decide.
ROUND = 50
# The polls at once and after about five seconds are counted separately: they are for tasks that
# are finished already and for early failures, which are outside the model.
EARLY = 5.0
LONGEST = 100_000

Gaps = Iterator[float]
Fixed = Callable[[Random], Gaps]
Polling = Callable[[list[float], Random], list["TaskPolls"]]


class Figure(NamedTuple):
    """The figures of one schedule for one distribution, with the ratios to the bound."""

    polls: float
    delay: float
    ratio: float
    ratio_all: float


class TaskPolls(NamedTuple):
    """One task's polls: without the early ones, all, delay, the instants of the last two."""

    polls: int
    all_polls: int
    delay: float
    after: float
    by: float


def bound(median: float, spread: float, steps: int = 2000) -> float:
    """Return the least product of polls and mean delay in seconds."""
    width = 20.0 / steps
    total = 0.0
    for step in range(steps):
        z = -10.0 + (step + 0.5) * width
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        survival = math.erfc(z / math.sqrt(2)) / 2
        time = median * math.exp(spread * z)
        total += math.sqrt(survival * density * spread * time) * width
    return total * total / 2


def every(seconds: float, jitter: float = 0.0, at_once: bool = True) -> Fixed:
    """Return a schedule that polls at a fixed interval."""

    def gaps(random: Random) -> Gaps:
        if at_once:
            yield 0.0
        while True:
            yield seconds + jitter * (2 * random.random() - 1)

    return gaps


def backing_off(first: float, factor: float, cap: float) -> Fixed:
    """Return a schedule whose interval grows up to a cap."""

    def gaps(random: Random) -> Gaps:
        yield 0.0
        gap = first
        while True:
            yield gap
            gap = min(gap * factor, cap)

    return gaps


PEERS: dict[str, Fixed] = {
    "fixed 1 s (openai)": every(1),
    "fixed 5 s": every(5),
    "fixed 10 s (google-genai)": every(10),
    "fixed 20 s (google-genai README)": every(20),
    "6 s ± 1.5 s (runwayml)": every(6, jitter=1.5, at_once=False),
    "fixed 0.5 s (replicate)": every(0.5),
    "fixed 0.1 s (fal)": every(0.1),
    "backoff 1 s × 1.5 to 15 s": backing_off(1, 1.5, 15),
    "backoff 1 s × 1.5 to 30 s": backing_off(1, 1.5, 30),
}


def poll_task(duration: float, gaps: Gaps, early: float = 0.0) -> TaskPolls:
    """Poll one task in virtual time; polls up to `early` seconds are counted separately."""
    now = after = 0.0
    polls = all_polls = 0
    for gap in gaps:
        now += gap
        all_polls += 1
        polls += now > early
        if now >= duration or all_polls >= LONGEST:
            break
        after = now
    return TaskPolls(polls, all_polls, now - duration, after, now)


def our_gaps(schedule: PollIntervals, task_id: str, now: float) -> Gaps:
    """Yield the intervals of the package's schedule for one task."""
    plan = schedule.begin(task_id, now)
    elapsed, polls = 0.0, 1
    yield 0.0
    while True:
        gap = schedule.after_answer(plan, PollProgress(elapsed, polls, 0, math.inf, None))
        elapsed, polls = elapsed + gap, polls + 1
        yield gap


def poll_all(durations: Sequence[float], random: Random, *, learned: int) -> list[TaskPolls]:
    """Poll all tasks with the package's schedule, in rounds, each after `learned` tasks."""
    results: list[TaskPolls] = []
    while len(results) < len(durations):
        schedule = PollIntervals(DurationMemory(random.random), random.random)
        now = 0.0
        for duration in random.choices(durations, k=learned):
            now += follow(schedule, duration, now, teach=True).by
        sample = durations[len(results) : len(results) + ROUND]
        results += [follow(schedule, duration, now, teach=False) for duration in sample]
    return results


def follow(schedule: PollIntervals, duration: float, now: float, *, teach: bool) -> TaskPolls:
    """Poll one task with the package's schedule, which may learn from it."""
    polls = poll_task(duration, our_gaps(schedule, "m:1", now), early=EARLY)
    schedule.end("m:1", now + polls.by, after=polls.after if teach else None, by=polls.by)
    return polls


def figure(tasks: Sequence[TaskPolls], least: float) -> Figure:
    """Return the figures of one schedule for one distribution."""
    polls, delay = fmean(task.polls for task in tasks), fmean(task.delay for task in tasks)
    all_polls = fmean(task.all_polls for task in tasks)
    return Figure(all_polls, delay, polls * delay / least, all_polls * delay / least)


def durations_of(median: float, spread: float, tasks: int, random: Random) -> list[float]:
    """Return log-normal durations in seconds."""
    return [random.lognormvariate(math.log(median), spread) for _ in range(tasks)]


def over_medians(spread: float, tasks: int, seed: int, poll: Polling) -> Figure:
    """Return the figures of one schedule over all medians: means, and geometric means."""
    figures = []
    for median in MEDIANS:
        random = Random(f"{seed} {median} {spread}")
        durations = durations_of(median, spread, tasks, random)
        figures.append(figure(poll(durations, random), bound(median, spread)))
    return Figure(
        fmean(each.polls for each in figures),
        fmean(each.delay for each in figures),
        geometric_mean([each.ratio for each in figures]),
        geometric_mean([each.ratio_all for each in figures]),
    )


def ours(learned: int) -> Polling:
    """Return the package's schedule, after it learned from some tasks."""

    def poll(durations: list[float], random: Random) -> list[TaskPolls]:
        return poll_all(durations, random, learned=learned)

    return poll


def theirs(gaps: Fixed) -> Polling:
    """Return a schedule that learns nothing."""

    def poll(durations: list[float], random: Random) -> list[TaskPolls]:
        return [poll_task(duration, gaps(random)) for duration in durations]

    return poll


def rows(spread: float, tasks: int, seed: int) -> Iterator[tuple[str, Figure]]:
    """Yield every schedule with its figures."""
    yield "chainhub, cold", over_medians(spread, tasks, seed, ours(0))
    yield f"chainhub, after {WARM_UP} tasks", over_medians(spread, tasks, seed, ours(WARM_UP))
    for name, gaps in PEERS.items():
        # Hundreds of polls a task: fewer tasks are enough.
        count = max(tasks // 20, 2) if "0." in name else tasks
        yield name, over_medians(spread, count, seed, theirs(gaps))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks per median")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for spread in SPREADS:
        print(f"\nspread {spread}, medians {MEDIANS[0]:g} to {MEDIANS[-1]:g} s")
        print(f"{'schedule':34}{'polls':>8}{'delay s':>9}{'ratio':>8}{'all polls':>11}")
        for name, figure in rows(spread, options.tasks, options.seed):
            print(
                f"{name:34}{figure.polls:8.1f}{figure.delay:9.2f}"
                f"{figure.ratio:8.2f}{figure.ratio_all:11.2f}"
            )


if __name__ == "__main__":
    main()
