"""The token bucket of a client's retries."""

from __future__ import annotations

import threading

import pytest

from chainhub._session.retry import RetryBudget


def spendings(budget: RetryBudget, now: float) -> int:
    """Return how many retries the bucket pays for at one instant."""
    count = 0
    while count < 100 and budget.spend(budget.cost, now):
        count += 1
    return count


def test_five_retries_at_once() -> None:
    """A full bucket pays for five retries and then for none."""
    assert spendings(RetryBudget(), now=0.0) == 5


def test_a_refused_retry_costs_nothing() -> None:
    """What cannot be paid in full takes no token."""
    budget = RetryBudget(capacity=15)
    assert budget.spend(10, 0.0)
    assert not budget.spend(10, 0.0)
    assert budget.tokens(0.0) == 5.0


@pytest.mark.parametrize(
    ("start", "then", "tokens"),
    [
        (0.0, 0.0, 0.0),
        (0.0, 100.0, 10.0),
        (1000.0, 1100.0, 10.0),
        (0.0, 1e6, 50.0),
        (50.0, 0.0, 0.0),
    ],
)
def test_refill(start: float, then: float, tokens: float) -> None:
    """A tenth of a token comes each second, up to the rim, and none for time that ran back."""
    budget = RetryBudget()
    assert budget.spend(50, start)
    assert budget.tokens(then) == pytest.approx(tokens)


@pytest.mark.parametrize(
    ("spent", "tokens"),
    [(0.0, 1.0), (10.0, 10.0), (30.0, 30.0), (90.0, 50.0)],
)
def test_a_success_pays_back(spent: float, tokens: float) -> None:
    """A success gives back all that its retries cost, at least one token, never over the rim."""
    budget = RetryBudget()
    assert budget.spend(50, 0.0)
    budget.succeeded(spent)
    assert budget.tokens(0.0) == tokens


def test_a_full_bucket_takes_no_lock() -> None:
    """The success of a healthy client does not wait for another thread."""
    budget = RetryBudget()
    with budget._lock:
        budget.succeeded()
    assert budget.tokens(0.0) == 50.0


def test_threads_share_it_exactly() -> None:
    """Eight threads together get as many retries as the bucket holds."""
    budget = RetryBudget(capacity=4000, refill=0.0)
    paid: list[int] = []

    def work() -> None:
        paid.append(sum(budget.spend(10, 0.0) for _ in range(100)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sum(paid) == 400


def test_reset_after_fork() -> None:
    """A child starts with a full bucket, even if the lock was held when it was forked."""
    budget = RetryBudget()
    assert budget.spend(50, 1e6)
    budget._lock.acquire()
    budget.reset_after_fork()
    assert budget.tokens(0.0) == 50.0
