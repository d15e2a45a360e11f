"""A token bucket that keeps the retries of a client from making an outage worse."""

from __future__ import annotations

import threading


class RetryBudget:
    """Decides whether another retry is allowed.

    A retry costs `cost` tokens; a call that succeeds puts back what its retries cost, and one
    token if it needed none; `refill` tokens a second come by themselves. The bucket starts full.

    Where the numbers come from (`benchmarks/storm.py`, eight seeds): if all clients call each 5 s
    and a service 93 % used is down for 30 s, 50 tokens keep the load at 1.83 times normal; 100 let
    it be 2.67, 0.5 tokens a second 1.99. Without a budget it is 3.7, and the retries keep the
    service down for the two minutes that are watched. If 1 in 5 attempts fails at random, 50
    tokens lose 0.17 % of calls, as good as no budget; 30 lose 0.5 %, no refund 4 %. A 429 costs
    as much as the rest: at half the price it is the bucket of 100.

    The bound is one of retries (five at once, then one in 100 s), not of the ratio: an outage of
    10 s still sees 3.1 times the load, clients that call each 20 s give 3.6 times theirs.

    Thread-safe. One belongs to one client; instants are seconds of one monotonic clock.
    """

    _tokens: float
    _seen: float | None

    __slots__ = ("_lock", "_seen", "_tokens", "capacity", "cost", "refill")

    def __init__(
        self,
        *,
        capacity: float = 50.0,
        cost: float = 10.0,
        refill: float = 0.1,
    ) -> None:
        self.capacity = capacity
        self.cost = cost
        self.refill = refill
        self.reset_after_fork()

    def spend(self, cost: float, now: float) -> bool:
        """Take `cost` tokens and return True, or take none and return False."""
        with self._lock:
            self._fill(now)
            if self._tokens < cost:
                return False
            self._tokens -= cost
            return True

    def succeeded(self, spent: float = 0.0) -> None:
        """Put back what the retries of a call that succeeded had `spent`, at least one token."""
        # Nearly every call of a healthy client ends here, so the full bucket takes no lock.
        if self._tokens >= self.capacity:
            return
        with self._lock:
            self._tokens += max(spent, 1.0)  # what runs over is poured off by the next look

    def tokens(self, now: float) -> float:
        """Return how many tokens there are at this instant."""
        with self._lock:
            self._fill(now)
            return self._tokens

    def reset_after_fork(self) -> None:
        """Reset in a child process: a full bucket and a new lock."""
        self._lock = threading.Lock()
        self._tokens = self.capacity
        self._seen = None

    def _fill(self, now: float) -> None:
        since = 0.0 if self._seen is None else max(0.0, now - self._seen)
        self._tokens = min(self.capacity, self._tokens + since * self.refill)
        self._seen = now
