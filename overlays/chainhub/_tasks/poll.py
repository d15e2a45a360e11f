"""One wait for one task: the result of a poll goes in, the next step comes out.

A wait does no I/O and reads no clock. A loop polls the service when the wait says so and passes in
the result; the sync loop, the async loop and the scheduler of many waits do the same:

    wait = Poll(asked, terms, now)
    poll, update = wait.answered(…) or wait.failed(…)
    while it has no outcome: sleep until its `next_at` and poll again
    where it has no `next_at` either: sleep until the deadline, update = wait.expired(…)
"""

from __future__ import annotations

import copy
import warnings
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from chainhub import errors
from chainhub._session import logger
from chainhub._tasks import status
from chainhub._tasks.intervals import COLD, Plan, PollIntervals, PollProgress, obeyed
from chainhub._tasks.outcome import Outcome, fault_of, shown_id
from chainhub._tasks.status import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chainhub._session import PreparedRequest
    from chainhub._tasks.table import Task, TaskId
    from chainhub.errors import ChainhubError

MOST_FAILURES = 10
# Polls a task may stay unknown at the start, or completed without the address of its result.
GRACE = 3
_GRACE_GAP = 2.0
# An unknown word with an address may be a stage before a better file: not only three quick
# polls, but so many seconds must agree, whatever the pace is.
_SETTLING_POLLS = 3
_SETTLING_SECONDS = 10.0
# The last poll leaves the service a second to answer, or a quarter of a short wait.
_LEAD = 1.0
_LEAD_SHARE = 0.25
# A sleep ends a little late: the last poll is planned a little earlier than it must be.
_LEAD_PLANNED = 1.1

# A service that answers itself does not repeat a Date, which counts seconds, for so many seconds.
_SAME_DATE = 3.0

# While nothing has ever answered at the address, it is wrong or restarts: these seconds lie between
# the attempts. A restart of up to 14 s is survived, and a wrong address is reported after 14 s, or
# after 26 s where every attempt runs out of time to connect. What a certificate or a proxy refuses,
# time does not change.
_UNREACHED_GAPS = (2.0, 4.0, 8.0)
_REFUSED_GAPS = (2.0, 2.0)
_UNREACHED = frozenset({"connect", "connect_timeout", "lookup"})
_SHORTEST_UNREACHED_GAP = 1.0
# Attempts that were under way together fail together, and count once.
_TOGETHER = 0.5

# Some services refuse to show an unfinished video (`video_not_ready`) instead of its status.
_NOT_YET_STATUSES = frozenset({400, 404, 409, 422, 425})
_PASSING_STATUSES = frozenset({408, 425, 429})
_LASTING_STATUSES = frozenset({501, 505, 525, 526})


class Update(NamedTuple):
    """What has become known: a changed task to report, an outcome, both or neither.

    Attributes:
        next_at: When to poll again; None if there is no time for another poll, or no need.
        asked: Whose outcome it is.
    """

    changed: Any = None
    outcome: Outcome[Any] | None = None
    next_at: float | None = None
    asked: TaskId | None = None


class WaitOptions(NamedTuple):
    """The arguments of a wait, shared by all waits of one call.

    Attributes:
        spec: The operation to poll.
        schedule: When to poll.
        deadline_at: The monotonic time at which the wait ends, or infinity.
        words: The caller's own status values, by `words_of`.
        raise_on_failure: Whether a task that ended without a result is an error.
        reread: Makes the task again of an answer as it came.
    """

    spec: Task
    schedule: PollIntervals
    deadline_at: float
    words: Mapping[str, State] | None = None
    raise_on_failure: bool = True
    reread: Callable[[bytes], object] = bytes


class Severity(Enum):
    """What a failed poll means for the next one."""

    NOT_YET = "the task is not finished"
    PASSING = "asking again may help"
    DOUBTFUL = "asking again helps if it ever worked"
    UNKNOWN_TASK = "the task may not be visible yet, if it was never seen"
    HOPELESS = "asking again will not help"


