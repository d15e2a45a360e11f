"""Many at once under asyncio: in flight, in a burst, with `wait_many` (P6, P7, P9, P16, P19)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.answers import PLAIN
from benchmarks.processes import Overran, Server, Worker
from benchmarks.report import Entry, Goal, Row, entry, ratio, related
from benchmarks.running import (
    OURS,
    SDKS,
    Run,
    best,
    by_case,
    entries,
    job,
    shown,
    with_cases,
)

FEW, SOME, MANY = 50, 500, 2000
EXTRAS = ("google_genai_aiohttp", "openai_aiohttp")
# Those on httpx's pool take milliseconds of CPU for a request at 500 in flight: two of them show
# it, one of them only in a run with all.
FLYING = (OURS, "google_genai", *EXTRAS, "openai", "httpx2", "raw")
EVEN = (OURS, "google_genai", "openai", "httpx2", "raw")
SLOW = ("replicate", "httpx")
OTHERS = ("aiohttp", "niquests", "pyreqwest")
BURST = (OURS, "google_genai", "openai", "httpx2", "httpx")
WAIT_MANY = "chainhub, `wait_many`"

CASES = {
    "plain": (PLAIN, False),
    "chunked": ("chunked", False),
    "TLS, plain": (PLAIN, True),
    "TLS, chunked": ("chunked", True),
}
LIMITS = {"plain": 0.35, "chunked": 0.35, "TLS, plain": 0.45, "TLS, chunked": 0.45}


def in_flight(run: Run) -> Iterator[Row]:
    """Measure P6: CPU of a request with many under way."""
    peers = run.asked((*FLYING, *((*SLOW, *OTHERS) if run.everybody else ())))
    given = {
        "in_flight": run.sized(SOME, 3),
        "seconds": run.sized(1.0, 0.01),
        "most": run.sized(SOME * 3, 6),
    }
    with run.serving() as served, run.working(peers, served) as workers:
        measures = {
            (peer, case): job(one, "flight", **given, at=served.at(shape, tls=tls))
            for case, (shape, tls) in CASES.items()
            for peer, one in workers.items()
            if case == "plain" or peer not in ("raw", "niquests", *SLOW)
        }
        measured = by_case(run.in_turn(measures, 5))
    found = {case: entries(samples, "us") for case, samples in measured.items()}
    named = {case: {one.name: one for one in listed} for case, listed in found.items()}
    rivals = {case: shown(best(listed, (*SDKS, *EXTRAS))) for case, listed in found.items()}
    shipped = shown(best(found["plain"]))
    failed = sum(sum(one.of("failed")) for case in measured.values() for one in case.values())
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
                ratio(named["plain"][OURS], named["plain"].get(shipped)),
            ),
            *(
                Goal(
                    f"CPU ÷ best peer with its extra: {case}",
                    "≤",
                    LIMITS[case],
                    ratio(named[case][OURS], named[case].get(rivals[case])),
                )
                for case in CASES
            ),
        ],
        related(with_cases(found, "plain"), shipped),
        [
            f"As shipped the best peer of this run is {shipped or 'none: no peer is installed'}; "
            f"with extras {rivals['plain'] or 'none'} (TLS, chunked: "
            f"{rivals['TLS, chunked'] or 'none'}). {failed:,.0f} calls failed.",
            "runwayml, fal-client and lumaai stand on httpx's pool, as replicate does, and were "
            "left out.",
        ],
    )


def flatness(run: Run) -> Iterator[Row]:
    """Measure P7: whether a request costs more among two thousand than among fifty."""
    peers = run.asked(EVEN)
    with run.serving() as served, run.working(peers, served) as workers:
        measures = {
            (peer, str(level)): job(
                workers[peer],
                "flight",
                in_flight=run.sized(level, 3),
                seconds=run.sized(1.0, 0.01),
                most=run.sized(max(level * 3, 1500), 6),
            )
            for peer in peers
            for level in (FEW, MANY)
        }
        measured = by_case(run.in_turn(measures, 5))
    few, many = (entries(measured[str(level)], "us") for level in (FEW, MANY))
    named = {one.name: one for one in few}
    listed = [
        Entry(
            one.name,
            ratio(one, named[one.name]),
            extra={
                f"µs at {level:,}": value
                for level, value in ((FEW, named[one.name].value), (MANY, one.value))
                if value is not None
            },
            note=one.note,
        )
        for one in many
    ]
    ours = next(one.value for one in listed if one.name == OURS)
    yield Row(
        "P7",
        f"CPU of a request with {MANY:,} in flight by that with {FEW}",
        "ratio",
        "",
        [Goal(f"CPU at {MANY:,} ÷ at {FEW} in flight", "≤", 1.2, ours)],
        listed,
    )


def bursts(run: Run) -> Iterator[Row]:
    """Measure P9: two thousand calls at the same moment against answers that take a second."""
    peers = BURST if run.everybody else (OURS,)
    calls, within = run.sized(MANY, 5), run.sized(25.0, 5.0)
    with run.serving(run.sized(1.0, 0.01)) as served, run.working(peers, served) as workers:
        measures = {peer: partial(_burst, workers[peer], served, calls, within) for peer in peers}
        measured = run.in_turn(measures, 1)
    found = entries(measured, "wall", ("succeeded", "failed"))
    ours = next(one for one in found if one.name == OURS)
    yield Row(
        "P9",
        f"{calls:,} calls at once, answers after a second, defaults",
        "s",
        "",
        [
            Goal("failed calls", "=", 0, ours.extra.get("failed")),
            Goal("until all have succeeded", "≤", 22.0, ours.value, "s"),
        ],
        found,
        [
            f"What has not succeeded after {within:g} s is counted as failed and broken off. "
            "Where the client's event loop is so busy that it cannot be broken off, its process "
            "is ended, and at most as many calls have succeeded as the server had answered."
        ],
    )


def _burst(one: Worker, served: Server, calls: int, within: float) -> dict[str, float]:
    before = served.counts().requests
    try:
        figures = one.do("burst", within + 5.0, calls=calls, within=within)
    except Overran:
        good = min(served.counts().requests - before, calls)
        return {"wall": within + 5.0, "succeeded": good, "failed": calls - good}
    return {**figures, "succeeded": figures["good"]}


def many(run: Run) -> Iterator[Row]:
    """Measure P16: `wait_many` as fast as it can, against a gather over the peers' calls."""
    waiting = {"tasks": run.sized(1000, 3), "every": 0.001, "seconds": run.sized(2.0, 0.4)}
    asking = {"in_flight": run.sized(100, 3), "seconds": run.sized(1.0, 0.05), "most": 10**9}
    peers = run.asked((OURS, "google_genai", *EXTRAS, "openai", *SLOW))
    with run.serving() as served, run.working(peers, served) as workers:
        measures = {peer: job(one, "flight", **asking) for peer, one in workers.items()}
        measures[WAIT_MANY] = job(workers[OURS], "gathered", **waiting)
        found = entries(run.in_turn(measures, 7), "us")
    rival = shown(best(found, (*SDKS, *EXTRAS)))
    named = {one.name: one for one in found}
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
                ratio(named[WAIT_MANY], named.get(rival)),
            )
        ],
        related(found, rival),
        [
            "Everybody with 100 requests in flight, on one core, as fast as they can; "
            f"the best peer, extras included, is {rival or 'none: no peer is installed'}. "
            "No answer has the bytes of another."
        ],
    )


