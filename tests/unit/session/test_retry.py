"""Whether a failed attempt is made again, and when; what a server asks for; the budget."""

from __future__ import annotations

import builtins
import errno
import math
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from chainhub._session import (
    Retry,
    RetryBudget,
    RetryPolicy,
    Stop,
    decide,
    error_of,
    poll_hint_of,
    retry_after_of,
)
from chainhub._session.retry import date_of, is_idempotent
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


def test_own_statuses_never_repeat_a_post() -> None:
    """Statuses the caller adds apply to idempotent requests; a Retry-After makes no POST safe."""
    policy = RetryPolicy(statuses=frozenset({409, 507}))
    for status, getting, posting in (
        (409, "retry", "final"),
        (503, "final", "ambiguous"),
        (429, "final", "final"),
        (507, "retry", "ambiguous"),
    ):
        assert reason(verdict(answer(status), policy)) == getting
        assert reason(verdict(answer(status), policy, idempotent=False)) == posting
    assert reason(verdict(answer(503, Retry_After="1"), idempotent=False)) == "ambiguous"


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
    ("kind", "passing", "expected"),
    [
        *((kind, False, "retry") for kind in ("connect", "connect_timeout", "timeout")),
        *((kind, False, "retry") for kind in ("closed", "truncated", "protocol")),
        *((kind, False, "final") for kind in ("lookup", "tls", "proxy")),
        *((kind, False, "final") for kind in ("decode", "too_large", "local")),
        *((kind, True, "retry") for kind in ("lookup", "tls", "proxy")),
    ],
)
def test_failure(kind: FailureKind, passing: bool, expected: str) -> None:
    """Connections and time-outs pass; configuration and what we did wrong ourselves do not.

    A resolver that did not answer and a handshake that was cut pass as well. A POST that did not
    reach the server is like a GET; one that may have is never repeated.
    """
    sent, unsent = (Failure(kind, "", sent=sent, passing=passing) for sent in (True, False))
    assert reason(verdict(sent)) == reason(verdict(unsent)) == expected
    assert reason(verdict(unsent, idempotent=False)) == expected
    assert reason(verdict(sent, idempotent=False)) == "ambiguous"


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
        ("", 0.25, "deadline", "due in 0.5 s; 0.2 s are left until the deadline"),
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
    assert left_in(budget, 0.0) == 50.0


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
        ("statuses", ["503"]),
        ("statuses", 503),
        ("statuses", [[503]]),
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


WALL = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT
NONSENSE = "-5 +5 .5 1e3 1_0 0x10 nan inf Infinity ² soon"


