"""Many waits at once, in virtual time."""

import gc
import heapq
import itertools
import json
import math
import tracemalloc
import warnings
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainhub import errors
from chainhub._tasks import task_named
from chainhub._tasks.intervals import DurationMemory, PollIntervals
from chainhub._tasks.poll import WaitOptions
from chainhub._tasks.scheduler import Idle, Scheduler, SendPoll, Update
from chainhub._tasks.table import TaskId
from chainhub_api.models import VideoTask

URL = "https://cdn.example/v/1.mp4"


def task(task_id="veo:1", status="processing", url=None):
    """Return a task as the service gives it."""
    return VideoTask.from_dict(
        {"id": task_id, "status": status, "status_update_time": 1, "video_url": url}
    )


def scheduler(deadline=math.inf, in_flight=16, seed=1, interval=None):
    """Return an empty batch."""
    random = Random(seed)
    schedule = PollIntervals(DurationMemory(random.random), random.random, interval)
    return Scheduler(WaitOptions(task_named("video.query"), schedule, deadline), in_flight)


class Service:
    """A service in virtual time: tasks end by themselves, and polls may be too many."""

    def __init__(self, durations, rate=math.inf, burst=10, failure=lambda task_id, now: None):
        self.durations, self.rate, self.burst, self.failure = durations, rate, burst, failure
        self.tokens, self.filled_at, self.refusals, self.asked = burst, 0.0, 0, []

    def answer(self, task_id, now):
        """Return a task or an error."""
        self.asked.append((now, task_id))
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.rate < math.inf:
            if self.tokens < 1:
                self.refusals += 1
                return errors.RateLimitError("too many", status=429)
            self.tokens -= 1
        if error := self.failure(task_id, now):
            return error
        if now >= self.durations[task_id]:
            return task(task_id, "completed", URL)
        return task(task_id)


class Lead:
    """Lead a batch through virtual time to its end."""

    def __init__(self, many, service, ids, latency=0.05):
        self.many, self.service, self.ids, self.latency = many, service, iter(ids), latency
        self.clock, self.exhausted, self.under_way = 0.0, False, []
        self.outcomes, self.late = {}, []
        for _ in range(3_000_000):
            self.pull()
            if not self.step():
                return
        raise AssertionError("the batch never ends")

    def pull(self):
        """Add ids while the batch wants some."""
        while self.many.wants_more and not self.exhausted:
            fresh = next(self.ids, None)
            self.exhausted = fresh is None
            if fresh is not None:
                self.many.add(TaskId(fresh), self.clock)

    def step(self):
        """Do what the batch says; return whether there is more to do."""
        due = self.many._due[0][0] if self.many._due else None
        step = self.many.next_step(self.clock)
        if isinstance(step, Update):
            self.note(step.outcome)
        elif isinstance(step, SendPoll):
            self.late.append(self.clock - due)
            heapq.heappush(self.under_way, (self.clock + self.latency, len(self.late), step))
        elif not self.many and self.exhausted:
            return False
        else:
            self.sleep(step.until)
        return True

    def sleep(self, until):
        """Let time pass to the next instant at which something happens."""
        self.clock = min(until, self.under_way[0][0] if self.under_way else math.inf)
        assert self.clock < math.inf, "the batch sleeps for ever"
        while self.under_way and self.under_way[0][0] <= self.clock:
            ask = heapq.heappop(self.under_way)[2]
            found = self.service.answer(ask.wait.task_id.id, self.clock)
            take = self.many.on_failure if isinstance(found, Exception) else self.many.on_answer
            self.note(take(ask, found, self.clock).outcome)

    def note(self, outcome):
        """Keep an outcome and its instant."""
        assert outcome is None or outcome.id not in self.outcomes
        if outcome:
            self.outcomes[outcome.id] = (self.clock, outcome)


def lead(many, service, ids, latency=0.05):
    """Return the outcomes with their instants, and how late the polls were."""
    led = Lead(many, service, ids, latency)
    return led.outcomes, led.late


