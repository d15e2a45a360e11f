"""When a task is asked about again."""

import importlib.util
import math
import sys
from pathlib import Path
from random import Random
from statistics import NormalDist
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._tasks.intervals import (
    COLD,
    DurationMemory,
    Plan,
    PollIntervals,
    PollProgress,
    obeyed,
    plan_from,
)
from chainhub.errors import ConfigurationError

LONG = math.inf
MIDDLE = 0.5


def turn(elapsed=0.0, polls=1, failures=0, span=LONG, task=None):
    """Return how far a wait has come."""
    return PollProgress(elapsed, polls, failures, span, task)


def schedule(interval=None, number=MIDDLE, memory=None):
    """Return a schedule whose random numbers are all the same one."""
    return PollIntervals(memory or DurationMemory(lambda: number), lambda: number, interval)


def taught(durations, task_id="veo:1", gap=0.0):
    """Return a memory that saw these durations, one after the other."""
    memory, now = DurationMemory(Random(1).random), 0.0
    for duration in durations:
        memory.begin(task_id, now)
        now += duration
        memory.end(task_id, now, after=duration - gap, by=duration + gap)
    return memory


def asked(timing, plan, until, **more):
    """Return the seconds at which a wait asks, each answered at once."""
    times = [0.0]
    while times[-1] < until:
        gap = timing.after_answer(plan, turn(times[-1], len(times), **more))
        times.append(times[-1] + gap)
    return times


@pytest.mark.parametrize(
    ("number", "times"),
    [
        (0.0, [0.0, 5.0, 20.0, 24.5, 29.0, 33.5]),
        (0.5, [0.0, 4.75, 19.0, 24.0, 29.0, 34.0]),
    ],
)
def test_a_cold_schedule_asks_at_5_then_from_20_seconds_every_5(number, times):
    """Nothing learned: at once, early for refusals, then at a steady pace with jitter."""
    assert asked(schedule(number=number), COLD, 30) == pytest.approx(times)


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_never_leaves_its_bounds(number):
    """The first regular poll comes at 18 to 20 s, the pace is 4.5 to 5.5 s."""
    _, early, first, second, *_ = asked(schedule(number=number), COLD, 30)
    assert 4.5 <= early <= 5.0
    assert 18.0 <= first <= 20.0
    assert 4.5 <= second - first <= 5.5


def test_a_slow_first_answer_leaves_out_the_early_poll():
    """Whoever has waited 6 s for the first answer asks next at the regular time."""
    gap = schedule(number=0.0).after_answer(COLD, turn(elapsed=6.0, polls=1))
    assert gap == pytest.approx(14.0)


def test_a_first_answer_of_a_second_does_not_move_the_early_poll():
    """Times count from the beginning of the wait, not from the answer."""
    assert schedule(number=0.5).after_answer(COLD, turn(elapsed=1.0)) == pytest.approx(3.8)
    assert schedule(number=0.5).after_answer(COLD, turn(elapsed=1.0, polls=2)) > 15


def test_a_learned_schedule_starts_at_a_low_quantile_and_leaves_out_the_early_poll():
    """Learned: nothing until the early 5 % of the durations, then 5 % of the median."""
    normal = NormalDist(math.log(90), 0.5)
    memory = taught([math.exp(normal.inv_cdf((place + 0.5) / 60)) for place in range(60)])
    plan = memory.begin("veo:2", 0.0)
    assert plan.early is None
    assert plan.first == pytest.approx(math.exp(normal.inv_cdf(0.05)), rel=0.05)
    assert plan.median == pytest.approx(90)
    assert plan.gap == pytest.approx(plan.median / 20)
    times = asked(schedule(memory=memory), plan, 60)
    assert times[1] == pytest.approx(plan.first * 0.95)
    assert times[2] - times[1] == pytest.approx(plan.gap)


@pytest.mark.parametrize(
    ("seconds", "gap"), [(4, 1.0), (19, 1.0), (100, 5.0), (200, 10.0), (900, 10.0)]
)
def test_the_learned_pace_stays_between_1_and_10_seconds(seconds, gap):
    """Very short and very long tasks are asked about at a sensible pace."""
    assert plan_from([seconds] * 10).gap == pytest.approx(gap)


