"""The waits of one call: ids go in, requests to send and news of tasks come out.

A wait for one task is a wait for many with one id. `scheduler` decides which task to poll when, and
`loops` sends the requests, in threads or in asyncio.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast
from weakref import WeakKeyDictionary

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._session import (
    CallResult,
    Options,
    PreparedRequest,
    RetryEvent,
    RetryPolicy,
    Session,
    logger,
    operation_of,
    poll_hint_of,
    seconds,
)
from chainhub._tasks.intervals import DurationMemory, PollIntervals
from chainhub._tasks.journal import Journal, account_of
from chainhub._tasks.outcome import Outcome, shown_id
from chainhub._tasks.poll import Poll, WaitOptions
from chainhub._tasks.scheduler import Idle, Scheduler, SendPoll, Update
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError
from chainhub_api.models import VideoTask

if TYPE_CHECKING:
    from chainhub._session import AsyncSessionTransport, OperationSpan, SessionTransport
    from chainhub._tasks.batch_methods import JournalPath
    from chainhub._tasks.outcome import AnyOutcome
    from chainhub._tasks.status import State
    from chainhub._tasks.wait_methods import Interval, TaskOperation

CUT = 0.2
"""Seconds after the deadline at which a poll in flight is cut: a last answer may still count."""

_memories: WeakKeyDictionary[Session, DurationMemory] = WeakKeyDictionary()


def durations_of(session: Session) -> DurationMemory:
    """Return what a client and its copies have learned of how long tasks take."""
    return _memories.setdefault(session, DurationMemory(session.random))


def _renew_locks() -> None:
    """Replace locks that a thread of the parent may hold."""
    for memory in _memories.values():
        memory.renew_lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_renew_locks)


class PollRequest(NamedTuple):
    """A request to send now, and its limits."""

    ask: SendPoll
    prepared: PreparedRequest
    options: Options


class PollResult(NamedTuple):
    """The result of a request: the end of its call, or what it raised."""

    ask: SendPoll
    ended: CallResult | BaseException


class Poller:
    """Many waits as a loop uses them, sync or async; one is a wait for a single task.

    Args:
        transport: Sends the requests.
        operation: The operation to poll.
        terms: What the caller wants.
        cancel: Ends the waits; without it the switch of the client's options does.
        journal: The file of outcomes.
        single: Whether there is one id only, whose requests the loop sends itself.
        threads: Whether threads send the requests.

    Attributes:
        transport: Sends the requests.
        in_flight: How many requests may be in flight.
        more: Whether there may be more ids to read.
        reading: Whether the next one is being read.
        user_cancel: The switch that ends the waits.
        stop: The switch that ends the requests of threads.
    """

    def __init__(
        self,
        transport: SessionTransport | AsyncSessionTransport,
        operation: TaskOperation,
        terms: WaitOptions,
        cancel: Cancel | None,
        journal: JournalPath | None = None,
        *,
        single: bool = False,
        threads: bool = False,
    ) -> None:
        options = transport.options
        self.transport = transport
        self.in_flight = 1 if single else transport.session.connector.max_connections
        self.scheduler = Scheduler(terms, self.in_flight)
        self.more, self.reading = True, False
        self.user_cancel = options.cancel if cancel is None else cancel
        self.stop = Cancel()
        # Requests of asyncio tasks are cancelled with their tasks.
        many = self.stop if threads else None
        switch = self.user_cancel if single else many
        self._options = options._replace(retry=RetryPolicy.off(), cancel=switch)
        self._operation = operation
        self._journal_path = journal
        self._journal: Journal | None = None
        self._single: Poll | None = None
        self._is_single = single
        self._requests: dict[str, PreparedRequest] = {}
        self._order: dict[str, None] = {}
        self.spans: dict[str, OperationSpan] = {}

    def __enter__(self) -> None:
        """Open the journal, if there is one."""
        if self._journal_path is not None:
            session = self.transport.session
            base_url, account = session.connector.base_url, account_of(session)
            self._journal = Journal(self._journal_path, base_url, account)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close the journal, and end the spans of tasks that have no outcome."""
        # An error of a callback says nothing of the tasks.
        foreign = isinstance(error, Exception) and not isinstance(error, ChainhubError)
        while self.spans:
            self.spans.popitem()[1].end(None if foreign else error, {})
        self.release()

    def release(self) -> None:
        """Close the journal; twice does no harm."""
        if self._journal is not None:
            self._journal.close()

    @property
    def unfinished(self) -> bool:
        """Whether there may be another outcome."""
        return self.more or len(self.scheduler) > 0

    @property
    def wants_more(self) -> bool:
        """Whether there is room for another id."""
        return self.more and not self.reading and self.scheduler.wants_more

    def pull(self, ids: Iterator[str | VideoTask]) -> Update | None:
        """Read the next id; return its outcome if the journal of an earlier run has it."""
        for task in ids:
            return self.add(task)
        self.more = False
        return None

    def add(self, task: str | VideoTask) -> Update | None:
        """Add an id; return its outcome if the journal of an earlier run has it."""
        task_id = id_of(task)
        if task_id in self._order:
            return None
        self._order[task_id] = None
        if self._journal is not None and task_id in self._journal:
            return Update(None, self._journal.replay(task_id))
        added = self.scheduler.add(task_id, _clock.monotonic())
        self._single = added if self._is_single else None
        tracer = self.transport.observers.tracer
        if tracer is not None:
            self.spans[task_id] = tracer.operation(self._operation.wait, task_id)
        return None

    def in_order(self, outcomes: list[Outcome]) -> dict[str, AnyOutcome]:
        """Return outcomes by id, in the order in which the ids were first seen."""
        found = {outcome.id: cast("AnyOutcome", outcome) for outcome in outcomes}
        return {task_id: found[task_id] for task_id in self._order}

    def act(self) -> PollRequest | Update | Idle | None:
        """Return what to do now: send a request, report an update, or wait."""
        act = self.scheduler.act(_clock.monotonic())
        if not isinstance(act, SendPoll):
            return act
        left = self.scheduler.ends_at + CUT - _clock.monotonic()
        try:
            return PollRequest(act, self._prepared(act.wait.task_id), within(self._options, left))
        except ConfigurationError as error:
            failure = PollResult(act, error)
        return self.take(failure)

    def _prepared(self, task_id: str) -> PreparedRequest:
        # To make a request costs as much as to send it.
        found = self._requests.get(task_id)
        if found is None:
            _, module, returns, parameter = self._operation
            operation = operation_of(module, returns)
            found = self.transport.prepare(operation, {parameter: task_id})
            self._requests[task_id] = found
        return found

    def take(self, came: PollResult | str | VideoTask | None) -> Update | None:
        """Take the result of a request, or an id; return what it has changed, if anything.

        Raises:
            CancelledByUser: the switch was set.
            BaseException: a bug in somebody's code, unchanged.
        """
        if came is None:
            return None
        if not isinstance(came, PollResult):
            return self.add(came)
        now, wait = _clock.monotonic(), came.ask.wait
        try:
            update = self._read(came, now)
        except ChainhubError as error:
            failure = error
        else:
            return None if update.changed is None and update.outcome is None else update
        self.check_cancelled()
        update = self.scheduler.failed(came.ask, failure, now)
        if update.next_at is not None and wait.tally[0]:
            self._tell_retry(wait, failure, update.next_at - now)
        return None if update.outcome is None else update

    def _read(self, came: PollResult, now: float) -> Update:
        ask, ended = came
        if isinstance(ended, BaseException):
            raise ended
        answer = ended.value()
        hint = poll_hint_of(answer, time.time())
        if answer.status == 200 and ask.wait.repeats(answer.body):
            ask.wait.note_headers(answer.header(b"age"), answer.header(b"date"), now)
            return self.scheduler.repeated(ask, now, hint)
        operation = operation_of(self._operation.module, self._operation.returns)
        task = cast("VideoTask", self.transport.read(operation, ended, lenient=True))
        update = self.scheduler.answered(ask, task, now, hint)
        ask.wait.remember(answer.body)
        if not answer.body.isascii():
            ask.wait.note_headers(answer.header(b"age"), answer.header(b"date"), now)
        return update

    def kept(self, update: Update) -> Update:
        """Write an outcome into the journal, and end its span, before it is returned."""
        outcome = update.outcome
        if outcome is not None:
            self._requests.pop(outcome.id, None)
            if outcome.id in self.spans:
                self.spans.pop(outcome.id).end(outcome.error, facts_of(outcome))
            if self._journal is not None:
                self._journal.record(outcome)
        return update

    def check_cancelled(self) -> None:
        """Raise if the switch was set.

        Raises:
            CancelledByUser: it was.
        """
        if self.user_cancel is None or not self.user_cancel.is_set():
            return
        if (wait := self._single) is not None:
            raise CancelledByUser(
                f"the wait for {wait.task_id} was cancelled; the task keeps running",
                attempts=wait.polls,
                elapsed=wait.elapsed(_clock.monotonic()),
            )
        raise CancelledByUser(
            f"the wait for {len(self.scheduler)} tasks was cancelled; the tasks keep running"
        )

    def _tell_retry(self, wait: Poll, error: ChainhubError, delay: float) -> None:
        failures, most = wait.tally
        what = "task %s: poll failed (%d of %d), trying again in %.2f s: %s"
        logger.info(what, shown_id(wait.task_id), failures, most, delay, error)
        observer = self.transport.observers.on_retry
        if observer is None:
            return
        observer(
            RetryEvent(
                method=error.method or "GET",
                url=error.url or "",
                attempt=failures,
                delay=delay,
                error=error,
                max_attempts=most,
                task_id=wait.task_id,
                operation=self._operation.wait,
            )
        )


