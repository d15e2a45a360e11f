"""Blocking work for an event loop."""

import asyncio
import threading
import time
from contextvars import ContextVar

import pytest

from chainhub._cancel import Cancel
from chainhub._download import in_loop, in_thread
from chainhub.errors import CancelledByUser
from tests.loopback import until

NAME = ContextVar("NAME", default="")


def ours():
    """Return the threads of workers."""
    return [thread for thread in threading.enumerate() if thread.name == "chainhub-download"]


def test_it_returns_what_the_work_returns():
    """In another thread, but in the context of the caller."""

    def work():
        return threading.current_thread(), NAME.get()

    async def run():
        NAME.set("mine")
        return await in_thread(work, Cancel())

    worker, name = asyncio.run(run())
    assert worker is not threading.current_thread()
    assert name == "mine"
    assert ours() == []


def test_it_raises_what_the_work_raises():
    """The very same exception."""
    error = KeyError("mine")

    def work():
        raise error

    with pytest.raises(KeyError) as caught:
        asyncio.run(in_thread(work, Cancel()))
    assert caught.value is error
    assert ours() == []


class Stoppable:
    """Work that runs until it is stopped, and then for some more time."""

    def __init__(self, after=0.0):
        self.halt = Cancel()
        self.after = after

    def __call__(self):
        assert self.halt.wait(10)
        time.sleep(self.after)


def test_cancelling_waits_for_the_thread():
    """However often it is asked for."""
    work = Stoppable(after=0.2)

    async def run():
        task = asyncio.create_task(in_thread(work, work.halt))
        await asyncio.sleep(0.05)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.02)
        assert ours()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ours() == []

    asyncio.run(run())


def test_a_coroutine_that_is_dropped_ends_its_thread():
    """A loop that is closed without ado leaves no thread behind."""
    work = Stoppable()

    async def run():
        coroutine = in_thread(work, work.halt)
        coroutine.send(None)
        coroutine.close()

    asyncio.run(run())
    assert ours() == []


def test_a_loop_that_is_gone_is_not_told():
    """The thread ends without a word."""
    work = Stoppable()
    loop = asyncio.new_event_loop()

    async def run():
        coroutine = in_thread(work, work.halt)
        coroutine.send(None)
        return coroutine

    coroutine = loop.run_until_complete(run())
    loop.close()
    work.halt.set()
    until(lambda: ours() == [])
    coroutine.close()


@pytest.mark.parametrize("dropped", [False, True])
def test_the_loop_works_for_the_thread(dropped):
    """Until the thread must end: then the coroutine is cancelled."""
    halt, ended = Cancel(), []

    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(threading.current_thread())

    async def run():
        loop = asyncio.get_running_loop()
        assert await in_thread(lambda: in_loop(loop, asyncio.sleep(0, "a"), halt), halt) == "a"
        working = in_thread(lambda: in_loop(loop, wait(), Cancel() if dropped else other), other)
        task = asyncio.create_task(working)
        await asyncio.sleep(0.05)
        if dropped:
            all_tasks = asyncio.all_tasks()
            next(task for task in all_tasks if task.get_coro().__name__ == "wait").cancel()
        else:
            other.set()
        await task

    other = Cancel()
    with pytest.raises(asyncio.CancelledError if dropped else CancelledByUser):
        asyncio.run(run())
    assert ended == [threading.current_thread()]