def test_few_durations_make_a_careful_plan():
    """Two tasks teach nothing yet; three make the plan start early, more make it sure."""
    assert plan_from([90.0] * 2) is COLD
    few, many = plan_from([90.0] * 3), plan_from([90.0] * 60)
    assert few.first < many.first < 90.0
    assert few.median == pytest.approx(many.median) == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("durations", "first", "median"),
    [
        ([90.0] * 3, 30.39, 90.0),
        ([45.0, 90.0, 180.0], 23.91, 90.0),
        ([60.0] * 20 + [120.0] * 20, 43.83, 84.85),
    ],
)
def test_the_plan_follows_from_mean_and_spread_of_the_logarithms(durations, first, median):
    """What is not known yet is made up by a spread of 0.7 that counts as four tasks."""
    plan = plan_from(durations)
    assert plan.first == pytest.approx(first, abs=0.01)
    assert plan.median == pytest.approx(median, abs=0.01)


def test_a_duration_of_nothing_does_not_break_the_plan():
    """A task seen done in no time at all counts as half a second."""
    assert plan_from([0.0] * 5).median == pytest.approx(0.5)


def test_models_are_learned_apart_and_ids_without_one_together():
    """The part before the colon names the model; ids without a colon share one memory."""
    memory = taught([30.0] * 5, "veo:1")
    assert memory.expected("veo:other", 0.0) == pytest.approx(30.0)
    assert memory.expected("sora:1", 0.0) is None
    assert memory.expected("veo", 0.0) is None
    shared = taught([40.0] * 5, "033fa60e")
    assert shared.expected("video_17", 0.0) == pytest.approx(40.0)


def test_the_duration_is_taken_from_the_middle_between_two_polls():
    """A task running at 80 s and done at 100 s took 90 s."""
    assert taught([90.0] * 5, gap=10.0).expected("veo:1", 0.0) == pytest.approx(90.0)


def test_a_wait_that_teaches_nothing_is_only_counted():
    """Failures and waits that ran out leave the durations alone."""
    memory = DurationMemory(Random(1).random)
    for _ in range(9):
        memory.begin("veo:1", 0.0)
        memory.end("veo:1", 1.0, after=None, by=1.0)
    assert memory.begin("veo:1", 1.0) is COLD


def test_the_fast_ones_of_many_begun_together_teach_nothing_yet():
    """While most of a batch still run, those that ended are no fair sample."""
    memory = DurationMemory(Random(1).random)
    for _ in range(100):
        memory.begin("veo:1", 0.0)
    for number in range(79):
        memory.end("veo:1", 20.0, after=20.0, by=20.0)
        assert memory.expected("veo:1", 20.0) is None, number
    memory.end("veo:1", 60.0, after=60.0, by=60.0)
    assert memory.expected("veo:1", 60.0) == pytest.approx(20, rel=0.05)


def test_a_large_batch_teaches_its_typical_duration_and_not_its_last_one():
    """What is kept is a fair sample of all that ended, not those that ended last."""
    random = Random(5)
    memory = DurationMemory(random.random)
    scheduler = sorted(random.lognormvariate(math.log(90), 0.5) for _ in range(5000))
    for _ in scheduler:
        memory.begin("veo:1", 0.0)
    for duration in scheduler:
        memory.end("veo:1", duration, after=duration, by=duration)
    assert memory.expected("veo:1", 600.0) == pytest.approx(90, rel=0.25)


def test_tasks_that_become_faster_are_noticed():
    """Though every poll comes too late at first, the plan moves to the new pace."""
    timing = benchmark()
    random = Random(4)
    plans = PollIntervals(DurationMemory(random.random), random.random)
    now, firsts = 0.0, []
    for median in [90.0] * 80 + [15.0] * 300:
        seen = timing.follow(plans, random.lognormvariate(math.log(median), 0.3), now, teach=True)
        now += seen.by
        firsts.append(plans.begin("m:1", now).first)
        plans.end("m:1", now, after=None, by=0.0)
    assert firsts[79] > 35
    assert firsts[-1] < 15


