"""Many waits as their loops use them, sync and async; `scheduler` decides which task to poll when.

No thread, coroutine or timer belongs to a task. Requests are sent by a few worker threads, or by a
few asyncio tasks; everything else, callbacks included, runs in the caller's thread or task.
"""

from __future__ import annotations

import asyncio
import atexit
import math
import os
import time
import weakref
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from contextlib import AbstractContextManager, nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._clock import waker
from chainhub._session import (
    CallResult,
    Options,
    Prepared,
    Question,
    RetryPolicy,
    ainside,
    inside,
    poll_hint_of,
    running_loop,
)
from chainhub._tasks.journal import Journal
from chainhub._tasks.outcome import Outcome
from chainhub._tasks.poll import WaitOptions
from chainhub._tasks.poller import CUT, WAIT, facts_of, good, id_of, notify, tell_retry, within
from chainhub._tasks.scheduler import MOST_IN_FLIGHT, Ended, Idle, Scheduler, SendPoll, Update
from chainhub._transport import cancel_scope
from chainhub.errors import CancelledByUser, ChainhubError
from chainhub_api.api.video import query
from chainhub_api.models import VideoTask

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from chainhub._responses import APIResponse
    from chainhub._session import AsyncDoor, Door, OperationSpan
    from chainhub._tasks.batch_methods import Ids, JournalPath
    from chainhub._tasks.outcome import AnyOutcome
    from chainhub._tasks.wait_methods import OnUpdate


T = TypeVar("T")


class PollResult(NamedTuple):
    """The result of a request: the end of its call, or what it raised; None only wakes the loop."""

    ask: SendPoll
    ended: CallResult | BaseException


class BatchPoller:
    """Many waits as a loop uses them, sync or async: ids in, requests and outcomes out."""

    def __init__(
        self,
        door: Door | AsyncDoor,
        options: Options,
        terms: WaitOptions,
        journal: Journal | None,
        *,
        in_flight: int,
        cancel: Cancel | None,
        threads: bool,
    ) -> None:
        self.scheduler = Scheduler(terms, in_flight)
        self.user_cancel = options.cancel if cancel is None else cancel
        # Ends the questions of threads under way, whatever ends the loop; tasks are cancelled.
        self.stop = Cancel()
        self._options = options.but(retry=RetryPolicy.off(), cancel=self.stop if threads else None)
        self._deadline_at = terms.deadline_at
        self._door = door
        self._journal = journal
        self._pattern: Question | None = None
        self._targets: dict[str, bytes] = {}
        self._replayed: set[str] = set()
        self._tracer = door.observers.tracer
        self.spans: dict[str, OperationSpan] = {}

    def add(self, task: str | VideoTask) -> Outcome | None:
        """Add an id; return its outcome if the journal of an earlier run has it."""
        task_id = id_of(task)
        if self._journal is not None and task_id in self._journal:
            if task_id in self._replayed:
                return None
            self._replayed.add(task_id)
            return self._journal.replay(task_id)
        fresh = self.scheduler.add(task_id, _clock.monotonic())
        if self._tracer is not None and fresh:
            self.spans[task_id] = self._tracer.operation(WAIT, task_id)
        return None

    def question(self, ask: SendPoll) -> tuple[Prepared, Options]:
        """Return the request to send and its limits."""
        left = self._deadline_at + CUT - _clock.monotonic()
        return self._prepared(ask.wait.task_id), within(self._options, left)

    def _prepared(self, task_id: str) -> Prepared:
        # Building a request costs more than sending it; of each, only the path is kept.
        if self._pattern is None:
            self._pattern = Question(self._door, query, "VideoTask", id=task_id)
            self._targets[task_id] = self._pattern.prepared.target
        target = self._targets.get(task_id)
        if target is None:
            target = self._targets[task_id] = self._pattern.target_for(id=task_id)
        return self._pattern.prepared.aimed_at(target)

    def take(self, came: PollResult) -> Update:
        """Take the result of a request.

        Raises:
            BaseException: a bug in somebody's code, unchanged.
        """
        now = _clock.monotonic()
        wait = came.ask.wait
        try:
            if isinstance(came.ended, BaseException):
                raise came.ended
            if (answer := good(came.ended)) is not None and wait.repeats(answer.body):
                return self.scheduler.repeated(came.ask, now, poll_hint_of(answer, time.time()))
            assert self._pattern is not None  # a question was asked
            task = cast("VideoTask", self._pattern.read(came.ended))
        except ChainhubError as error:
            failure = error
        else:
            answer = cast("APIResponse", came.ended.answer)
            news = self.scheduler.answered(came.ask, task, now, poll_hint_of(answer, time.time()))
            wait.remember(answer.body)
            return news
        self.check_cancelled()
        news = self.scheduler.failed(came.ask, failure, now)
        if news.next_at is not None:
            tell_retry(self._door.observers, wait, failure, news.next_at - now)
        return news

    def kept(self, outcome: Outcome) -> Outcome:
        """Write an outcome into the journal before it is returned."""
        self._targets.pop(outcome.id, None)
        if outcome.id in self.spans:
            self.spans.pop(outcome.id).end(outcome.error, facts_of(outcome))
        if self._journal is not None:
            self._journal.record(outcome)
        return outcome

    def end_spans(self) -> None:
        """End the spans of tasks that have no outcome because the wait for all has ended."""
        while self.spans:
            self.spans.popitem()[1].end(None, {})

    def check_cancelled(self) -> None:
        """Raise if the switch was set.

        Raises:
            CancelledByUser: it was.
        """
        if self.user_cancel is not None and self.user_cancel.is_set():
            raise CancelledByUser(
                f"the wait for {len(self.scheduler)} tasks was cancelled; the tasks keep running"
            )


