"""The loops of waiting, sync and async, and how their requests are sent.

The request of a single wait is sent by the caller's own thread or task. Those of many are sent by a
few worker threads, or by asyncio tasks; no thread, coroutine or timer belongs to a waiting task.
Everything else, callbacks included, runs in the caller's thread or task.
"""

from __future__ import annotations

import asyncio
import atexit
import math
import os
import threading
import weakref
from collections import abc
from contextlib import suppress
from inspect import isawaitable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self, cast

from chainhub import _clock
from chainhub._clock import waker
from chainhub._session import check_hook, running_loop
from chainhub._tasks.poll import Update
from chainhub._tasks.poller import Poller, PollRequest, PollResult
from chainhub._tasks.scheduler import Idle
from chainhub._transport import cancel_scope
from chainhub.errors import ChainhubError

if TYPE_CHECKING:
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub._tasks.table import TaskId

    OnUpdate = abc.Callable[[Any], object] | None
    Ids = abc.Iterator[object] | abc.AsyncIterator[object]


class Wait(Poller):
    """The loops of a wait: they yield the items for the caller."""

    def updates(
        self, ids: abc.Iterator[object], on_update: OnUpdate = None
    ) -> abc.Generator[Any, None, None]:
        check_hook("on_update", on_update)
        with self, Threads(self) as sender:
            while self.unfinished:
                self.check_cancelled()
                step = self.pull(ids) if self.wants_more else self.next_step()
                if isinstance(step, PollRequest):
                    step = self.take(sender.send(step))
                elif isinstance(step, Idle):
                    step = self.take(sender.wait(step.until))
                if step is not None:
                    if step.changed is not None and on_update is not None:
                        on_update(step.changed)
                    if (item := self.item_of(step)) is not None:
                        yield item

    async def updates_async(
        self, ids: Ids, on_update: OnUpdate = None
    ) -> abc.AsyncGenerator[Any, None]:
        running_loop()
        check_hook("on_update", on_update, may_be_async=True)
        with self:
            async with AsyncTasks(self, ids) as sender:
                while self.unfinished:
                    self.check_cancelled()
                    step = sender.pull() if self.wants_more else self.next_step()
                    if isinstance(step, PollRequest):
                        step = self.take(await sender.send(step))
                    elif isinstance(step, Idle):
                        step = self.take(await sender.wait(step.until))
                    if step is not None:
                        if step.changed is not None and on_update is not None:
                            result = on_update(step.changed)
                            if isawaitable(result):
                                await result
                        if (item := self.item_of(step)) is not None:
                            yield item

    def iterate(self, ids: abc.Iterator[object], on_update: OnUpdate = None) -> abc.Iterator[Any]:
        """Return the updates; a generator that is not exhausted is closed at exit."""
        updates = self.updates(ids, on_update)
        _unfinished[updates] = os.getpid()
        return updates

    def iterate_async(self, ids: Ids, on_update: OnUpdate = None) -> AsyncView:
        return AsyncView(self, self.updates_async(ids, on_update))


