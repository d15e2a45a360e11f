"""Which benchmarks there are, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from benchmarks import (
    batches,
    calls,
    downloads,
    fleet,
    flights,
    generating,
    polls,
    starts,
)
from benchmarks.report import Row
from benchmarks.running import Run

Benchmark = Callable[[Run], Iterator[Row]]

BENCHMARKS: tuple[tuple[tuple[str, ...], Benchmark], ...] = (
    (("P1",), starts.imports),
    (("P2",), starts.first_answers),
    (("P3", "P4"), calls.queries),
    (("P5",), calls.counts),
    (("P6",), flights.in_flight),
    (("P7",), flights.flatness),
    (("P9",), flights.bursts),
    (("P12",), polls.schedules),
    (("P13",), starts.clients),
    (("P14",), downloads.downloads),
    (("P15",), starts.memory),
    (("P16",), flights.wait_many),
    (("P17",), generating.generation),
    (("P18",), calls.observers),
    (("P19",), flights.loops),
    (("P20",), flights.waiting_memory),
    (("P21",), polls.refusal_costs),
    (("P22",), downloads.download_many),
    (("P23",), batches.threads),
    (("P24",), batches.command_line),
    (("M",), fleet.million),
)

NAMES = tuple(name for names, _ in BENCHMARKS for name in names)


def select(only: Iterable[str]) -> list[tuple[tuple[str, ...], Benchmark]]:
    """Return the benchmarks of these rows, each with the names of its rows; all of them for none.

    Raises:
        ValueError: a name is not one of a row.
    """
    row_ids = {name.upper() for name in only}
    if unknown := sorted(row_ids - set(NAMES)):
        raise ValueError(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return [row for row in BENCHMARKS if not row_ids or row_ids & {*row[0]}]