def opened(journal: JournalPath | None) -> AbstractContextManager[Journal | None]:
    """Open a journal, if one is asked for."""
    return nullcontext() if journal is None else Journal(journal)


def _poll_all(
    batch: BatchPoller,
    workers: Workers,
    ids: Iterator[str | VideoTask],
    on_update: OnUpdate | None,
) -> Iterator[Outcome]:
    scheduler, more = batch.scheduler, True
    while more or len(scheduler):
        batch.check_cancelled()
        if more and scheduler.wants_more:
            task = next(ids, None)
            more = task is not None
            replayed = batch.add(task) if task is not None else None
            if replayed is not None:
                yield replayed
            continue
        act = scheduler.act(_clock.monotonic())
        if isinstance(act, SendPoll):
            workers.send(act)
        elif isinstance(act, Ended):
            yield batch.kept(act.outcome)
        elif (came := workers.wait(act)) is not None:
            news = batch.take(came)
            if news.changed is not None and on_update is not None:
                on_update(news.changed)
            if news.outcome is not None:
                yield batch.kept(news.outcome)


class Workers:
    """A few threads that send requests; leaving the block ends them and their requests."""

    def __init__(self, door: Door, batch: BatchPoller) -> None:
        self._door = door
        self._batch = batch
        self._came: SimpleQueue[PollResult | None] = SimpleQueue()
        self._threads: ThreadPoolExecutor | None = None
        self._watch = cancel_scope(batch.user_cancel, lambda: self._cancelled)

    def __enter__(self) -> Workers:
        from concurrent.futures import ThreadPoolExecutor

        self._threads = ThreadPoolExecutor(MOST_IN_FLIGHT, thread_name_prefix="chainhub")
        self._watch.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._watch.__exit__(None, None, None)
        self._batch.stop.set()
        assert self._threads is not None  # the block was entered
        self._threads.shutdown(cancel_futures=True)
        self._batch.end_spans()

    def _cancelled(self) -> None:
        self._batch.stop.set()
        self._came.put(None)

    def send(self, ask: SendPoll) -> None:
        """Let a thread send it."""
        assert self._threads is not None  # the block was entered
        self._threads.submit(self._ask, ask, *self._batch.question(ask))

    def _ask(self, ask: SendPoll, prepared: Prepared, options: Options) -> None:
        ended: CallResult | BaseException
        send: Callable[[Prepared, Options], CallResult] = self._door.exchange_prepared
        if self._batch.spans:
            send = inside(self._batch.spans.get(ask.wait.task_id), send)
        try:
            ended = send(prepared, options)
        except BaseException as error:  # noqa: BLE001 - it is raised where the caller is
            ended = error
        self._came.put(PollResult(ask, ended))

    def wait(self, idle: Idle) -> PollResult | None:
        """Wait until there is a result or the time is over."""
        left = max(idle.until - _clock.monotonic(), 0.0)
        if not self._batch.scheduler.in_flight and not math.isinf(left):
            # Nothing can come but the switch: a sleep, which a clock in tests may skip.
            _clock.sleep(left, self._batch.user_cancel)
            return None
        with suppress(Empty):
            return self._came.get(timeout=None if math.isinf(left) else left)
        return None


