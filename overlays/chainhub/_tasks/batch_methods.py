"""Waiting for many tasks: the public methods, sync and async. The loops are in `_batch`.

The loops are imported by the first wait, so that a program that only queries does not load them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from chainhub._tasks.wait_methods import DEADLINE

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._session import AsyncDoor, Door
    from chainhub._tasks.outcome import AnyOutcome as Outcome
    from chainhub._tasks.status import State
    from chainhub._tasks.wait_methods import Interval, OnUpdate
    from chainhub_api.models import VideoTask

    Ids = Iterable[str | VideoTask]
    JournalPath = str | os.PathLike[str]


class BatchMethods:
    """Waiting for many tasks, sync."""

    __slots__ = ()
    _door: Door

    def wait_many(
        self,
        ids: Ids,
        *,
        deadline: float | None = DEADLINE,
        on_update: OnUpdate | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
    ) -> dict[str, Outcome]:
        """Poll many tasks and return an `Outcome` for each, by id, in the order of the ids.

        One failed task does not stop the others: its error is in its outcome. Arguments and errors
        are those of `as_completed`.
        """
        from chainhub._tasks.batch_poller import in_order

        return in_order(
            ids,
            lambda seen: self.as_completed(
                seen,
                deadline=deadline,
                on_update=on_update,
                interval=interval,
                words=words,
                journal=journal,
                cancel=cancel,
            ),
        )

    def as_completed(
        self,
        ids: Ids,
        *,
        deadline: float | None = DEADLINE,
        on_update: OnUpdate | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
    ) -> Iterator[Outcome]:
        """Poll many tasks and yield an `Outcome` for each as soon as it is known.

        At most 16 requests are in flight, each in a thread; callbacks run in the caller's thread.
        A 429 slows down the polls of all tasks together.

        Args:
            ids: Tasks or their ids, read when there is room for another; duplicates are ignored.
            deadline: Seconds for all of them together, 900 by default; None for no limit.
            on_update: Callback with a task when its status, progress or URL has changed.
            interval: Seconds between the polls of a task, or a function that returns them. By
                default it is learned.
            words: The meaning of further status values.
            journal: A file that stores final outcomes; after a restart they are yielded again with
                `replayed=True` and not polled.
            cancel: Ends the wait within 50 ms when it is set.

        Raises:
            CancelledByUser: `cancel` was set.
            JournalError: the journal cannot be used.
            ConfigurationError: an argument cannot be used.
        """
        from chainhub._tasks.batch_poller import poll_batch
        from chainhub._tasks.poller import wait_options

        terms = wait_options(self._door, deadline, interval, words, raise_on_failure=True)
        found = poll_batch(self._door, iter(ids), terms, on_update, journal, cancel)
        return cast("Iterator[Outcome]", found)


class AsyncBatchMethods:
    """Waiting for many tasks, async."""

    __slots__ = ()
    _door: AsyncDoor

    async def wait_many(
        self,
        ids: Ids | AsyncIterable[str | VideoTask],
        *,
        deadline: float | None = DEADLINE,
        on_update: OnUpdate | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
    ) -> dict[str, Outcome]:
        """Poll many tasks and return their outcomes: the async version of `Video.wait_many`.

        Arguments and errors are those of `as_completed`.
        """
        from chainhub._tasks.batch_poller import noted_async

        order: dict[str, None] = {}
        completed = self.as_completed(
            noted_async(ids, order),
            deadline=deadline,
            on_update=on_update,
            interval=interval,
            words=words,
            journal=journal,
            cancel=cancel,
        )
        outcomes = {outcome.id: outcome async for outcome in completed}
        return {task_id: outcomes[task_id] for task_id in order}

    def as_completed(
        self,
        ids: Ids | AsyncIterable[str | VideoTask],
        *,
        deadline: float | None = DEADLINE,
        on_update: OnUpdate | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
    ) -> AsyncIterator[Outcome]:
        """Poll many tasks and yield an `Outcome` for each: async `Video.as_completed`.

        Arguments and errors are the same; `ids` may be an async iterable and `on_update` may be
        async. At most `max_connections` requests are in flight.
        """
        from chainhub._tasks.batch_poller import noted_async, poll_batch_async
        from chainhub._tasks.poller import wait_options

        terms = wait_options(self._door, deadline, interval, words, raise_on_failure=True)
        found = poll_batch_async(
            self._door, noted_async(ids, {}), terms, on_update, journal, cancel
        )
        return cast("AsyncIterator[Outcome]", found)