def facts_of(outcome: Outcome) -> dict[str, str | int]:
    """Return what a span tells of a wait."""
    facts: dict[str, str | int] = {"chainhub.task.polls": outcome.polls}
    if outcome.task is not None:
        facts["chainhub.task.status"] = str(outcome.task.status)[:200]
    return facts


def within(options: Options, left: float) -> Options:
    """Return options whose deadline is at most `left` seconds."""
    return options if options.deadline <= left else options._replace(deadline=left)


def id_of(task: str | VideoTask) -> str:
    """Return the id to poll.

    Raises:
        ConfigurationError: there is none.
    """
    found: object = task.id if isinstance(task, VideoTask) else task
    if not isinstance(found, str) or not found.strip():
        raise ConfigurationError("the task id must be a non-empty string")
    return found


def wait_options(
    transport: SessionTransport | AsyncSessionTransport,
    deadline: float | None,
    interval: Interval | None,
    words: Mapping[str, State] | None,
    raise_on_failure: bool = True,
) -> WaitOptions:
    """Return the arguments of a wait, checked.

    Raises:
        ConfigurationError: `deadline` or `interval` is not positive.
    """
    session = transport.session
    return WaitOptions(
        PollIntervals(durations_of(session), session.random, interval),
        _clock.monotonic() + seconds("deadline", deadline),
        words,
        raise_on_failure,
    )
