"""Waiting for many tasks: what people call, sync and async. The loops are in `_batch`.

They are imported when somebody waits, so that a program that only queries does not pay for them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from chainhub._tasks.wait_methods import DEADLINE

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._client import AsyncClient, Client
    from chainhub._tasks.outcome import AnyOutcome as Outcome
    from chainhub._tasks.status import State
    from chainhub._tasks.wait_methods import Interval, OnUpdate
    from chainhub_api.models import VideoTask

    Ids = Iterable[str | VideoTask]
    JournalPath = str | os.PathLike[str]


class BatchMethods:
    """Waiting for many tasks, synchronous."""

    __slots__ = ()
    _client: Client

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
        """Wait for many tasks and return what became of each, by id, in the order of the ids.

        One failure never loses the others: it is in its task's outcome. Arguments and errors are
        those of `as_completed`.
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
        """Wait for many tasks and yield what became of each as it is known.

        At most 16 questions are under way at once, each in a thread of its own; callbacks run in
        the caller's. Refusals (429) slow all questions down together.

        Args:
            ids: Tasks or their ids, read as they are needed; a duplicate is asked for once.
            deadline: Seconds for all of them together; None for no limit.
            on_update: Called with a task when its status, progress or URL has changed.
            interval: Seconds between the polls of a task, or a function that returns them.
            words: What further status words mean.
            journal: A file that keeps final outcomes; after a restart they are yielded again with
                `replayed=True` and not asked for.
            cancel: Ends the wait within 50 ms when it is set.

        Raises:
            CancelledByUser: `cancel` was set.
            JournalError: the journal cannot be used.
            ConfigurationError: an argument cannot be used.
        """
        from chainhub._tasks.batch_poller import poll_batch
        from chainhub._tasks.poller import wait_options

        terms = wait_options(self._client, deadline, interval, words, raise_on_failure=True)
        found = poll_batch(self._client, iter(ids), terms, on_update, journal, cancel)
        return cast("Iterator[Outcome]", found)


class AsyncBatchMethods:
    """Waiting for many tasks, asynchronous."""

    __slots__ = ()
    _client: AsyncClient

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
        """Wait for many tasks and return what became of each, by id, in the order of the ids.

        One failure never loses the others: it is in its task's outcome. Arguments and errors are
        those of `as_completed`.
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
        """Wait for many tasks and yield what became of each as it is known.

        As many questions are under way at once as the client may have connections. Refusals (429)
        slow all questions down together.

        Args:
            ids: Tasks or their ids, iterable or asynchronously iterable, read as they are needed;
                a duplicate is asked for once.
            deadline: Seconds for all of them together; None for no limit.
            on_update: Called, and awaited if need be, with a task when its status, progress or
                URL has changed.
            interval: Seconds between the polls of a task, or a function that returns them.
            words: What further status words mean.
            journal: A file that keeps final outcomes; after a restart they are yielded again with
                `replayed=True` and not asked for.
            cancel: Ends the wait within 50 ms when it is set.

        Raises:
            CancelledByUser: `cancel` was set.
            JournalError: the journal cannot be used.
            ConfigurationError: an argument cannot be used.
        """
        from chainhub._tasks.batch_poller import noted_async, poll_batch_async
        from chainhub._tasks.poller import wait_options

        terms = wait_options(self._client, deadline, interval, words, raise_on_failure=True)
        found = poll_batch_async(
            self._client, noted_async(ids, {}), terms, on_update, journal, cancel
        )
        return cast("AsyncIterator[Outcome]", found)
