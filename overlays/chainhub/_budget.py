"""A token bucket that keeps one client's retries from becoming part of an outage."""

from __future__ import annotations

import threading


class RetryBudget:
    """Say whether a retry may still be paid for.

    A retry costs `cost` tokens; a call that succeeds puts back what its retries cost, and one
    token if it needed none; `refill` tokens a second come by themselves. The bucket starts full.

    Where the numbers come from (`benchmarks/storm.py`: every client calls each 5 s, the service is
    93 % used and fails for 30 s): 50 tokens keep the load of the outage at 1.84 times normal, 100
    at 2.67, no budget at 3.73 and for ever, as the retries then keep the service down. 30 would
    give 1.51, but lose 0.38 % of calls if 1 in 5 attempts fails at random (50: 0.00 %), and a
    bucket that gets no refund 3.46 %. With 0.5 tokens a second the load is 2.00. A 429 costs as
    much as the rest: at half the price it is the bucket of 100.

    The bound is one of retries (five at once, then one in 100 s), not of the ratio: an outage of
    10 s still sees 3.15 times the load, clients that call each 20 s 3.61 times theirs.

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
        """Start anew in a child process: a full bucket, and a lock that nobody holds."""
        self._lock = threading.Lock()
        self._tokens = self.capacity
        self._seen = None

    def _fill(self, now: float) -> None:
        since = 0.0 if self._seen is None else max(0.0, now - self._seen)
        self._tokens = min(self.capacity, self._tokens + since * self.refill)
        self._seen = now