def test_a_past_window_is_used_until_the_new_one_is_known():
    """After 64 tasks and ten minutes a new window begins; what the old one taught stays."""
    memory = taught([90.0] * 64)
    assert memory.expected("veo:1", 64 * 90.0) == pytest.approx(90.0)
    for _ in range(10):
        memory.begin("veo:1", 6000.0)
    assert memory.expected("veo:1", 6000.0) == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("tasks", "seconds", "kept"),
    [(63, 9000.0, 0), (64, 599.0, 0), (64, 600.0, 64), (80, 700.0, 64)],
)
def test_a_window_lasts_64_tasks_and_ten_minutes(tasks, seconds, kept):
    """The same things are never forgotten too soon, for want of tasks or of time."""
    memory = DurationMemory(Random(1).random)
    memory.begin("veo:1", 1000.0)
    for _ in range(tasks):
        memory.end("veo:1", 1000.0, after=1.0, by=1.0)
    memory.begin("veo:1", 1000.0 + seconds)
    assert len(memory._models["veo"].past_durations) == kept


def test_the_memory_is_bounded():
    """Neither many models, nor a long name, nor many tasks make the memory grow."""
    memory = DurationMemory(Random(1).random)
    for number in range(1000):
        memory.begin(f"model{number}:1", 0.0)
    memory.begin("x" * 10_000 + ":1", 0.0)
    assert len(memory._models) == 256
    assert max(map(len, memory._models)) == 64
    for _ in range(1000):
        memory.end("y:1", 0.0, after=1.0, by=1.0)
    assert len(memory._models["y"].durations) == 64


def test_the_models_used_last_are_kept():
    """A model in use is not pushed out by many others."""
    memory = taught([30.0] * 5, "veo:1")
    for number in range(1000):
        memory.begin(f"model{number}:1", 0.0)
        memory.expected("veo:1", 0.0)
    assert memory.expected("veo:1", 0.0) == pytest.approx(30.0)


def test_the_memory_may_be_shared_between_threads():
    """Nothing is lost when several threads teach at once."""
    memory = DurationMemory(Random(1).random)
    here, go = Barrier(5), Barrier(5)

    def teach():
        here.wait(10)
        go.wait(10)
        for _ in range(500):
            memory.begin("veo:1", 0.0)
            memory.end("veo:1", 0.0, after=1.0, by=1.0)

    threads = [Thread(target=teach) for _ in range(4)]
    for thread in threads:
        thread.start()
    here.wait(10)  # a thread that is starting must not be interrupted: it installs a trace function
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        go.wait(10)
        for thread in threads:
            thread.join(10)
    finally:
        sys.setswitchinterval(before)
    window = memory._models["veo"]
    assert (window.waits_begun, window.waits_ended, window.count) == (2000, 2000, 2000)


@pytest.mark.parametrize(
    ("hint", "gap"),
    [
        (1, 1.05),
        (12.0, 12.6),
        (30.0, 31.5),
        (0.0, 5.0),
        (0.99, 5.0),
        (30.1, 5.0),
        (36000.0, 5.0),
        (-1.0, 5.0),
        (math.nan, 5.0),
        (math.inf, 5.0),
        (None, 5.0),
    ],
)
def test_a_hint_within_1_to_30_seconds_is_followed(hint, gap):
    """A sensible hint sets the pace, never earlier than it says; any other is none."""
    later = turn(elapsed=60.0, polls=9)
    assert schedule().after_answer(COLD, later, hint) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("failures", "gap"), [(1, 7.5), (2, 11.25), (3, 16.875), (4, 25.3125), (5, 30.0), (9, 30.0)]
)
def test_every_failure_in_a_row_takes_half_as_long_again(failures, gap):
    """After failed polls the pace slows down to 30 s."""
    late = turn(elapsed=60.0, polls=9, failures=failures)
    assert schedule().after_failure(COLD, late) == pytest.approx(gap)


def test_a_failed_first_poll_is_repeated_soon():
    """Whether the task is done already is not known yet: the plan's first time can wait."""
    plan = Plan(first=120.0, gap=10.0, early=None, median=200.0)
    assert schedule().after_failure(plan, turn(failures=1)) == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("retry_after", "gap"),
    [
        (20.0, 22.5),
        (60.0, 67.5),
        (1, 7.5),
        (60.1, 7.5),
        (36000.0, 7.5),
        (0.0, 7.5),
        (-1.0, 7.5),
        (math.nan, 7.5),
        (None, 7.5),
    ],
)
def test_a_retry_after_up_to_60_seconds_is_obeyed(retry_after, gap):
    """A Retry-After is never undercut; beyond 60 s it is no sensible one."""
    late = turn(elapsed=60.0, polls=9, failures=1)
    assert schedule().after_failure(COLD, late, retry_after) == pytest.approx(gap)
    assert (obeyed(retry_after) is None) == (retry_after not in (20.0, 60.0, 1))


