"""One wait for one task: the result of a poll goes in, the next step comes out.

A wait does no I/O and reads no clock. A loop polls the service when the wait says so and passes in
the result; the sync loop, the async loop and the scheduler of many waits do the same:

    wait = Poll(task_id, options, now)
    poll, update = wait.on_answer(…) or wait.on_failure(…)
    while it has no outcome: sleep until its `next_at` and poll again
    where it has no `next_at` either: sleep until the deadline, update = wait.on_deadline(…)
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
# Polls for which a task may be unknown at the start, or completed without the URL of its result.
GRACE = 3
_GRACE_GAP = 2.0
# An unknown status with a URL may be a stage before a better file: not only three quick polls,
# but all polls of so many seconds must return the same, whatever the interval is.
_SETTLING_POLLS = 3
_SETTLING_SECONDS = 10.0
# The last poll leaves the service a second to answer, or a quarter of a short wait.
_LEAD = 1.0
_LEAD_SHARE = 0.25
# A sleep ends a little late: the last poll is scheduled a little earlier than it must be.
_LEAD_PLANNED = 1.1

# Without a cache, the Date of responses, in whole seconds, changes within so many seconds.
_SAME_DATE = 3.0

# While nothing has ever answered at the address, it is wrong or the server restarts: these are the
# seconds between attempts. A restart of up to 14 s is survived, and a wrong address is reported
# after 14 s, or after 26 s if every attempt to connect times out. Errors of a certificate or of a
# proxy do not change with time.
_UNREACHED_GAPS = (2.0, 4.0, 8.0)
_REFUSED_GAPS = (2.0, 2.0)
_UNREACHED = frozenset({"connect", "connect_timeout", "lookup"})
_SHORTEST_UNREACHED_GAP = 1.0
# Attempts that were under way together fail together, and count once.
_TOGETHER = 0.5

# Some services return an error for an unfinished video (`video_not_ready`) instead of its status.
_NOT_YET_STATUSES = frozenset({400, 404, 409, 422, 425})
_PASSING_STATUSES = frozenset({408, 425, 429})
_LASTING_STATUSES = frozenset({501, 505, 525, 526})


class Update(NamedTuple):
    """The result of a poll for the wait: a changed task to report, an outcome, both or neither.

    Attributes:
        next_at: When to poll again; None if there is no time for another poll, or no need.
        task_id: The task of the outcome.
    """

    changed: Any = None
    outcome: Outcome[Any] | None = None
    next_at: float | None = None
    task_id: TaskId | None = None


class WaitOptions(NamedTuple):
    """The arguments of a wait, shared by all waits of one call.

    Attributes:
        spec: The operation to poll.
        schedule: When to poll.
        deadline_at: The monotonic time at which the wait ends, or infinity.
        words: The caller's own status values, by `words_of`.
        raise_on_failure: Whether a task that ended without a result is an error.
        parse: Returns the task of the body of an answer.
    """

    spec: Task
    schedule: PollIntervals
    deadline_at: float
    words: Mapping[str, State] | None = None
    raise_on_failure: bool = True
    parse: Callable[[bytes], object] = bytes


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
        failures: How many attempts in a row have reached no server.
        due: The instant of the next attempt after a failure.
        error: Why the last one failed.
        max_failures: How many such failures end the waits.
    """

    answered: bool = False
    failures: int = 0
    due: float = 0.0
    error: ChainhubError | None = None
    max_failures: int = 0

    @property
    def failing(self) -> bool:
        return self.failures > 0 and not self.answered

    @property
    def over(self) -> bool:
        return self.failing and self.failures >= self.max_failures

    def on_failure(self, error: ChainhubError, gaps: tuple[float, ...], now: float) -> None:
        if self.failures and now + _TOGETHER < self.due:
            return
        duration = now - self.due if self.failures else 0.0
        self.error, self.max_failures = error, len(gaps) + 1
        self.failures += 1
        gap = gaps[min(self.failures, len(gaps)) - 1]
        self.due = now + max(gap - duration, _SHORTEST_UNREACHED_GAP)


def gaps_while_unreached(error: ChainhubError) -> tuple[float, ...] | None:
    """Return the seconds between attempts that reach no server, None if this one reached one."""
    if isinstance(error, errors.TLSError | errors.ProxyError):
        return _REFUSED_GAPS
    if isinstance(error, errors.TransportError) and error.kind in _UNREACHED:
        return _UNREACHED_GAPS
    return None


