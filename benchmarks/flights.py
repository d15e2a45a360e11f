"""Many at once under asyncio: in flight, in a burst, with `wait_many` (P6, P7, P9, P16, P19)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.answers import PLAIN
from benchmarks.processes import JobTimeout, Server, Worker
from benchmarks.report import Entry, Goal, Row, entry, ratio, related
from benchmarks.running import (
    OURS,
    SDKS,
    Run,
    best,
    by_case,
    entries,
    job,
    label,
    with_cases,
)

FEW, SOME, MANY = 50, 500, 2000
EXTRAS = ("google_genai_aiohttp", "openai_aiohttp")
# Peers on httpx's pool take milliseconds of CPU for a request at 500 in flight: two of them show
# it, one of the two in a run of all peers only.
PEERS_IN_FLIGHT = (OURS, "google_genai", *EXTRAS, "openai", "httpx2", "raw")
PEERS_OF_FLATNESS = (OURS, "google_genai", "openai", "httpx2", "raw")
SLOW = ("replicate", "httpx")
ASYNC_LIBRARIES = ("aiohttp", "niquests", "pyreqwest")
PEERS_IN_BURST = (OURS, "google_genai", "openai", "httpx2", "httpx")
WAIT_MANY = "chainhub, `wait_many`"

CASES = {
    "plain": (PLAIN, False),
    "chunked": ("chunked", False),
    "TLS, plain": (PLAIN, True),
    "TLS, chunked": ("chunked", True),
}
LIMITS = {"plain": 0.35, "chunked": 0.35, "TLS, plain": 0.45, "TLS, chunked": 0.45}


def in_flight(run: Run) -> Iterator[Row]:
    """Measure P6: CPU of a request with many in flight."""
    peers = run.select((*PEERS_IN_FLIGHT, *((*SLOW, *ASYNC_LIBRARIES) if run.everybody else ())))
    arguments = {
        "in_flight": run.size(SOME, 3),
        "seconds": run.size(1.0, 0.01),
        "most": run.size(SOME * 3, 6),
    }
    with run.server() as server, run.workers(peers, server) as workers:
        measures = {
            (peer, case): job(worker, "flight", **arguments, at=server.at(shape, tls=tls))
            for case, (shape, tls) in CASES.items()
            for peer, worker in workers.items()
            if case == "plain" or peer not in ("raw", "niquests", *SLOW)
        }
        cases = by_case(run.measure(measures, 5))
    tables = {case: entries(samples, "us") for case, samples in cases.items()}
    by_name = {case: {line.name: line for line in lines} for case, lines in tables.items()}
    rivals = {case: label(best(lines, (*SDKS, *EXTRAS))) for case, lines in tables.items()}
    shipped = label(best(tables["plain"]))
    failures = sum(
        sum(samples.of("failed")) for case in cases.values() for samples in case.values()
    )
    yield Row(
        "P6",
        f"{SOME} requests in flight: CPU of one",
        "µs",
        shipped,
        [
            Goal(
                "CPU ÷ best peer as shipped: plain",
                "≤",
                0.30,
                ratio(by_name["plain"][OURS], by_name["plain"].get(shipped)),
            ),
            *(
                Goal(
                    f"CPU ÷ best peer with its extra: {case}",
                    "≤",
                    LIMITS[case],
                    ratio(by_name[case][OURS], by_name[case].get(rivals[case])),
                )
                for case in CASES
            ),
        ],
        related(with_cases(tables, "plain"), shipped),
        [
            f"As shipped the best peer of this run is {shipped or 'none: no peer is installed'}; "
            f"with extras {rivals['plain'] or 'none'} (TLS, chunked: "
            f"{rivals['TLS, chunked'] or 'none'}). {failures:,.0f} calls failed.",
            "runwayml, fal-client and lumaai stand on httpx's pool, as replicate does, and were "
            "left out.",
        ],
    )


def flatness(run: Run) -> Iterator[Row]:
    """Measure P7: whether a request costs more among two thousand than among fifty."""
    peers = run.select(PEERS_OF_FLATNESS)
    with run.server() as server, run.workers(peers, server) as workers:
        measures = {
            (peer, str(level)): job(
                workers[peer],
                "flight",
                in_flight=run.size(level, 3),
                seconds=run.size(1.0, 0.01),
                most=run.size(max(level * 3, 1500), 6),
            )
            for peer in peers
            for level in (FEW, MANY)
        }
        cases = by_case(run.measure(measures, 5))
    few, many = (entries(cases[str(level)], "us") for level in (FEW, MANY))
    by_name = {line.name: line for line in few}
    lines = [
        Entry(
            line.name,
            ratio(line, by_name[line.name]),
            extra={
                f"µs at {level:,}": value
                for level, value in ((FEW, by_name[line.name].value), (MANY, line.value))
                if value is not None
            },
            note=line.note,
        )
        for line in many
    ]
    ours = next(line.value for line in lines if line.name == OURS)
    yield Row(
        "P7",
        f"CPU of a request with {MANY:,} in flight by that with {FEW}",
        "ratio",
        "",
        [Goal(f"CPU at {MANY:,} ÷ at {FEW} in flight", "≤", 1.2, ours)],
        lines,
    )


def bursts(run: Run) -> Iterator[Row]:
    """Measure P9: two thousand calls at the same moment against answers that take a second."""
    peers = PEERS_IN_BURST if run.everybody else (OURS,)
    calls, within = run.size(MANY, 5), run.size(25.0, 5.0)
    with run.server(run.size(1.0, 0.01)) as server, run.workers(peers, server) as workers:
        measures = {peer: partial(_burst, workers[peer], server, calls, within) for peer in peers}
        samples = run.measure(measures, 1)
    lines = entries(samples, "wall", ("succeeded", "failed"))
    ours = next(line for line in lines if line.name == OURS)
    yield Row(
        "P9",
        f"{calls:,} calls at once, answers after a second, defaults",
        "s",
        "",
        [
            Goal("failed calls", "=", 0, ours.extra.get("failed")),
            Goal("until all have succeeded", "≤", 22.0, ours.value, "s"),
        ],
        lines,
        [
            f"What has not succeeded after {within:g} s is counted as failed and broken off. "
            "Where the client's event loop is so busy that it cannot be broken off, its process "
            "is ended, and at most as many calls have succeeded as the server had answered."
        ],
    )


def _burst(worker: Worker, server: Server, calls: int, within: float) -> dict[str, float]:
    requests_before = server.counts().requests
    try:
        figures = worker.do("burst", within + 5.0, calls=calls, within=within)
    except JobTimeout:
        good = min(server.counts().requests - requests_before, calls)
        return {"wall": within + 5.0, "succeeded": good, "failed": calls - good}
    return {**figures, "succeeded": figures["good"]}


def wait_many(run: Run) -> Iterator[Row]:
    """Measure P16: `wait_many` as fast as it can, against a gather over the peers' calls."""
    waits = {"tasks": run.size(1000, 3), "interval": 0.001, "deadline": run.size(2.0, 0.4)}
    calls = {"in_flight": run.size(100, 3), "seconds": run.size(1.0, 0.05), "most": 10**9}
    peers = run.select((OURS, "google_genai", *EXTRAS, "openai", *SLOW))
    with run.server() as server, run.workers(peers, server) as workers:
        measures = {peer: job(worker, "flight", **calls) for peer, worker in workers.items()}
        measures[WAIT_MANY] = job(workers[OURS], "wait_many", **waits)
        lines = entries(run.measure(measures, 7), "us")
    rival = label(best(lines, (*SDKS, *EXTRAS)))
    by_name = {line.name: line for line in lines}
    yield Row(
        "P16",
        "a poll of `wait_many`, and a call of a gather: CPU",
        "µs",
        rival,
        [
            Goal(
                "a poll of `wait_many` ÷ a call of a gather, best peer",
                "≤",
                0.6,
                ratio(by_name[WAIT_MANY], by_name.get(rival)),
            )
        ],
        related(lines, rival),
        [
            "Everybody with 100 requests in flight, on one core, as fast as they can; "
            f"the best peer, extras included, is {rival or 'none: no peer is installed'}. "
            "No answer has the bytes of another."
        ],
    )


