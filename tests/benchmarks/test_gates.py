"""What is held exactly: functions called and connections opened repeat to the last one.

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
def served() -> Iterator[Server]:
    """Give a bench server."""
    with server() as started:
        yield started


@pytest.fixture(scope="module")
def ours(served: Server) -> Iterator[Worker]:
    """Give a process that measures our client."""
    with worker("chainhub", served) as started:
        yield started


@pytest.mark.parametrize(("shape", "most"), [("plain", MOST_CALLS), ("gzip", MOST_CALLS_CHUNKED)])
def test_functions_called_per_query(served: Server, ours: Worker, shape: str, most: int) -> None:
    """A query calls no more functions than that, and each time as many."""
    at = served.at(shape)
    first, second = (ours.do("counted", calls=count, at=at)["calls"] for count in (5, 10))
    assert first == second
    assert first <= most


def test_functions_called_per_poll(ours: Worker) -> None:
    """A poll inside `wait` calls no more than that, and each time as many."""
    first, second = (ours.do("counted_polls", polls=count)["calls"] for count in (5, 10))
    assert first == second
    assert first <= MOST_CALLS_OF_A_POLL


def test_functions_called_for_who_listens(ours: Worker) -> None:
    """An observer that does nothing costs a tenth of a query at most, logging a quarter."""
    called = {
        kind: ours.do("counted_listened", calls=10, kind=kind)["calls"]
        for kind in ("off", "info", "hook")
    }
    assert called["hook"] <= called["off"] * 1.10
    assert called["info"] <= called["off"] * 1.25


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
    monkeypatch: pytest.MonkeyPatch, served: Server, gap: float, connections: int
) -> None:
    """Polls 6 s apart share one connection; after a minute without use one is not trusted."""
    # For sync only: the asynchronous pool decides by the same clock and the same line.
    Clock(monkeypatch)
    before = served.counts()
    client = chainhub.Client(KEY, base_url=served.url)
    with client, pytest.raises(chainhub.WaitTimeout) as caught:
        client.video.wait(TASK_ID, interval=gap, deadline=gap * 5 - 1)
    after = served.counts()
    assert caught.value.polls == after.requests - before.requests == 6
    assert after.connections - before.connections == connections
