"""Whether a failed attempt is made again, and when."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from chainhub._session.call import error_of
from chainhub._session.retry import Retry, RetryBudget, RetryPolicy, Stop, decide, is_idempotent
from chainhub._transport import Failure, FailureKind, Response
from chainhub.errors import ConfigurationError

RETRIED = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530]
NOT_RETRIED = [301, 400, 401, 402, 403, 404, 409, 410, 413, 418, 422, 451, 501, 505, 507, 525, 526]
ODD = [0, 100, 101, 200, 599, 600, 999]


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    """Return an answer; an underscore in a header's name stands for a hyphen."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Response(status, raw, body)


def verdict(
    outcome: Response | Failure,
    policy: RetryPolicy | None = None,
    budget: RetryBudget | None = None,
    *,
    idempotent: bool = True,
    attempt: int = 1,
    remaining: float | None = None,
    random: float = 0.0,
) -> Retry | Stop:
    """Decide with everything else at rest."""
    return decide(
        policy or RetryPolicy(),
        budget or RetryBudget(),
        idempotent=idempotent,
        outcome=outcome,
        attempt=attempt,
        remaining=remaining,
        wall=1e9,
        now=0.0,
        random=lambda: random,
    )


def reason(decision: Retry | Stop) -> str:
    """Return why it stops, or that it does not."""
    return "retry" if isinstance(decision, Retry) else decision.reason


@pytest.mark.parametrize(
    ("status", "expected"),
    [(s, "retry") for s in RETRIED] + [(s, "final") for s in NOT_RETRIED + ODD],
)
def test_status_of_an_idempotent_request(status: int, expected: str) -> None:
    """Only statuses of passing failures are retried."""
    assert reason(verdict(answer(status))) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, "retry")]
    + [(s, "ambiguous") for s in [*RETRIED, 507, 525, 526, 599] if s != 429]
    + [(s, "final") for s in NOT_RETRIED if s < 507],
)
def test_status_of_a_post(status: int, expected: str) -> None:
    """A POST is repeated on 429 only; a 5xx that proves nothing is ambiguous, a refusal is not."""
    assert reason(verdict(answer(status), idempotent=False)) == expected


def test_retry_after_does_not_make_a_post_safe() -> None:
    """A relay may send 503 with Retry-After after the work was ordered."""
    decision = verdict(answer(503, Retry_After="1"), idempotent=False)
    assert reason(decision) == "ambiguous"


def test_own_statuses_never_repeat_a_post() -> None:
    """Statuses the caller adds apply to idempotent requests."""
    policy = RetryPolicy(statuses=frozenset({409, 507}))
    assert reason(verdict(answer(409), policy)) == "retry"
    assert reason(verdict(answer(503), policy)) == "final"
    assert reason(verdict(answer(429), policy)) == "final"
    assert reason(verdict(answer(409), policy, idempotent=False)) == "final"
    assert reason(verdict(answer(429), policy, idempotent=False)) == "final"
    assert reason(verdict(answer(507), policy, idempotent=False)) == "ambiguous"


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, b'{"error":{"message":"x","code":"insufficient_quota"}}', "final"),
        (429, b'{"error":{"message":"You exceeded your current quota"}}', "final"),
        (500, b'{"error":{"message":"x","code":"insufficient_user_quota"}}', "final"),
        (429, b'{"error":{"message":"rate limited","code":null}}', "retry"),
        (429, b'{"error":{"message":"quota exceeded for requests per minute"}}', "retry"),
    ],
)
def test_quota(status: int, body: bytes, expected: str, idempotent: bool) -> None:
    """A quota that is used up is not waited for, a rate limit is."""
    assert reason(verdict(answer(status, body), idempotent=idempotent)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("connect", "retry"),
        ("connect_timeout", "retry"),
        ("timeout", "retry"),
        ("closed", "retry"),
        ("truncated", "retry"),
        ("protocol", "retry"),
        ("lookup", "final"),
        ("tls", "final"),
        ("proxy", "final"),
        ("decode", "final"),
        ("too_large", "final"),
        ("local", "final"),
    ],
)
def test_failure(kind: FailureKind, expected: str) -> None:
    """Connections and time-outs pass; configuration and what we did wrong ourselves do not.

    A POST that did not reach the server is like a GET; one that may have is never repeated.
    """
    assert reason(verdict(Failure(kind, "", sent=True))) == expected
    assert reason(verdict(Failure(kind, "", sent=False))) == expected
    assert reason(verdict(Failure(kind, "", sent=False), idempotent=False)) == expected
    assert reason(verdict(Failure(kind, "", sent=True), idempotent=False)) == "ambiguous"


