"""What an observer of calls is told: one small value per attempt, per retry and per call."""

from __future__ import annotations

import attrs

from chainhub.errors import ChainhubError


@attrs.frozen(kw_only=True)
class AttemptEvent:
    """One attempt has ended.

    Attributes:
        method: The HTTP method.
        url: The URL, its query redacted.
        attempt: The number of the attempt, from 1.
        status: The HTTP status, None if no answer came.
        trouble: Why no answer came, None if one did.
        trouble_kind: The same in one word, such as `timeout` or `closed`.
        request_id: The service's id of the request, if it sent one.
        started: Seconds since 1970.
        elapsed: Seconds the attempt took.
    """

    method: str
    url: str
    attempt: int
    status: int | None
    trouble: str | None
    trouble_kind: str | None
    request_id: str | None
    started: float
    elapsed: float


@attrs.frozen(kw_only=True)
class RetryEvent:
    """Another attempt follows.

    Attributes:
        method: The HTTP method.
        url: The URL, its query redacted.
        attempt: The number of the attempt that failed, from 1.
        delay: Seconds until the next one.
        error: What the attempt would have raised.
    """

    method: str
    url: str
    attempt: int
    delay: float
    error: ChainhubError


@attrs.frozen(kw_only=True)
class CallEvent:
    """A call has ended, all its attempts included.

    Attributes:
        method: The HTTP method.
        url: The URL, its query redacted.
        attempts: How many attempts were made.
        status: The last HTTP status, None if no answer came.
        error: What the call raises, None if it returns.
        elapsed: Seconds the call took.
    """

    method: str
    url: str
    attempts: int
    status: int | None
    error: ChainhubError | None
    elapsed: float
