"""Waiting for one task: what people call, sync and async. The loops are in `poller`.

They are imported when somebody waits, so that a program that only queries does not pay for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._client import AsyncClient, Client
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.status import State
    from chainhub_api.models import VideoTask

    OnUpdate = Callable[[VideoTask], object]
    Interval = float | PollPolicy

DEADLINE = 900.0
"""Seconds a wait lasts: ten times a usual video, and the service gives up before it too."""


class WaitMethods:
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
        from chainhub._tasks.poller import poll_until_final, wait_options

        terms = wait_options(
            self._client, deadline, interval, words, raise_on_failure=raise_on_failure
        )
        last: VideoTask | None = None
        for last in poll_until_final(self._client, task, terms, cancel):
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
        from chainhub._tasks.poller import poll_until_final, wait_options

        terms = wait_options(self._client, deadline, interval, words, raise_on_failure=False)
        return poll_until_final(self._client, task, terms, cancel)


class AsyncWaitMethods:
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
        from chainhub._tasks.poller import notify, poll_until_final_async, wait_options

        terms = wait_options(
            self._client, deadline, interval, words, raise_on_failure=raise_on_failure
        )
        last: VideoTask | None = None
        async for last in poll_until_final_async(self._client, task, terms, cancel):
            if on_update is not None:
                await notify(on_update, last)
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
        from chainhub._tasks.poller import poll_until_final_async, wait_options

        terms = wait_options(self._client, deadline, interval, words, raise_on_failure=False)
        return poll_until_final_async(self._client, task, terms, cancel)