@pytest.mark.parametrize("kind", ["lookup", "tls", "proxy"])
def test_passing_failure_of_a_lasting_kind(kind: FailureKind) -> None:
    """A resolver that did not answer and a handshake that was cut are retried."""
    failure = Failure(kind, "", sent=False, passing=True)
    assert reason(verdict(failure)) == "retry"
    assert reason(verdict(failure, idempotent=False)) == "retry"


@pytest.mark.parametrize(
    ("status", "attempt", "shortest"),
    [(502, 1, 0.25), (502, 2, 0.5), (502, 3, 1.0), (503, 1, 0.5), (429, 1, 0.5), (429, 2, 1.0)],
)
def test_backoff(status: int, attempt: int, shortest: float) -> None:
    """The delay doubles, is half fixed and half random, and starts longer if there is too much."""
    low = verdict(answer(status), attempt=attempt)
    high = verdict(answer(status), attempt=attempt, random=1.0)
    assert low == Retry(shortest, 10.0)
    assert high == Retry(2 * shortest, 10.0)


@pytest.mark.parametrize("attempt", [6, 60, 10**6])
def test_backoff_has_a_cap(attempt: int) -> None:
    """However many attempts there were, a delay is at most 8 s."""
    policy = RetryPolicy(attempts=10**7)
    assert verdict(answer(502), policy, attempt=attempt, random=1.0) == Retry(8.0, 10.0)


@pytest.mark.parametrize(
    ("asked", "random", "delay"),
    [("10", 0.0, 10.0), ("10", 1.0, 12.5), ("0.2", 1.0, 0.3), ("60", 1.0, 75.0), ("0", 0.0, 0.5)],
)
def test_retry_after(asked: str, random: float, delay: float) -> None:
    """What the server asks for is the least, a quarter at random is added; 0 asks for nothing."""
    decision = verdict(answer(429, Retry_After=asked), random=random)
    assert isinstance(decision, Retry)
    assert decision.delay == pytest.approx(delay)


@pytest.mark.parametrize(
    ("asked", "remaining", "expected", "text"),
    [
        ("120", None, "retry_after", "the server asks to wait 120 s; the limit is 60 s"),
        ("120", 500.0, "retry_after", "the server asks to wait 120 s; the limit is 60 s"),
        ("120", 20.0, "retry_after", "asks to wait 120 s; 20 s are left until the deadline"),
        ("30", 20.25, "retry_after", "asks to wait 30 s; 20.2 s are left until the deadline"),
        ("30", 30.0, "retry_after", "asks to wait 30 s; 30 s are left until the deadline"),
        (
            "",
            0.25,
            "deadline",
            "the next attempt is due in 0.5 s; 0.2 s are left until the deadline",
        ),
        ("", 0.0, "deadline", "0 s are left until the deadline"),
        ("", -3.0, "deadline", "due in 0.5 s; 0 s are left until the deadline"),
    ],
)
def test_a_wait_that_does_not_fit(
    asked: str, remaining: float | None, expected: str, text: str
) -> None:
    """A wait that cannot fit is not begun, costs no token, and the text says why."""
    budget = RetryBudget()
    decision = verdict(answer(503, Retry_After=asked), budget=budget, remaining=remaining)
    assert isinstance(decision, Stop)
    assert decision.reason == expected
    assert text in decision.text
    assert budget.tokens(0.0) == 50.0