def asking(*headers: tuple[str, str]) -> Response:
    """Return a 429 with these headers."""
    return Response(429, [(name.encode(), value.encode("latin-1")) for name, value in headers], b"")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("3.", 3.0),
        ("2.5", 2.5),
        (" 7\t", 7.0),
        ("007", 7.0),
        ("36000", 36000.0),
        ("999999999", 999_999_999.0),
        ("1445412510", 30.0),
        ("1445412510.5", 30.5),
        ("1445412510000", 30.0),
        ("1445412000", 0.0),
        ("9" * 400, 1e9),
        *((nonsense, None) for nonsense in ("", *NONSENSE.split(), "5 s", "1, 2")),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 UTC", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 +0000", 30.0),
        ("Wednesday, 21-Oct-15 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2015", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Wed, 31 Feb 2015 07:28:30 GMT", None),
        ("Wed, 21 Foo 2015 07:28:30 GMT", None),
        ("Wed, 21 Oct 2015 25:28:30 GMT", None),
        ("Wed, 21 Oct 2015 08:28:30 +0100", 30.0),
        ("Wed, 21 Oct 2015 07:28:30", 30.0),
    ],
)
def test_retry_after_value(value: str, seconds: float | None) -> None:
    """A number or date in any legal form is read, everything else is as good as absent."""
    assert retry_after_of(asking(("Retry-After", value)), WALL) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([("retry-after-ms", "300")], 0.3),
        ([("retry-after-ms", "300"), ("Retry-After", "1")], 0.3),
        ([("RETRY-AFTER-MS", "nan"), ("Retry-After", "1")], 1.0),
        ([("retry-after-ms", "9" * 400)], 1e9),
        ([("Retry-After", "1"), ("Retry-After", "2")], 2.0),
        ([("Retry-After", "2"), ("Retry-After", "soon")], 2.0),
    ],
)
def test_several_headers(headers: list[tuple[str, str]], seconds: float | None) -> None:
    """Milliseconds go before seconds, and of two headers the longer wait counts."""
    assert retry_after_of(asking(*headers), WALL) == seconds


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0])
def test_a_date_is_measured_by_the_servers_clock(skew: float) -> None:
    """A wrong clock on this machine does not change the wait if the answer has a Date."""
    asked = ("Retry-After", "Wed, 21 Oct 2015 07:28:20 GMT")
    dated = asking(("Date", "Wed, 21 Oct 2015 07:28:00 GMT"), asked)
    assert retry_after_of(dated, WALL + skew) == 20.0
    # A Date that is none leaves this machine's clock as the reference.
    assert retry_after_of(asking(("Date", "today"), asked), WALL + skew) == max(0, 20.0 - skew)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 0.0),
        ("Sunday, 01-Jan-68 00:00:00 GMT", 3_092_601_600.0),
        ("Thu Jan  1 00:00:00 1970", 0.0),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799.0),
    ],
)
def test_date_of(text: str, instant: float) -> None:
    """All three HTTP forms are read, two-digit years and a leap second included."""
    assert date_of(text) == instant


def test_a_date_that_nothing_can_be_loaded_for_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without a free descriptor goes on with the usual delay."""

    def load(name: str, *_given: object, **_named: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(builtins, "__import__", load)
    found = date_of("Thu, 01 Jan 1970 00:00:00 GMT")
    monkeypatch.undo()
    assert found is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([("openai-poll-after-ms", "4000")], 4.0),
        ([("openai-poll-after-ms", "4000"), ("Retry-After", "9")], 4.0),
        ([("openai-poll-after-ms", "abc"), ("Retry-After", "9")], 9.0),
        ([("openai-poll-after-ms", "0"), ("Retry-After", "9")], 9.0),
        ([("openai-poll-after-ms", "0"), ("Retry-After", "0")], None),
        ([("openai-poll-after-ms", "-100"), ("Retry-After", "-1")], None),
        ([("openai-poll-after-ms", "1")], 1.0),
        ([("openai-poll-after-ms", "36000000")], 30.0),
        ([("Retry-After", "36000")], 30.0),
    ],
)
def test_poll_hint(headers: list[tuple[str, str]], seconds: float | None) -> None:
    """A hint is kept within 1 to 30 s, and nonsense or 0 is no hint."""
    assert poll_hint_of(asking(*headers), WALL) == seconds


def left_in(budget: RetryBudget, now: float) -> float:
    """Return how many tokens there are at an instant."""
    assert budget.spend(0.0, now)
    return budget._tokens


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
    assert left_in(budget, 0.0) == 5.0


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
    assert left_in(budget, then) == pytest.approx(tokens)


@pytest.mark.parametrize(
    ("spent", "tokens"),
    [(0.0, 1.0), (10.0, 10.0), (30.0, 30.0), (90.0, 50.0)],
)
def test_a_success_pays_back(spent: float, tokens: float) -> None:
    """A success gives back all that its retries cost, at least one token, never over the rim."""
    budget = RetryBudget()
    assert budget.spend(50, 0.0)
    budget.refund(spent)
    assert left_in(budget, 0.0) == tokens


def test_a_full_bucket_takes_no_lock() -> None:
    """The success of a healthy client does not wait for another thread."""
    budget = RetryBudget()
    with budget._lock:
        budget.refund()
    assert left_in(budget, 0.0) == 50.0


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
