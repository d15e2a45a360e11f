"""Blocking work for an event loop."""

import asyncio
import threading
import time

import pytest

from chainhub._download.worker import in_thread


def ours():
    """Return the threads of workers."""
    return [thread for thread in threading.enumerate() if thread.name == "chainhub-download"]


def nothing(*_):
    """Do nothing."""


def test_it_returns_what_the_work_returns():
    """The news come before, in order, in the thread of the loop."""
    heard = []

    def work(post):
        for number in range(100):
            post(number)
        return threading.current_thread()

    def hear(number):
        heard.append((number, threading.current_thread()))

    worker = asyncio.run(in_thread(work, hear, nothing))
    assert worker is not threading.current_thread()
    assert heard == [(number, threading.current_thread()) for number in range(100)]
    assert ours() == []


def test_it_raises_what_the_work_raises():
    """The very same exception."""
    error = KeyError("mine")

    def work(post):
        raise error

    with pytest.raises(KeyError) as caught:
        asyncio.run(in_thread(work, nothing, nothing))
    assert caught.value is error
    assert ours() == []


class Stoppable:
    """Work that runs until it is stopped, and then for some more time."""

    def __init__(self, after=0.0):
        self.stopped = threading.Event()
        self.after = after

    def __call__(self, post):
        post("begun")
        assert self.stopped.wait(10)
        time.sleep(self.after)
        post("ending")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_hears_may_end_the_work(asynchronous):
    """Its exception is raised after the thread has ended."""
    work = Stoppable()

    def hear(news):
        raise ValueError(news)

    async def hear_too(news):
        await asyncio.sleep(0)
        raise ValueError(news)

    with pytest.raises(ValueError, match="begun"):
        asyncio.run(in_thread(work, hear_too if asynchronous else hear, work.stopped.set))
    assert ours() == []


def test_cancelling_waits_for_the_thread():
    """However often it is asked for."""
    work = Stoppable(after=0.2)

    async def run():
        task = asyncio.create_task(in_thread(work, nothing, work.stopped.set))
        await asyncio.sleep(0.05)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.02)
        assert ours()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ours() == []

    asyncio.run(run())


def test_cancelling_what_ends_already_is_not_forgotten():
    """A callback's exception does not swallow a cancellation that comes meanwhile."""
    work = Stoppable(after=0.2)

    def hear(news):
        raise ValueError(news)

    async def run():
        task = asyncio.create_task(in_thread(work, hear, work.stopped.set))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_a_coroutine_that_is_dropped_ends_its_thread():
    """A loop that is closed without ado leaves no thread behind."""
    work = Stoppable()

    async def run():
        coroutine = in_thread(work, nothing, work.stopped.set)
        coroutine.send(None)
        coroutine.close()

    asyncio.run(run())
    assert ours() == []


def test_a_loop_that_is_gone_is_not_told():
    """The thread ends without a word."""
    work = Stoppable()
    loop = asyncio.new_event_loop()

    async def run():
        coroutine = in_thread(work, nothing, nothing)
        coroutine.send(None)
        return coroutine

    coroutine = loop.run_until_complete(run())
    loop.close()
    work.stopped.set()
    coroutine.close()
    assert ours() == []