class Threads:
    """Sends the polls of a single wait itself, those of many in a few threads.

    Leaving the block ends the threads and their requests.
    """

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._transport = cast("SessionTransport", poller.transport)
        self._requests: SimpleQueue[PollRequest | None] = SimpleQueue()
        self._results: SimpleQueue[PollResult | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._watch = cancel_scope(poller.user_cancel, lambda: self._on_cancel)

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._watch.__exit__(None, None, None)
        self._poller.stop.set()
        self._requests.put(None)
        for thread in self._threads:
            thread.join()

    def _on_cancel(self) -> None:
        self._poller.stop.set()
        self._results.put(None)

    def send(self, request: PollRequest) -> PollResult | None:
        """Let a thread send a request; without any, send it in the caller's thread."""
        if self._poller.single:
            return self._exchange(request)
        count = len(self._threads)
        if count < min(self._poller.scheduler.in_flight, self._poller.in_flight):
            # A daemon, so that a wait that is not exhausted does not delay the exit.
            thread = threading.Thread(target=self._work, name=f"chainhub_{count}", daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # no thread is available, or the program ends
                if not count:
                    return self._exchange(request)
        self._requests.put(request)
        return None

    def _exchange(self, request: PollRequest) -> PollResult:
        try:
            with self._poller.span_of(request.step):
                result = self._transport.exchange(request.prepared, request.options)
            return PollResult(request.step, result)
        except ChainhubError as error:
            return PollResult(request.step, error)

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                self._results.put(self._exchange(request))
            except BaseException as error:  # noqa: BLE001 - it is raised where the caller is
                self._results.put(PollResult(request.step, error))
        self._requests.put(None)  # for the next thread, see download_all

    def wait(self, until: float) -> PollResult | None:
        remaining = max(until - _clock.monotonic(), 0.0)
        if not self._poller.scheduler.in_flight:
            # Only `cancel` can end this: a sleep, which a clock in tests may skip.
            _clock.sleep(remaining, self._poller.user_cancel)
            return None
        with suppress(Empty):
            return self._results.get(timeout=None if math.isinf(remaining) else remaining)
        return None


class AsyncTasks:
    """Sends the polls of a single wait itself, those of many in asyncio tasks, and reads ids there.

    Leaving the block cancels the tasks.
    """

    def __init__(self, poller: Poller, ids: Ids) -> None:
        self._poller, self._ids = poller, ids
        self._transport = cast("AsyncSessionTransport", poller.transport)
        self._results: asyncio.Queue[object] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def pull(self) -> Update | None:
        if isinstance(self._ids, abc.Iterator):
            return self._poller.pull(self._ids)
        self._poller.reading = True
        self._start(self._read, self._ids)
        return None

    async def send(self, request: PollRequest) -> PollResult | None:
        if self._poller.single:
            return await self._exchange(request)
        self._start(self._exchange, request)
        return None

    def _start(self, work: abc.Callable[..., abc.Awaitable[object]], argument: object) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(self._run(work, argument)))

    async def _run(self, work: abc.Callable[..., abc.Awaitable[object]], argument: object) -> None:
        try:
            result = await work(argument)
        except BaseException as error:  # noqa: BLE001 - it is raised where the caller is
            result = error
        self._results.put_nowait(result)
        # A callback of the task would cost another iteration of the loop for every poll.
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _read(self, ids: abc.AsyncIterator[object]) -> TaskId | None:
        try:
            return self._poller.task_id_of(await anext(ids))
        except StopAsyncIteration:
            self._poller.has_more = False
            return None
        finally:
            self._poller.reading = False

    async def _exchange(self, request: PollRequest) -> PollResult:
        try:
            with self._poller.span_of(request.step):
                result = await self._transport.exchange(request.prepared, request.options)
            return PollResult(request.step, result)
        except ChainhubError as error:
            return PollResult(request.step, error)

    async def wait(self, until: float) -> object:
        remaining = max(until - _clock.monotonic(), 0.0)
        result: object = None
        if not self._results.empty():
            result = self._results.get_nowait()
        elif not self._tasks:
            # Only `cancel` can end this: a sleep, which a clock in tests may skip.
            await _clock.asleep(remaining, self._poller.user_cancel)
        else:
            with suppress(TimeoutError):
                async with _clock.timeout(None if math.isinf(remaining) else remaining) as scope:
                    with cancel_scope(self._poller.user_cancel, lambda: waker(scope)):
                        result = await self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result


class AsyncView:
    """The updates of a wait; when it is garbage, the journal is released at once.

    An async generator would release it one iteration of the event loop later.
    """

    def __init__(self, poller: Poller, updates: abc.AsyncGenerator[Any, None]) -> None:
        self._poller, self._updates = poller, updates

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - a model, or an outcome
        return await anext(self._updates)

    async def aclose(self) -> None:
        await self._updates.aclose()

    def __del__(self) -> None:
        with suppress(Exception):  # the disk is full
            self._poller.release()


_unfinished: weakref.WeakKeyDictionary[abc.Generator[Any, None, None], int]
_unfinished = weakref.WeakKeyDictionary()


@atexit.register
def _close_unfinished() -> None:
    """Close unfinished generators while the modules that closing needs still exist."""
    for updates, process in list(_unfinished.items()):
        with suppress(Exception):  # a thread is still in it, or the disk is full
            if process == os.getpid():  # the journal of a forked child is its parent's
                updates.close()
