"""Exact limits: the numbers of functions called and connections opened are the same in each run.

Counts are taken in processes of their own, without coverage, with the bench server's headers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import chainhub
from benchmarks.answers import KEY, TASK_ID
from benchmarks.calls import MOST_CALLS, MOST_CALLS_CHUNKED, MOST_CALLS_OF_A_POLL
from benchmarks.processes import Server, Worker, server, worker
from chainhub import _clock


@pytest.fixture(scope="module")
def bench() -> Iterator[Server]:
    """Give a bench server."""
    with server() as instance:
        yield instance


@pytest.fixture(scope="module")
def ours(bench: Server) -> Iterator[Worker]:
    """Give a process that measures our client."""
    with worker("chainhub", bench) as process:
        yield process


@pytest.mark.parametrize(("shape", "most"), [("plain", MOST_CALLS), ("gzip", MOST_CALLS_CHUNKED)])
def test_functions_called_per_query(bench: Server, ours: Worker, shape: str, most: int) -> None:
    """A query calls no more functions than that, and each time as many."""
    at = bench.at(shape)
    first, second = (ours.do("count_calls", calls=count, at=at)["calls"] for count in (5, 10))
    assert first == second
    assert first <= most


def test_functions_called_per_poll(ours: Worker) -> None:
    """A poll inside `wait` calls no more than that, and each time as many."""
    first, second = (ours.do("count_poll_calls", polls=count)["calls"] for count in (5, 10))
    assert first == second
    assert first <= MOST_CALLS_OF_A_POLL


def test_functions_called_for_observers(ours: Worker) -> None:
    """An observer that does nothing costs a tenth of a query at most, logging a quarter."""
    calls = {
        kind: ours.do("count_observed_calls", calls=10, kind=kind)["calls"]
        for kind in ("off", "info", "hook")
    }
    assert calls["hook"] <= calls["off"] * 1.10
    assert calls["info"] <= calls["off"] * 1.25


class Clock:
    """A clock that goes on only where somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(_clock, "monotonic", lambda: self.now)
        monkeypatch.setattr(_clock, "sleep", self._sleep)

    def _sleep(self, delay: float, cancel: object) -> None:
        self.now += delay


@pytest.mark.parametrize(("gap", "connections"), [(6.0, 1), (60.0, 6)])
def test_connections_for_polls_with_pauses(
    monkeypatch: pytest.MonkeyPatch, bench: Server, gap: float, connections: int
) -> None:
    """Polls 6 s apart share one connection; after a minute without use one is not trusted."""
    # For sync only: the asynchronous pool decides by the same clock and the same line.
    Clock(monkeypatch)
    begin = bench.counts()
    client = chainhub.Client(KEY, base_url=bench.url)
    with client, pytest.raises(chainhub.WaitTimeout) as caught:
        client.video.wait(TASK_ID, interval=gap, deadline=gap * 5 - 1)
    end = bench.counts()
    assert caught.value.polls == end.requests - begin.requests == 6
    assert end.connections - begin.connections == connections
