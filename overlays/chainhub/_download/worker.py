"""Runs blocking work for an event loop in a separate thread that ends with the work.

Not the loop's executor: its threads stay, and a task that is cancelled forgets them at work.
Measured, a video read by blocking calls in a thread costs two thirds of the processor time that
asyncio's streams cost, and the disk never stops the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")
N = TypeVar("N")


async def in_thread(
    work: Callable[[Callable[[N], None]], T],
    hear: Callable[[N], object],
    stop: Callable[[], None],
) -> T:
    """Return what `work` returns; ended early, wait until its thread has ended too.

    Args:
        work: Runs in the thread; it is given a function that takes news.
        hear: Called with each piece of news in the event loop, awaited if need be; what it raises
            ends the work.
        stop: Makes `work` return soon.
    """
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[tuple[N, ...]] = asyncio.Queue()
    results: list[T] = []
    failures: list[BaseException] = []

    def post(*items: N) -> None:
        with suppress(RuntimeError):  # the loop was closed over our heads
            loop.call_soon_threadsafe(news.put_nowait, items)

    def run() -> None:
        try:
            results.append(work(post))
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
            failures.append(error)
        post()

    thread = threading.Thread(target=run, name="chainhub-download", daemon=True)
    thread.start()
    await _attend(news, hear, stop, thread)
    if failures:
        raise failures.pop()
    return results.pop()


async def _attend(
    news: asyncio.Queue[tuple[N, ...]],
    hear: Callable[[N], object],
    stop: Callable[[], None],
    thread: threading.Thread,
) -> None:
    """Pass the news on until the empty one, the last."""
    try:
        while item := await news.get():
            heard = hear(*item)
            if isawaitable(heard):
                await heard
    except GeneratorExit:  # nobody will ever wake this coroutine again
        stop()
        raise
    except BaseException:
        stop()
        await _drained(news)
        raise
    finally:
        thread.join()


async def _drained(news: asyncio.Queue[tuple[N, ...]]) -> None:
    cancelled = False
    while True:
        try:
            if not await news.get():
                break
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
