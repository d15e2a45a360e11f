"""The simulation of many waiting tasks over workers against a limit."""

from __future__ import annotations

import pytest

from benchmarks.fleet import Fleet, Service, outcome_of


def test_the_service_takes_what_it_can() -> None:
    """A second's worth at once, then so many a second; the rest is refused."""
    service = Service(10.0)
    assert sum(service.accepts(0.0) for _ in range(25)) == 10
    assert sum(service.accepts(0.5) for _ in range(25)) == 5
    assert sum(service.accepts(9.0) for _ in range(25)) == 10
    assert (service.polls, service.refused) == (75, 50)


@pytest.mark.parametrize("workers", [1, 4])
def test_no_task_is_lost(workers: int) -> None:
    """Every task's end is found after it came, and the service is not asked more than it takes."""
    fleet = Fleet(500, workers, 50.0, seed=1).run()
    outcome = fleet.outcome()
    assert (outcome.lost, len(fleet.delays)) == (0, 500)
    assert min(fleet.delays) >= 0
    assert outcome.polls - outcome.refused <= 50.0 * (outcome.until + 1)
    assert outcome.until < 900


def test_workers_that_know_nothing_of_each_other_find_their_parts() -> None:
    """More workers are refused more, but no task waits much longer for it."""
    few, many = outcome_of(1, 1000, 100.0), outcome_of(16, 1000, 100.0)
    assert few.refused / few.polls < many.refused / many.polls < 0.5
    assert many.until < 1.2 * few.until


def test_the_same_seed_gives_the_same() -> None:
    """The outcome depends on nothing else."""
    assert outcome_of(2, 200, 20.0) == outcome_of(2, 200, 20.0)
    assert outcome_of(2, 200, 20.0, seed=2) != outcome_of(2, 200, 20.0)
