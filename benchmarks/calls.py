"""What one question costs: CPU, functions called, the retry layer (P3, P4, P5, P11)."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.report import Entry, Goal, Row, entry, related
from benchmarks.running import EVERYBODY, OURS, Run, Samples, best, entries, job, shown

MOST_CALLS = 1500
MOST_CALLS_OF_A_POLL = 1000
POLL = "chainhub, a poll in `wait`"


def questions(run: Run) -> Iterator[Row]:
    """Measure P3 and P4: a question and a poll, one thread, connections kept."""
    calls = run.sized(600, 3)
    with run.serving() as served, run.working(EVERYBODY, served) as workers:
        measures = {peer: job(one, "sync", calls=calls) for peer, one in workers.items()}
        measures["poll"] = job(workers[OURS], "polled", polls=calls)
        before = served.counts()
        measured = run.in_turn(measures, 7)
        after = served.counts()
    busy = (after.cpu - before.cpu) / max(after.requests - before.requests, 1) * 1e6
    yield from _question_rows(measured, busy)


def _question_rows(measured: dict[str, Samples], busy: float) -> Iterator[Row]:
    poll = measured.pop("poll")
    found = entries(measured, "us")
    rival = best(found)
    asked = related(found, shown(rival))
    ours = next(one for one in asked if one.name == OURS)
    poll_entry = entry(POLL, poll.of("us"), poll.why)
    notes = [
        f"The best peer of this run is {shown(rival) or 'none: no peer is installed'}.",
        f"The server took {busy:.0f} µs of its own core for an answer.",
    ]
    yield Row(
        "P3",
        "`client.video.query`, one thread, connections kept: CPU of a call",
        "µs",
        shown(rival),
        [Goal("`query` ÷ best peer", "≤", 0.70, ours.ratio)],
        asked,
        notes,
    )
    compared = [one for one in found if one.name in (OURS, shown(rival), "httpx", "bare socket")]
    polled = related([poll_entry, *compared], shown(rival))
    yield Row(
        "P4",
        "one poll inside `wait`: CPU, without the sleep",
        "µs",
        shown(rival),
        [Goal("a poll ÷ best peer's call", "≤", 0.50, _ratio_of(polled, POLL))],
        polled,
        ["Measured in the same rounds as P3."],
    )


def counts(run: Run) -> Iterator[Row]:
    """Measure P5: functions called, in Python and C; the same in each run."""
    calls = run.sized(20, 4)
    with run.serving() as served, run.working(EVERYBODY, served) as workers:
        measures = {peer: job(one, "counted", calls=calls) for peer, one in workers.items()}
        measures[POLL] = job(workers[OURS], "counted_polls", polls=calls)
        measured = run.in_turn(measures, 1)
    found = entries(measured, "calls", yardstick="httpx")
    value = {one.name: one.value for one in found}
    yield Row(
        "P5",
        "functions called for a request, Python's and C's",
        "calls",
        "httpx",
        [
            Goal("functions called per query", "≤", MOST_CALLS, value[OURS]),
            Goal("functions called per poll", "≤", MOST_CALLS_OF_A_POLL, value[POLL]),
        ],
        found,
        ["Exact with one version of Python and these headers; `make test` holds both limits."],
    )


def retry_layer(run: Run) -> Iterator[Row]:
    """Measure P11: what deciding about retries costs when nothing is to be retried."""
    calls = run.sized(20_000, 10)
    with run.serving() as served, run.working((OURS,), served) as workers:
        measures = {OURS: job(workers[OURS], "settled", calls=calls)}
        found = entries(run.in_turn(measures, 7), "us")
    yield Row(
        "P11",
        "the retry layer on a good answer: CPU",
        "µs",
        "",
        [Goal("the retry layer on a good answer", "≤", 2.0, found[0].value, "µs")],
        found,
    )


def _ratio_of(found: list[Entry], name: str) -> float | None:
    return next(one.ratio for one in found if one.name == name)
