"""A clock that does not sleep: time that jumps to the next thing that is due.

While it is in use, nobody in this process who sleeps through `chainhub._clock` really sleeps. Each
says when to be woken; when all have gone to sleep and no request is under way, time jumps to the
earliest of these instants. So a wait of fifteen minutes takes as long as its requests take, and of
several waits at once (threads, asyncio tasks) none loses time to the sleep of another.

Between two jumps time passes as everywhere. Requests, the sandbox's `slow` and `trickle`, and
whatever else the code under test waits for take the real time they take.

When have all gone to sleep? A thread that was seen before, and is neither asleep nor in a request,
is about to do something, or it waits for something else, such as another thread: what is not heard
of for some milliseconds is taken to wait. In an event loop, some turns without news are taken for
quiet, which leaves room for tasks that hand something on to each other.
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

# What of `chainhub._clock` a virtual clock takes the place of.
_REPLACED = ("monotonic", "sleep", "asleep", "timeout", "request_under_way")
_in_use = threading.Lock()
_TURNS = 10  # of an event loop, without news, after which its tasks count as asleep
_MOMENT = 0.001  # seconds between two looks at other threads
_MOMENTS = 20  # looks without news after which other threads count as waiting


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
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, _Sleeper]] = []
        self._order = itertools.count()
        self._awake = {threading.current_thread()}
        self._dozing: Counter[asyncio.AbstractEventLoop] = Counter()
        self._requests = 0
        self._news = 0

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
        with self._changed:
            self._skipped += seconds
            # What the test itself skips tells nothing about the code under test.
            self.limit += seconds
            self._wake_due()

    def sleep(self, delay: float, cancel: Cancel | None = None) -> None:
        """Let `delay` seconds pass, or the time until the switch is set; or raise EndlessWait."""
        with self._changed:
            sleeper, quiet = self._lie_down(delay, self._changed.notify_all), 0
            self._awake.discard(sleeper.thread)
            try:
                while sleeper.asleep and not (cancel is not None and cancel.is_set()):
                    before = self._news
                    if self._requests or (self._awake - {sleeper.thread} and quiet < _MOMENTS):
                        self._changed.wait(_MOMENT)
                        self._wake_due()
                        quiet = quiet + 1 if before == self._news else 0
                    else:
                        self._jump()
                        quiet = 0
            finally:
                sleeper.asleep = False
                self._awake.add(sleeper.thread)

    async def asleep(self, delay: float, cancel: Cancel | None = None) -> None:
        """Async `sleep`."""
        with suppress(TimeoutError):
            async with self.timeout(delay) as scope:
                with cancel_scope(cancel, lambda: _clock.waker(scope)):
                    await asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def timeout(self, delay: float | None) -> AsyncIterator[asyncio.Timeout]:
        """Bound a block as `asyncio.timeout` does, in this clock's seconds."""
        async with asyncio.timeout(delay) as scope:
            if delay is None:
                yield scope
                return
            loop = asyncio.get_running_loop()
            with self._changed:
                sleeper = self._lie_down(delay, _clock.waker(scope))
                if loop not in self._dozing:
                    loop.call_soon(self._turn, loop, self._news, 0)
                self._dozing[loop] += 1
            try:
                yield scope
            finally:
                with self._changed:
                    sleeper.asleep = False
                    self._dozing[loop] -= 1
                    self._stir()

    def request_under_way(self, change: int) -> None:
        """Keep time from jumping while a request is under way: it begins (1), or has ended (-1)."""
        with self._changed:
            self._requests += change
            self._stir()

    def _lie_down(self, delay: float, wake: Callable[[], None]) -> _Sleeper:
        if self._skipped > self.limit or delay == math.inf:
            raise EndlessWait(
                f"the code under test keeps sleeping: {self._skipped:,.0f} s of sleep were"
                " skipped; give its wait a deadline, or the clock a larger limit"
            )
        sleeper = _Sleeper(wake)
        heapq.heappush(self._due, (self.monotonic() + delay, next(self._order), sleeper))
        self._stir()
        self._wake_due()
        return sleeper

    def _stir(self) -> None:
        """Tell who watches for quiet that this thread is about to do something."""
        thread = threading.current_thread()
        self._news += 1
        # The workers of `wait_many` wait for work whenever they are in no request.
        if not thread.name.startswith("chainhub_"):
            self._awake.add(thread)
        self._changed.notify_all()

    def _turn(self, loop: asyncio.AbstractEventLoop, before: int, quiet: int) -> None:
        """Look, once per turn of the loop, whether all are asleep; the loop itself never is."""
        with self._changed:
            if not self._dozing[loop]:
                del self._dozing[loop]
                return
            seen = self._news
            quiet = quiet + 1 if before == seen and not self._requests else 0
            if quiet >= _TURNS:
                self._awake.discard(threading.current_thread())
            waits = quiet >= _TURNS and bool(self._awake)
            if quiet >= (_TURNS + _MOMENTS if waits else _TURNS):
                self._jump()
            self._wake_due()
            pause = _MOMENT if waits or self._requests else 0.0
        loop.call_later(pause, self._turn, loop, seen, quiet)

    def _jump(self) -> None:
        """Move to the next instant at which somebody is to be woken; no request is under way."""
        while self._due and not self._due[0][2].asleep:
            heapq.heappop(self._due)
        if self._due:
            # Who was not heard of waits for something else; whoever wakes is heard of again.
            self._awake.clear()
            self._skipped += max(self._due[0][0] - self.monotonic(), 0.0)
            self._wake_due()

    def _wake_due(self) -> None:
        now = self.monotonic()
        while self._due and self._due[0][0] <= now:
            sleeper = heapq.heappop(self._due)[2]
            if sleeper.asleep:
                sleeper.asleep = False
                self._news += 1
                self._awake.add(sleeper.thread)
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
    if not _in_use.acquire(blocking=False):
        raise RuntimeError(
            "a virtual clock is already in use; the fixture chainhub_clock, which"
            " chainhub_sandbox uses, is one"
        )
    clock = VirtualClock(limit)
    try:
        with patch.multiple(_clock, **{name: getattr(clock, name) for name in _REPLACED}):
            yield clock
    finally:
        _in_use.release()
