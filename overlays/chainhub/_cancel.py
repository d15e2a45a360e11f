"""A switch that cancels calls from outside: it ends their sleeps and shuts down their sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancel:
    """Cancels the calls it was passed to, from any thread, within 50 ms. Thread-safe.

    Sleeps and blocked reads end at once: each call registers how to interrupt it. DNS lookups and
    fsync cannot be interrupted. A task at the service keeps running.

    Example:
        cancel = chainhub.Cancel()
        signal.signal(signal.SIGTERM, lambda *_: cancel.set())
        client.video.wait(task_id, cancel=cancel)  # raises chainhub.CancelledByUser
    """

    __slots__ = ("_event", "_lock", "_wakers")

    def __init__(self) -> None:
        # A signal handler may call set() while the interrupted frame holds the lock.
        self._lock = threading.RLock()
        self._event = threading.Event()
        self._wakers: dict[object, Callable[[], None]] = {}

    def set(self) -> None:
        """Cancel every call that has this switch, now and later."""
        self._event.set()
        with self._lock:
            wakers = list(self._wakers.values())
        for wake in wakers:
            wake()

    def is_set(self) -> bool:
        """Return whether `set` was called."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds` or until `set` is called; return whether it was."""
        return self._event.wait(seconds)

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` when the switch is set while the block runs, at once if it is set already."""
        token = object()
        with self._lock:
            self._wakers[token] = wake
        if self.is_set():
            wake()
        try:
            yield
        finally:
            with self._lock:
                del self._wakers[token]
