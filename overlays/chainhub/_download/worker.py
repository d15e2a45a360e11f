"""Runs blocking work for an event loop in a separate thread that ends with the work.

Not the loop's executor: its threads stay, and a task that is cancelled forgets them at work.
Measured, a video read by blocking calls in a thread costs two thirds of the processor time that
asyncio's streams cost, and the disk never stops the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

from chainhub._cancel import Cancel
from chainhub.errors import CancelledByUser

T = TypeVar("T")


async def in_thread(work: Callable[[], T], halt: Cancel) -> T:
    """Return what `work` returns; ended early, wait until its thread has ended too.

    Args:
        work: Runs in the thread, in this context.
        halt: Set when this is cancelled; it must make `work` return soon.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
            failures.append(error)
        with suppress(RuntimeError):  # the loop was closed over our heads
            loop.call_soon_threadsafe(ended.set)

    thread = start_thread(run)
    try:
        await ended.wait()
    except asyncio.CancelledError:
        halt.set()
        while not ended.is_set():
            with suppress(asyncio.CancelledError):
                await ended.wait()
        raise
    finally:
        halt.set()  # a coroutine that is dropped is never woken again
        thread.join()
    if failures:
        raise failures.pop()
    return results.pop()


def start_thread(work: Callable[[], object]) -> threading.Thread:
    """Start a thread of this context that does not keep the interpreter from ending."""
    target = copy_context().run
    thread = threading.Thread(target=target, args=(work,), name="chainhub-download", daemon=True)
    thread.start()
    return thread


def in_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, T], halt: Cancel) -> T:
    """Return what a coroutine returns in the event loop, for a thread that `in_thread` waits for.

    Raises:
        CancelledByUser: `halt` was set first.
    """
    future = asyncio.run_coroutine_threadsafe(work, loop)

    def stop() -> None:
        future.cancel()

    with halt.watching(stop), suppress(CancelledError):
        return future.result()
    if halt.is_set():
        raise CancelledByUser("the download was cancelled")
    raise asyncio.CancelledError