def test_every_task_gets_its_outcome():
    """One that fails, one that ends at once and one that takes its time: none is lost."""
    service = Service({"a:1": 0, "a:2": 70, "a:3": 0})
    service.failure = lambda task_id, now: (
        errors.PermissionDeniedError("no", status=403) if task_id == "a:3" else None
    )
    many = scheduler()
    outcomes, _ = lead(many, service, ["a:1", "a:2", "a:3"])
    assert outcomes["a:1"][1].result().status == "completed"
    assert outcomes["a:2"][1].polls > 3
    assert outcomes["a:2"][1].elapsed == outcomes["a:2"][0]
    assert type(outcomes["a:3"][1].error) is errors.PermissionDeniedError
    assert len(many) == many.in_flight == 0


def test_changes_are_told():
    """An answer that shows something new is handed on, another is not."""
    many = scheduler()
    many.add(TaskId("a:1"), 0.0)
    ask = many.next_step(0.0)
    assert many.on_answer(ask, task(), 0.1).changed == task()
    again = many.next_step(many.next_step(0.1).until)
    assert many.on_answer(again, task(), 6.0)[:2] == (None, None)


def test_a_tasks_own_end_is_its_outcome():
    """A failed task is an outcome with its error and its last answer."""
    many = scheduler()
    many.add(TaskId("a:1"), 0.0)
    update = many.on_answer(many.next_step(0.0), task(status="failed"), 0.1)
    assert type(update.outcome.error) is errors.TaskFailed
    assert update.outcome.task.status == "failed"
    assert update.changed is update.outcome.task


def test_ids_are_pulled_only_when_they_can_be_asked_about():
    """However long the input is, few ids are taken before their turn comes."""
    pulled = itertools.count()
    many = scheduler(in_flight=4)
    for _ in range(100):
        if many.wants_more:
            many.add(TaskId(f"a:{next(pulled)}"), 0.0)
    assert next(pulled) == 4
    for _ in range(4):
        assert isinstance(many.next_step(0.0), SendPoll)
    assert many.wants_more


def test_no_more_polls_are_under_way_than_allowed():
    """With all in flight the batch waits for an answer, or for the deadline."""
    many = scheduler(deadline=50.0, in_flight=2)
    for number in range(3):
        many.add(TaskId(f"a:{number}"), 0.0)
    asks = [many.next_step(0.0), many.next_step(0.0)]
    assert many.next_step(0.0) == Idle(50.0)
    assert many.in_flight == 2
    assert len(many) == 3
    many.on_answer(asks[0], task(), 0.1)
    assert isinstance(many.next_step(0.1), SendPoll)


def test_an_empty_batch_has_nothing_to_do():
    """Nothing due and nothing in flight: only new ids can help."""
    assert scheduler().next_step(0.0) == Idle(math.inf)
    assert len(scheduler()) == 0


def test_at_the_deadline_every_task_without_an_outcome_gets_one():
    """Those waiting, those in flight and those that were never asked end as timed out."""
    service = Service({f"a:{number}": 1e9 for number in range(50)})
    many = scheduler(deadline=30.0, in_flight=2)
    outcomes, _ = lead(many, service, list(service.durations), latency=0.9)
    assert len(outcomes) == 50
    assert all(30.0 <= at <= 30.9 for at, _ in outcomes.values())
    assert {type(outcome.error) for _, outcome in outcomes.values()} == {errors.WaitTimeout}
    assert any(outcome.polls == 0 for _, outcome in outcomes.values())
    assert max(at for at, _ in service.asked) <= 31.2


def test_a_late_task_is_not_asked_about_just_before_the_deadline():
    """A poll that could not be answered in time is left out, a first one is not."""
    many = scheduler(deadline=10.0, in_flight=1, interval=8.0)
    many.add(TaskId("a:1"), 0.0)
    many.add(TaskId("a:2"), 0.0)
    many.on_answer(many.next_step(0.0), task("a:1"), 0.1)
    slow = many.next_step(0.1)
    assert slow.wait.task_id.id == "a:2"
    many.on_answer(slow, task("a:2"), 9.5)
    assert many.next_step(9.5) == Idle(10.0)
    assert {many.next_step(10.0).outcome.id, many.next_step(10.0).outcome.id} == {"a:1", "a:2"}


def test_completed_without_an_address_at_the_deadline_is_told_as_such():
    """The deadline does not hide that a task is done."""
    schedule = PollIntervals(DurationMemory(lambda: 0.5), lambda: 0.5, 9.0)
    many = Scheduler(WaitOptions(task_named("video.query"), schedule, 4.0), 16)
    many.add(TaskId("a:1"), 0.0)
    many.on_answer(many.next_step(0.0), task(status="completed"), 2.5)
    ended = many.next_step(4.0)
    assert type(ended.outcome.error) is errors.ResultMissing
    assert ended.outcome.task.status == "completed"


