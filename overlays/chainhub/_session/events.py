"""The arguments of event hooks: one small object per attempt, per retry and per call."""

from __future__ import annotations

import attrs

from chainhub.errors import ChainhubError


@attrs.frozen(kw_only=True)
class AttemptEvent:
    """An attempt has ended.

    Attributes:
        method: The HTTP method.
        url: The URL, redacted.
        attempt: The number of the attempt, from 1.
        status: The HTTP status, None if there was no response.
        trouble: Why there was no response, None if there was one.
        trouble_kind: The same as one word, such as `timeout` or `closed`.
        request_id: The service's id of the request, None if it sent none.
        started: When the attempt began, in seconds since 1970.
        elapsed: Seconds the attempt took.
        operation: The operation, such as `video.query`, None if it is not known.
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
    operation: str | None = None


@attrs.frozen(kw_only=True)
class RetryEvent:
    """A retry follows after a delay: another attempt of a call, or another poll of a wait.

    Attributes:
        method: The HTTP method.
        url: The URL, redacted.
        attempt: The number of the attempt that failed, from 1.
        delay: Seconds until the next attempt.
        error: The error that would be raised without a retry.
        max_attempts: How many attempts in a row may fail.
        task_id: The task of the wait, None outside a wait.
        operation: The operation, such as `video.query`, None if it is not known.
    """

    method: str
    url: str
    attempt: int
    delay: float
    error: ChainhubError
    max_attempts: int | None = None
    task_id: str | None = None
    operation: str | None = None


@attrs.frozen(kw_only=True)
class CallEvent:
    """A call has ended, with all its attempts.

    Attributes:
        method: The HTTP method.
        url: The URL, redacted.
        attempts: The number of attempts.
        status: The last HTTP status, None if there was no response.
        error: The error that the call raises, None if it returns.
        elapsed: Seconds that the call took.
        operation: The operation, such as `video.query`, None if it is not known.
    """

    method: str
    url: str
    attempts: int
    status: int | None
    error: ChainhubError | None
    elapsed: float
    operation: str | None = None
