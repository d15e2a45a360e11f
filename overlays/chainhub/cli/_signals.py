"""Ctrl-C and SIGTERM: both end a command, but not in the middle of painting or unpainting.

rich is not made to be interrupted between two steps of taking its picture away: the cursor would
stay hidden, or an error of its own would come up. So an interruption is held back for those few
milliseconds, and only for those: never while something is printed, which may block.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), which is taken like Ctrl-C."""


class _Held:
    """How many blocks hold interruptions back, and the one that came meanwhile."""

    depth = 0
    came: type[KeyboardInterrupt] | None = None


@contextmanager
def listening() -> Iterator[None]:
    """Take both signals while the block runs; only the main thread can, others leave them alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # What the parent process has ignored for a job in the background stays so.
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    _Held.came = None
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def held() -> Iterator[None]:
    """Let an interruption wait until the block has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Held.depth += 1
    try:
        yield
    finally:
        _Held.depth -= 1
    if not _Held.depth and _Held.came is not None:
        came, _Held.came = _Held.came, None
        raise came


def _interrupt(number: int, frame: FrameType | None) -> None:
    kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
    if _Held.depth:
        _Held.came = kind
    else:
        raise kind
