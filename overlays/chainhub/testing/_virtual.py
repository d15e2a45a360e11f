"""A clock that does not sleep: its time jumps to the end of the next sleep.

While it is in use, no sleep through `chainhub._clock` in this process is real. Each one has an
instant at which it ends; when all threads and tasks are asleep and no request is in flight, time
jumps to the earliest of these instants. So a wait of fifteen minutes takes as long as its requests
take, and of several waits at once (threads, asyncio tasks) none is delayed by the sleep of another.

Between two jumps time passes as usual. Requests, the sandbox's `slow` and `trickle`, and everything
else the code under test waits for take real time.

How does it know that all are asleep? A thread that has used the clock before, and is neither asleep
nor in a request, is about to do something, or it waits for something else, such as another thread:
without activity for some milliseconds it counts as waiting. In an event loop, tasks count as asleep
after some turns without activity, which leaves time for tasks that wake each other.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from unittest.mock import patch

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._transport import cancel_scope

DAY = 86_400.0

# The functions of `chainhub._clock` that a virtual clock replaces.
_REPLACED_NAMES = ("monotonic", "sleep", "asleep", "timeout", "request_under_way")
_in_use_lock = threading.Lock()
_QUIET_TURNS = 10  # of an event loop, without activity, after which its tasks count as asleep
_CHECK_PAUSE = 0.001  # seconds between two checks of other threads
_QUIET_CHECKS = 20  # checks without activity after which other threads count as waiting


class EndlessWait(AssertionError):
    """The code under test has waited longer than the limit of the virtual clock."""


@attrs.define(eq=False)
class _Sleeper:
    wake: Callable[[], None]
    thread: threading.Thread = attrs.field(factory=threading.current_thread)
    asleep: bool = True


class VirtualClock:
    """The clock of the clients in a test: it skips sleeps. `virtual_time()` returns one.

    Attributes:
        limit: Skipped seconds after which the next sleep raises `EndlessWait`.
    """

    def __init__(self, limit: float = DAY) -> None:
        self.limit: float = limit
        self._skipped = 0.0
        self._condition = threading.Condition()
        self._queue: list[tuple[float, int, _Sleeper]] = []
        self._order = itertools.count()
        self._awake_threads = {threading.current_thread()}
        self._open_timeouts: Counter[asyncio.AbstractEventLoop] = Counter()
        self._requests = 0
        self._activity = 0

    def __repr__(self) -> str:
        return f"<VirtualClock, {self._skipped:.3f} s skipped>"

    @property
    def skipped(self) -> float:
        """The seconds that were skipped so far: about the time that the code would have slept."""
        return self._skipped

    def monotonic(self) -> float:
        """Return the present instant, in seconds; only differences mean something."""
        return time.monotonic() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let `seconds` pass at once.

        Raises:
            ValueError: that would be backwards, or for ever.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"The clock only moves forward, not by {seconds} seconds.")
        with self._condition:
            self._skipped += seconds
            # A skip of the test itself is no sleep of the code under test.
            self.limit += seconds
            self._wake_due()

    def sleep(self, delay: float, cancel: Cancel | None = None) -> None:
        """Let `delay` seconds pass, or the time until `cancel` is set; or raise EndlessWait."""
        with self._condition:
            sleeper, quiet = self._add_sleeper(delay, self._condition.notify_all), 0
            self._awake_threads.discard(sleeper.thread)
            try:
                while sleeper.asleep and not (cancel is not None and cancel.is_set()):
                    before = self._activity
                    others_awake = self._awake_threads - {sleeper.thread}
                    if self._requests or (others_awake and quiet < _QUIET_CHECKS):
                        self._condition.wait(_CHECK_PAUSE)
                        self._wake_due()
                        quiet = quiet + 1 if before == self._activity else 0
                    else:
                        self._jump()
                        quiet = 0
            finally:
                sleeper.asleep = False
                self._awake_threads.add(sleeper.thread)

    async def asleep(self, delay: float, cancel: Cancel | None = None) -> None:
        """Async `sleep`."""
        with suppress(TimeoutError):
            async with self.timeout(delay) as scope:
                with cancel_scope(cancel, lambda: _clock.waker(scope)):
                    await asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def timeout(self, delay: float | None) -> AsyncIterator[asyncio.Timeout]:
        """Limit a block as `asyncio.timeout` does, in this clock's seconds."""
        async with asyncio.timeout(delay) as scope:
            if delay is None:
                yield scope
                return
            loop = asyncio.get_running_loop()
            with self._condition:
                sleeper = self._add_sleeper(delay, _clock.waker(scope))
                if loop not in self._open_timeouts:
                    loop.call_soon(self._on_turn, loop, self._activity, 0)
                self._open_timeouts[loop] += 1
            try:
                yield scope
            finally:
                with self._condition:
                    sleeper.asleep = False
                    self._open_timeouts[loop] -= 1
                    self._note_activity()

    def request_under_way(self, change: int) -> None:
        """Prevent jumps while a request is in flight: `change` is 1 at its begin, -1 at its end."""
        with self._condition:
            self._requests += change
            self._note_activity()

    def _add_sleeper(self, delay: float, wake: Callable[[], None]) -> _Sleeper:
        if self._skipped > self.limit or delay == math.inf:
            raise EndlessWait(
                f"the code under test keeps sleeping: {self._skipped:,.0f} s of sleep were"
                " skipped; give its wait a deadline, or the clock a larger limit"
            )
        sleeper = _Sleeper(wake)
        heapq.heappush(self._queue, (self.monotonic() + delay, next(self._order), sleeper))
        self._note_activity()
        self._wake_due()
        return sleeper

    def _note_activity(self) -> None:
        """Record activity: this thread is about to do something."""
        thread = threading.current_thread()
        self._activity += 1
        # The workers of `wait_many` wait for work whenever they are in no request.
        if not thread.name.startswith("chainhub_"):
            self._awake_threads.add(thread)
        self._condition.notify_all()

    def _on_turn(self, loop: asyncio.AbstractEventLoop, before: int, quiet: int) -> None:
        """Check, once per turn of the loop, whether all are asleep; the loop itself never is."""
        with self._condition:
            if not self._open_timeouts[loop]:
                del self._open_timeouts[loop]
                return
            activity = self._activity
            quiet = quiet + 1 if before == activity and not self._requests else 0
            if quiet >= _QUIET_TURNS:
                self._awake_threads.discard(threading.current_thread())
            waits = quiet >= _QUIET_TURNS and bool(self._awake_threads)
            if quiet >= (_QUIET_TURNS + _QUIET_CHECKS if waits else _QUIET_TURNS):
                self._jump()
            self._wake_due()
            pause = _CHECK_PAUSE if waits or self._requests else 0.0
        loop.call_later(pause, self._on_turn, loop, activity, quiet)

    def _jump(self) -> None:
        """Jump to the end of the next sleep; called only while no request is in flight."""
        while self._queue and not self._queue[0][2].asleep:
            heapq.heappop(self._queue)
        if self._queue:
            # Threads without activity wait for something else; those that wake are added again.
            self._awake_threads.clear()
            self._skipped += max(self._queue[0][0] - self.monotonic(), 0.0)
            self._wake_due()

    def _wake_due(self) -> None:
        now = self.monotonic()
        while self._queue and self._queue[0][0] <= now:
            sleeper = heapq.heappop(self._queue)[2]
            if sleeper.asleep:
                sleeper.asleep = False
                self._activity += 1
                self._awake_threads.add(sleeper.thread)
                sleeper.wake()


@contextmanager
def virtual_time(*, limit: float = DAY) -> Iterator[VirtualClock]:
    """Skip every sleep of `chainhub` in this process while the block runs.

    Args:
        limit: Skipped seconds after which the next sleep raises `EndlessWait`, so that an endless
            wait fails its test. By default a day.

    Raises:
        RuntimeError: a virtual clock is in use already.
    """
    if not _in_use_lock.acquire(blocking=False):
        raise RuntimeError(
            "a virtual clock is already in use; the fixture chainhub_clock, which"
            " chainhub_sandbox uses, is one"
        )
    clock = VirtualClock(limit)
    try:
        with patch.multiple(_clock, **{name: getattr(clock, name) for name in _REPLACED_NAMES}):
            yield clock
    finally:
        _in_use_lock.release()
