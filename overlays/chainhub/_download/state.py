"""The request of a download, and its state: results of attempts go in, the next steps come out.

The next step is another attempt after a pause, perhaps at a new URL, or the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from chainhub import _session, errors
from chainhub._cancel import Cancel
from chainhub._download.disk import IfExists
from chainhub._download.media import Kind, StartOver, is_expiry
from chainhub._download.partial import BodyEnd
from chainhub._download.url_policy import URLPolicy
from chainhub._responses import explain_mismatch, judge
from chainhub._transport import Failure, Response
from chainhub.errors import ChainhubError

RefreshURL = Callable[[_session.Options], str]
GetKey = Callable[[float], _session.Key]
Outcome = BodyEnd | StartOver | Response | Failure

PROGRESS = 1024 * 1024
"""Bytes of progress after which the count of attempts is reset."""

_ADVICE = "this response is from the file server, not from the API; try again later"


@attrs.frozen
class Progress:
    """The progress of a download.

    Attributes:
        id: The id of the task.
        done: Bytes on disk, including those of an earlier call. It decreases if the download
            starts again from the beginning.
        total: Bytes of the whole file, None if the server does not say.
        resumable: Whether a later call can resume: the server gives a strong ETag and a length.
        number: Which of several results of the task, from 1; None if there is one only.
    """

    id: str
    done: int
    total: int | None
    resumable: bool = False
    number: int | None = None

    @property
    def fraction(self) -> float | None:
        """The fraction that is done, from 0.0 to 1.0, or None if `total` is unknown."""
        return None if self.total is None else self.done / self.total


OnProgress = Callable[[Progress], object]


@attrs.frozen(kw_only=True)
class DownloadOptions:
    """What holds for all downloads of one call.

    The limits of `call` are those of one attempt and of a query for a new URL: `timeout` seconds
    for the head of a response, and for every 16 KiB of its body.
    """

    session: _session.Session  # whose credentials and observers are used
    call: _session.Options
    policy: URLPolicy  # where the bytes may come from
    if_exists: IfExists
    max_bytes: float  # of a file; or infinity
    deadline_at: float  # the instant (monotonic) at which everything ends, or infinity
    cancel: Cancel | None  # the caller's switch
    halt: Cancel  # ends all of them when it is set
    operation: str = "video.download"  # the name of these downloads among operations


@attrs.frozen(kw_only=True)
class FetchRequest:
    """The request of one download.

    Attributes:
        id: The id in messages and progress; a part is resumed by the same id only.
        url: The URL of the bytes, or None if it must be queried first.
        refresh: Returns another URL, within the limits that are its argument. None if the URL is an
            operation of the API whose answer is the file: it never expires, any other answer is an
            error of the API, and the target of a redirect may expire.
        key: Returns the key, within so many seconds; called if the URL is the API's own.
        target: The file to write, absolute: the result of `target_path`.
        makes_folder: Whether the caller gave a folder, which is created, and not a file.
        sha256: The checksum the file must have, in lower case, or None.
        kind: What the content must be.
        number: Which of several results of a task, from 1; None if there is one only.
    """

    id: str
    url: str | None = attrs.field(repr=False)
    refresh: RefreshURL | None
    key: GetKey
    target: Path
    makes_folder: bool = False
    sha256: str | None = None
    kind: Kind = "video"
    number: int | None = None

    @property
    def takes_suffix(self) -> bool:
        """Whether the name of the file gets a suffix, which follows from the content."""
        return self.makes_folder and (self.kind != "video" or self.number is not None)


class RetryAt(NamedTuple):
    """Make another attempt after `delay` seconds, at a new URL if `refresh`."""

    delay: float
    refresh: bool = False


class Mismatch(NamedTuple):
    """The whole file has arrived, but its checksum is wrong; a resumed one may start again."""

    resumed: bool
    actual: str
    expected: str


class DownloadState:
    """The attempts so far and their results. It sends nothing and never sleeps."""

    def __init__(
        self,
        deadline_at: float,  # on the monotonic clock, or infinity
        retry: _session.RetryPolicy,
        secrets: Callable[[], Iterable[str]],  # masked in texts that come from outside
        random: Callable[[], float],  # a number in [0, 1)
        kind: str = "video",  # what is downloaded, in messages
    ) -> None:
        self.attempts = 0
        self._deadline_at = deadline_at
        self._retry = retry
        self._secrets = secrets
        self._random = random
        self._kind = kind
        # The client's budget is for the API: a server of files that is down says nothing about
        # it. One file needs none: the attempts without progress are counted.
        self._budget = _session.RetryBudget(capacity=math.inf)
        self._stalled_attempts = 0
        self._mark = 0
        self._refreshed = False
        self._rehashed = False

    def next_step(
        self,
        outcome: Outcome | Mismatch,
        position: int,
        now: float,
        wall: float,
        *,
        from_api: bool = False,
    ) -> RetryAt | ChainhubError | None:
        """Return the next step after an attempt that ended at `position`; None if it is complete.

        `now` is in seconds of the monotonic clock; `wall`, since 1970, is for a Retry-After. If
        `from_api`, the response is that of an operation: its error is meant for the caller.
        """
        self.attempts += 1
        self._stalled_attempts += 1
        if position >= self._mark + PROGRESS:
            self._mark = position
            self._stalled_attempts = 1
            self._refreshed = False
        if outcome is BodyEnd.WHOLE:
            return None
        if outcome is BodyEnd.SLICE:
            self._stalled_attempts = 0
            return RetryAt(0.0)
        if isinstance(outcome, StartOver):
            return self._start_over(outcome, now, wall)
        if isinstance(outcome, Mismatch):
            if outcome.resumed and not self._rehashed:
                self._rehashed = True
                return RetryAt(0.0)
            text = f"the file has the SHA-256 {outcome.actual}, not {outcome.expected}"
            return errors.IntegrityError(f"{text}; the file was discarded")
        link = outcome if isinstance(outcome, Response) and not from_api else None
        if link is not None and is_expiry(link.status, link.body):
            if not self._refreshed:
                self._refreshed = True
                return RetryAt(0.0, refresh=True)
            text = f"the {self._kind} URL has expired, and a new one does not work either"
            status = errors.named_status(link.status)
            return errors.LinkExpiredError(f"{text} ({status})", **self._facts_of(link))
        step = self._retry_or_fail(outcome, now, wall)
        if link is not None and isinstance(step, ChainhubError):
            step.advice = _ADVICE
        return step

    def _start_over(self, outcome: StartOver, now: float, wall: float) -> RetryAt | ChainhubError:
        if self._stalled_attempts == 1 and self._retry.attempts > 1:
            return RetryAt(0.0)
        step = self._retry_or_fail(Failure("protocol", outcome.text, sent=True), now, wall)
        if isinstance(step, RetryAt):
            return step
        if outcome.on_disk:
            return errors.DownloadError(f"{outcome.text} again and again")
        return errors.DownloadError(f"the server did not send what was requested: {outcome.text}")

    def _retry_or_fail(
        self, outcome: Response | Failure, now: float, wall: float
    ) -> RetryAt | ChainhubError:
        step = _session.decide(
            self._retry,
            self._budget,
            idempotent=True,
            outcome=outcome,
            attempt=self._stalled_attempts,
            remaining=None if math.isinf(self._deadline_at) else self._deadline_at - now,
            wall=wall,
            now=now,
            random=self._random,
        )
        if isinstance(step, _session.Retry):
            return RetryAt(step.delay)
        secrets, text = self._secrets(), f"the response contains no {self._kind}"
        if isinstance(outcome, Failure):
            over = now >= self._deadline_at
            error = _session.error_of(outcome, secrets, ambiguous=False, deadline_over=over)
        else:
            api_error: ChainhubError | None = judge(outcome, secrets=secrets)
            if api_error is None and outcome.body:  # an error in spite of its status
                api_error = explain_mismatch(outcome, text, secrets=secrets)
            error = api_error or errors.DownloadError(text, **self._facts_of(outcome))
            error.retry_after = _session.retry_after_of(outcome, wall)
        if step.text:
            error.message = f"{error.message} ({step.text})"
        return error

    def _facts_of(self, response: Response) -> dict[str, Any]:
        request_id = _session.request_id_of(response, self._secrets())
        return {"status": response.status, "request_id": request_id}
