"""Waiting for one task, in both colours; what a poll leads to is decided in `_waiting`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, cast

import attrs

from chainhub._answers import Answer
from chainhub._call import Settled
from chainhub._cancel import Cancel
from chainhub._options import Options, seconds
from chainhub._retry import RetryPolicy
from chainhub._retry_after import poll_hint_of
from chainhub._runner import Question
from chainhub._schedule import PollPolicy, Schedule
from chainhub._session import asleep, sleep
from chainhub._waiting import Done, Expire, Next, Poll, Raise, Step, Terms, Wait
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError
from chainhub_api.api.video import query
from chainhub_api.models import VideoTask

if TYPE_CHECKING:
    from chainhub._client import AsyncClient, Client
    from chainhub._doors import AsyncDoor, Door
    from chainhub._status import State

DEADLINE = 900.0
"""Seconds a wait lasts: ten times a usual video, and the service gives up before it too."""

CUT = 0.2
"""Seconds after the deadline at which a poll in flight is cut: a last answer may still count."""

OnUpdate = Callable[[VideoTask], object]
Interval = float | PollPolicy


def id_of(task: str | VideoTask) -> str:
    """Return the id to ask for.

    Raises:
        ConfigurationError: there is none.
    """
    found: object = task.id if isinstance(task, VideoTask) else task
    if not isinstance(found, str) or not found.strip():
        raise ConfigurationError("a task is named by its id, a string that is not empty")
    return found


class Follower:
    """One wait as a loop sees it: what to do next, and when. Shared by both colours."""

    def __init__(
        self,
        door: Door | AsyncDoor,
        options: Options,
        task: str | VideoTask,
        terms: Terms,
        cancel: Cancel | None,
    ) -> None:
        now = time.monotonic()
        self.cancel = options.cancel if cancel is None else cancel
        self._question = Question(door, query, "VideoTask", id=id_of(task))
        self._wait = Wait(id_of(task), terms, now)
        self._options = attrs.evolve(options, retry=RetryPolicy.off(), cancel=self.cancel)
        self._deadline_at = terms.deadline_at
        self.step = Step(None, Poll(now))

    @property
    def pause(self) -> float:
        """Seconds until the next thing is to be done."""
        then = self.step.then
        return max(then.at - time.monotonic(), 0.0) if isinstance(then, Poll | Expire) else 0.0

    def due(self) -> Ask | None:
        """Return the question to ask now, or None after the step has been taken without one.

        Raises:
            CancelledByUser: the switch was set.
        """
        if self.cancel is not None and self.cancel.is_set():
            raise self._cancelled()
        now = time.monotonic()
        if isinstance(self.step.then, Poll) and self._wait.may_ask(now):
            left = self._deadline_at + CUT - now
            options = attrs.evolve(self._options, deadline=min(self._options.deadline, left))
            return Ask(self._question, options)
        self.step = Step(None, self._expire(now))
        return None

    def _expire(self, now: float) -> Next:
        if now < self._deadline_at:
            return Expire(self._deadline_at)
        return self._wait.expired(now)

    def take(self, ended: Settled) -> None:
        """Take what a question led to."""
        try:
            task = cast("VideoTask", self._question.read(ended))
        except ChainhubError as error:
            failure = error
        else:
            hint = poll_hint_of(cast("Answer", ended.answer), time.time())
            self.step = self._wait.answered(task, time.monotonic(), hint)
            return
        if isinstance(failure, CancelledByUser):
            raise self._cancelled()
        self.step = self._wait.troubled(failure, time.monotonic())

    def _cancelled(self) -> CancelledByUser:
        return CancelledByUser(
            f"the wait for {self._wait.task_id} was cancelled; the task itself goes on",
            attempts=self._wait.polls,
            elapsed=self._wait.elapsed(time.monotonic()),
        )


@attrs.frozen
class Ask:
    """A question to send, and the limits it has."""

    question: Question
    options: Options


def ended(step: Step) -> VideoTask | None:
    """Return the task with which a wait ends, None if it goes on.

    Raises:
        ChainhubError: the wait ends with it.
    """
    match step.then:
        case Done(task):
            return task
        case Raise(error):
            raise error
    return None


async def told(on_update: OnUpdate, task: VideoTask) -> None:
    """Call a callback, which may be asynchronous."""
    result = on_update(task)
    if isawaitable(result):
        await result


def terms_of(
    client: Client | AsyncClient,
    deadline: float | None,
    interval: Interval | None,
    words: Mapping[str, State] | None,
    *,
    raise_on_failure: bool,
) -> Terms:
    """Return what the caller of a wait wants.

    Raises:
        ConfigurationError: `deadline` or `interval` is not positive.
    """
    session = client._session
    return Terms(
        Schedule(session.durations, session.random, interval),
        time.monotonic() + seconds("deadline", deadline),
        words,
        raise_on_failure,
    )


class Waits:
    """Waiting, synchronous."""

    __slots__ = ()
    _client: Client

    def wait(
        self,
        task: str | VideoTask,
        *,
        deadline: float | None = DEADLINE,
        on_update: OnUpdate | None = None,
        interval: Interval | None = None,
        raise_on_failure: bool = True,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
    ) -> VideoTask:
        """Wait until a task is done and return it; its `video_url` is there then.

        Asks at once, then at a pace learned from the durations this client has seen. Trouble on
        the way is put up with: ten failed polls in a row end the wait, a success starts the count
        anew. Ends at most 0.3 s after `deadline`.

        Args:
            task: The task or its id.
            deadline: Seconds to wait at most; None for no limit.
            on_update: Called with the task when its status, progress or URL has changed.
            interval: Seconds between polls, or a function of elapsed seconds, number of polls and
                last task that returns them.
            raise_on_failure: False to get a task back however it ended.
            words: What further status words mean.
            cancel: Ends the wait within 50 ms when it is set.

        Raises:
            TaskFailed: the task failed; its `reason` says why if the service does.
            TaskCancelled: the task was cancelled.
            TaskExpired: the task expired.
            ResultMissing: the task is completed, but there is no URL.
            WaitTimeout: the deadline passed; the task goes on, and so can a later wait.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or one that will not get better.
        """
        terms = terms_of(self._client, deadline, interval, words, raise_on_failure=raise_on_failure)
        last: VideoTask | None = None
        for last in self._follow(task, terms, cancel):
            if on_update is not None:
                on_update(last)
        assert last is not None  # it ends with an error or with the final task
        return last

    def watch(
        self,
        task: str | VideoTask,
        *,
        deadline: float | None = DEADLINE,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
    ) -> Iterator[VideoTask]:
        """Yield the task whenever its status, progress or URL has changed, the final one last.

        A task that failed is yielded, not raised; otherwise everything is as in `wait`.

        Args:
            task: The task or its id.
            deadline: Seconds to watch at most; None for no limit.
            interval: Seconds between polls, or a function that returns them.
            words: What further status words mean.
            cancel: Ends the watch within 50 ms when it is set.

        Raises:
            WaitTimeout: the deadline passed.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or one that will not get better.
        """
        terms = terms_of(self._client, deadline, interval, words, raise_on_failure=False)
        return self._follow(task, terms, cancel)

    def _follow(
        self, task: str | VideoTask, terms: Terms, cancel: Cancel | None
    ) -> Iterator[VideoTask]:
        door = self._client._door()
        follower = Follower(door, self._client._options, task, terms, cancel)
        while True:
            sleep(follower.pause, follower.cancel)
            ask = follower.due()
            if ask is not None:
                follower.take(door.exchange_prepared(ask.question.prepared, ask.options))
            if follower.step.changed is not None:
                yield follower.step.changed
            final = ended(follower.step)
            if final is not None:
                break
        if final is not follower.step.changed:
            yield final


class AsyncWaits:
    """Waiting, asynchronous."""

    __slots__ = ()
    _client: AsyncClient

    async def wait(
        self,
        task: str | VideoTask,
        *,
        deadline: float | None = DEADLINE,
        on_update: OnUpdate | None = None,
        interval: Interval | None = None,
        raise_on_failure: bool = True,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
    ) -> VideoTask:
        """Wait until a task is done and return it; its `video_url` is there then.

        Asks at once, then at a pace learned from the durations this client has seen. Trouble on
        the way is put up with: ten failed polls in a row end the wait, a success starts the count
        anew. Ends at most 0.3 s after `deadline`.

        Args:
            task: The task or its id.
            deadline: Seconds to wait at most; None for no limit.
            on_update: Called with the task when its status, progress or URL has changed.
            interval: Seconds between polls, or a function of elapsed seconds, number of polls and
                last task that returns them.
            raise_on_failure: False to get a task back however it ended.
            words: What further status words mean.
            cancel: Ends the wait within 50 ms when it is set.

        Raises:
            TaskFailed: the task failed; its `reason` says why if the service does.
            TaskCancelled: the task was cancelled.
            TaskExpired: the task expired.
            ResultMissing: the task is completed, but there is no URL.
            WaitTimeout: the deadline passed; the task goes on, and so can a later wait.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or one that will not get better.
        """
        terms = terms_of(self._client, deadline, interval, words, raise_on_failure=raise_on_failure)
        last: VideoTask | None = None
        async for last in self._follow(task, terms, cancel):
            if on_update is not None:
                await told(on_update, last)
        assert last is not None  # it ends with an error or with the final task
        return last

    def watch(
        self,
        task: str | VideoTask,
        *,
        deadline: float | None = DEADLINE,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
    ) -> AsyncIterator[VideoTask]:
        """Yield the task whenever its status, progress or URL has changed, the final one last.

        A task that failed is yielded, not raised; otherwise everything is as in `wait`.

        Args:
            task: The task or its id.
            deadline: Seconds to watch at most; None for no limit.
            interval: Seconds between polls, or a function that returns them.
            words: What further status words mean.
            cancel: Ends the watch within 50 ms when it is set.

        Raises:
            WaitTimeout: the deadline passed.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or one that will not get better.
        """
        terms = terms_of(self._client, deadline, interval, words, raise_on_failure=False)
        return self._follow(task, terms, cancel)

    async def _follow(
        self, task: str | VideoTask, terms: Terms, cancel: Cancel | None
    ) -> AsyncIterator[VideoTask]:
        door = self._client._async_door()
        follower = Follower(door, self._client._options, task, terms, cancel)
        while True:
            await asleep(follower.pause, follower.cancel)
            ask = follower.due()
            if ask is not None:
                follower.take(await door.exchange_prepared(ask.question.prepared, ask.options))
            if follower.step.changed is not None:
                yield follower.step.changed
            final = ended(follower.step)
            if final is not None:
                break
        if final is not follower.step.changed:
            yield final
