"""Who is told of attempts, retries and calls. What they are told is made when there is somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub._events import AttemptEvent, CallEvent, RetryEvent


class Observers(NamedTuple):
    """The functions that are told; an exception in one of them ends the call and propagates."""

    on_attempt: Callable[[AttemptEvent], None] | None = None
    on_retry: Callable[[RetryEvent], None] | None = None
    on_call: Callable[[CallEvent], None] | None = None
