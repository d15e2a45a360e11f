"""Polls over time: how many, and how late they come (P12)."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import schedule
from benchmarks.report import Entry, Goal, Row, rounded
from benchmarks.running import Run

SPREAD = 0.5
COLD, WARM = "chainhub, cold", f"chainhub, after {schedule.WARM_UP} tasks"


def schedules(run: Run) -> Iterator[Row]:
    """Measure P12: questions times mean delay by the least that is possible, in virtual time."""
    found = dict(schedule.rows(SPREAD, run.sized(4000, 20), seed=1))
    listed = [
        Entry(
            name,
            rounded(figure.ratio),
            extra={
                "polls a task": rounded(figure.polls),
                "mean delay, s": rounded(figure.delay),
                "with all polls": rounded(figure.ratio_all),
            },
        )
        for name, figure in sorted(found.items(), key=lambda pair: pair[1].ratio)
    ]
    yield Row(
        "P12",
        "polls × mean delay by the bound, medians of 30 to 300 s, σ 0.5",
        "ratio",
        "",
        [
            Goal("polls × mean delay ÷ bound, cold", "≤", 1.25, rounded(found[COLD].ratio)),
            Goal(f"the same after {schedule.WARM_UP} tasks", "≤", 1.10, rounded(found[WARM].ratio)),
            Goal(
                "with the polls at 0 and about 5 s, cold", "≤", 1.45, rounded(found[COLD].ratio_all)
            ),
            Goal("the same, learned", "≤", 1.20, rounded(found[WARM].ratio_all)),
        ],
        listed,
        ["In virtual time, with the decisions that are shipped; the same in each run."],
    )
