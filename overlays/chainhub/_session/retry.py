"""Whether a failed attempt is retried, and when: one decision, for every operation.

Nothing here sleeps, reads a clock or draws a random number by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from chainhub._responses import judge
from chainhub._session.retry_after import retry_after_of
from chainhub._session.retry_policy import STATUSES, RetryPolicy
from chainhub._transport import Failure
from chainhub.errors import QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub._responses import APIResponse
    from chainhub._session.retry_budget import RetryBudget

StopReason = Literal["final", "ambiguous", "attempts", "retry_after", "deadline", "budget"]
_Verdict = Literal["passing", "throttled", "final", "ambiguous"]

# What passes by itself in seconds: the request was lost, timed out, or its answer was cut.
# "protocol" is the server's; a client that breaks the protocol is "local" and stays broken.
_PASSING: frozenset[str] = frozenset(
    {"connect", "connect_timeout", "timeout", "closed", "truncated", "protocol"}
)

# Statuses that say "too much": they deserve a longer first delay.
_THROTTLED = frozenset({429, 503})
_WHY_NOT = {
    "ambiguous": "the request may already have been processed, so it is not sent again",
    "final": "",
}
# The only 5xx that say for certain that nothing was carried out.
_REFUSED = frozenset({501, 505})


class Retry(NamedTuple):
    """Make another attempt after `delay` seconds; `cost` is what the budget gave for it."""

    delay: float
    cost: float


class Stop(NamedTuple):
    """Raise the error of the last attempt; `text` adds what the caller could not see by itself."""

    reason: StopReason
    text: str = ""


def decide(
    policy: RetryPolicy,
    budget: RetryBudget,
    *,
    idempotent: bool,
    outcome: APIResponse | Failure,
    attempt: int,
    remaining: float | None,
    wall: float,
    now: float,
    random: Callable[[], float],
) -> Retry | Stop:
    """Decide what follows a failed attempt.

    Args:
        policy: What the caller chose.
        budget: The client's; pays if another attempt follows.
        idempotent: Whether the request may be sent twice.
        outcome: The answer with an error status, or why there is none.
        attempt: The number of the attempt that failed, from 1.
        remaining: Seconds left of the deadline, None without one.
        wall: Seconds since 1970, for a Retry-After that is a date.
        now: Seconds of the monotonic clock, for the budget.
        random: Gives a number in [0, 1).
    """
    verdict = _verdict(policy, outcome, idempotent)
    if verdict in ("ambiguous", "final"):
        return Stop(verdict, _WHY_NOT[verdict])
    if attempt >= policy.attempts:
        return Stop("attempts")
    hint = None if isinstance(outcome, Failure) else retry_after_of(outcome, wall)
    least, spread = _pause(policy, verdict, hint, attempt)
    if stop := _too_long(policy, hint, least, remaining):
        return stop
    if not budget.spend(budget.cost, now):
        return Stop(
            "budget", "not tried again: too many calls failed recently (retry budget empty)"
        )
    if remaining is not None:
        spread = min(spread, (remaining - least) / 2)
    return Retry(least + random() * spread, budget.cost)


def _verdict(policy: RetryPolicy, outcome: APIResponse | Failure, idempotent: bool) -> _Verdict:
    if isinstance(outcome, Failure):
        if outcome.sent and not idempotent:
            return "ambiguous"
        return "passing" if outcome.passing or outcome.kind in _PASSING else "final"
    status = outcome.status
    # A 429 says that nothing was done, to any method.
    repeatable = idempotent or status == 429
    open_case = status in policy.statuses if repeatable else _may_have_worked(status)
    # A quota comes back with money, not with time, whatever status says it; and it is a clear
    # refusal.
    if not open_case or isinstance(judge(outcome), QuotaExceededError):
        return "final"
    if not repeatable:
        return "ambiguous"
    return "throttled" if status in _THROTTLED else "passing"


def _may_have_worked(status: int) -> bool:
    # A relay passes on its upstream's 503, 408 or 52x after the work was ordered and paid for, so
    # no such status proves that nothing happened.
    return status in STATUSES or (status >= 500 and status not in _REFUSED)


def _pause(
    policy: RetryPolicy, verdict: _Verdict, hint: float | None, attempt: int
) -> tuple[float, float]:
    """Return the shortest delay and how much a random number adds to it at most."""
    if hint:
        return hint, max(0.1, min(15.0, hint / 4))
    base = policy.throttled_base if verdict == "throttled" else policy.base
    half = min(policy.cap, base * 2.0 ** min(attempt - 1, 60)) / 2
    return half, half


def _too_long(
    policy: RetryPolicy, hint: float | None, least: float, remaining: float | None
) -> Stop | None:
    left = None if remaining is None else max(0.0, remaining)
    if hint and hint > policy.max_retry_after and (left is None or left > policy.max_retry_after):
        limit = f"the limit is {_number(policy.max_retry_after)} s"
        return Stop("retry_after", f"the server asks to wait {_number(hint)} s; {limit}")
    if left is None or least < left:
        return None
    rest = f"{_number(left)} s are left until the deadline"
    if hint:
        return Stop("retry_after", f"the server asks to wait {_number(hint)} s; {rest}")
    return Stop("deadline", f"the next attempt is due in {_number(least)} s; {rest}")


def _number(seconds: float) -> str:
    return f"{seconds:.1f}".removesuffix(".0")