def refused(task_id, now):
    """Return the error of an attempt that reached nobody."""
    return errors.ConnectionFailedError("could not connect: refused", kind="connect")


@pytest.mark.parametrize("latency", [0.001, 0.3])
def test_a_dead_address_is_asked_a_few_times_for_all(latency):
    """A thousand tasks find out together, and each has its outcome."""
    service = Service({}, failure=refused)
    ids = [f"a:{number}" for number in range(1000)]
    outcomes, _ = lead(scheduler(deadline=900), service, ids, latency)
    assert list(outcomes) != []
    assert outcomes.keys() == set(ids)
    assert len(service.asked) == 16 + 3
    assert max(at for at, _ in outcomes.values()) < 16
    error = outcomes["a:999"][1].error
    assert "a:999: no response in 4 attempts; last error: could not connect" in str(error)
    assert type(error) is errors.ConnectionFailedError


def test_a_gateway_that_comes_back_is_asked_at_full_width():
    """One poll at a time finds out; then all are asked about, and none is lost."""
    service = Service(
        dict.fromkeys((f"a:{number}" for number in range(200)), 10.0),
        failure=lambda task_id, now: refused(task_id, now) if now < 5 else None,
    )
    outcomes, _ = lead(scheduler(deadline=900), service, service.durations)
    assert all(outcome.error is None for _, outcome in outcomes.values())
    assert len(outcomes) == 200
    assert len([at for at, _ in service.asked if at < 5]) == 16 + 1
    assert len([at for at, _ in service.asked if 6 < at < 7]) >= 180


@pytest.mark.parametrize(
    ("error", "free_at"),
    [
        (errors.RateLimitError("no", status=429), 1.1),
        (errors.RateLimitError("no", status=429, retry_after=20.0), 20.1),
        (errors.RateLimitError("no", status=429, retry_after=36000.0), 1.1),
        (errors.ServerError("no", status=503, retry_after=20.0), 20.1),
        (errors.ServerError("no", status=503), 0.0),
        (errors.ServerError("no", status=500, retry_after=20.0), 0.0),
        (errors.ConnectionFailedError("reset"), 0.0),
    ],
)
def test_what_the_service_says_of_its_load_holds_for_all(error, free_at):
    """A 429, or a 503 with a Retry-After, holds back all polls; another error those of one task."""
    many = scheduler()
    many.add(TaskId("a:1"), 0.0)
    many.on_failure(many.next_step(0.0), error, 0.1)
    assert many.limiter.free_at == pytest.approx(free_at)
    assert many.limiter.rate == math.inf


def test_a_batch_finds_the_rate_the_service_allows():
    """With a fifth of the rate it would like, the batch loses nobody and wastes little."""
    random = Random(2)
    service = Service({f"a:{n}": random.lognormvariate(4.0, 0.3) for n in range(400)}, rate=10.0)
    outcomes, late = lead(scheduler(), service, list(service.durations))
    assert all(outcome.error is None for _, outcome in outcomes.values())
    assert len(outcomes) == 400
    assert service.refusals < 0.08 * len(service.asked)
    busy = [at for at, _ in service.asked if 30 <= at <= 130]
    assert 0.5 * 10 <= len(busy) / 100 <= 1.1 * 10
    assert max(late) < 150


LIMITS = st.sampled_from([math.inf, 50.0, 5.0])


