"""The options per client and per call: timeouts, retries, the cancel switch, event hooks."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import httpx

from chainhub.errors import ConfigurationError
from chainhub_api.types import Unset

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub._cancel import Cancel
    from chainhub._session.events import AttemptEvent, CallEvent, RetryEvent
    from chainhub._session.retry import RetryPolicy
    from chainhub._session.tracing import Tracer

CONNECT = 5.0
"""Seconds for one connect or handshake: a packet lost twice (1 + 2 s) is still waited for."""

TIMEOUT = 15.0
"""Seconds for one attempt: a status answer has 300 bytes, slower ones come from a dead gateway."""

DEADLINE = 60.0
"""Seconds for a whole call: four attempts of a gateway that answers late fit in."""

DEFAULT_LIMIT = 32 * 1024 * 1024
"""Bytes of a decompressed answer; a status answer has 300 bytes, a base64 image some millions."""


class Options:
    """The choices of one call, spans in seconds; infinite means unlimited."""

    __slots__ = ("cancel", "connect", "deadline", "max_body", "retry", "timeout")

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT,
        connect: float = CONNECT,
        deadline: float = DEADLINE,
        retry: RetryPolicy | None = None,
        max_body: int = DEFAULT_LIMIT,
        cancel: Cancel | None = None,
    ) -> None:
        self.timeout = timeout
        self.connect = connect
        self.deadline = deadline
        self.retry = retry
        self.max_body = max_body
        self.cancel = cancel

    def retries(self) -> RetryPolicy:
        """Return how failures are retried; the usual policy is made when the first one happens."""
        if self.retry is None:
            from chainhub._session.retry import RetryPolicy

            return RetryPolicy()
        return self.retry

    def but(self, **changes: Any) -> Options:
        """Return the same choices with some others."""
        return Options(**{name: getattr(self, name) for name in self.__slots__} | changes)

    def limited(
        self, timeout: float | httpx.Timeout | Unset | None, deadline: float | Unset | None
    ) -> Options:
        """Return the same choices with other limits, where they are given.

        Raises:
            ConfigurationError: not a positive number of seconds.
        """
        changes: dict[str, float] = {}
        if not isinstance(timeout, Unset):
            changes["timeout"], changes["connect"] = spans_of(timeout)
        if not isinstance(deadline, Unset):
            changes["deadline"] = seconds("deadline", deadline)
        return self.but(**changes)


class Observers:
    """The event hooks; an exception in one of them ends the call and propagates.

    Attributes:
        tracer: What makes spans, if `on_attempt` is of `chainhub.otel`.
    """

    __slots__ = ("on_attempt", "on_call", "on_retry", "tracer")

    def __init__(
        self,
        *,
        on_attempt: Callable[[AttemptEvent], None] | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        on_call: Callable[[CallEvent], None] | None = None,
    ) -> None:
        self.tracer: Tracer | None = None if on_attempt is None else _tracer(on_attempt)
        self.on_attempt = on_attempt if self.tracer is None else None
        self.on_retry = on_retry
        self.on_call = on_call


def _tracer(observer: Callable[[AttemptEvent], None]) -> Tracer | None:
    # Who has a tracer has imported its module.
    module = sys.modules.get("chainhub.otel")
    return observer if module is not None and isinstance(observer, module.Spans) else None


def spans_of(timeout: float | httpx.Timeout | None) -> tuple[float, float]:
    """Return the spans for an attempt and for connecting; a `httpx.Timeout` gives read and connect.

    Raises:
        ConfigurationError: not a positive number of seconds.
    """
    if isinstance(timeout, httpx.Timeout):
        return seconds("timeout.read", timeout.read), seconds("timeout.connect", timeout.connect)
    span = seconds("timeout", timeout)
    return span, min(CONNECT, span)


def seconds(name: str, value: object) -> float:
    """Return `value` as seconds, None as infinite.

    Raises:
        ConfigurationError: not a positive number.
    """
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a positive number of seconds or None")
    return float(value)


def whole(name: str, value: object) -> int:
    """Return `value` as a count.

    Raises:
        ConfigurationError: not a positive whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be a positive whole number")
    return value


def policy(retry: object) -> RetryPolicy | None:
    """Return the retry policy, None for the usual one.

    Raises:
        ConfigurationError: something else.
    """
    if retry is None:
        return None
    from chainhub._session.retry import RetryPolicy

    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError("retry must be a chainhub.RetryPolicy; RetryPolicy.off() for none")
    return retry
