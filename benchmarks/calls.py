"""The cost of one request: CPU, functions called, logging and observers (P3, P4, P5, P18)."""

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
    label,
    with_cases,
)

MOST_CALLS = 750
MOST_CALLS_CHUNKED = 900
MOST_CALLS_OF_A_POLL = 750
POLL = "chainhub, a poll in `wait`"

# Names of cases on the page: the shape of the response, and whether it is encrypted.
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
POLL_LIMITS = {"plain": 0.55, "chunked": 0.40}


def queries(run: Run) -> Iterator[Row]:
    """Measure P3 and P4: a query and a poll, one thread, connections kept."""
    calls = run.size(400, 3)
    peers = run.select(EVERYBODY)
    measures: dict[tuple[str, str], Callable[[], dict[str, float]]] = {}
    with run.server() as server, run.workers(peers, server) as workers:
        for case, (shape, tls) in CASES.items():
            url = server.at(shape, tls=tls)
            for peer, worker in workers.items():
                # `raw` reads no other responses, and niquests does not trust the server.
                if case == "plain" or not (peer == "raw" or (peer == "niquests" and tls)):
                    measures[peer, case] = job(worker, "query", calls=calls, at=url)
            if case in POLL_LIMITS:
                measures[POLL, case] = job(workers[OURS], "poll", polls=calls, at=url)
        begin = server.counts()
        cases = by_case(run.measure(measures, 9))
        end = server.counts()
    server_us = (end.cpu - begin.cpu) / max(end.requests - begin.requests, 1) * 1e6
    yield from _query_rows(cases, server_us)


def _query_rows(cases: dict[str, dict[str, Samples]], server_us: float) -> Iterator[Row]:
    waits = {case: cases[case].pop(POLL) for case in POLL_LIMITS}
    tables = {case: entries(samples, "us") for case, samples in cases.items()}
    rivals = {case: label(best(lines)) for case, lines in tables.items()}
    by_name = {case: {line.name: line for line in lines} for case, lines in tables.items()}
    ours = {case: lines[OURS] for case, lines in by_name.items()}
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
                    ratio(ours[case], by_name[case].get(rivals[case])),
                )
                for case in CASES
            ),
            Goal(
                "slowest shape of answer ÷ plain",
                "≤",
                1.4,
                max((value for value in shapes if value), default=None),
            ),
        ],
        related(with_cases(tables, "plain"), rivals["plain"]),
        [
            f"735 bytes unless it is said otherwise; {_best(rivals)}.",
            f"The server took {server_us:.0f} µs of its own core for an answer.",
        ],
    )
    polls = {case: entry(POLL, samples.of("us"), samples.why) for case, samples in waits.items()}
    poll_tables = {
        case: [poll, *(line for line in tables[case] if line.name in (OURS, rivals[case], "httpx"))]
        for case, poll in polls.items()
    }
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
                ratio(polls[case], by_name[case].get(rivals[case])),
            )
            for case, limit in POLL_LIMITS.items()
        ],
        related(with_cases(poll_tables, "plain"), rivals["plain"]),
        ["Measured in the same rounds as P3; no answer has the bytes of the one before."],
    )


def _best(rivals: dict[str, str]) -> str:
    if not any(rivals.values()):
        return "no peer is installed"
    return "the best peer is " + ", ".join(f"{name} ({case})" for case, name in rivals.items())


def counts(run: Run) -> Iterator[Row]:
    """Measure P5: functions called, in Python and C; the same in each run."""
    calls = run.size(20, 4)
    peers = run.select(EVERYBODY)
    with run.server() as server, run.workers(peers, server) as workers:
        gzip_url = server.at("gzip")
        processes = workers.items()
        measures = {peer: job(worker, "count_calls", calls=calls) for peer, worker in processes}
        measures[POLL] = job(workers[OURS], "count_poll_calls", polls=calls)
        measures["gzip"] = job(workers[OURS], "count_calls", calls=calls, at=gzip_url)
        samples = run.measure(measures, 1)
    compressed = entry("chainhub, gzip, chunked", samples.pop("gzip").of("calls"))
    lines = related([*entries(samples, "calls"), compressed], "httpx")
    by_name = {line.name: line.value for line in lines}
    yield Row(
        "P5",
        "functions called for a request, Python's and C's",
        "calls",
        "httpx",
        [
            Goal("functions called per query", "≤", MOST_CALLS, by_name[OURS]),
            Goal("the same, gzip, chunked", "≤", MOST_CALLS_CHUNKED, compressed.value),
            Goal("functions called per poll", "≤", MOST_CALLS_OF_A_POLL, by_name[POLL]),
        ],
        lines,
        ["Exact with one version of Python and these headers; `make test` holds the limits."],
    )


def observers(run: Run) -> Iterator[Row]:
    """Measure P18: the cost of logging and of an event hook."""
    calls = run.size(500, 3)
    kinds = {
        "nobody": "off",
        "logging at INFO": "info",
        "an `on_attempt` that does nothing": "hook",
    }
    with run.server() as server, run.workers((OURS,), server) as workers:
        measures = {
            name: job(workers[OURS], "query_observed", calls=calls, kind=kind)
            for name, kind in kinds.items()
        }
        lines = entries(run.measure(measures, 15), "us", yardstick="nobody")
    ratios = {line.name: line.ratio for line in lines}
    yield Row(
        "P18",
        "a query with logging, or with an observer: CPU",
        "µs",
        "nobody",
        [
            Goal("logging at INFO ÷ off", "≤", 1.25, ratios["logging at INFO"]),
            Goal("an observer that does nothing ÷ none", "≤", 1.10, ratios[list(kinds)[2]]),
        ],
        lines,
        ["The records are formatted and written to the null device."],
    )