def in_order(
    ids: Ids, completed: Callable[[Iterator[str | VideoTask]], Iterator[AnyOutcome]]
) -> dict[str, AnyOutcome]:
    """Collect outcomes and put them in the order in which their ids were first seen."""
    order: dict[str, None] = {}
    outcomes = {outcome.id: outcome for outcome in completed(noted(ids, order))}
    return {task_id: outcomes[task_id] for task_id in order}


def noted(ids: Ids, order: dict[str, None]) -> Iterator[str | VideoTask]:
    """Pass ids on and note their order."""
    for task in ids:
        order[id_of(task)] = None
        yield task


def poll_batch(
    door: Door,
    ids: Iterator[str | VideoTask],
    terms: WaitOptions,
    on_update: OnUpdate | None,
    journal: JournalPath | None,
    cancel: Cancel | None,
) -> Iterator[Outcome]:
    """Poll many tasks and yield the outcome of each."""
    waiting = _gather(door, ids, terms, on_update, journal, cancel)
    _unfinished[waiting] = os.getpid()
    return waiting


_unfinished: weakref.WeakKeyDictionary[Generator[Outcome, None, None], int]
_unfinished = weakref.WeakKeyDictionary()


@atexit.register
def _close_unfinished() -> None:
    """Close what nobody read to its end while all that closing needs is there."""
    for waiting, process in list(_unfinished.items()):
        with suppress(Exception):  # a thread is still in it, or the disk is full
            if process == os.getpid():  # the journal of a forked child is its parent's
                waiting.close()


def _gather(
    door: Door,
    ids: Iterator[str | VideoTask],
    terms: WaitOptions,
    on_update: OnUpdate | None,
    journal: JournalPath | None,
    cancel: Cancel | None,
) -> Generator[Outcome, None, None]:
    options = door.way.options
    with opened(journal) as kept:
        batch = BatchPoller(
            door, options, terms, kept, in_flight=MOST_IN_FLIGHT, cancel=cancel, threads=True
        )
        with Workers(door, batch) as workers:
            yield from _poll_all(batch, workers, ids, on_update)


async def _poll_all_async(
    batch: BatchPoller, workers: AsyncWorkers, on_update: OnUpdate | None
) -> AsyncIterator[Outcome]:
    scheduler = batch.scheduler
    while workers.more or len(scheduler):
        batch.check_cancelled()
        if scheduler.wants_more:
            workers.fetch()
        act = scheduler.act(_clock.monotonic())
        if isinstance(act, SendPoll):
            workers.send(act)
            continue
        if isinstance(act, Ended):
            yield batch.kept(act.outcome)
            continue
        came = await workers.wait(act)
        if isinstance(came, str | VideoTask):
            replayed = batch.add(came)
            if replayed is not None:
                yield replayed
        elif came is not None:
            news = batch.take(came)
            if news.changed is not None and on_update is not None:
                await notify(on_update, news.changed)
            if news.outcome is not None:
                yield batch.kept(news.outcome)


