"""Waiting for one task: the public methods, sync and async. The loops are in `loops`.

The loops are imported by the first wait, so that a program that only queries does not load them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

    from chainhub._cancel import Cancel
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.status import State
    from chainhub_api.models import VideoTask

    OnUpdate = Callable[[VideoTask], object]
    Interval = float | PollPolicy

DEADLINE = 900.0
"""Seconds of a wait: ten times the duration of a usual video; the service gives up earlier."""


class TaskOperation(NamedTuple):
    """The operation that returns a task.

    Attributes:
        wait: The name of a wait for it, for events and spans.
        module: The generated operation.
        returns: The name of the model it returns.
        parameter: The parameter that takes the id.
    """

    wait: str
    module: ModuleType
    returns: str
    parameter: str


class WaitMethods:
    """Waiting, sync."""

    __slots__ = ()
    _transport: SessionTransport
    _operation: TaskOperation

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
        """Poll a task until it is finished and return it; its `video_url` is set then.

        Polls at once, then at an interval learned from the durations this client has seen.
        Transient errors are retried: ten failed polls in a row end the wait, a success resets the
        count. Where nothing has ever answered at the address, four failed polls end it, in 14 to
        26 s. Ends at most 0.3 s after `deadline`.

        Args:
            task: The task or its id.
            deadline: Seconds to wait at most, 900 by default; None for no limit.
            on_update: Callback with the task when its status, progress or URL has changed.
            interval: Seconds between polls, or a function of elapsed seconds, number of polls and
                last task that returns them. By default it is learned.
            raise_on_failure: False to return a failed, cancelled or expired task as well.
            words: The meaning of further status values.
            cancel: Ends the wait within 50 ms when it is set.

        Raises:
            TaskFailed: the task failed; its `reason` says why if the service does.
            TaskCancelled: the task was cancelled.
            TaskExpired: the task expired.
            ResultMissing: the task is completed, but there is no URL.
            WaitTimeout: the deadline passed; the task keeps running, wait for it again.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or an error that a retry cannot fix.
        """
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words, raise_on_failure)
        one = poller.Poller(self._transport, self._operation, terms, cancel, single=True)
        outcome = None
        for update in loops.updates(one, loops.OneByOne(one), iter((task,)), on_update):
            outcome = update.outcome
        return loops.result_of(outcome)

    def watch(
        self,
        task: str | VideoTask,
        *,
        deadline: float | None = DEADLINE,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
    ) -> Iterator[VideoTask]:
        """Yield the task each time its status, progress or URL has changed, the finished one last.

        A failed task is yielded, not raised; otherwise it works like `wait`.

        Args:
            task: The task or its id.
            deadline: Seconds to watch at most, 900 by default; None for no limit.
            interval: Seconds between polls, or a function that returns them.
            words: The meaning of further status values.
            cancel: Ends the watch within 50 ms when it is set.

        Raises:
            WaitTimeout: the deadline passed; the task keeps running.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or an error that a retry cannot fix.
        """
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words, False)
        one = poller.Poller(self._transport, self._operation, terms, cancel, single=True)
        found = loops.updates(one, loops.OneByOne(one), iter((task,)), None)
        return loops.seen(found, loops.change_of)


class AsyncWaitMethods:
    """Waiting, async."""

    __slots__ = ()
    _transport: AsyncSessionTransport
    _operation: TaskOperation

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
        """Poll a task until it is finished and return it: the async version of `Video.wait`.

        Arguments and errors are the same; `on_update` may be async.
        """
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words, raise_on_failure)
        one = poller.Poller(self._transport, self._operation, terms, cancel, single=True)
        outcome = None
        async for update in loops.updates_async(one, loops.AsyncOneByOne(one, task), on_update):
            outcome = update.outcome
        return loops.result_of(outcome)

    def watch(
        self,
        task: str | VideoTask,
        *,
        deadline: float | None = DEADLINE,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
    ) -> AsyncIterator[VideoTask]:
        """Yield the task each time it has changed: the async version of `Video.watch`.

        Arguments and errors are the same.
        """
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words, False)
        one = poller.Poller(self._transport, self._operation, terms, cancel, single=True)
        found = loops.updates_async(one, loops.AsyncOneByOne(one, task), None)
        return loops.AsyncView(one, found, loops.change_of)