def severity_of(error: ChainhubError) -> Severity:
    if isinstance(error, errors.TLSError | errors.ProxyError):
        return Severity.DOUBTFUL
    if not isinstance(error, errors.StatusError):
        passing = isinstance(error, errors.TransportError | errors.ResponseError)
        return Severity.PASSING if passing else Severity.HOPELESS
    code = error.status or 0
    if code in _NOT_YET_STATUSES and (error.code or "").lower().endswith("not_ready"):
        return Severity.NOT_YET
    if isinstance(error, errors.TaskNotFoundError):
        return Severity.UNKNOWN_TASK
    if isinstance(error, errors.AuthenticationError | errors.PermissionDeniedError):
        return Severity.HOPELESS
    if 300 <= code <= 399 or code in _LASTING_STATUSES:
        return Severity.DOUBTFUL
    hopeless = 400 <= code <= 499 and code not in _PASSING_STATUSES
    return Severity.HOPELESS if hopeless else Severity.PASSING


@attrs.define(eq=False)
class Reach:
    """Whether anything has ever answered at the address; the waits of one call share it.

    Attributes:
        answered: Whether an HTTP answer of any kind has come.
        failures: How many attempts in a row have reached nobody.
        due: The instant of the next attempt after a failure.
        error: Why the last one failed.
        most: How many attempts that fail so end the waits.
    """

    answered: bool = False
    failures: int = 0
    due: float = 0.0
    error: ChainhubError | None = None
    most: int = 0

    @property
    def failing(self) -> bool:
        return self.failures > 0 and not self.answered

    @property
    def over(self) -> bool:
        return self.failing and self.failures >= self.most

    def failed(self, error: ChainhubError, gaps: tuple[float, ...], now: float) -> None:
        if self.failures and now + _TOGETHER < self.due:
            return
        took = now - self.due if self.failures else 0.0
        self.error, self.most = error, len(gaps) + 1
        self.failures += 1
        planned = gaps[min(self.failures, len(gaps)) - 1]
        self.due = now + max(planned - took, _SHORTEST_UNREACHED_GAP)


def gaps_while_unreached(error: ChainhubError) -> tuple[float, ...] | None:
    """Return the seconds between attempts that reach nobody, None if this one reached somebody."""
    if isinstance(error, errors.TLSError | errors.ProxyError):
        return _REFUSED_GAPS
    if isinstance(error, errors.TransportError) and error.kind in _UNREACHED:
        return _UNREACHED_GAPS
    return None


