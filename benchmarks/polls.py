"""Polls over time: connections for a few of them, and how late they come (P10, P12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import schedule
from benchmarks.processes import MISSING, Failed, Server, Worker, installed
from benchmarks.report import Entry, Goal, Row, rounded
from benchmarks.running import LIBRARIES, OURS, SDKS, Run, Samples, entries

POLLS = 5
GAP = 6.0
SPREAD = 0.5
COLD, WARM = "chainhub, cold", f"chainhub, after {schedule.WARM_UP} tasks"


def connections(run: Run) -> Iterator[Row]:
    """Measure P10: connections for five polls six seconds apart; everybody at the same time."""
    peers = (OURS, *SDKS, *LIBRARIES, "stdlib")
    with ExitStack() as stack:
        served = {peer: stack.enter_context(run.serving()) for peer in peers if installed(peer)}
        workers = {
            peer: stack.enter_context(run.working((peer,), at))[peer] for peer, at in served.items()
        }
        for one in workers.values():
            one.begin("spaced", polls=POLLS, gap=run.sized(GAP, 0.01))
        measured = {
            peer: _counted(workers[peer], served[peer]) if peer in served else Samples(why=MISSING)
            for peer in peers
        }
    found = entries(measured, "connections")
    ours = next(one.value for one in found if one.name == OURS)
    yield Row(
        "P10",
        f"connections for {POLLS} polls {GAP:g} s apart",
        "connections",
        "",
        [Goal(f"connections for {POLLS} polls {GAP:g} s apart", "=", 1, ours)],
        found,
        ["Counted by a server of each client's own, in real time."],
    )


def _counted(one: Worker, served: Server) -> Samples:
    try:
        one.figures()
    except Failed as error:
        return Samples(why=str(error))
    return Samples([{"connections": float(served.counts().connections)}])


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