@pytest.mark.parametrize("random", [0.0, 0.5, 0.999])
def test_chance_does_not_decide_whether_it_fits(random: float) -> None:
    """If the shortest wait fits, the random part is cut to leave time for the attempt."""
    decision = verdict(answer(429, Retry_After="10"), remaining=10.4, random=random)
    assert isinstance(decision, Retry)
    assert 10.0 <= decision.delay <= 10.2


@pytest.mark.parametrize(
    ("policy", "attempt", "expected"),
    [
        (RetryPolicy(), 3, "retry"),
        (RetryPolicy(), 4, "attempts"),
        (RetryPolicy(), 5, "attempts"),
        (RetryPolicy.off(), 1, "attempts"),
    ],
)
def test_attempts(policy: RetryPolicy, attempt: int, expected: str) -> None:
    """Four attempts are made in all, one if retries are off."""
    assert reason(verdict(answer(502), policy, attempt=attempt)) == expected


@pytest.mark.parametrize("remaining", [None, 0.0])
def test_ambiguity_does_not_depend_on_the_policy(remaining: float | None) -> None:
    """A lost POST is ambiguous even with retries off or no time left."""
    lost = Failure("timeout", "", sent=True)
    decision = verdict(lost, RetryPolicy.off(), idempotent=False, remaining=remaining)
    assert reason(decision) == "ambiguous"


def test_budget() -> None:
    """An empty budget ends the retries, and the text says so."""
    budget = RetryBudget()
    decisions = [verdict(answer(502), budget=budget) for _ in range(6)]
    assert [reason(decision) for decision in decisions] == ["retry"] * 5 + ["budget"]
    assert isinstance(decisions[-1], Stop)
    assert "retry budget" in decisions[-1].text


@pytest.mark.parametrize(
    ("method", "expected"),
    [(m, True) for m in ("GET", "get", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE")]
    + [(m, False) for m in ("POST", "PATCH", "CONNECT", "BREW", "")],
)
def test_is_idempotent(method: str, expected: bool) -> None:
    """Methods are idempotent as RFC 9110 says, unknown ones are not."""
    assert is_idempotent(method) is expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", 0),
        ("attempts", -1),
        ("attempts", True),
        ("attempts", 2.5),
        ("base", -1.0),
        ("throttled_base", math.nan),
        ("cap", math.inf),
        ("max_retry_after", "60"),
    ],
)
def test_a_policy_that_makes_no_sense(field: str, value: object) -> None:
    """A number that cannot be meant is refused where it is written, by name."""
    build: Callable[..., RetryPolicy] = RetryPolicy
    with pytest.raises(ConfigurationError, match=field):
        build(**{field: value})


def test_a_policy_takes_any_collection_of_statuses() -> None:
    """Statuses may be given as a list or range."""
    assert RetryPolicy(statuses=[500, 502]).statuses == {500, 502}


def test_a_failure_that_is_kept_shows_nothing() -> None:
    """Its text may repeat what a server sent, and the frames it came through may hold a key."""

    def attempt() -> None:
        try:
            raise OSError("reset")
        except OSError:
            raise Failure("closed", "reset")  # noqa: B904 - as code that forgets it would

    with pytest.raises(Failure) as caught:
        attempt()
    assert caught.value.__context__ is not None
    kept = caught.value.without_frames()
    assert repr(kept) == "<Failure closed>"
    assert (kept.__traceback__, kept.__context__) == (None, None)


@pytest.mark.parametrize("ambiguous", [True, False])
@pytest.mark.parametrize("over", [True, False])
def test_secrets_in_a_failure_are_masked_in_its_error(ambiguous: bool, over: bool) -> None:
    """A server may echo the key in a line that is not HTTP."""
    failure = Failure("protocol", "illegal header line: 5up3r5ecretvalue")
    error = error_of(failure, ("5up3r5ecretvalue",), ambiguous=ambiguous, deadline_over=over)
    assert "illegal header line" in str(error)
    assert "5up3r5ecretvalue" not in str(error)
