"""Many at once under asyncio: in flight, waiting, in a burst, with `wait_many` (P6–P9, P16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.processes import Counts, Overran, Server, Worker
from benchmarks.report import Entry, Goal, Row, entry, ratio, related
from benchmarks.running import (
    OURS,
    Run,
    Samples,
    best,
    entries,
    job,
    shown,
)

FEW, SOME, MANY = 50, 500, 2000
EVEN = (OURS, "google_genai", "openai", "httpx2", "raw")
# Those on httpx's pool take milliseconds of CPU for a question at 500 in flight: two of them, at
# that level, show it.
FLYING = (*EVEN, "replicate", "httpx")
FLEET = (OURS, "google_genai", "openai", "httpx2", "httpx")
WAIT_MANY = "chainhub, `wait_many`"
LATENCY = 0.1
EVERY = 5.0


def in_flight(run: Run) -> Iterator[Row]:
    """Measure P6 and P7: CPU of a request with many under way, each client as it is shipped."""
    with run.serving() as served, run.working(FLYING, served) as workers:
        found = {level: _flown(run, workers, level) for level in (FEW, SOME, MANY)}
    at = {level: entries(found[level], "us", ("failed",)) for level in found}
    rival = best(at[SOME])
    flown = related(at[SOME], shown(rival))
    yield Row(
        "P6",
        f"{SOME} requests in flight: CPU of one",
        "µs",
        shown(rival),
        [Goal(f"CPU at {SOME} in flight ÷ best peer", "≤", 0.60, _ratio(flown, OURS))],
        flown,
        [
            f"The best peer of this run is {shown(rival) or 'none: no peer is installed'}.",
            "runwayml, fal-client and lumaai stand on httpx's pool, as replicate does, and were "
            "left out.",
        ],
    )
    yield _flatness(at)


def _flown(run: Run, workers: dict[str, Worker], level: int) -> dict[str, Samples]:
    flying = FLYING if level == SOME else EVEN
    given = {
        "in_flight": run.sized(level, 3),
        "seconds": run.sized(1.0, 0.01),
        "most": run.sized(max(level * 4, 1500), 6),
    }
    measures = {peer: job(workers[peer], "flight", **given) for peer in flying}
    return run.in_turn(measures, 2)


def _flatness(at: dict[int, list[Entry]]) -> Row:
    values = {level: {one.name: one.value for one in at[level]} for level in at}
    listed = [
        Entry(
            shown(peer),
            ratio(values[MANY][shown(peer)], values[FEW][shown(peer)]),
            extra={
                f"µs at {level:,}": value
                for level in (FEW, SOME, MANY)
                if (value := values[level][shown(peer)]) is not None
            },
            note=next(one.note for one in at[MANY] if one.name == shown(peer)),
        )
        for peer in EVEN
    ]
    ours = next(one.value for one in listed if one.name == OURS)
    return Row(
        "P7",
        f"CPU of a request with {MANY:,} in flight by that with {FEW}",
        "ratio",
        "",
        [Goal(f"CPU at {MANY:,} ÷ at {FEW} in flight", "≤", 1.2, ours)],
        listed,
    )


def fleets(run: Run) -> Iterator[Row]:
    """Measure P8: tasks that wait, each asked about every five seconds, answers after 100 ms."""
    given = {
        "tasks": run.sized(MANY, 4),
        "every": run.sized(EVERY, 0.05),
        "seconds": run.sized(20.0, 0.1),
    }
    latency = run.sized(LATENCY, 0.001)
    with run.serving(latency) as served, run.working(FLEET, served) as workers:
        waiting = {**given, "seconds": run.sized(20.0, 0.4)}  # the first polls of all come at once
        measures: dict[str, Callable[[], dict[str, float]]] = {
            peer: _with_connections(workers[peer], served.counts, "fleet", given) for peer in FLEET
        }
        measures[WAIT_MANY] = _with_connections(workers[OURS], served.counts, "gathered", waiting)
        measured = run.in_turn(measures, 1)
    found = entries(measured, "share", ("connections per request",), yardstick="httpx2")
    ours = next(one for one in found if one.name == WAIT_MANY)
    yield Row(
        "P8",
        f"{given['tasks']:,} waiting tasks, a poll every {given['every']:g} s, "
        f"answers after {latency:g} s",
        "of a core",
        "httpx2",
        [
            Goal("share of a core ÷ httpx2", "≤", 0.80, ours.ratio),
            Goal("connections per request", "≤", 0.02, ours.extra.get("connections per request")),
        ],
        found,
        [
            "`wait_many` and, for the others and `chainhub` itself, a coroutine a task that polls, "
            f"for {given['seconds']:g} s.",
            "The share is CPU for a poll times the polls that are due in a second.",
        ],
    )


def _with_connections(
    one: Worker, counts: Callable[[], Counts], name: str, given: dict[str, float]
) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        before, figures, after = counts(), one.do(name, **given), counts()
        used = after.connections - before.connections
        asked = after.requests - before.requests
        return {**figures, "connections per request": used / max(asked, 1)}

    return measure


def bursts(run: Run) -> Iterator[Row]:
    """Measure P9: two thousand calls at the same moment against answers that take a second."""
    calls, within = run.sized(MANY, 5), run.sized(25.0, 5.0)
    with run.serving(run.sized(1.0, 0.01)) as served, run.working(FLEET, served) as workers:
        measures = {peer: partial(_burst, workers[peer], served, calls, within) for peer in FLEET}
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
    """Measure P16: `wait_many` as fast as it can against a gather over `query`; its memory."""
    waiting = {"tasks": run.sized(1000, 3), "every": 0.001, "seconds": run.sized(4.0, 0.4)}
    asking = {"in_flight": run.sized(100, 3), "seconds": run.sized(2.0, 0.05), "most": 10**9}
    tasks = run.sized(10_000, 5)
    with run.serving() as served, run.working((OURS,), served) as workers:
        one = workers[OURS]
        measures = {
            WAIT_MANY: job(one, "gathered", **waiting),
            "chainhub, gather over `query`": job(one, "flight", **asking),
        }
        measured = run.in_turn(measures, 3)
        held = run.in_turn({OURS: job(one, "waiting", tasks=tasks, within=60.0)}, 1)[OURS]
    yield _many_row(measured, held, tasks)


def _many_row(measured: dict[str, Samples], held: Samples, tasks: int) -> Row:
    rates = {
        name: entry(
            name,
            [count / cpu for count, cpu in zip(one.of("count"), one.of("cpu"), strict=True)],
            one.why,
        )
        for name, one in measured.items()
    }
    gather = "chainhub, gather over `query`"
    mb = held.of("mb")[0] if held.figures else None
    memory = entry(f"MB for {tasks:,} waiting tasks", held.of("mb"), held.why)
    goals = [
        Goal(
            "`wait_many` ÷ gather over `query`, polls a second and core",
            "≥",
            2.0,
            ratio(rates[WAIT_MANY].value, rates[gather].value),
        ),
        Goal(f"memory for {tasks:,} waiting tasks", "≤", 60.0, mb, "MB"),
    ]
    return Row(
        "P16",
        "`wait_many`: polls for a second of CPU; memory",
        "polls/s",
        gather,
        goals,
        [*related(rates.values(), gather), memory],
        ["Both with 100 requests in flight at most, on one core, as fast as they can."],
    )


def _ratio(found: list[Entry], name: str) -> float | None:
    return next(one.ratio for one in found if one.name == name)