def held(run: Run) -> Iterator[Row]:
    """Measure P20: the memory of an id that waits, by the size of its answers."""
    tasks = run.sized(10_000, 5)
    sizes = {"735 B": (PLAIN, 4.0), "2 kB": ("2kB", 5.0), "20 kB": ("20kB", 24.0)}
    found: list[Entry] = []
    for name, (shape, _) in sizes.items():
        # Each in a process of its own: what one has given back another takes without growing.
        with run.serving() as served, run.working((OURS,), served) as workers:
            measure = job(workers[OURS], "waiting", tasks=tasks, within=60.0, at=served.at(shape))
            samples = run.in_turn({OURS: measure}, 1)[OURS]
        per_id = [figures["mb"] * 1e3 / figures["tasks"] for figures in samples.figures]
        found.append(entry(f"chainhub, answers of {name}", per_id, samples.why))
    yield Row(
        "P20",
        f"{tasks:,} waiting tasks, each asked about once: memory of one",
        "kB",
        "",
        [
            Goal(f"memory of a waiting id, answers of {name}", "≤", limit, one.value, "kB")
            for (name, (_, limit)), one in zip(sizes.items(), found, strict=True)
        ],
        found,
    )


def loops(run: Run) -> Iterator[Row]:
    """Measure P19: the async client under uvloop."""
    given = {
        "in_flight": run.sized(SOME, 3),
        "seconds": run.sized(1.0, 0.01),
        "most": run.sized(SOME * 3, 6),
    }
    uvloop = "chainhub_uvloop"
    with run.serving() as served, run.working((OURS, uvloop), served) as workers:
        measures = {peer: job(one, "flight", **given) for peer, one in workers.items()}
        found = entries(run.in_turn(measures, 9), "us", ("failed",), yardstick=OURS)
    ours = next(one for one in found if one.name == shown(uvloop))
    yield Row(
        "P19",
        f"{SOME} requests in flight under uvloop: CPU of one",
        "µs",
        OURS,
        [Goal("CPU under uvloop ÷ asyncio", "≤", 1.0, ours.ratio)],
        found,
    )
