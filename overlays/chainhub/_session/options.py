"""The options per client and per call: timeouts, retries, the cancel switch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from chainhub._session.retry import RetryPolicy
from chainhub.errors import ConfigurationError
from chainhub_api.types import Unset

if TYPE_CHECKING:
    from chainhub._cancel import Cancel

CONNECT = 5.0
"""Seconds for one connect or handshake: a packet lost twice (1 + 2 s) is still waited for."""

TIMEOUT = 15.0
"""Seconds for one attempt: a status answer has 300 bytes, slower ones come from a dead gateway."""

DEADLINE = 60.0
"""Seconds for a whole call: four attempts of a gateway that answers late fit in."""

DEFAULT_LIMIT = 32 * 1024 * 1024
"""Bytes of a decompressed answer; a status answer has 300 bytes, a base64 image some millions."""

USUAL = RetryPolicy()


class Options(NamedTuple):
    """The choices of one call, spans in seconds; infinite means unlimited."""

    timeout: float = TIMEOUT
    connect: float = CONNECT
    deadline: float = DEADLINE
    retry: RetryPolicy = USUAL
    max_body: int = DEFAULT_LIMIT
    cancel: Cancel | None = None

    def limited(
        self, timeout: float | httpx.Timeout | Unset | None, deadline: float | Unset | None
    ) -> Options:
        """Return the same choices with other limits, where they are given."""
        changes: dict[str, Any] = {}
        if not isinstance(timeout, Unset):
            changes["timeout"], changes["connect"] = spans_of(timeout)
        if not isinstance(deadline, Unset):
            changes["deadline"] = seconds("deadline", deadline)
        return self._replace(**changes)


# Each of these raises a ConfigurationError that names the argument.
def spans_of(timeout: float | httpx.Timeout | None) -> tuple[float, float]:
    """Return the spans for an attempt and for connecting; `httpx.Timeout` has read and connect."""
    if isinstance(timeout, httpx.Timeout):
        return seconds("timeout.read", timeout.read), seconds("timeout.connect", timeout.connect)
    span = seconds("timeout", timeout)
    return span, min(CONNECT, span)


def seconds(name: str, value: object) -> float:
    """Return `value` as seconds, None as infinite."""
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a positive number of seconds or None")
    return float(value)


def whole(name: str, value: object) -> int:
    """Return `value` as a count."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be a positive whole number")
    return value


def policy(retry: object) -> RetryPolicy:
    """Return the retry policy, the usual one for None."""
    if retry is None:
        return USUAL
    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError("retry must be a chainhub.RetryPolicy; RetryPolicy.off() for none")
    return retry
