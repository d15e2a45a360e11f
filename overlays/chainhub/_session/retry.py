"""Whether a failed attempt is retried, and when: the whole policy, for every operation.

`decide` is the one decision. `RetryPolicy` is what a caller chose, `RetryBudget` what a client may
still spend, `retry_after_of` what the server asks for. Nothing here sleeps, reads a clock or
generates a random number.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC
from typing import Literal, NamedTuple, TypeVar

import attrs

from chainhub._responses import judge
from chainhub._transport import Failure, Response, of_system
from chainhub.errors import ConfigurationError, QuotaExceededError

T = TypeVar("T")
StopReason = Literal["final", "ambiguous", "attempts", "retry_after", "deadline", "budget"]

_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})

# 521-523 and 530 are Cloudflare's: origin down, unreachable or not resolved; 529 is "overloaded".
STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525), 529, 530})
# Failures that end by themselves in seconds: the request was lost, timed out, or its response cut.
# "protocol" is the server's; a client that breaks the protocol is "local" and stays broken.
_TRANSIENT_KINDS: frozenset[str] = frozenset(
    {"connect", "connect_timeout", "timeout", "closed", "truncated", "protocol"}
)
# Statuses that say "too many requests": the first delay is longer.
_THROTTLING_STATUSES = frozenset({429, 503})
# The only 5xx that prove that nothing was processed.
_UNPROCESSED_STATUSES = frozenset({501, 505})


def _frozen(statuses: Iterable[int]) -> frozenset[int]:
    with suppress(TypeError):  # of a single number, or of what no set can hold
        numbers = frozenset(statuses)
        if all(isinstance(number, int) for number in numbers):
            return numbers
    raise ConfigurationError("RetryPolicy: statuses must be a list of numbers such as 503")


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
        ConfigurationError: A number is invalid, or a status is none.
    """

    attempts: int = 4
    base: float = 0.5
    throttled_base: float = 1.0
    cap: float = 8.0
    max_retry_after: float = 60.0
    statuses: frozenset[int] = attrs.field(default=STATUSES, converter=_frozen)

    def __attrs_post_init__(self) -> None:
        attempts, problem = self.attempts, None
        if isinstance(attempts, bool) or not isinstance(attempts, int):
            problem = "attempts must be a whole number"
        elif attempts < 1:
            problem = "attempts must be at least 1 (RetryPolicy.off() makes one)"
        for name in ("base", "throttled_base", "cap", "max_retry_after"):
            value: object = getattr(self, name)
            # The comparison is also false for NaN.
            if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                problem = f"{name} must be a finite number of seconds, 0 or more"
        if problem:
            raise ConfigurationError(f"RetryPolicy: {problem}")

    @classmethod
    def off(cls) -> RetryPolicy:
        """Return the policy without retries."""
        return cls(attempts=1)


