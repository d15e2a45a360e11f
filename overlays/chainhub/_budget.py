"""A token bucket that keeps one client's retries from becoming part of an outage."""

from __future__ import annotations

import threading


class RetryBudget:
    """Say whether a retry may still be paid for.

    A retry costs `cost` tokens, after a 429 `throttled_cost`; a call that succeeds puts back what
    its retries cost, and one token if it needed none; `refill` tokens a second come by themselves.
    The bucket starts full.

    Thread-safe. One belongs to one client; instants are seconds of one monotonic clock.
    """

    _tokens: float
    _seen: float | None

    __slots__ = ("_lock", "_seen", "_tokens", "capacity", "cost", "refill", "throttled_cost")

    def __init__(
        self,
        *,
        capacity: float = 50.0,
        cost: float = 10.0,
        throttled_cost: float = 5.0,
        refill: float = 0.1,
    ) -> None:
        self.capacity = capacity
        self.cost = cost
        self.throttled_cost = throttled_cost
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
            self._tokens = min(self.capacity, self._tokens + max(spent, 1.0))

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
