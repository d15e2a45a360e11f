"""What one attempt may take, and how a `Cancel` reaches it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from chainhub import _clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub._cancel import Cancel

LONGEST = 1_000_000.0
"""Seconds, eleven days: sockets do not take an infinite time limit."""

UNWATCHED: AbstractContextManager[None] = nullcontext()


class Limits:
    """What one attempt may take.

    Attributes:
        timeout: Seconds for the attempt, from the moment a connection is handed out.
        connect: Seconds for connecting, and for each TLS handshake.
        deadline: The instant (monotonic) at which the whole call ends; waiting for a free
            connection counts against it alone.
        max_body: Bytes of a decompressed body.
        fresh: Whether a connection that has served before must not be used.
        cancel: Ends the attempt from outside.
        reused: Whether the connection that was used has served before; set by the pool.
    """

    __slots__ = ("cancel", "connect", "deadline", "fresh", "max_body", "reused", "timeout")

    def __init__(
        self,
        *,
        timeout: float,
        connect: float,
        deadline: float,
        max_body: int,
        fresh: bool = False,
        cancel: Cancel | None = None,
    ) -> None:
        self.timeout = timeout
        self.connect = connect
        self.deadline = deadline
        self.max_body = max_body
        self.fresh = fresh
        self.cancel = cancel
        self.reused = False

    def cancelled(self) -> bool:
        """Tell whether the attempt was ended from outside."""
        return self.cancel is not None and self.cancel.is_set()

    def until(self) -> float:
        """Return the instant at which an attempt that starts now ends."""
        return min(_clock.monotonic() + self.timeout, self.deadline)


def left(until: float) -> float:
    """Return the seconds until an instant.

    Raises:
        TimeoutError: no time is left; a socket would take 0 for "do not wait".
    """
    rest = min(until - _clock.monotonic(), LONGEST)
    if rest <= 0:
        raise TimeoutError("timed out")
    return rest


def cancel_scope(
    cancel: Cancel | None, waker: Callable[[], Callable[[], None]]
) -> AbstractContextManager[None]:
    """Let `cancel`, if there is one, call what `waker` returns while the block runs."""
    return UNWATCHED if cancel is None else cancel.watching(waker())
