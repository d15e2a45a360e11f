"""Filling docs/performance.md with the figures of the last whole run.

The page is written by hand except between two comments that name a part of it:
`<!-- figures: NAME -->` and `<!-- end -->`. The text between them is made from the results only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from benchmarks.catalogue import NAMES
from benchmarks.report import Results, Row, goals_table, machine_lines, number, row_table

PART = re.compile(r"(<!-- figures: ([\w ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def filled(text: str, results: Results) -> str:
    """Return the page with the figures of these results.

    Raises:
        KeyError: the page names a part that does not exist.
    """
    return PART.sub(lambda match: match[1] + part(match[2], results) + match[3], text)


def part(name: str, results: Results) -> str:
    """Return one part of the page; a row that is new has no figures before the next whole run."""
    if name not in PARTS and name not in NAMES:
        raise KeyError(name)
    try:
        return PARTS[name](results) if name in PARTS else _row(results.row(name))
    except LookupError:
        return "Not measured yet.\n"


def _row(row: Row) -> str:
    notes = "".join(f"{note}\n\n" for note in row.notes)
    return notes + _details(f"{row.id}: the figures", row_table(row))


def _details(summary: str, table: str) -> str:
    """Return a table that is closed until it is clicked: open, all of them make a long page."""
    return f"<details>\n<summary>{summary}</summary>\n\n{table}\n</details>\n"


def _goals(results: Results) -> str:
    missed = [
        f"{row.id} ({goal.name})"
        for row in results.rows
        for goal in row.goals
        if goal.verdict != "met"
    ]
    summary = f"Not met: {'; '.join(missed)}." if missed else "All goals are met."
    return f"{summary}\n\n{_details('Every goal and its figure', goals_table(results.rows))}"


def _single(results: Results) -> str:
    first, query = results.row("P2").entry("chainhub"), results.row("P3").entry("chainhub")
    polls = results.row("P12").entry("chainhub, cold")
    return (
        f"A script takes {number(first.value)} ms of CPU from its start to the first answer "
        f"over http ({number(first.ratio)} times httpx's) and {number(first.extra['https'])} ms "
        f"over https. A request takes {number(query.value)} µs. "
        f"A wait without experience polls {number(polls.extra['polls a task'])} times and notices "
        f"the result {number(polls.extra['mean delay, s'])} s late on average, for tasks with "
        f"median durations from 30 to 300 s. All of this is far below a second of CPU time: for "
        f"one video only the delay matters.\n"
    )


def _thousand(results: Results) -> str:
    row = results.row("P16")
    poll, peer = row.entry("chainhub, `wait_many`"), row.entry(row.yardstick)
    memory = results.row("P20").goals[0]
    burst = results.row("P9").entry("chainhub")
    shares = {line.name: 2000 / 5 * (line.value or 0.0) / 1e6 for line in (poll, peer)}
    return (
        f"2,000 waiting tasks, polled every five seconds, take {number(100 * shares[poll.name])} % "
        f"of a core with `wait_many`; a gather over the best peer's calls ({peer.name}) takes "
        f"{number(100 * shares[peer.name])} %. Each waiting task takes {number(memory.value)} kB "
        f"of memory. "
        f"With 2,000 calls at the same moment and a second for each response, "
        f"{number(burst.extra['succeeded'])} calls succeed, the last after "
        f"{number(burst.value)} s: they wait for the client's 100 connections. One process is "
        f"enough.\n"
    )


def _million(results: Results) -> str:
    row = results.row("M")
    memory = results.row("P20").goals[0]
    poll = results.row("P16").entry("chainhub, `wait_many`")
    first, last = row.entries[0], row.entries[-1]
    return (
        f"Here the service is the limit. {row.notes[0]} With {first.name} all results are known "
        f"after {number(first.value)} s, {number(first.extra['mean delay, s'])} s late on average; "
        f"with {last.name} after {number(last.value)} s and "
        f"{number(last.extra['mean delay, s'])} s, and {number(last.extra['refused, %'])} % of the "
        f"requests get a 429 while the workers learn the rate limit. A core makes "
        f"{number(1e6 / (poll.value or math.nan))} polls a second at most, and a waiting task "
        f"takes {number(memory.value)} kB of memory.\n"
    )


PARTS: dict[str, Callable[[Results], str]] = {
    "goals": _goals,
    "machine": machine_lines,
    "one": _single,
    "thousand": _thousand,
    "million": _million,
}
