"""Waiting for many tasks: the public methods, sync and async. The loops are in `loops`.

The loops are imported by the first wait, so that a program that only queries does not load them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from chainhub._tasks.wait_methods import DEADLINE

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub._tasks.outcome import AnyOutcome as Outcome
    from chainhub._tasks.status import State
    from chainhub._tasks.wait_methods import Interval, OnUpdate, TaskOperation
    from chainhub_api.models import VideoTask

    Ids = Iterable[str | VideoTask]
    JournalPath = str | os.PathLike[str]


class BatchMethods:
    """Waiting for many tasks, sync."""

    __slots__ = ()
    _transport: SessionTransport
    _operation: TaskOperation

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
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words)
        many = poller.Poller(self._transport, self._operation, terms, cancel, journal, threads=True)
        found = loops.updates(many, loops.Threads(many), iter(ids), on_update)
        return many.in_order([u.outcome for u in found if u.outcome is not None])

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

        At most `max_connections` requests (100 by default) are in flight, each in a thread;
        callbacks run in the caller's thread. A 429 slows down the polls of all tasks together.

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
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words)
        many = poller.Poller(self._transport, self._operation, terms, cancel, journal, threads=True)
        found = loops.updates(many, loops.Threads(many), iter(ids), on_update)
        return loops.seen(loops.until_exit(found), loops.outcome_of)


class AsyncBatchMethods:
    """Waiting for many tasks, async."""

    __slots__ = ()
    _transport: AsyncSessionTransport
    _operation: TaskOperation

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
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words)
        many = poller.Poller(self._transport, self._operation, terms, cancel, journal)
        found = loops.updates_async(many, loops.AsyncTasks(many, ids), on_update)
        return many.in_order([u.outcome async for u in found if u.outcome is not None])

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
        from chainhub._tasks import loops, poller

        terms = poller.wait_options(self._transport, deadline, interval, words)
        many = poller.Poller(self._transport, self._operation, terms, cancel, journal)
        found = loops.updates_async(many, loops.AsyncTasks(many, ids), on_update)
        return loops.AsyncView(many, found, loops.outcome_of)
