"""The settings of retries; `retry` decides with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})

# 521-523 and 530 are Cloudflare's: origin down, unreachable or not resolved; 529 is "overloaded".
STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525), 529, 530})


def _frozen(statuses: Iterable[int]) -> frozenset[int]:
    return frozenset(statuses)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often, and after which delays, a failed request is retried.

    Exponential backoff with jitter: half of a delay is fixed, half is random. `Retry-After` is
    followed, plus up to a quarter of it at random.

    Where the numbers come from (`benchmarks/storm.py`, eight seeds): if 1 in 5 attempts fails at
    random, 3 attempts lose 0.8 % of calls, 4 lose 0.2 %, 6 lose 0.05 %. But attempts are the only
    limit where the budget is not reached: clients that call each 20 s make 2.9, 3.6 and 4.0 times
    their load of an outage, and after 10 s of outage it stays at 1.19 with 6, at 1.05 with 4. An
    outage of 2 s loses nothing with a base of 1 s and half fixed delays, 4 % with delays random
    throughout. Clients that obey a Retry-After exactly come back with 4.9 times the load, with
    the random part 1.4. The cap of 60 s is a judgement: longer is for the caller to decide.

    Attributes:
        attempts: Attempts in all, including the first one.
        base: Seconds of the first delay; it doubles with each attempt.
        throttled_base: The same after a 429 or 503.
        cap: The longest delay in seconds.
        max_retry_after: The longest `Retry-After` in seconds that is followed; a longer one fails
            at once.
        statuses: Status codes that are retried.

    Raises:
        ConfigurationError: A number is invalid.
    """

    attempts: int = 4
    base: float = 0.5
    throttled_base: float = 1.0
    cap: float = 8.0
    max_retry_after: float = 60.0
    statuses: frozenset[int] = attrs.field(default=STATUSES, converter=_frozen)

    def __attrs_post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ConfigurationError(f"RetryPolicy: {problem}")

    @classmethod
    def off(cls) -> RetryPolicy:
        """Return the policy without retries."""
        return cls(attempts=1)


def _problem(policy: RetryPolicy) -> str | None:
    if isinstance(policy.attempts, bool) or not isinstance(policy.attempts, int):
        return "attempts must be a whole number"
    if policy.attempts < 1:
        return "attempts must be at least 1 (RetryPolicy.off() makes one)"
    for name in ("base", "throttled_base", "cap", "max_retry_after"):
        value: object = getattr(policy, name)
        # The comparison is also false for NaN.
        if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            return f"{name} must be a finite number of seconds, 0 or more"
    return None


def is_idempotent(method: str) -> bool:
    """Return whether a method is idempotent (RFC 9110, 9.2.2)."""
    return method.upper() in _IDEMPOTENT