class AsyncWorkers:
    """Sends requests and reads ids in asyncio tasks; leaving the block cancels them."""

    def __init__(
        self, door: AsyncDoor, batch: BatchPoller, ids: AsyncIterator[str | VideoTask]
    ) -> None:
        self.more = True
        self._door = door
        self._batch = batch
        self._ids = ids
        self._came: asyncio.Queue[PollResult | str | VideoTask | BaseException | None] = (
            asyncio.Queue()
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching = False

    async def __aenter__(self) -> AsyncWorkers:
        return self

    async def __aexit__(self, *details: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._batch.end_spans()

    def fetch(self) -> None:
        """Start to read the next id, unless that is running."""
        if self.more and not self._fetching:
            self._fetching = True
            self._start(self._fetch())

    def send(self, ask: SendPoll) -> None:
        """Start a request."""
        self._start(self._ask(ask, *self._batch.question(ask)))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def _done(self) -> None:
        # A callback of the task would cost the loop another turn for every poll.
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _fetch(self) -> None:
        try:
            self._came.put_nowait(await anext(self._ids))
        except StopAsyncIteration:
            self.more = False
            self._came.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - it is raised where the caller is
            self._came.put_nowait(error)
        self._fetching = False
        self._done()

    async def _ask(self, ask: SendPoll, prepared: Prepared, options: Options) -> None:
        ended: CallResult | BaseException
        send: Callable[[Prepared, Options], Awaitable[CallResult]] = self._door.exchange_prepared
        if self._batch.spans:
            send = ainside(self._batch.spans.get(ask.wait.task_id), send)
        try:
            ended = await send(prepared, options)
        except Exception as error:  # noqa: BLE001 - it is raised where the caller is
            ended = error
        self._came.put_nowait(PollResult(ask, ended))
        self._done()

    async def wait(self, idle: Idle) -> PollResult | str | VideoTask | None:
        """Wait until there is a result or the time is over."""
        came: PollResult | str | VideoTask | BaseException | None = None
        if not self._came.empty():
            return _raised(self._came.get_nowait())
        left = idle.until - _clock.monotonic()
        with suppress(TimeoutError):
            async with _clock.timeout(None if math.isinf(left) else left) as scope:
                with cancel_scope(self._batch.user_cancel, lambda: waker(scope)):
                    came = await self._came.get()
        return _raised(came)


def _raised(came: T | BaseException) -> T:
    if isinstance(came, BaseException):
        raise came
    return came


async def noted_async(
    ids: Ids | AsyncIterable[str | VideoTask], order: dict[str, None]
) -> AsyncIterator[str | VideoTask]:
    """Pass ids of either kind on and note their order."""
    if isinstance(ids, AsyncIterable):
        async for task in ids:
            order[id_of(task)] = None
            yield task
    else:
        for task in noted(ids, order):
            yield task


async def poll_batch_async(
    door: AsyncDoor,
    ids: AsyncIterator[str | VideoTask],
    terms: WaitOptions,
    on_update: OnUpdate | None,
    journal: JournalPath | None,
    cancel: Cancel | None,
) -> AsyncIterator[Outcome]:
    """Poll many tasks and yield the outcome of each."""
    running_loop()
    options = door.way.options
    in_flight = door.way.session.connector.max_connections
    with opened(journal) as kept:
        batch = BatchPoller(
            door, options, terms, kept, in_flight=in_flight, cancel=cancel, threads=False
        )
        async with AsyncWorkers(door, batch, ids) as workers:
            async for outcome in _poll_all_async(batch, workers, on_update):
                yield outcome
