"""What refusals (429) cost many waits, in virtual time: one, some at random, a true limit."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import refusals
from chainhub._tasks.rate_limiter import RateLimiter


def sent(limiter, polls, rate, begin=0.0, latency=0.01):
    """Send polls at a rate, each answered well."""
    for number in range(polls):
        at = begin + number / rate
        limiter.on_send(at)
        limiter.on_answer(at, at + latency)
    return begin + polls / rate


def test_without_a_refusal_nothing_is_held_back():
    """However many polls are sent."""
    limiter = RateLimiter()
    sent(limiter, 1000, 1000.0)
    assert limiter.rate == math.inf
    assert limiter.free_at <= 1.0


@pytest.mark.parametrize(("asked", "until"), [(None, 3.0), (20.0, 22.0), (1e9, 62.0)])
def test_a_refusal_pauses_everything(asked, until):
    """A Retry-After holds all back, at most a minute; without one it is a second."""
    limiter = RateLimiter()
    limiter.on_send(1.0)
    limiter.on_refusal(sent_at=1.0, now=2.0, retry_after=asked)
    assert limiter.free_at == pytest.approx(until)
    assert limiter.rate == math.inf


def test_a_poll_that_is_refused_alone_holds_nobody_back():
    """Ten polls that were sent later got good answers; ten that were sent earlier say nothing."""
    limiter = RateLimiter()
    for number in range(30):
        limiter.on_send(number / 100)
    limiter.on_refusal(sent_at=0.1, now=0.3, retry_after=20.0)
    for number in range(10):
        limiter.on_answer(sent_at=number / 100, now=0.31)
    for number in range(11, 20):
        limiter.on_answer(sent_at=number / 100, now=0.32)
    assert limiter.free_at == pytest.approx(20.3)
    limiter.on_answer(sent_at=0.2, now=0.33)
    assert limiter.free_at == pytest.approx(0.33)
    limiter.on_send(0.4)
    assert limiter.rate == math.inf


def refuse(limiter, begin, polls=10):
    """Refuse all of a burst of polls; return when the pause is over."""
    for _ in range(polls):
        limiter.on_send(begin)
    for _ in range(polls):
        limiter.on_refusal(begin, begin + 0.01)
    return limiter.free_at


def test_a_limit_needs_a_second_of_evidence():
    """A burst that is refused at the start is waited for; what is refused later is a limit."""
    limiter = RateLimiter()
    after = refuse(limiter, sent(limiter, 10, 20.0))
    limiter.on_send(after)
    assert limiter.rate == math.inf
    limiter.on_answer(after, after + 0.01)
    limiter = RateLimiter()
    after = refuse(limiter, sent(limiter, 100, 20.0))
    limiter.on_send(after)
    assert limiter.rate == pytest.approx(0.97 * 20.0, rel=0.1)


def test_few_refusals_among_many_answers_are_no_limit():
    """What is less than a tenth is not taken for one."""
    limiter = RateLimiter()
    at = sent(limiter, 400, 100.0)
    for _ in range(5):
        limiter.on_refusal(at, at)
    limiter.on_send(limiter.free_at)
    assert limiter.rate == math.inf


def limited(rate=100.0):
    """Return a limiter that has just learned a limit, and the time."""
    limiter = RateLimiter()
    after = refuse(limiter, sent(limiter, round(5 * rate), rate), round(rate / 2))
    limiter.on_send(after)
    assert 0.8 * rate < limiter.rate < 0.98 * rate
    return limiter, after


def grown(limiter, now, seconds):
    """Send as fast as is allowed for some seconds, all answered well."""
    until = now + seconds
    while (now := max(limiter.free_at, now + 1e-4)) < until:
        limiter.on_send(now)
        limiter.on_answer(now, now)
    return now


def test_the_rate_grows_slowly_at_the_limit_and_then_quickly():
    """It is back within a second, doubled within three, and nothing is held back after six."""
    limiter, now = limited()
    cut = limiter.rate
    now = grown(limiter, now, 1.0)
    assert cut * 1.01 < limiter.rate < cut * 1.05
    now = grown(limiter, now, 2.1)
    assert limiter.rate > 2 * cut
    grown(limiter, now, 3.0)
    assert limiter.rate == math.inf


def test_a_quiet_time_does_not_let_the_rate_grow():
    """Only time in which polls were held back counts."""
    limiter, now = limited()
    cut = limiter.rate
    for number in range(10):
        limiter.on_send(now + 10.0 * number)
    assert limiter.rate < 1.01 * cut


def test_a_known_limit_is_cut_by_a_single_refusal_and_tried_less_often():
    """Growth takes four times as long each time, at most sixteen pauses."""
    limiter, now = limited()
    units = [limiter._unit]
    for _ in range(3):
        now = grown(limiter, now, 1.1 * units[-1])
        before = limiter.rate
        limiter.on_send(now)
        limiter.on_refusal(now, now + 0.01)
        now = limiter.free_at
        limiter.on_send(now)
        assert 0.7 * before < limiter.rate < before
        units.append(limiter._unit)
    assert units == [1.0, 4.0, 16.0, 16.0]


def test_refusals_of_polls_sent_before_a_cut_do_not_cut_again():
    """They say nothing of the new rate."""
    limiter, now = limited()
    cut = limiter.rate
    limiter.on_refusal(now - 0.5, now + 0.1)
    limiter.on_send(limiter.free_at)
    assert limiter.rate == pytest.approx(cut, rel=0.05)


def test_the_rate_never_falls_below_one_poll_in_five_seconds():
    """Whatever is refused."""
    limiter, now = RateLimiter(), 0.0
    for _ in range(50):
        now = refuse(limiter, now + 2.0)
        limiter.on_send(now)
    assert limiter.rate >= 0.2


@pytest.mark.unmeasured
@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=1, max_size=60))
def test_a_rate_once_learned_is_respected(events):
    """Two polls are never closer than the rate of that moment allows."""
    limiter, now, before = RateLimiter(), 0.0, None
    for wait, refused in events:
        now = max(now + wait, limiter.free_at)
        if before is not None:
            assert now - before[0] >= 1 / before[1] - 1e-9
        limiter.on_send(now)
        before = now, limiter.rate
        if refused:
            limiter.on_refusal(now, now)
        else:
            limiter.on_answer(now, now)


@pytest.mark.unmeasured
@pytest.mark.parametrize("number", [1, 5, 50, 300])
@pytest.mark.parametrize("retry_after", [1.0, 0.0])
def test_one_refusal_does_not_delay_the_results_of_a_batch(number, retry_after):
    """All 300 are known in half as much time again at most, whichever answer is refused."""
    for latency in (0.001, 0.3):
        assert refusals.until_known(refusals.nth(number, retry_after), 1, latency) <= 1.5


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", [1, 2])
def test_refusals_at_random_do_not_delay_the_results_of_a_batch(seed):
    """One in a hundred polls is refused, with a Retry-After of a second."""
    refuses = refusals.at_random(0.01, 1.0, Random(seed))
    assert refusals.until_known(refuses, seed) <= 1.5


@pytest.mark.unmeasured
@pytest.mark.parametrize("retry_after", [1.0, 0.0])
def test_a_true_limit_is_used_and_respected(retry_after):
    """Of half the polls wished for nine tenths are sent, learning included, and few are refused."""
    refuses = refusals.bucket(150, 150, retry_after)
    used, refused = refusals.share_of_limit(refuses, 150, 0.0, 60.0)
    assert used >= 0.9
    assert refused <= 0.05


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "service", [lambda: refusals.bucket(150, 10, 1.0), lambda: refusals.window(150, 1.0)]
)
def test_a_limit_without_room_for_bursts_is_used_once_it_is_learned(service):
    """A service that takes ten polls at once, and one that counts in whole seconds."""
    used, refused = refusals.share_of_limit(service(), 150, 60.0, 120.0)
    assert used >= 0.9
    assert refused <= 0.05


@pytest.mark.unmeasured
def test_a_limit_that_ends_is_forgotten():
    """Half a minute later all polls wished for are sent again."""
    limit = refusals.bucket(50, 50, 1.0)
    batch = refusals.Batch(
        lambda now: limit(now) if now < 30 else None, 1, ends=lambda _: 1e9, until=90.0, tasks=100
    )
    sent = [at for at, _ in batch.polls]
    assert sum(1 for at in sent if 20 < at < 30) <= 10 * 60
    assert sum(1 for at in sent if 70 < at < 80) >= 10 * 90
