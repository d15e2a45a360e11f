"""The state of a download, in virtual time."""

import math

import pytest

from chainhub._download.media import StartOver
from chainhub._download.partial import BodyEnd
from chainhub._download.state import PROGRESS, DownloadState, Mismatch, RetryAt
from chainhub._session import RetryPolicy
from chainhub._transport import Failure, Response
from chainhub.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContentRefusedError,
    DeadlineError,
    DownloadError,
    IntegrityError,
    LinkExpiredError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
)

BROKEN = Failure("truncated", "it broke off", sent=True)


def state(deadline_at=math.inf, **policy):
    """Return the state of a download, with the longest delays."""
    return DownloadState(
        deadline_at, RetryPolicy(**policy), lambda: ("sk-test-secret",), lambda: 1.0
    )


def answer(status, body=b"", *headers):
    """Return an answer."""
    return Response(status, list(headers), body)


def next_step(made, outcome, position=0, now=0.0):
    """Return the next step after an attempt."""
    return made.next_step(outcome, position, now, 1e9)


@pytest.mark.parametrize(
    ("outcome", "step"),
    [
        (BodyEnd.WHOLE, None),
        (BROKEN, RetryAt(0.5)),
        (Failure("timeout", "", sent=True), RetryAt(0.5)),
        (answer(500), RetryAt(0.5)),
        (answer(429), RetryAt(1.0)),
        (answer(503, b"", (b"retry-after", b"8")), RetryAt(10.0)),
        (StartOver("other"), RetryAt(0.0)),
        *((answer(status), RetryAt(0.0, refresh=True)) for status in (401, 403, 404, 410)),
        (answer(400, b"ExpiredToken"), RetryAt(0.0, refresh=True)),
    ],
)
def test_what_follows_a_first_attempt(outcome, step):
    """Go on, ask for a fresh address, or be done."""
    made = state()
    assert next_step(made, outcome) == step
    assert made.attempts == 1


def test_parts_of_the_part_are_progress():
    """However many; only what comes to nothing is counted."""
    made = state()
    for number in range(50):
        assert next_step(made, BodyEnd.SLICE, 20_000 * number) == RetryAt(0.0)
    assert next_step(made, BROKEN, 20_000 * 50) == RetryAt(0.5)


@pytest.mark.parametrize(
    ("why", "says"),
    [
        (StartOver("other", True), "other again and again"),
        (StartOver("other"), "the server did not send what was requested: other"),
    ],
)
def test_a_file_that_cannot_be_right_ends(why, says):
    """It starts over at once, then after pauses, then no more; without retries not at all."""
    made, once = state(), state(attempts=1)
    steps = [next_step(made, why) for _ in range(4)]
    assert steps[:3] == [RetryAt(0.0), RetryAt(1.0), RetryAt(2.0)]
    for found in (steps[3], next_step(once, why)):
        assert type(found) is DownloadError
        assert says in str(found)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Failure("lookup", "no such host", sent=False), ConnectionFailedError),
        (Failure("tls", "not trusted", sent=True), ConnectionFailedError),
        (answer(501), ServerError),
        (answer(400), Exception),
        (answer(204), DownloadError),
        (answer(503, b"", (b"retry-after", b"61")), ServerError),
    ],
)
def test_what_will_not_get_better_ends_it(outcome, error):
    """At once."""
    assert isinstance(next_step(state(), outcome), error)


@pytest.mark.parametrize(
    ("positions", "delays"),
    [
        ((0, 0, 0, 0), (0.5, 1.0, 2.0)),
        ((PROGRESS * 5,) * 4, (0.5, 1.0, 2.0)),  # the same bytes again are no progress
        ((0, 0, PROGRESS, PROGRESS), (0.5, 1.0, 0.5, 1.0)),  # the count starts anew
    ],
)
def test_the_delays_grow_and_the_attempts_end(positions, delays):
    """Four without progress."""
    made = state()
    steps = [next_step(made, BROKEN, position) for position in positions]
    assert steps[: len(delays)] == [RetryAt(delay) for delay in delays]
    assert all(isinstance(step, ConnectionFailedError) for step in steps[len(delays) :])
    assert made.attempts == 4


def test_a_policy_of_many_attempts_is_kept():
    """No budget ends it before."""
    made = state(attempts=30)
    assert all(isinstance(next_step(made, BROKEN), RetryAt) for _ in range(29))
    assert isinstance(next_step(made, BROKEN), ConnectionFailedError)


@pytest.mark.parametrize(
    ("step", "attempts"), [(PROGRESS, 20), (PROGRESS - 1, 20), (PROGRESS // 2, 20), (1000, 4)]
)
def test_only_a_mib_is_progress(step, attempts):
    """It may come in several attempts, as long as they are fewer than allowed."""
    made, position = state(), 0
    for _ in range(20):
        position += step
        if not isinstance(next_step(made, BROKEN, position), RetryAt):
            break
    assert made.attempts == attempts


def test_a_fresh_address_is_asked_for_once():
    """The second time it is an error, unless there was progress between."""
    made = state()
    assert next_step(made, answer(403)) == RetryAt(0.0, refresh=True)
    assert isinstance(next_step(made, BROKEN, PROGRESS), RetryAt)
    assert next_step(made, answer(404), PROGRESS) == RetryAt(0.0, refresh=True)
    found = next_step(made, answer(410, b"", (b"x-request-id", b"r-1")), PROGRESS)
    assert isinstance(found, LinkExpiredError)
    assert (found.status, found.request_id) == (410, "r-1")
    assert not isinstance(found, AuthenticationError)


def test_the_error_tells_the_server_of_the_file_from_the_api():
    """Nobody should check a key because a file server is down."""
    made = state(attempts=1)
    found = next_step(made, answer(429, b"sk-test-secret", (b"retry-after", b"5")))
    assert isinstance(found, RateLimitError)
    assert found.retry_after == 5
    assert "not from the API" in str(found)
    assert "sk-test-secret" not in str(found) + str(found.excerpt)


def test_an_attempt_that_would_cross_the_deadline_is_not_made():
    """The last failure is reported, or that time is up."""
    found = next_step(state(deadline_at=10.0), Failure("timeout", "slow", sent=True), now=9.9)
    assert isinstance(found, RequestTimeoutError)
    assert "0.1 s are left until the deadline" in str(found)
    found = next_step(state(deadline_at=10.0), Failure("timeout", "slow", sent=True), now=10.0)
    assert isinstance(found, DeadlineError)


def test_a_wrong_checksum_starts_over_once_if_something_was_there():
    """What was downloaded in one go is not downloaded again."""
    made = state()
    assert next_step(made, Mismatch(True, "1" * 64, "0" * 64)) == RetryAt(0.0)
    for resumed in (True, False):
        found = next_step(made, Mismatch(resumed, "1" * 64, "0" * 64))
        assert isinstance(found, IntegrityError)
        assert "1" * 64 in str(found)
    assert isinstance(next_step(state(), Mismatch(False, "1" * 64, "0" * 64)), IntegrityError)
    assert not isinstance(found, ContentRefusedError)
