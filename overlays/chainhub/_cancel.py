"""A switch that ends a call from outside: it wakes its sleeps and shuts its sockets down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancel:
    """Ends the calls it was handed to, from any thread, within 50 ms.

    A blocked read does not notice a mere event, so every call registers what wakes it: shutting
    its socket down, or waking its event loop. Name look-ups and fsync cannot be woken.

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
        """End every call that holds this switch, now and later."""
        self._event.set()
        with self._lock:
            wakers = list(self._wakers.values())
        for wake in wakers:
            wake()

    def is_set(self) -> bool:
        """Tell whether `set` was called."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds` or until `set` is called; tell whether it was."""
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
