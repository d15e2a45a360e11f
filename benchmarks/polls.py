"""Polls over time: how many, how late they come, and the cost of refusals (P12, P21)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from benchmarks import refusals, schedule
from benchmarks.report import Entry, Goal, Row, rounded
from benchmarks.running import Run

SPREAD = 0.5
COLD, WARM = "chainhub, cold", f"chainhub, after {schedule.WARM_UP} tasks"


def schedules(run: Run) -> Iterator[Row]:
    """Measure P12: polls times mean delay, divided by the least possible, in virtual time."""
    by_name = dict(schedule.rows(SPREAD, run.size(4000, 20), seed=1))
    cold, warm = by_name[COLD], by_name[WARM]
    lines = [
        Entry(
            name,
            rounded(figure.ratio),
            extra={
                "polls a task": rounded(figure.polls),
                "mean delay, s": rounded(figure.delay),
                "with all polls": rounded(figure.ratio_all),
            },
        )
        for name, figure in sorted(by_name.items(), key=lambda pair: pair[1].ratio)
    ]
    yield Row(
        "P12",
        "polls × mean delay by the bound, medians of 30 to 300 s, σ 0.5",
        "ratio",
        "",
        [
            Goal("polls × mean delay ÷ bound, cold", "≤", 1.25, rounded(cold.ratio)),
            Goal(f"the same after {schedule.WARM_UP} tasks", "≤", 1.10, rounded(warm.ratio)),
            Goal("with the polls at 0 and about 5 s, cold", "≤", 1.45, rounded(cold.ratio_all)),
            Goal("the same, learned", "≤", 1.20, rounded(warm.ratio_all)),
        ],
        lines,
        ["In virtual time, with the decisions that are shipped; the same in each run."],
    )


def refusal_costs(run: Run) -> Iterator[Row]:
    """Measure P21: the cost of refusals for a wait for many tasks, in virtual time."""
    numbers, seeds = run.size((1, 5, 50, 300), (1,)), run.size(3, 1)
    ratios = {
        f"answer {number} is refused": refusals.until_known(refusals.nth(number, 1.0), 1)
        for number in numbers
    }
    ratios["1 % are refused at random"] = max(
        refusals.until_known(refusals.at_random(0.01, 1.0, Random(seed)), seed)
        for seed in range(seeds)
    )
    limit, end = refusals.LIMIT, run.size(60.0, 5.0)
    service = refusals.bucket(limit, limit, 1.0)
    share_used, share_refused = refusals.share_of_limit(service, limit, 0.0, end)
    yield Row(
        "P21",
        f"until {refusals.TASKS} results are known, by the time without refusals",
        "ratio",
        "",
        [
            Goal("until all are known ÷ undisturbed, at most", "≤", 1.5, max(ratios.values())),
            Goal("share of a true limit that is used", "≥", 0.90, rounded(share_used)),
            Goal("share of polls that are refused there", "≤", 0.05, rounded(share_refused)),
        ],
        [Entry(name, rounded(value)) for name, value in ratios.items()],
        [
            "In virtual time, with the decisions that are shipped; the same in each run. A refusal "
            "has a Retry-After of a second. The limit is half of what the tasks would like."
        ],
    )