@pytest.mark.parametrize(
    ("span", "times"),
    [
        (8.0, [0.0, 1.6, 3.2, 4.8, 6.4]),
        (1.0, [0.0, 0.2, 0.4, 0.6, 0.8]),
        (0.1, [0.0, 0.2]),
        (60.0, [0.0, 4.75, 16.75, 21.75]),
    ],
)
def test_a_short_wait_asks_a_few_times_too(span, times):
    """At least five polls fit in any deadline of a second or more."""
    assert asked(schedule(), COLD, times[-1] - 0.01, span=span) == pytest.approx(times)


def test_a_number_of_ones_own_replaces_plan_and_hints():
    """`interval=2` asks every 2 s, whatever the server hints at, and slows down on failures."""
    timing = schedule(2)
    assert asked(timing, COLD, 5, span=1.0) == [0.0, 2.0, 4.0, 6.0]
    assert timing.after_answer(COLD, turn(), 20.0) == 2.0
    assert timing.after_failure(COLD, turn(failures=2)) == 4.5
    assert timing.after_failure(COLD, turn(failures=1), 20.0) == 22.5


def test_a_slow_interval_of_ones_own_is_not_shortened_by_errors():
    """`interval=60` stays at 60 s after a failure."""
    assert schedule(60).after_failure(COLD, turn(failures=1)) == 60.0


def test_a_policy_of_ones_own_is_asked_every_time():
    """A callable gets seconds, polls and the last answer, and says when to ask next."""
    heard = []

    def policy(elapsed, polls, task):
        heard.append((elapsed, polls, task))
        return elapsed / 10

    timing = schedule(policy)
    assert timing.after_answer(COLD, turn(50.0, 3, task="task"), 20.0) == 5.0
    assert timing.after_answer(COLD, turn(0.01, 1)) == 0.01
    assert heard == [(50.0, 3, "task"), (0.01, 1, None)]


def test_the_longest_interval_is_a_matter_of_decades():
    """A number no wait could live to see is refused like infinity."""
    assert schedule(1e9).after_answer(COLD, turn()) == 1e9


UNUSABLE = [1.1e9, 0, -1, 0.0, math.nan, math.inf, 10**400, True, "5", None]


@pytest.mark.parametrize("interval", UNUSABLE[:-1])
def test_an_interval_that_is_no_number_of_seconds_is_refused(interval):
    """A wait that would hammer or never ask is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="positive number of seconds") as caught:
        schedule(interval)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", UNUSABLE)
def test_a_policy_that_returns_nonsense_is_an_error(value):
    """What a policy returns is checked like a number."""
    with pytest.raises(ConfigurationError, match="positive number of seconds"):
        schedule(lambda elapsed, polls, task: value).after_answer(COLD, turn())


def benchmark():
    """Return the module of the benchmark."""
    path = Path(__file__).parents[3] / "benchmarks" / "schedule.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_schedules", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("learned", "ratio", "ratio_all"), [(0, 1.25, 1.45), (30, 1.10, 1.20)], ids=["cold", "learned"]
)
def test_the_schedule_stays_close_to_what_is_possible(learned, ratio, ratio_all):
    """Polls times delay stay within the limits, over medians from 30 to 300 s."""
    timing = benchmark()
    figure = timing.over_medians(0.5, 600, 1, timing.ours(learned))
    assert 1.0 < figure.ratio <= ratio
    assert figure.ratio_all <= ratio_all


def test_the_bound_is_the_known_one():
    """For a median of 90 s the bound is known, and it grows with the median."""
    timing = benchmark()
    assert timing.bound(90, 0.5) == pytest.approx(37.3, abs=0.1)
    assert timing.bound(90, 1.0) == pytest.approx(70.4, abs=0.1)
    assert timing.bound(180, 0.5) == pytest.approx(2 * timing.bound(90, 0.5))


@pytest.mark.unmeasured
def test_the_benchmark_prints_every_schedule(capsys, monkeypatch):
    """The command prints a line for each schedule and spread."""
    monkeypatch.setattr(sys, "argv", ["schedule.py", "--tasks", "3"])
    timing = benchmark()
    timing.main()
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("chainhub")]) == 6
    assert len([line for line in lines if "(openai)" in line]) == 3
