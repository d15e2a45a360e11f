"""What may be chosen per client and per call: spans, the retry policy, the switch that cancels."""

from __future__ import annotations

import math
from typing import NamedTuple

import httpx

from chainhub._body import DEFAULT_LIMIT
from chainhub._cancel import Cancel
from chainhub._retry import RetryPolicy
from chainhub.errors import ConfigurationError

CONNECT = 5.0
"""Seconds for one connect or handshake: a packet lost twice (1 + 2 s) is still waited for."""

TIMEOUT = 15.0
"""Seconds for one attempt: a status answer has 300 bytes, slower ones come from a dead gateway."""

DEADLINE = 60.0
"""Seconds for a whole call: four attempts of a gateway that answers late fit in."""


class Options(NamedTuple):
    """The choices of one call, spans in seconds; infinite means unlimited."""

    timeout: float = TIMEOUT
    connect: float = CONNECT
    deadline: float = DEADLINE
    retry: RetryPolicy = RetryPolicy()
    max_body: int = DEFAULT_LIMIT
    cancel: Cancel | None = None


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


def policy(retry: object) -> RetryPolicy:
    """Return the retry policy, the usual one for None.

    Raises:
        ConfigurationError: something else.
    """
    if retry is None:
        return RetryPolicy()
    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError("retry must be a chainhub.RetryPolicy; RetryPolicy.off() for none")
    return retry
