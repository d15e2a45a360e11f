"""When to poll a task again, learned from the durations of tasks of its model.

More polls cost requests, fewer polls cost delay. For the usual distribution of durations a good
rule is: do not poll while almost no task is finished, then poll at a fixed interval. So two
numbers are learned per model: the 5 % quantile of the durations and their median. Nothing here
sleeps or reads a clock: times and random numbers are arguments.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import attrs

from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Of the spread of a normal distribution, 5 % lie below this many deviations under the mean.
_LOW_QUANTILE = 1.645
# The assumed spread of the logarithms before any is known; it has the weight of this many tasks.
_PRIOR_SPREAD = 0.7
_PRIOR_WEIGHT = 4
_FEWEST_DURATIONS = 3
_SHARE_OF_MEDIAN = 0.05
_SHORTEST_GAP = 1.0
_LONGEST_GAP = 10.0
_SHORTEST_DURATION = 0.5

_MOST_MODELS = 256
_LONGEST_MODEL = 64
_MOST_DURATIONS = 64
_SHORTEST_WINDOW = 600.0
_ENOUGH_ENDED = 0.8

_JITTER = 0.1
_BACKOFF = 1.5
_LONGEST_BACKOFF = 30.0
_HINTS = (1.0, 30.0)
_LONGEST_RETRY_AFTER = 60.0
_RETRY_AFTER_JITTER = 0.25
_POLLS_AT_LEAST = 5
_SHORTEST_LIMIT = 0.2
_FASTEST_OWN_PACE = 0.01
_SLOWEST_OWN_PACE = 1e9


class PollPolicy(Protocol):
    """A callback that returns the interval before the next poll of a task."""

    def __call__(self, elapsed: float, polls: int, task: Any) -> float:  # noqa: ANN401 - any model
        """Return the seconds until the next poll.

        Args:
            elapsed: Seconds since the wait began.
            polls: The number of polls so far.
            task: The task as last seen, or None before the first successful poll.
        """
        ...


class Plan(NamedTuple):
    """When to poll, in seconds from the beginning of the wait."""

    first: float
    gap: float
    early: float | None
    median: float | None


COLD: Final = Plan(first=20.0, gap=5.0, early=5.0, median=None)


class PollProgress(NamedTuple):
    elapsed: float
    polls: int
    failures: int
    span: float
    task: Any


@attrs.define(eq=False)
class _Model:
    """The durations of a model's tasks: a uniform sample of all that ended in a period of time.

    A sample of the latest ones would be biased: of many tasks started together, the slow ones end
    last.
    """

    opened_at: float
    waits_begun: int = 0
    waits_ended: int = 0
    count: int = 0
    durations: list[float] = attrs.field(factory=list)
    past_durations: list[float] = attrs.field(factory=list)
    _plan: Plan = COLD
    _plan_key: tuple[int, int] | None = None

    def add(self, duration: float, random: Callable[[], float]) -> None:
        self.count += 1
        if len(self.durations) < _MOST_DURATIONS:
            self.durations.append(duration)
        elif (index := int(random() * self.count)) < _MOST_DURATIONS:
            self.durations[index] = duration

    def plan(self, now: float) -> Plan:
        if self.count >= _MOST_DURATIONS and now - self.opened_at >= _SHORTEST_WINDOW:
            self.past_durations, self.durations = self.durations, []
            self.opened_at, self.waits_begun, self.waits_ended, self.count = now, 0, 0, 0
        # Before most waits have ended, only the durations of fast tasks are known.
        usable = self.durations if self.waits_ended >= _ENOUGH_ENDED * self.waits_begun else []
        plan_key = (id(self.past_durations), self.count if usable else 0)
        if plan_key != self._plan_key:
            self._plan, self._plan_key = plan_from(self.past_durations + usable), plan_key
        return self._plan


class DurationMemory:
    """The durations of tasks, per model and bounded. Thread-safe; `random` is from 0.0 to 1.0."""

    # One for all: a forked child must replace it, because a thread of its parent may hold it.
    _lock = Lock()

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._models: OrderedDict[str, _Model] = OrderedDict()

    def begin(self, task_id: str, now: float) -> Plan:
        with self._lock:
            model = self._model(task_id, now)
            model.waits_begun += 1
            return model.plan(now)

    def end(self, task_id: str, now: float, *, after: float | None, by: float) -> None:
        """Count a wait that ended; `after` is when its task was last seen running, or None."""
        with self._lock:
            model = self._model(task_id, now)
            model.waits_ended += 1
            if after is not None:
                # The middle, not the end: with late polls, the end would never show that the
                # tasks have become faster.
                model.add((after + by) / 2, self._random)

    def expected(self, task_id: str, now: float) -> float | None:
        """Return the seconds such a task is expected to take; None if too few are known."""
        with self._lock:
            return self._model(task_id, now).plan(now).median

    def _model(self, task_id: str, now: float) -> _Model:
        name, colon, _ = task_id.partition(":")
        name = name[:_LONGEST_MODEL] if colon else ""
        model = self._models.get(name)
        if model is None:
            model = self._models[name] = _Model(now)
            if len(self._models) > _MOST_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(name)
        return model


def _renew_lock() -> None:
    DurationMemory._lock = Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_renew_lock)


def plan_from(durations: Sequence[float]) -> Plan:
    count = len(durations)
    if count < _FEWEST_DURATIONS:
        return COLD
    logs = [math.log(max(duration, _SHORTEST_DURATION)) for duration in durations]
    mean = sum(logs) / count
    squares = sum((log - mean) ** 2 for log in logs) + _PRIOR_WEIGHT * _PRIOR_SPREAD**2
    # The mean of few tasks is uncertain: the next duration may differ more from it.
    spread = math.sqrt(squares / (_PRIOR_WEIGHT + count - 1) * (1 + 1 / count))
    median = math.exp(mean)
    gap = min(max(_SHARE_OF_MEDIAN * median, _SHORTEST_GAP), _LONGEST_GAP)
    return Plan(math.exp(mean - _LOW_QUANTILE * spread), gap, None, median)


class PollIntervals:
    """Decides the seconds until the next poll of a task: learned, or given by `interval`."""

    def __init__(
        self,
        memory: DurationMemory,
        random: Callable[[], float],
        interval: float | PollPolicy | None = None,
    ) -> None:
        self.begin, self.end = memory.begin, memory.end
        self._random = random
        self.needs_task = callable(
            interval
        )  # only a callback uses the task, which is expensive to parse
        self._interval = interval if interval is None or callable(interval) else _checked(interval)

    def after_answer(self, plan: Plan, progress: PollProgress, hint: float | None = None) -> float:
        """A hint of the server from 1 to 30 s is followed, any other is ignored."""
        if self._interval is None and hint is not None and _HINTS[0] <= hint <= _HINTS[1]:
            return hint * (1 + _JITTER * self._random())
        return self._gap(plan, progress)

    def after_failure(
        self, plan: Plan, progress: PollProgress, retry_after: float | None = None
    ) -> float:
        """Each failure in a row waits 1.5 times as long, up to 30 s."""
        gap = self._gap(plan._replace(first=0.0, early=None), progress)
        gap = max(gap, min(gap * _BACKOFF**progress.failures, _LONGEST_BACKOFF))
        seconds = obeyed(retry_after)
        return max(gap, seconds * (1 + _RETRY_AFTER_JITTER * self._random())) if seconds else gap

    def _gap(self, plan: Plan, progress: PollProgress) -> float:
        if callable(self._interval):
            gap = _checked(self._interval(progress.elapsed, progress.polls, progress.task))
            return max(gap, _FASTEST_OWN_PACE)
        if self._interval is not None:
            return self._interval
        jitter = _JITTER * self._random()
        # Never later than planned, or the jitter would cost the fast tasks their speed.
        gap = plan.first * (1 - jitter) - progress.elapsed
        if progress.polls <= 1 and plan.early is not None and progress.elapsed < plan.early:
            gap = (plan.early - progress.elapsed) * (1 - jitter)
        elif gap <= plan.gap:
            gap = plan.gap * (1 - _JITTER + 2 * jitter)
        # A short wait sends several polls too: two would be too few for 10 s.
        return min(gap, max(progress.span / _POLLS_AT_LEAST, _SHORTEST_LIMIT))


def obeyed(retry_after: float | None) -> float | None:
    """Return a `Retry-After` that is followed, positive and at most 60 s, or None."""
    if retry_after is not None and 0 < retry_after <= _LONGEST_RETRY_AFTER:
        return retry_after
    return None


def _checked(interval: float) -> float:
    is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
    if not is_number or not 0 < interval <= _SLOWEST_OWN_PACE:
        text = ascii(interval)[:60]
        raise ConfigurationError(f"interval must be a positive number of seconds, not {text}")
    return float(interval)
