"""What one request costs: CPU, functions called, logging and observers (P3, P4, P5, P18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.answers import PLAIN
from benchmarks.report import Goal, Row, entry, ratio, related
from benchmarks.running import (
    EVERYBODY,
    OURS,
    Run,
    Samples,
    best,
    by_case,
    entries,
    job,
    shown,
    with_cases,
)

MOST_CALLS = 750
MOST_CALLS_CHUNKED = 900
MOST_CALLS_OF_A_POLL = 750
POLL = "chainhub, a poll in `wait`"

# What a case is called on the page: the shape of the answer, and whether it is encrypted.
CASES: dict[str, tuple[str, bool]] = {
    "plain": (PLAIN, False),
    "chunked": ("chunked", False),
    "gzip, chunked": ("gzip", False),
    "20 headers, gzip, chunked": ("headers", False),
    "20 kB, chunked": ("20kB-chunked", False),
    "TLS, plain": (PLAIN, True),
    "TLS, gzip, chunked": ("gzip", True),
}
LIMITS = {"20 kB, chunked": 0.65, "TLS, plain": 0.60, "TLS, gzip, chunked": 0.60}
POLLED = {"plain": 0.55, "chunked": 0.40}


def queries(run: Run) -> Iterator[Row]:
    """Measure P3 and P4: a query and a poll, one thread, connections kept."""
    calls = run.sized(400, 3)
    peers = run.asked(EVERYBODY)
    measures: dict[tuple[str, str], Callable[[], dict[str, float]]] = {}
    with run.serving() as served, run.working(peers, served) as workers:
        for case, (shape, tls) in CASES.items():
            at = served.at(shape, tls=tls)
            for peer, one in workers.items():
                # One knows no other answers, and one does not trust the server.
                if case == "plain" or not (peer == "raw" or (peer == "niquests" and tls)):
                    measures[peer, case] = job(one, "sync", calls=calls, at=at)
            if case in POLLED:
                measures[POLL, case] = job(workers[OURS], "polled", polls=calls, at=at)
        before = served.counts()
        measured = by_case(run.in_turn(measures, 9))
        after = served.counts()
    busy = (after.cpu - before.cpu) / max(after.requests - before.requests, 1) * 1e6
    yield from _query_rows(measured, busy)


def _query_rows(measured: dict[str, dict[str, Samples]], busy: float) -> Iterator[Row]:
    polls = {case: measured[case].pop(POLL) for case in POLLED}
    found = {case: entries(samples, "us") for case, samples in measured.items()}
    rivals = {case: shown(best(listed)) for case, listed in found.items()}
    named = {case: {one.name: one for one in listed} for case, listed in found.items()}
    ours = {case: listed[OURS] for case, listed in named.items()}
    shapes = [ratio(ours[case], ours["plain"]) for case, (_, tls) in CASES.items() if not tls]
    yield Row(
        "P3",
        "`client.video.query`, one thread, connections kept: CPU of a call",
        "µs",
        rivals["plain"],
        [
            *(
                Goal(
                    f"`query` ÷ best peer: {case}",
                    "≤",
                    LIMITS.get(case, 0.55),
                    ratio(ours[case], named[case].get(rivals[case])),
                )
                for case in CASES
            ),
            Goal(
                "slowest shape of answer ÷ plain",
                "≤",
                1.4,
                max((one for one in shapes if one), default=None),
            ),
        ],
        related(with_cases(found, "plain"), rivals["plain"]),
        [
            f"735 bytes unless it is said otherwise; {_best(rivals)}.",
            f"The server took {busy:.0f} µs of its own core for an answer.",
        ],
    )
    polled = {case: entry(POLL, polls[case].of("us"), polls[case].why) for case in POLLED}
    compared = [
        [polled[case], *(one for one in found[case] if one.name in (OURS, rivals[case], "httpx"))]
        for case in POLLED
    ]
    yield Row(
        "P4",
        "one poll inside `wait`: CPU, without the sleep",
        "µs",
        rivals["plain"],
        [
            Goal(
                f"a poll ÷ best peer's call: {case}",
                "≤",
                limit,
                ratio(polled[case], named[case].get(rivals[case])),
            )
            for case, limit in POLLED.items()
        ],
        related(with_cases(dict(zip(POLLED, compared, strict=True)), "plain"), rivals["plain"]),
        ["Measured in the same rounds as P3; no answer has the bytes of the one before."],
    )


def _best(rivals: dict[str, str]) -> str:
    if not any(rivals.values()):
        return "no peer is installed"
    return "the best peer is " + ", ".join(f"{name} ({case})" for case, name in rivals.items())


def counts(run: Run) -> Iterator[Row]:
    """Measure P5: functions called, in Python and C; the same in each run."""
    calls = run.sized(20, 4)
    peers = run.asked(EVERYBODY)
    with run.serving() as served, run.working(peers, served) as workers:
        gzip = served.at("gzip")
        measures = {peer: job(one, "counted", calls=calls) for peer, one in workers.items()}
        measures[POLL] = job(workers[OURS], "counted_polls", polls=calls)
        measures["gzip"] = job(workers[OURS], "counted", calls=calls, at=gzip)
        measured = run.in_turn(measures, 1)
    compressed = entry("chainhub, gzip, chunked", measured.pop("gzip").of("calls"))
    found = related([*entries(measured, "calls"), compressed], "httpx")
    value = {one.name: one.value for one in found}
    yield Row(
        "P5",
        "functions called for a request, Python's and C's",
        "calls",
        "httpx",
        [
            Goal("functions called per query", "≤", MOST_CALLS, value[OURS]),
            Goal("the same, gzip, chunked", "≤", MOST_CALLS_CHUNKED, compressed.value),
            Goal("functions called per poll", "≤", MOST_CALLS_OF_A_POLL, value[POLL]),
        ],
        found,
        ["Exact with one version of Python and these headers; `make test` holds the limits."],
    )


def listeners(run: Run) -> Iterator[Row]:
    """Measure P18: what it costs that somebody listens."""
    calls = run.sized(500, 3)
    kinds = {
        "nobody": "off",
        "logging at INFO": "info",
        "an `on_attempt` that does nothing": "hook",
    }
    with run.serving() as served, run.working((OURS,), served) as workers:
        measures = {
            name: job(workers[OURS], "listened", calls=calls, kind=kind)
            for name, kind in kinds.items()
        }
        found = entries(run.in_turn(measures, 15), "us", yardstick="nobody")
    value = {one.name: one.ratio for one in found}
    yield Row(
        "P18",
        "a query with logging, or with an observer: CPU",
        "µs",
        "nobody",
        [
            Goal("logging at INFO ÷ off", "≤", 1.25, value["logging at INFO"]),
            Goal("an observer that does nothing ÷ none", "≤", 1.10, value[list(kinds)[2]]),
        ],
        found,
        ["The records are formatted and written to the null device."],
    )
