"""The waits of one call: ids go in, requests to send and updates of tasks come out.

A wait for one task is a wait for many with one id. `scheduler` decides which task to poll when, and
`loops` sends the requests, in threads or in asyncio.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from chainhub import _clock, _session
from chainhub._cancel import Cancel
from chainhub._responses import charset_of
from chainhub._tasks.intervals import DurationMemory, PollIntervals
from chainhub._tasks.journal import Journal
from chainhub._tasks.outcome import Outcome, shown_id
from chainhub._tasks.poll import Poll, Update, WaitOptions
from chainhub._tasks.record_file import account_of
from chainhub._tasks.scheduler import Idle, Scheduler, SendPoll
from chainhub._tasks.status import status_in, words_of
from chainhub._tasks.table import TaskId, main_task
from chainhub._transport import Response
from chainhub.errors import CancelledByUser, ChainhubError

if TYPE_CHECKING:
    import os

    from chainhub._session import AsyncSessionTransport, Operation, OperationSpan, SessionTransport
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.outcome import AnyOutcome
    from chainhub._tasks.status import State
    from chainhub._tasks.table import Task

# Seconds after the deadline at which a poll in flight is cancelled: a last answer may still count.
CUT = 0.2
# JSON that names no charset is UTF-8.
_UTF_8 = (None, "utf-8", "utf8")

_memories: WeakKeyDictionary[_session.Session, dict[str, DurationMemory]] = WeakKeyDictionary()


def durations_of(session: _session.Session, spec: Task | None = None) -> DurationMemory:
    """Return the durations that a client has learned; without `spec` those of the main tasks."""
    memories = _memories.setdefault(session, {})
    name = (spec or main_task()).name
    return memories.setdefault(name, DurationMemory(session.random))


class PollRequest(NamedTuple):
    step: SendPoll
    prepared: _session.PreparedRequest
    options: _session.Options


class PollResult(NamedTuple):
    step: SendPoll
    result: _session.CallResult | BaseException


class Poller:
    """Many waits as a loop uses them, sync or async.

    Attributes:
        single: Whether it is a wait for one task, whose polls the caller's thread or task sends.
        in_flight: How many requests may be in flight.
        has_more: Whether there may be more ids to read.
        reading: Whether the next one is being read.
        user_cancel: The switch that ends the waits.
        stop: The switch that ends the requests of threads.
        spans: The spans of the tasks that have no outcome yet.

    Raises:
        ConfigurationError: `deadline` or `interval` is not positive.
        TypeError: the operation has no such parameter.
    """

    def __init__(
        self,
        transport: SessionTransport | AsyncSessionTransport,
        spec: Task,
        parameters: Mapping[str, str],
        deadline: float | None,
        interval: float | PollPolicy | None,
        words: Mapping[str, State] | None,
        cancel: Cancel | None,
        journal: str | os.PathLike[str] | None = None,
        *,
        single: bool = False,
        raises: bool = True,
        watch: bool = False,
    ) -> None:
        spec.check(parameters)
        self.transport, self._spec, self._parameters = transport, spec, parameters
        self._operation = spec.operation()
        options, session = transport.options, transport.session
        wait_options = WaitOptions(
            spec,
            PollIntervals(durations_of(session, spec), session.random, interval),
            _clock.monotonic() + _session.seconds("deadline", deadline),
            words_of(words),
            raises and not watch,  # a watch yields a failed task last
            # A bound method would hold the session beyond its client, in a circle.
            partial(_parse_body, self._operation),
        )
        self.single, self._watch = single or watch, watch
        self.in_flight = 1 if self.single else session.connector.max_connections
        self.scheduler = Scheduler(wait_options, self.in_flight)
        self.has_more, self.reading = True, False
        self.user_cancel = options.cancel if cancel is None else _session.switch_of(cancel)
        self.stop = Cancel()
        # Requests of asyncio tasks are cancelled with their tasks.
        many = self.stop if isinstance(transport, _session.SessionTransport) else None
        switch = self.user_cancel if self.single else many
        # A wait polls again by its own schedule: it would not see a retry inside of a poll.
        self._options = options._replace(retry=_session.RetryPolicy.off(), cancel=switch)
        self._journal_path = journal
        self._journal: Journal | None = None
        self._single: Poll | None = None
        self._order: dict[TaskId, None] = {}
        self.spans: dict[TaskId, OperationSpan] = {}

    def __enter__(self) -> None:
        if self._journal_path is not None:
            session = self.transport.session
            base_url, account = session.connector.base_url, account_of(session)
            self._journal = Journal(self._journal_path, base_url, account, self._spec)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close the journal, and end the spans of tasks that have no outcome."""
        # An error of a callback is not one of the tasks.
        foreign = isinstance(error, Exception) and not isinstance(error, ChainhubError)
        while self.spans:
            self.spans.popitem()[1].end(None if foreign else error, {})
        self.release()

    def release(self) -> None:
        if self._journal is not None:
            self._journal.close()

    @property
    def unfinished(self) -> bool:
        return self.has_more or len(self.scheduler) > 0

    @property
    def wants_more(self) -> bool:
        return self.has_more and not self.reading and self.scheduler.wants_more

    def pull(self, ids: Iterator[object]) -> Update | None:
        for task in ids:
            return self.add(self.task_id_of(task))
        self.has_more = False
        return None

    def task_id_of(self, task: object) -> TaskId:
        return self._spec.task_id_of(task, self._parameters)

    def add(self, task_id: TaskId) -> Update | None:
        """Add an id; return its outcome if the journal of an earlier run has it."""
        if task_id in self._order:
            return None
        self._order[task_id] = None
        if self._journal is not None and (outcome := self._journal.replay(task_id)) is not None:
            return Update(outcome=outcome)
        wait = self.scheduler.add(task_id, _clock.monotonic())
        self._single = wait if self.single else None
        tracer = self.transport.session.observers.tracer
        if tracer is not None:
            self.spans[task_id] = tracer.operation(self._spec.wait, task_id.id)
        return None

    def in_order(self, outcomes: Iterable[Outcome[Any]]) -> dict[str, AnyOutcome[Any]]:
        """Return outcomes by id, in the order in which the ids were first seen."""
        by_id: dict[str, Any] = {outcome.id: outcome for outcome in outcomes}
        return {task_id.id: by_id[task_id.id] for task_id in self._order}

    def next_step(self) -> PollRequest | Update | Idle | None:
        step = self.scheduler.next_step(now := _clock.monotonic())
        if not isinstance(step, SendPoll):
            return step
        wait, remaining = step.wait, self.scheduler.ends_at + CUT - now
        options = self._options
        try:
            if wait.request is None:
                arguments = self._spec.arguments(wait.task_id)
                wait.request = self.transport.prepare(self._operation, arguments)
        except ChainhubError as error:
            failure = PollResult(step, error)
        else:
            limits = (
                options if options.deadline <= remaining else options._replace(deadline=remaining)
            )
            return PollRequest(step, wait.request, limits)
        return self.take(failure)

    def span_of(self, step: SendPoll) -> AbstractContextManager[object]:
        """Return a context in which the attempts of a poll are children of its task's span."""
        span = self.spans.get(step.wait.task_id)
        return nullcontext() if span is None else span.active()

    def take(self, result: object) -> Update | None:
        """Handle the result of a request, or an id; return what has changed, if anything."""
        if result is None:
            return None
        if isinstance(result, TaskId):
            return self.add(result)
        assert isinstance(result, PollResult)
        now, wait = _clock.monotonic(), result.step.wait
        try:
            update = self._read(result, now)
        except ChainhubError as error:
            failure = error
        else:
            return None if update.changed is None and update.outcome is None else update
        self.check_cancelled()  # first: cancelling makes the request fail
        update = self.scheduler.on_failure(result.step, failure, now)
        failures, limit = wait.tally
        if update.next_at is not None and failures:
            delay = update.next_at - now
            text = "task %s: poll failed (%d of %d), trying again in %.2f s: %s"
            _session.logger.info(text, shown_id(wait.task_id.id), failures, limit, delay, failure)
            if (observer := self.transport.session.observers.on_retry) is not None:
                observer(
                    _session.RetryEvent(
                        method=failure.method or "GET",
                        url=failure.url or "",
                        attempt=failures,
                        delay=delay,
                        error=failure,
                        max_attempts=limit,
                        task_id=wait.task_id.id,
                        operation=self._spec.wait,
                    )
                )
        return None if update.outcome is None else update

    def _read(self, poll_result: PollResult, now: float) -> Update:
        step, result = poll_result
        if isinstance(result, BaseException):
            raise result
        answer = result.value()
        hint = _session.poll_hint_of(answer, time.time())
        if answer.status == 200 and step.wait.repeats(answer.body):
            step.wait.note_headers(answer.header(b"age"), answer.header(b"date"), now)
            return self.scheduler.on_answer(step, None, now, hint)
        task = self.transport.read(self._operation, result, lenient=True)
        update = self.scheduler.on_answer(step, task, now, hint)
        # Only where other headers could not change the decoded text.
        if answer.status == 200 and (answer.body.isascii() or charset_of(answer) in _UTF_8):
            step.wait.remember(answer.body)
        else:
            step.wait.note_headers(answer.header(b"age"), answer.header(b"date"), now)
        return update

    def item_of(self, update: Update) -> Any:  # noqa: ANN401 - a model, or an outcome
        """Return the item for the caller: an outcome, or for a watch the task, changed or final."""
        changed, outcome, _, task_id = update
        if outcome is not None and task_id is not None:
            self._keep(outcome, task_id)  # first: the caller may stop after this item
        if not self._watch:
            return outcome
        return changed if outcome is None else outcome.result()

    def _keep(self, outcome: Outcome[Any], task_id: TaskId) -> None:
        """Write an outcome into the journal, and end its span."""
        if task_id in self.spans:
            facts: dict[str, str | int] = {"chainhub.task.polls": outcome.polls}
            if outcome.task is not None:
                facts["chainhub.task.status"] = str(status_in(self._spec, outcome.task))[:200]
            self.spans.pop(task_id).end(outcome.error, facts)
        if self._journal is not None:
            self._journal.keep(outcome, task_id)

    def check_cancelled(self) -> None:
        if self.user_cancel is None or not self.user_cancel.is_set():
            return
        if (wait := self._single) is not None:
            raise CancelledByUser(
                f"the wait for {wait.task_id.id} was cancelled; the task keeps running",
                attempts=wait.polls,
                elapsed=wait.elapsed(_clock.monotonic()),
            )
        raise CancelledByUser(
            f"the wait for {len(self.scheduler)} tasks was cancelled; the tasks keep running"
        )


def _parse_body(operation: Operation, body: bytes) -> object:
    return operation.parse(Response(200, [], body), (), lenient=True)