@attrs.define(eq=False, weakref_slot=False)
class Poll:
    """Wait for one task.

    Attributes:
        request: The request of a poll, once it was made: to make it costs as much as to send it.
        tally: How many polls in a row have failed, and how many may.
    """

    asked: TaskId
    _terms: WaitOptions
    started_at: float
    _reach: Reach = attrs.field(factory=Reach)
    request: PreparedRequest | None = None
    polls: int = 0
    tally: tuple[int, int] = (0, MOST_FAILURES)
    _plan: Plan = COLD
    _fresh: bool = True  # nothing has been told of the task
    _failures: int = 0
    _doubts: int = 0
    _missing: int = 0
    _settling: int = 0
    _settling_since: float = 0.0
    _running_until: float | None = None
    _error: ChainhubError | None = None
    # What a watcher sees of the last answer: status, progress and URLs.
    _seen: tuple[object, ...] | None = None
    _task: object = None
    # The last answer as it came, instead of the task, which is several times as large.
    _body: bytes | None = None
    _age: str | None = None
    _dated: tuple[str, float] | None = None

    def __attrs_post_init__(self) -> None:
        self._plan = self._terms.schedule.begin(self.asked.id, self.started_at)

    @property
    def task(self) -> Any:  # noqa: ANN401 - a model of the contract
        """The last answer; None before there is one."""
        return self._task if self._body is None else self._terms.reread(self._body)

    def may_ask(self, now: float) -> bool:
        """Return whether a poll may still be sent: the first one always before the deadline."""
        last = self._terms.deadline_at - self._lead
        return now <= last or (self.polls == 0 and now < self._terms.deadline_at)

    def answered(self, task: object, now: float, hint: float | None = None) -> Update:
        """Take a response, and the seconds to wait that the server hints at, if it does."""
        spec = self._terms.spec
        word = status.status_in(spec, task)
        urls = status.urls_in(spec, task)
        seen = word, status.progress_in(spec, task), *urls
        changed = task if seen != self._seen else None
        if changed is not None:
            self._age = self._dated = None
        state = status.meaning_of(word, spec, self._terms.words, urls)
        if state is not None:
            self._settling = 0
        else:
            status.warn_once(word)
            state = State.SUCCEEDED if self._settles(task, now) else State.RUNNING
        self._count_answer()
        self._task, self._seen, self._body = task, seen, None
        if state is State.RUNNING:
            return Update(changed, next_at=self._go_on(now, hint))
        if state is State.SUCCEEDED and not status.has_result(spec, task):
            self._missing += 1
            if self._missing < GRACE:
                return Update(changed, next_at=self._again(now, min(self._gap(now), _GRACE_GAP)))
        return self._ended(now, state, changed=changed)

    def _settles(self, task: object, now: float) -> bool:
        """Count the responses in a row with the same unknown status value and URLs."""
        spec = self._terms.spec
        urls = status.best_urls_in(spec, task)
        if self._settling and urls == status.best_urls_in(spec, self._task):
            self._settling += 1
        else:
            self._settling, self._settling_since = bool(urls), now
        long = now - self._settling_since >= _SETTLING_SECONDS
        if self._settling < _SETTLING_POLLS or not long:
            return False
        warnings.warn(
            f"task {shown_id(self.asked.id)} keeps the unknown status {self._status} with the "
            f"same {spec.kind} URL: treated as succeeded",
            status.UnknownStatusWarning,
            stacklevel=3,
        )
        return True

    def note_headers(self, age: str | None, date: str | None, now: float) -> None:
        """Note what the headers of a response say of a cache between the service and us."""
        self._age = age if age and age.isdecimal() and int(age[:9]) else None
        if self._dated is None or date is None or date != self._dated[0]:
            self._dated = None if date is None else (date, now)

    def remember(self, body: bytes) -> None:
        # One that decides something counts each time.
        if self._running_until is not None and not self._settling and not self._missing:
            self._body, self._task = body, None

    def repeats(self, body: bytes) -> bool:
        return body == self._body

    def repeated(self, now: float, hint: float | None = None) -> Update:
        self._count_answer()
        return Update(next_at=self._go_on(now, hint))

    def _count_answer(self) -> None:
        self.polls += 1
        self._fresh = False
        self._failures = 0
        self._error = None
        self._reach.answered = True

    def failed(self, error: ChainhubError, now: float) -> Update:
        self.polls += 1
        self._failures += 1
        self._error = error
        if error.status is not None:
            self._reach.answered = True
        gaps = gaps_while_unreached(error)
        if gaps is not None and not self._reach.answered:
            self._reach.failed(error, gaps, now)
            self.tally = self._reach.failures, self._reach.most
            if self._reach.over:
                return self.unreached(now)
            return Update(next_at=self._again(now, self._reach.due - now))
        expected = severity_of(error)
        if expected is Severity.NOT_YET:
            self._failures, self.tally, self._fresh = 0, (0, MOST_FAILURES), False
            return Update(next_at=self._go_on(now, error.retry_after))
        seen = expected is Severity.UNKNOWN_TASK and not self._fresh
        if expected is Severity.HOPELESS or seen:
            return self._ended(now, error=error)
        if expected is not Severity.PASSING and self._fresh:
            self._doubts += 1
            self.tally = self._doubts, GRACE
            if self._doubts >= GRACE:
                return self._ended(now, error=error)
            return Update(next_at=self._again(now, min(self._gap(now), _GRACE_GAP)))
        self.tally = self._failures, MOST_FAILURES
        if self._failures >= MOST_FAILURES:
            failed = f"{self._failures} polls in a row failed; last error: {error.message}"
            told = self._retold(error, failed, now)
            told.advice = errors.WaitTimeout.default_advice
            return self._ended(now, error=told)
        asked = error.retry_after
        gap = self._terms.schedule.after_failure(self._plan, self._turn(now), asked)
        return Update(next_at=self._again(now, gap, not_before=now + (obeyed(asked) or 0.0)))

    def expired(self, now: float) -> Update:
        if self._missing:
            return self._ended(now, State.SUCCEEDED)
        known = f" is still {self._status}" if self._seen else ": no response"
        last = self._error
        why = f"; last error: {last._summary()}" if last else self._cached(now)
        error = errors.WaitTimeout(
            f"task {shown_id(self.asked.id)}{known}{why}",
            task_id=self.asked.id,
            task=self.task,
            polls=self.polls,
            attempts=self.polls,
            elapsed=self.elapsed(now),
        )
        if last is not None:
            error.method, error.url, error.request_id = last.method, last.url, last.request_id
        error.__cause__ = last
        return self._ended(now, error=error)

    def unreached(self, now: float) -> Update:
        """End the wait because nothing answers at the address."""
        error = self._reach.error
        assert error is not None  # an attempt has failed
        attempts = f"{self._reach.failures} attempts"
        told = self._retold(error, f"no response in {attempts}; last error: {error.message}", now)
        told.attempts = self._reach.failures
        # The error may be of another task's poll: only the address is that of all.
        told.url = error.url and error.url.partition("?")[0]
        told.advice = error.advice or (
            "check the base URL and the network; the task is not affected: "
            "wait for the same id again"
        )
        return self._ended(now, error=told)

    def elapsed(self, now: float) -> float:
        return now - self.started_at

    @property
    def _status(self) -> str:
        return status.shown_status(self._seen[0]) if self._seen else "no answer yet"

    @property
    def _lead(self) -> float:
        return min(_LEAD, (self._terms.deadline_at - self.started_at) * _LEAD_SHARE)

    def _go_on(self, now: float, hint: float | None) -> float | None:
        self._missing = 0
        self._running_until = self.elapsed(now)
        return self._again(now, self._gap(now, hint))

    def _again(self, now: float, gap: float, not_before: float = 0.0) -> float | None:
        """Return when to poll: after so many seconds, or for the last time before the deadline."""
        last_call = self._terms.deadline_at - self._lead * _LEAD_PLANNED
        at: float | None = None
        if now + gap <= last_call:
            at = now + gap
        # A last poll soon after this one would cost a request and tell little.
        elif last_call >= max(not_before, now + min(gap / 2, 1.0)):
            at = last_call
        if logger.isEnabledFor(10):  # logging.DEBUG
            what = "next poll" if at is not None else "no more polls, the deadline is"
            left = (self._terms.deadline_at if at is None else at) - now
            shown = shown_id(self.asked.id), self._status, what, left
            logger.debug("task %s: %s; %s in %.2f s", *shown)
        return at

    def _gap(self, now: float, hint: float | None = None) -> float:
        return self._terms.schedule.after_answer(self._plan, self._turn(now), hint)

    def _turn(self, now: float) -> PollProgress:
        span = self._terms.deadline_at - self.started_at
        task = self.task if self._terms.schedule.asks else None
        return PollProgress(self.elapsed(now), self.polls, self._failures, span, task)

    def _ended(
        self,
        now: float,
        state: State | None = None,
        error: ChainhubError | None = None,
        changed: object = None,
    ) -> Update:
        """End the wait by the state of the last answer, or by an error."""
        elapsed = self.elapsed(now)
        # A task that was done at the first poll, or that failed, says nothing about how
        # long its kind takes.
        after = self._running_until if state is State.SUCCEEDED else None
        self._terms.schedule.end(self.asked.id, now, after=after, by=elapsed)
        if state is not None and self._terms.raise_on_failure:
            error = fault_of(self.asked.id, self.task, state, elapsed, self._terms.spec)
        outcome: Outcome[Any] = Outcome(self.asked.id, self.task, error, self.polls, elapsed)
        return Update(changed, outcome, asked=self.asked)

    def _retold(self, error: ChainhubError, message: str, now: float) -> ChainhubError:
        """Return the error again with another message, itself as the cause."""
        told = copy.copy(error)
        told.message = f"task {shown_id(self.asked.id)}: {message}"
        told.args = (told.message,)
        told.attempts, told.elapsed = self.polls, self.elapsed(now)
        told.__cause__ = error
        return told

    def _cached(self, now: float) -> str:
        """Say that the last response came from a cache, if it did."""
        if self._age is not None:
            told = f"Age: {self._age[:9]}"
        elif self._dated is not None and self.polls > 1 and now - self._dated[1] >= _SAME_DATE:
            told = "its Date did not change"
        else:
            return ""
        return f"; the last response came from a cache ({told}): it may be out of date"