def is_idempotent(method: str) -> bool:
    """Return whether a method is idempotent (RFC 9110, 9.2.2)."""
    return method.upper() in _IDEMPOTENT_METHODS


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

    def __init__(self, *, capacity: float = 50.0, cost: float = 10.0, refill: float = 0.1) -> None:
        self.capacity = capacity
        self.cost = cost
        self.refill = refill
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Reset in a child process: a full bucket and a new lock."""
        self._lock = threading.Lock()
        self._tokens = self.capacity
        self._last_refill = float("inf")  # any instant is before it: the first one refills nothing

    def spend(self, cost: float, now: float) -> bool:
        """Take `cost` tokens and return True, or take none and return False."""
        with self._lock:
            refilled = max(0.0, now - self._last_refill) * self.refill
            self._tokens = min(self.capacity, self._tokens + refilled)
            self._last_refill = now
            if self._tokens < cost:
                return False
            self._tokens -= cost
            return True

    def refund(self, cost: float = 0.0) -> None:
        """Put back what the retries of a call that succeeded cost, at least one token."""
        # Nearly every call of a healthy client ends here, so the full bucket takes no lock.
        if self._tokens >= self.capacity:
            return
        with self._lock:
            self._tokens += max(cost, 1.0)  # the next `spend` limits it to the capacity


class Retry(NamedTuple):
    """Make another attempt after `delay` seconds; `cost` are the tokens of the budget for it."""

    delay: float
    cost: float


class Stop(NamedTuple):
    """Raise the error of the last attempt; `text` is a reason that the error does not contain."""

    reason: StopReason
    text: str = ""


def decide(
    policy: RetryPolicy,
    budget: RetryBudget,
    *,
    idempotent: bool,
    outcome: Response | Failure,
    attempt: int,
    remaining: float | None,
    wall: float,
    now: float,
    random: Callable[[], float],
) -> Retry | Stop:
    """Decide what follows a failed attempt, of which `attempt` is the number, from 1.

    The budget pays for the next one. `remaining` are the seconds until the deadline, `wall` those
    since 1970, for a Retry-After that is a date, and `now` those of the monotonic clock.
    """
    if stop := _stop_for_outcome(policy, outcome, idempotent):
        return stop
    if attempt >= policy.attempts:
        return Stop("attempts")
    response = None if isinstance(outcome, Failure) else outcome
    retry_after = None if response is None else retry_after_of(response, wall)
    if retry_after:
        min_delay, spread = retry_after, max(0.1, min(15.0, retry_after / 4))
    else:
        throttled = response is not None and response.status in _THROTTLING_STATUSES
        base = policy.throttled_base if throttled else policy.base
        min_delay = spread = min(policy.cap, base * 2.0 ** min(attempt - 1, 60)) / 2
    if stop := _stop_for_delay(policy, retry_after, min_delay, remaining):
        return stop
    if not budget.spend(budget.cost, now):
        return Stop(
            "budget", "not tried again: too many calls failed recently (retry budget empty)"
        )
    if remaining is not None:
        spread = min(spread, (remaining - min_delay) / 2)
    return Retry(min_delay + random() * spread, budget.cost)


def _stop_for_outcome(
    policy: RetryPolicy, outcome: Response | Failure, idempotent: bool
) -> Stop | None:
    if isinstance(outcome, Failure):
        if outcome.sent and not idempotent:
            return Stop("ambiguous")
        return None if outcome.passing or outcome.kind in _TRANSIENT_KINDS else Stop("final")
    status = outcome.status
    # A 429 says that nothing was done, to any method.
    repeatable = idempotent or status == 429
    # A relay forwards its upstream's 503, 408 or 52x after the work was ordered and paid for, so
    # no such status proves that nothing was processed.
    may_be_processed = status in STATUSES or (status >= 500 and status not in _UNPROCESSED_STATUSES)
    # A quota is restored by payment, not by waiting, whatever the status.
    if not (status in policy.statuses if repeatable else may_be_processed) or isinstance(
        judge(outcome), QuotaExceededError
    ):
        return Stop("final")
    return None if repeatable else Stop("ambiguous")


def _stop_for_delay(
    policy: RetryPolicy, retry_after: float | None, min_delay: float, remaining: float | None
) -> Stop | None:
    limit, rest = policy.max_retry_after, None if remaining is None else max(0.0, remaining)
    server_text = f"the server asks to wait {_format(retry_after)} s" if retry_after else ""
    if retry_after and retry_after > limit and (rest is None or rest > limit):
        return Stop("retry_after", f"{server_text}; the limit is {_format(limit)} s")
    if rest is None or min_delay < rest:
        return None
    deadline_text = f"{_format(rest)} s are left until the deadline"
    if retry_after:
        return Stop("retry_after", f"{server_text}; {deadline_text}")
    return Stop("deadline", f"the next attempt is due in {_format(min_delay)} s; {deadline_text}")


def _format(seconds: float) -> str:
    return f"{seconds:.1f}".removesuffix(".0")


POLL_FLOOR = 1.0
POLL_CEILING = 30.0

_HINT_HEADERS = frozenset({b"openai-poll-after-ms", b"retry-after", b"retry-after-ms"})

# Longer than any wait that makes sense, and small enough to print and to add to a clock.
_LONGEST = 1e9
# A "number of seconds" of thirty years is an instant, and one far beyond is one in milliseconds.
_FIRST_INSTANT, _FIRST_IN_MILLISECONDS = 1e9, 1e11

_NUMBER = r"[0-9]+(?:\.[0-9]*)?"


def retry_after_of(response: Response, wall: float) -> float | None:
    """Return the seconds that this response asks to wait, or None if it does not.

    `retry-after-ms` has priority over `Retry-After`, as it is more exact; of several headers the
    longest wait counts. A date is measured from the response's own `Date`, so that a wrong clock on
    this machine does not matter; without one from `wall`, seconds since 1970. A date in the past is
    0.0. Some services send a number of seconds, or milliseconds, since 1970: that is a date too.
    """
    waits = list(_each(response, b"retry-after-ms", _milliseconds))
    if not waits:
        texts = list(_each(response, b"retry-after", str))
        now = next(_each(response, b"date", date_of), wall) if texts else wall
        waits = [wait for text in texts if (wait := _seconds_or_date(text, now)) is not None]
    return max(waits, default=None)


def poll_hint_of(response: Response, wall: float) -> float | None:
    """Return the seconds that a good response asks to wait before the next poll, within 1 to 30.

    `openai-poll-after-ms` has priority over `Retry-After`. A hint of 0 is no hint; others outside
    the bounds become the nearest bound.
    """
    if _HINT_HEADERS.isdisjoint([name.lower() for name, _ in response.headers]):
        return None
    hints = _each(response, b"openai-poll-after-ms", _milliseconds)
    hint = max(hints, default=None) or retry_after_of(response, wall)
    return min(max(hint, POLL_FLOOR), POLL_CEILING) if hint else None


def date_of(text: str) -> float | None:
    """Return an HTTP date as seconds since 1970, or None if it is invalid."""
    try:
        from email.utils import parsedate_to_datetime

        # A leap second is legal in the header and not in datetime.
        date = parsedate_to_datetime(text.replace(":60 ", ":59 "))
        return date.replace(tzinfo=date.tzinfo or UTC).timestamp()
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    except OSError as error:  # no descriptor is left to load the module with
        of_system(error)
        return None


def _each(response: Response, name: bytes, read: Callable[[str], T | None]) -> Iterator[T]:
    for header, value in response.headers:
        if header.lower() == name:
            result = read(value.decode("latin-1").strip(" \t"))
            if result is not None:
                yield result


def _number(text: str) -> float | None:
    # float() alone would also take "nan", "inf", "1e9", "1_0" and other scripts' digits.
    return float(text) if re.fullmatch(_NUMBER, text) else None


def _milliseconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else min(number / 1000, _LONGEST)


def _seconds_or_date(text: str, now: float) -> float | None:
    seconds = _number(text)
    if seconds is None:
        instant = date_of(text)
    elif seconds < _FIRST_INSTANT:
        return seconds
    else:
        instant = seconds if seconds < _FIRST_IN_MILLISECONDS else seconds / 1000
    return None if instant is None else min(max(0.0, instant - now), _LONGEST)