@attrs.define(eq=False, weakref_slot=False)
class Poll:
    """Wait for one task.

    Attributes:
        request: The request of a poll, built once: to build it takes as long as to send it.
        tally: How many polls in a row have failed, and how many may.
    """

    task_id: TaskId
    _options: WaitOptions
    started_at: float
    _reach: Reach = attrs.field(factory=Reach)
    request: PreparedRequest | None = None
    polls: int = 0
    tally: tuple[int, int] = (0, MOST_FAILURES)
    _plan: Plan = COLD
    _fresh: bool = True  # nothing is known of the task yet
    _failures: int = 0
    _doubts: int = 0
    _missing: int = 0
    _settling: int = 0
    _settling_since: float = 0.0
    _running_until: float | None = None
    _error: ChainhubError | None = None
    # What is compared to find a change: status, progress and URLs of the last answer.
    _snapshot: tuple[object, ...] | None = None
    _task: object = None
    # The body of the last answer, instead of the task, which is several times as large.
    _body: bytes | None = None
    _age: str | None = None
    _date: tuple[str, float] | None = None

    def __attrs_post_init__(self) -> None:
        self._plan = self._options.schedule.begin(self.task_id.id, self.started_at)

    @property
    def task(self) -> Any:  # noqa: ANN401 - a model of the contract
        """The last answer; None before there is one."""
        return self._task if self._body is None else self._options.parse(self._body)

    def may_poll(self, now: float) -> bool:
        """Return whether a poll may still be sent: the first one always before the deadline."""
        last = self._options.deadline_at - self._lead
        return now <= last or (self.polls == 0 and now < self._options.deadline_at)

    def on_answer(self, task: object, now: float, hint: float | None = None) -> Update:
        """Handle an answer; `hint` is the interval that the server suggests, in seconds."""
        spec = self._options.spec
        word = status.status_in(spec, task)
        urls = status.urls_in(spec, task)
        snapshot = word, status.progress_in(spec, task), *urls
        changed = task if snapshot != self._snapshot else None
        if changed is not None:
            self._age = self._date = None
        state = status.meaning_of(word, spec, self._options.words, urls)
        if state is not None:
            self._settling = 0
        else:
            status.warn_once(word)
            state = State.SUCCEEDED if self._settles(task, now) else State.RUNNING
        self._count_answer()
        self._task, self._snapshot, self._body = task, snapshot, None
        if state is State.RUNNING:
            return Update(changed, next_at=self._on_running(now, hint))
        if state is State.SUCCEEDED and not status.has_result(spec, task):
            self._missing += 1
            if self._missing < GRACE:
                return Update(changed, next_at=self._next_at(now, min(self._gap(now), _GRACE_GAP)))
        return self._finish(now, state, changed=changed)

    def _settles(self, task: object, now: float) -> bool:
        """Count the responses in a row with the same unknown status value and URLs."""
        spec = self._options.spec
        urls = status.best_urls_in(spec, task)
        if self._settling and urls == status.best_urls_in(spec, self._task):
            self._settling += 1
        else:
            self._settling, self._settling_since = bool(urls), now
        long_enough = now - self._settling_since >= _SETTLING_SECONDS
        if self._settling < _SETTLING_POLLS or not long_enough:
            return False
        warnings.warn(
            f"task {shown_id(self.task_id.id)} keeps the unknown status {self._status} with the "
            f"same {spec.kind} URL: treated as succeeded",
            status.UnknownStatusWarning,
            stacklevel=3,
        )
        return True

    def note_headers(self, age: str | None, date: str | None, now: float) -> None:
        """Note what the headers of a response say of a cache between the service and us."""
        self._age = age if age and age.isdecimal() and int(age[:9]) else None
        if self._date is None or date is None or date != self._date[0]:
            self._date = None if date is None else (date, now)

    def remember(self, body: bytes) -> None:
        # Not one on which a decision may depend: it is counted each time.
        if self._running_until is not None and not self._settling and not self._missing:
            self._body, self._task = body, None

    def repeats(self, body: bytes) -> bool:
        return body == self._body

    def on_repeat(self, now: float, hint: float | None = None) -> Update:
        self._count_answer()
        return Update(next_at=self._on_running(now, hint))

    def _count_answer(self) -> None:
        self.polls += 1
        self._fresh = False
        self._failures = 0
        self._error = None
        self._reach.answered = True

    def on_failure(self, error: ChainhubError, now: float) -> Update:
        self.polls += 1
        self._failures += 1
        self._error = error
        if error.status is not None:
            self._reach.answered = True
        gaps = gaps_while_unreached(error)
        if gaps is not None and not self._reach.answered:
            self._reach.on_failure(error, gaps, now)
            self.tally = self._reach.failures, self._reach.max_failures
            if self._reach.over:
                return self.on_unreached(now)
            return Update(next_at=self._next_at(now, self._reach.due - now))
        severity = severity_of(error)
        if severity is Severity.NOT_YET:
            self._failures, self.tally, self._fresh = 0, (0, MOST_FAILURES), False
            return Update(next_at=self._on_running(now, error.retry_after))
        vanished = severity is Severity.UNKNOWN_TASK and not self._fresh
        if severity is Severity.HOPELESS or vanished:
            return self._finish(now, error=error)
        if severity is not Severity.PASSING and self._fresh:
            self._doubts += 1
            self.tally = self._doubts, GRACE
            if self._doubts >= GRACE:
                return self._finish(now, error=error)
            return Update(next_at=self._next_at(now, min(self._gap(now), _GRACE_GAP)))
        self.tally = self._failures, MOST_FAILURES
        if self._failures >= MOST_FAILURES:
            message = f"{self._failures} polls in a row failed; last error: {error.message}"
            result = self._with_message(error, message, now)
            result.advice = errors.WaitTimeout.default_advice
            return self._finish(now, error=result)
        retry_after = error.retry_after
        gap = self._options.schedule.after_failure(self._plan, self._progress(now), retry_after)
        earliest = now + (obeyed(retry_after) or 0.0)
        return Update(next_at=self._next_at(now, gap, not_before=earliest))

    def on_deadline(self, now: float) -> Update:
        if self._missing:
            return self._finish(now, State.SUCCEEDED)
        status_text = f" is still {self._status}" if self._snapshot else ": no response"
        cause = self._error
        reason = f"; last error: {cause._summary()}" if cause else self._cache_note(now)
        error = errors.WaitTimeout(
            f"task {shown_id(self.task_id.id)}{status_text}{reason}",
            task_id=self.task_id.id,
            task=self.task,
            polls=self.polls,
            attempts=self.polls,
            elapsed=self.elapsed(now),
        )
        if cause is not None:
            error.method, error.url, error.request_id = cause.method, cause.url, cause.request_id
        error.__cause__ = cause
        return self._finish(now, error=error)

    def on_unreached(self, now: float) -> Update:
        """End the wait because nothing answers at the address."""
        cause = self._reach.error
        assert cause is not None  # an attempt has failed
        attempts = f"{self._reach.failures} attempts"
        message = f"no response in {attempts}; last error: {cause.message}"
        error = self._with_message(cause, message, now)
        error.attempts = self._reach.failures
        # The error may be of another task's poll: only the address is common to all.
        error.url = cause.url and cause.url.partition("?")[0]
        error.advice = cause.advice or (
            "check the base URL and the network; the task is not affected: "
            "wait for the same id again"
        )
        return self._finish(now, error=error)

    def elapsed(self, now: float) -> float:
        return now - self.started_at

    @property
    def _status(self) -> str:
        return status.shown_status(self._snapshot[0]) if self._snapshot else "no answer yet"

    @property
    def _lead(self) -> float:
        return min(_LEAD, (self._options.deadline_at - self.started_at) * _LEAD_SHARE)

    def _on_running(self, now: float, hint: float | None) -> float | None:
        self._missing = 0
        self._running_until = self.elapsed(now)
        return self._next_at(now, self._gap(now, hint))

    def _next_at(self, now: float, gap: float, not_before: float = 0.0) -> float | None:
        """Return when to poll: after so many seconds, or for the last time before the deadline."""
        last_at = self._options.deadline_at - self._lead * _LEAD_PLANNED
        at: float | None = None
        if now + gap <= last_at:
            at = now + gap
        # A last poll soon after this one would cost a request and be of little use.
        elif last_at >= max(not_before, now + min(gap / 2, 1.0)):
            at = last_at
        if logger.isEnabledFor(10):  # logging.DEBUG
            label = "next poll" if at is not None else "no more polls, the deadline is"
            remaining = (self._options.deadline_at if at is None else at) - now
            arguments = shown_id(self.task_id.id), self._status, label, remaining
            logger.debug("task %s: %s; %s in %.2f s", *arguments)
        return at

    def _gap(self, now: float, hint: float | None = None) -> float:
        return self._options.schedule.after_answer(self._plan, self._progress(now), hint)

    def _progress(self, now: float) -> PollProgress:
        span = self._options.deadline_at - self.started_at
        task = self.task if self._options.schedule.needs_task else None
        return PollProgress(self.elapsed(now), self.polls, self._failures, span, task)

    def _finish(
        self,
        now: float,
        state: State | None = None,
        error: ChainhubError | None = None,
        changed: object = None,
    ) -> Update:
        """End the wait by the state of the last answer, or by an error."""
        elapsed = self.elapsed(now)
        # A task that was finished at the first poll, or that failed, does not show how long such
        # tasks take.
        after = self._running_until if state is State.SUCCEEDED else None
        self._options.schedule.end(self.task_id.id, now, after=after, by=elapsed)
        if state is not None and self._options.raise_on_failure:
            error = fault_of(self.task_id.id, self.task, state, elapsed, self._options.spec)
        outcome: Outcome[Any] = Outcome(self.task_id.id, self.task, error, self.polls, elapsed)
        return Update(changed, outcome, task_id=self.task_id)

    def _with_message(self, cause: ChainhubError, message: str, now: float) -> ChainhubError:
        """Return a copy of an error with another message; the original is its cause."""
        error = copy.copy(cause)
        error.message = f"task {shown_id(self.task_id.id)}: {message}"
        error.args = (error.message,)
        error.attempts, error.elapsed = self.polls, self.elapsed(now)
        error.__cause__ = cause
        return error

    def _cache_note(self, now: float) -> str:
        """Return a note that the last response came from a cache, else an empty text."""
        if self._age is not None:
            sign = f"Age: {self._age[:9]}"
        elif self._date is not None and self.polls > 1 and now - self._date[1] >= _SAME_DATE:
            sign = "its Date did not change"
        else:
            return ""
        return f"; the last response came from a cache ({sign}): it may be out of date"
