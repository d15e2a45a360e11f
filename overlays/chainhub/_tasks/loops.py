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
    """The loops of a wait: they yield what a caller sees."""

    def updates(
        self, ids: abc.Iterator[object], on_update: OnUpdate = None
    ) -> abc.Generator[Any, None, None]:
        check_hook("on_update", on_update)
        with self, Threads(self) as sender:
            while self.unfinished:
                self.check_cancelled()
                act = self.pull(ids) if self.wants_more else self.act()
                if isinstance(act, PollRequest):
                    act = self.take(sender.send(act))
                elif isinstance(act, Idle):
                    act = self.take(sender.wait(act.until))
                if act is not None:
                    if act.changed is not None and on_update is not None:
                        on_update(act.changed)
                    if (item := self.seen(act)) is not None:
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
                    act = sender.pull() if self.wants_more else self.act()
                    if isinstance(act, PollRequest):
                        act = self.take(await sender.send(act))
                    elif isinstance(act, Idle):
                        act = self.take(await sender.wait(act.until))
                    if act is not None:
                        if act.changed is not None and on_update is not None:
                            told = on_update(act.changed)
                            if isawaitable(told):
                                await told
                        if (item := self.seen(act)) is not None:
                            yield item

    def iterate(self, ids: abc.Iterator[object], on_update: OnUpdate = None) -> abc.Iterator[Any]:
        """Return the updates; they end at exit, if nobody reads them to their end."""
        found = self.updates(ids, on_update)
        _unfinished[found] = os.getpid()
        return found

    def iterate_async(self, ids: Ids, on_update: OnUpdate = None) -> AsyncView:
        return AsyncView(self, self.updates_async(ids, on_update))


class Threads:
    """Sends the polls of a single wait itself, those of many in a few threads.

    Leaving the block ends the threads and their requests.
    """

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._transport = cast("SessionTransport", poller.transport)
        self._asked: SimpleQueue[PollRequest | None] = SimpleQueue()
        self._came: SimpleQueue[PollResult | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._watch = cancel_scope(poller.user_cancel, lambda: self._cancelled)

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._watch.__exit__(None, None, None)
        self._poller.stop.set()
        self._asked.put(None)
        for thread in self._threads:
            thread.join()

    def _cancelled(self) -> None:
        self._poller.stop.set()
        self._came.put(None)

    def send(self, request: PollRequest) -> PollResult | None:
        """Let a thread send a request; where none can be started, the caller's does."""
        if self._poller.single:
            return self._exchange(request)
        started = len(self._threads)
        if started < min(self._poller.scheduler.in_flight, self._poller.in_flight):
            # A daemon, so that a wait that nobody reads to its end does not hold up the exit.
            thread = threading.Thread(target=self._work, name=f"chainhub_{started}", daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # the system has none left, or the program ends
                if not started:
                    return self._exchange(request)
        self._asked.put(request)
        return None

    def _exchange(self, request: PollRequest) -> PollResult:
        try:
            with self._poller.span_of(request.ask):
                ended = self._transport.exchange(request.prepared, request.options)
            return PollResult(request.ask, ended)
        except ChainhubError as error:
            return PollResult(request.ask, error)

    def _work(self) -> None:
        while (request := self._asked.get()) is not None:
            try:
                self._came.put(self._exchange(request))
            except BaseException as error:  # noqa: BLE001 - it is raised where the caller is
                self._came.put(PollResult(request.ask, error))
        self._asked.put(None)  # for the next one, of which nobody may know: see download_many

    def wait(self, until: float) -> PollResult | None:
        left = max(until - _clock.monotonic(), 0.0)
        if not self._poller.scheduler.in_flight:
            # Nothing can come but the switch: a sleep, which a clock in tests may skip.
            _clock.sleep(left, self._poller.user_cancel)
            return None
        with suppress(Empty):
            return self._came.get(timeout=None if math.isinf(left) else left)
        return None


class AsyncTasks:
    """Sends the polls of a single wait itself, those of many in asyncio tasks, and reads ids there.

    Leaving the block cancels the tasks.
    """

    def __init__(self, poller: Poller, ids: Ids) -> None:
        self._poller, self._ids = poller, ids
        self._transport = cast("AsyncSessionTransport", poller.transport)
        self._came: asyncio.Queue[object] = asyncio.Queue()
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

    def _start(self, work: abc.Callable[..., abc.Awaitable[object]], given: object) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(self._run(work, given)))

    async def _run(self, work: abc.Callable[..., abc.Awaitable[object]], given: object) -> None:
        try:
            came = await work(given)
        except BaseException as error:  # noqa: BLE001 - it is raised where the caller is
            came = error
        self._came.put_nowait(came)
        # A callback of the task would cost the loop another turn for every poll.
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _read(self, ids: abc.AsyncIterator[object]) -> TaskId | None:
        try:
            return self._poller.asked(await anext(ids))
        except StopAsyncIteration:
            self._poller.more = False
            return None
        finally:
            self._poller.reading = False

    async def _exchange(self, request: PollRequest) -> PollResult:
        try:
            with self._poller.span_of(request.ask):
                ended = await self._transport.exchange(request.prepared, request.options)
            return PollResult(request.ask, ended)
        except ChainhubError as error:
            return PollResult(request.ask, error)

    async def wait(self, until: float) -> object:
        left = max(until - _clock.monotonic(), 0.0)
        came: object = None
        if not self._came.empty():
            came = self._came.get_nowait()
        elif not self._tasks:
            # Nothing can come but the switch: a sleep, which a clock in tests may skip.
            await _clock.asleep(left, self._poller.user_cancel)
        else:
            with suppress(TimeoutError):
                async with _clock.timeout(None if math.isinf(left) else left) as scope:
                    with cancel_scope(self._poller.user_cancel, lambda: waker(scope)):
                        came = await self._came.get()
        if isinstance(came, BaseException):
            raise came
        return came


class AsyncView:
    """The updates of a wait; without its reader it frees the journal at once.

    An async generator would free it a turn of the event loop later.
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
    """Close what nobody read to its end while all that closing needs is there."""
    for found, process in list(_unfinished.items()):
        with suppress(Exception):  # a thread is still in it, or the disk is full
            if process == os.getpid():  # the journal of a forked child is its parent's
                found.close()
