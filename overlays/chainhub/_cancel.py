"""A switch that cancels calls from outside: it ends their sleeps and shuts down their sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Cancel:
    """Cancels the calls it was passed to, from any thread, within 50 ms. Thread-safe.

    Sleeps and blocked reads end at once: each call registers how to interrupt it. DNS lookups and
    fsync cannot be interrupted. A task at the service keeps running.

    Example:
        cancel = chainhub.Cancel()
        signal.signal(signal.SIGTERM, lambda *_: cancel.set())
        client.video.wait(task_id, cancel=cancel)  # raises chainhub.CancelledByUser
    """

    # No lock anywhere: a signal handler may call set() while the interrupted frame is in here. Each
    # change of the dictionary is atomic.
    __slots__ = ("_set", "_wakers")

    def __init__(self) -> None:
        self._set = False
        self._wakers: dict[object, Callable[[], None]] = {}

    def set(self) -> None:
        """Cancel every call that has this switch, now and later; safe in a signal handler."""
        self._set = True
        for wake in list(self._wakers.copy().values()):
            wake()

    def is_set(self) -> bool:
        """Return whether `set` was called."""
        return self._set

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds` or until `set` is called; return whether it was."""
        lock = threading.Lock()
        lock.acquire()

        def wake() -> None:
            with suppress(RuntimeError):  # set() was called twice
                lock.release()

        with self.watching(wake):
            lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))
        return self._set

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` when the switch is set while the block runs, at once if it is set already."""
        token = object()
        self._wakers[token] = wake
        try:
            if self._set:
                wake()
            yield
        finally:
            del self._wakers[token]