@pytest.mark.unmeasured
@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 16),
    LIMITS,
    st.floats(0.01, 0.9),  # the loops cut a poll 0.2 s after the deadline
    st.floats(5.0, 300.0),
    st.integers(0, 10_000),
)
def test_nobody_starves_and_no_deadline_is_missed(tasks, most, rate, latency, deadline, seed):
    """Whatever the limits: an outcome for each, in time, and the longest due goes first."""
    random = Random(seed)
    broken = {f"a:{n}": random.random() for n in range(tasks)}
    service = Service({name: random.lognormvariate(4.0, 0.7) for name in broken}, rate=rate)
    service.failure = lambda name, now: (
        errors.ServerError("no", status=500) if random.random() < broken[name] / 3 else None
    )
    many = scheduler(deadline, most, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes, late = lead(many, service, list(broken), latency)
    assert outcomes.keys() == broken.keys()
    assert all(at <= deadline + latency for at, _ in outcomes.values())
    under_way = [
        sum(1 for at, _ in service.asked if a <= at < a + latency) for a, _ in service.asked
    ]
    assert max(under_way) <= most
    if rate == math.inf:
        assert max(late) <= (tasks / most + 1) * latency + 1e-6


PENDING = json.dumps(
    {
        "id": "sora-2:task_01k6x15vhrff09dkkqjrzwhm%05d",
        "detail": {
            "id": "task_01k6x15vhrff09dkkqjrzwhm%05d",
            "status": "pending",
            "pending_info": {
                "status": "processing",
                "progress_pct": 0.93,
                "failure_reason": None,
                "created_at": "2025-10-06T15:10:26.875729Z",
                "moderation_result": {"code": None, "type": "passed"},
            },
        },
        "status": "pending",
        "enhanced_prompt": "A winged brown cow over green farmland, slowly, %05d",
        "status_update_time": 1759763621142,
    }
)


@pytest.mark.unmeasured
def test_ten_thousand_waiting_tasks_fit_in_sixty_megabytes():
    """A waiting task with its last answer takes at most 6 kB."""
    many = scheduler(in_flight=20_000)
    gc.collect()
    tracemalloc.start()
    for number in range(2000):
        many.add(TaskId(f"sora-2:task_01k6x15vhrff09dkkqjrzwhm{number:05}"), 0.0)
    asks = [many.next_step(0.0) for _ in range(2000)]
    while asks:
        number = len(asks)
        many.on_answer(asks.pop(), VideoTask.from_dict(json.loads(PENDING % ((number,) * 3))), 0.1)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(many) == 2000
    assert used / 2000 < 6000


def test_after_a_stop_past_the_deadline_each_task_is_asked_once_more():
    """Ctrl-Z, a laptop's sleep: what was known is old. Then a last answer has five seconds."""
    many = scheduler(deadline=100.0, in_flight=2, interval=10.0)
    for name in ("a", "b", "c"):
        many.add(TaskId(name), 0.0)
    first = [many.next_step(0.0), many.next_step(0.0)]
    for ask, name in zip(first, "ab", strict=True):
        many.on_answer(ask, task(name), 1.0)
    # A request was under way when the process was stopped: its result is old too.
    third = many.next_step(1.0)
    assert many.on_failure(third, errors.RequestTimeoutError("slow"), 500.0).outcome is None
    asked = [many.next_step(500.0), many.next_step(500.0)]
    assert {ask.wait.task_id.id for ask in asked} < {"a", "b", "c"}
    assert many.ends_at == 505.0
    assert many.next_step(500.1) == Idle(505.0)
    assert many.on_answer(asked[0], task(asked[0].wait.task_id.id, "completed", URL), 501.0).outcome
    last = many.next_step(501.0)
    assert isinstance(last, SendPoll)
    for ask in (asked[1], last):
        assert many.on_answer(ask, task(ask.wait.task_id.id), 502.0).outcome is None
    ends = [many.next_step(502.0), many.next_step(502.0)]
    assert [type(end.outcome.error) for end in ends] == [errors.WaitTimeout] * 2
    assert len(many) == 0


def test_an_end_in_time_asks_nobody_again():
    """A machine that is a little late has not been stopped."""
    many = scheduler(deadline=100.0, interval=10.0)
    many.add(TaskId("a"), 0.0)
    many.on_answer(many.next_step(0.0), task("a"), 1.0)
    assert type(many.next_step(100.9).outcome.error) is errors.WaitTimeout


def test_who_cannot_be_asked_after_a_stop_is_told_in_time():
    """A rate limit holds after a stop too."""
    many = scheduler(deadline=100.0, interval=10.0)
    many.add(TaskId("a"), 0.0)
    many.on_failure(
        many.next_step(0.0), errors.RateLimitError("no", status=429, retry_after=60.0), 99.0
    )
    assert isinstance(many.next_step(110.0), Idle)
    assert type(many.next_step(115.0).outcome.error) is errors.WaitTimeout