def waiting_memory(run: Run) -> Iterator[Row]:
    """Measure P20: the memory of an id that waits, by the size of its answers."""
    tasks = run.size(10_000, 5)
    sizes = {"735 B": (PLAIN, 4.0), "2 kB": ("2kB", 5.0), "20 kB": ("20kB", 24.0)}
    lines: list[Entry] = []
    for name, (shape, _) in sizes.items():
        # Each in a new process: memory that was freed would be used again, without growth.
        with run.server() as server, run.workers((OURS,), server) as workers:
            measure = job(workers[OURS], "wait_idle", tasks=tasks, within=60.0, at=server.at(shape))
            samples = run.measure({OURS: measure}, 1)[OURS]
        per_id = [figures["mb"] * 1e3 / figures["tasks"] for figures in samples.figures]
        lines.append(entry(f"chainhub, answers of {name}", per_id, samples.why))
    yield Row(
        "P20",
        f"{tasks:,} waiting tasks, each asked about once: memory of one",
        "kB",
        "",
        [
            Goal(f"memory of a waiting id, answers of {name}", "≤", limit, line.value, "kB")
            for (name, (_, limit)), line in zip(sizes.items(), lines, strict=True)
        ],
        lines,
    )


def loops(run: Run) -> Iterator[Row]:
    """Measure P19: the async client under uvloop."""
    arguments = {
        "in_flight": run.size(SOME, 3),
        "seconds": run.size(1.0, 0.01),
        "most": run.size(SOME * 3, 6),
    }
    uvloop = "chainhub_uvloop"
    with run.server() as server, run.workers((OURS, uvloop), server) as workers:
        measures = {peer: job(worker, "flight", **arguments) for peer, worker in workers.items()}
        lines = entries(run.measure(measures, 9), "us", ("failed",), yardstick=OURS)
    ours = next(line for line in lines if line.name == label(uvloop))
    yield Row(
        "P19",
        f"{SOME} requests in flight under uvloop: CPU of one",
        "µs",
        OURS,
        [Goal("CPU under uvloop ÷ asyncio", "≤", 1.0, ours.ratio)],
        lines,
    )
