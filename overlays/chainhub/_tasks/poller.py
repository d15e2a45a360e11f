"""One wait as its loops use it, sync and async; `poll` decides what follows a poll."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager
from inspect import isawaitable
from typing import TYPE_CHECKING, NamedTuple, cast
from weakref import WeakKeyDictionary

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._responses import APIResponse
from chainhub._session import (
    CallResult,
    Observers,
    Options,
    Question,
    RetryPolicy,
    Session,
    ainside,
    inside,
    logger,
    poll_hint_of,
    running_loop,
    seconds,
    traced,
)
from chainhub._tasks.intervals import DurationMemory, PollIntervals
from chainhub._tasks.outcome import shown_id
from chainhub._tasks.poll import Done, ExpireAt, Next, Poll, PollAt, Raise, Step, WaitOptions
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError
from chainhub_api.api.video import query
from chainhub_api.models import VideoTask

if TYPE_CHECKING:
    from chainhub._session import AsyncDoor, Door, OperationSpan
    from chainhub._tasks.outcome import Outcome
    from chainhub._tasks.status import State
    from chainhub._tasks.wait_methods import Interval, OnUpdate

WAIT = "video.wait"
"""The name of a wait among operations."""

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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def id_of(task: str | VideoTask) -> str:
    """Return the id to poll.

    Raises:
        ConfigurationError: there is none.
    """
    found: object = task.id if isinstance(task, VideoTask) else task
    if not isinstance(found, str) or not found.strip():
        raise ConfigurationError("the task id must be a non-empty string")
    return found


class Poller:
    """One wait as a loop uses it, sync or async: what to do next, and when."""

    def __init__(
        self,
        door: Door | AsyncDoor,
        task: str | VideoTask,
        terms: WaitOptions,
        cancel: Cancel | None,
    ) -> None:
        now, options = _clock.monotonic(), door.way.options
        self.cancel = options.cancel if cancel is None else cancel
        self._question = Question(door, query, "VideoTask", id=id_of(task))
        self._wait = Poll(id_of(task), terms, now)
        self._options = options.but(retry=RetryPolicy.off(), cancel=self.cancel)
        self._deadline_at = terms.deadline_at
        self._observers = door.observers
        self.step = Step(None, PollAt(now))

    def span(self) -> AbstractContextManager[OperationSpan | None]:
        """Make a span of the wait, if there is a tracer."""
        wait = self._wait
        return traced(self._observers, WAIT, wait.task_id, lambda: facts_of(wait))

    @property
    def pause(self) -> float:
        """Seconds until the next step."""
        then = self.step.then
        return (
            max(then.at - _clock.monotonic(), 0.0) if isinstance(then, PollAt | ExpireAt) else 0.0
        )

    def due(self) -> PollRequest | None:
        """Return the request to send now, or None if the step needed none.

        Raises:
            CancelledByUser: the switch was set.
        """
        if self.cancel is not None and self.cancel.is_set():
            raise self._cancelled()
        now = _clock.monotonic()
        if isinstance(self.step.then, PollAt) and self._wait.may_ask(now):
            left = self._deadline_at + CUT - now
            return PollRequest(self._question, within(self._options, left))
        self.step = Step(None, self._expire(now))
        return None

    def _expire(self, now: float) -> Next:
        if now < self._deadline_at:
            return ExpireAt(self._deadline_at)
        return self._wait.expired(now)

    def take(self, ended: CallResult) -> None:
        """Take the result of a request."""
        if (answer := good(ended)) is not None and self._wait.repeats(answer.body):
            hint = poll_hint_of(answer, time.time())
            self.step = self._wait.repeated(_clock.monotonic(), hint)
            return
        try:
            task = cast("VideoTask", self._question.read(ended))
        except ChainhubError as error:
            failure = error
        else:
            answer = cast("APIResponse", ended.answer)
            hint = poll_hint_of(answer, time.time())
            self.step = self._wait.answered(task, _clock.monotonic(), hint)
            self._wait.remember(answer.body)
            return
        if isinstance(failure, CancelledByUser):
            raise self._cancelled()
        now = _clock.monotonic()
        self.step = self._wait.failed(failure, now)
        if isinstance(self.step.then, PollAt):
            tell_retry(self._observers, self._wait, failure, self.step.then.at - now)

    def _cancelled(self) -> CancelledByUser:
        return CancelledByUser(
            f"the wait for {self._wait.task_id} was cancelled; the task keeps running",
            attempts=self._wait.polls,
            elapsed=self._wait.elapsed(_clock.monotonic()),
        )


def facts_of(wait: Poll | Outcome) -> dict[str, str | int]:
    """Return what a span tells of a wait."""
    facts: dict[str, str | int] = {"chainhub.task.polls": wait.polls}
    if wait.task is not None:
        facts["chainhub.task.status"] = str(wait.task.status)[:200]
    return facts


def tell_retry(observers: Observers, wait: Poll, error: ChainhubError, delay: float) -> None:
    """Tell that a poll failed and that another one follows after `delay` seconds."""
    failures, most = wait.tally
    logger.info(
        "task %s: poll failed (%d of %d), trying again in %.2f s: %s",
        shown_id(wait.task_id),
        failures,
        most,
        delay,
        error,
    )
    if observers.on_retry is not None:
        from chainhub._session import RetryEvent  # nobody else needs it

        observers.on_retry(
            RetryEvent(
                method=error.method or "GET",
                url=error.url or "",
                attempt=failures,
                delay=delay,
                error=error,
                max_attempts=most,
                task_id=wait.task_id,
                operation=WAIT,
            )
        )


def within(options: Options, left: float) -> Options:
    """Return options whose deadline is at most `left` seconds."""
    return options if options.deadline <= left else options.but(deadline=left)


class PollRequest(NamedTuple):
    """A request to send, and its limits."""

    question: Question
    options: Options


def good(ended: CallResult) -> APIResponse | None:
    """Return the response, whose bytes may be those of the last one."""
    answer = ended.answer
    return answer if ended.error is None and answer is not None and answer.status == 200 else None


def ended(step: Step) -> VideoTask | None:
    """Return the task with which a wait ends, None if it continues.

    Raises:
        ChainhubError: the wait ends with it.
    """
    match step.then:
        case Done(task):
            return task
        case Raise(error):
            raise error
    return None


async def notify(on_update: OnUpdate, task: VideoTask) -> None:
    """Call a callback, which may be asynchronous."""
    result = on_update(task)
    if isawaitable(result):
        await result


def wait_options(
    door: Door | AsyncDoor,
    deadline: float | None,
    interval: Interval | None,
    words: Mapping[str, State] | None,
    *,
    raise_on_failure: bool,
) -> WaitOptions:
    """Return the arguments of a wait, checked.

    Raises:
        ConfigurationError: `deadline` or `interval` is not positive.
    """
    session = door.way.session
    return WaitOptions(
        PollIntervals(durations_of(session), session.random, interval),
        _clock.monotonic() + seconds("deadline", deadline),
        words,
        raise_on_failure,
    )


def poll_until_final(
    door: Door, task: str | VideoTask, terms: WaitOptions, cancel: Cancel | None
) -> Iterator[VideoTask]:
    """Poll a task until it is finished; yield it each time it has changed, and at the end."""
    poller = Poller(door, task, terms, cancel)
    with poller.span() as span:
        send = inside(span, door.exchange_prepared)
        while True:
            _clock.sleep(poller.pause, poller.cancel)
            ask = poller.due()
            if ask is not None:
                poller.take(send(ask.question.prepared, ask.options))
            if poller.step.changed is not None:
                yield poller.step.changed
            final = ended(poller.step)
            if final is not None:
                break
    if final is not poller.step.changed:
        yield final


async def poll_until_final_async(
    door: AsyncDoor, task: str | VideoTask, terms: WaitOptions, cancel: Cancel | None
) -> AsyncIterator[VideoTask]:
    """Poll a task until it is finished; yield it each time it has changed, and at the end."""
    running_loop()
    poller = Poller(door, task, terms, cancel)
    with poller.span() as span:
        send = ainside(span, door.exchange_prepared)
        while True:
            await _clock.asleep(poller.pause, poller.cancel)
            ask = poller.due()
            if ask is not None:
                poller.take(await send(ask.question.prepared, ask.options))
            if poller.step.changed is not None:
                yield poller.step.changed
            final = ended(poller.step)
            if final is not None:
                break
    if final is not poller.step.changed:
        yield final
