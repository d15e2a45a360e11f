"""One download: attempts until the file is complete; the next step is decided in `state`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._download.body import Received
from chainhub._download.destination import make_folder, stands_already
from chainhub._download.fetch import PART_CHANGED, DownloadOptions, Fetch, Outcome
from chainhub._download.media import StartOver
from chainhub._download.partial import PartChanged, Partial, tidy
from chainhub._download.state import DownloadState, Mismatch, RetryAt
from chainhub._redaction import redact_text, redact_url
from chainhub._responses import APIResponse
from chainhub._session import AttemptEvent, logger, traced
from chainhub._transport import Failure, cancel_scope
from chainhub.errors import (
    CancelledByUser,
    ChainhubError,
    ClientClosedError,
    ContentRefusedError,
    DeadlineError,
    IntegrityError,
)

if TYPE_CHECKING:
    from chainhub._download.url_policy import Address
    from chainhub._session import Key, OperationSpan, Options

    RefreshURL = Callable[[Options], str]
    GetKey = Callable[[float], Key]

DOWNLOAD = "video.download"
"""The name of a download among operations."""

KEPT = "the partial file is kept: the same call resumes it"

PACE = 0.1
"""Seconds between two reports of progress."""


@attrs.frozen
class Progress:
    """The progress of a download.

    Attributes:
        id: The id of the task.
        done: Bytes on disk, including those of an earlier call. It decreases if the download
            starts again from the beginning.
        total: Bytes of the whole file, None if the server does not say.
        resumable: Whether a later call can resume: the server gives a strong ETag and a length.
    """

    id: str
    done: int
    total: int | None
    resumable: bool = False

    @property
    def fraction(self) -> float | None:
        """The fraction that is done, from 0.0 to 1.0, or None if `total` is unknown."""
        return None if self.total is None else self.done / self.total


Tell = Callable[[Progress], object]


@attrs.frozen(kw_only=True)
class DownloadRequest:
    """What one download is for.

    Attributes:
        id: Names it in messages and progress; a part is resumed by the same id only.
        url: Where the bytes are, or None if that must be asked first.
        refresh: Returns another URL, within the limits that it is given.
        key: Returns the key, within so many seconds; called if the URL is the API's own.
        target: The file to write, absolute.
        makes_folder: Whether the folder of the file is created.
        sha256: The checksum the file must have, in lower case, or None.
    """

    id: str
    url: str | None = attrs.field(repr=False)
    refresh: RefreshURL
    key: GetKey
    target: Path
    makes_folder: bool = False
    sha256: str | None = None


class Interrupted(Exception):
    """Carries an exception of the caller's callback past the handlers of failures."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Download:
    """One download, run by a thread.

    Args:
        terms: What holds for all downloads of the call.
        request: What is downloaded.

    Raises:
        AddressRefusedError: its URL must not be requested.
    """

    def __init__(self, terms: DownloadOptions, request: DownloadRequest) -> None:
        self._terms = terms
        self._request = request
        self._session = terms.session
        self._state = DownloadState(
            terms.deadline_at,
            terms.options.retry,
            self._session.credentials.secrets,
            self._session.random,
        )
        self._started = _clock.monotonic()
        self._url = None if request.url is None else terms.policy.checked(request.url)
        self._span: OperationSpan | None = None
        self._bytes = 0
        self._next_report = -math.inf

    def run(self, tell: Tell) -> Path:
        """Download, and return the file.

        Raises:
            ChainhubError: the download has failed.
        """
        request, halt = self._request, self._terms.halt
        with self._traced(), self._held() as partial:
            while partial is not None:
                if self._url is None:
                    with self._active():
                        found = request.refresh(self._limits())
                    self._url = self._terms.policy.checked(found)
                step = self._attempt(partial, self._url, tell)
                if step is None:
                    break
                if step.refresh:
                    self._url = None
                _clock.sleep(step.delay, halt)
        return request.target

    @contextmanager
    def _held(self) -> Iterator[Partial | None]:
        """Hold the unfinished file while the block runs; None if the file exists already."""
        target, if_exists = self._request.target, self._terms.if_exists
        if self._request.makes_folder:
            make_folder(target.parent)
        tidy(target)
        if stands_already(target, if_exists):
            yield None
            return
        with (
            closing(Partial(target, self._request.id)) as partial,
            cancel_scope(self._terms.cancel, lambda: self._terms.halt.set),
        ):
            # Another one may have finished just before this one took hold.
            yield None if stands_already(target, if_exists) else partial

    @contextmanager
    def _traced(self) -> Iterator[None]:
        """Make a span of the download, if there is a tracer."""
        facts = lambda: {"file.size": self._bytes} if self._bytes else {}  # noqa: E731
        observers = self._session.observers
        with traced(observers, DOWNLOAD, self._request.id, facts) as self._span:
            yield

    @contextmanager
    def _active(self) -> Iterator[None]:
        """Let what is asked while the block runs belong to the span of the download."""
        with nullcontext() if self._span is None else self._span.active():
            yield

    def _limits(self) -> Options:
        """Return the options of the query for a URL."""
        options = self._terms.options
        deadline = min(self._left(), options.deadline)
        return options._replace(deadline=deadline, cancel=self._terms.halt)

    def _left(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            DeadlineError: no time is left.
        """
        left = self._terms.deadline_at - _clock.monotonic()
        if left <= 0:
            raise self._told(DeadlineError("the deadline passed before the video was complete"))
        return left

    def _attempt(self, partial: Partial, url: Address, tell: Tell) -> RetryAt | None:
        """Make an attempt; None means that the file is complete."""
        own = self._terms.policy.is_own(url)
        key = self._request.key(self._left()) if own else None
        self._check()
        if self._session.closed:
            raise ClientClosedError("the client is closed; create a new one")
        fetch = Fetch(self._terms, url, key, partial, self._teller(tell))
        failure: BaseException
        try:
            return self._next_step(self._outcome(fetch), fetch, partial)
        except Interrupted as interrupted:
            failure = interrupted.error
        except ChainhubError as error:
            failure = self._told(error, fetch.url)
            if isinstance(error, ContentRefusedError | IntegrityError):
                partial.forget()
        raise failure

    def _outcome(self, fetch: Fetch) -> Outcome:
        """Make the attempt, and a span of it if there is a tracer."""
        tracer = self._session.observers.tracer
        if tracer is None:
            return fetch.run()
        number, shown = self._state.attempts + 1, redact_url(str(fetch.url))
        started, began = time.time(), _clock.monotonic()
        with self._active():
            span = tracer.attempt(None, "GET", shown, number)
        try:
            outcome = fetch.run()
        except BaseException as error:
            span.broke_off(error.error if isinstance(error, Interrupted) else error)
            raise
        failure = outcome if isinstance(outcome, Failure) else None
        text = redact_text(failure.text, self._terms.policy.secrets()) if failure else None
        span.end(
            AttemptEvent(
                method="GET",
                url=shown,
                attempt=number,
                status=None if failure else fetch.status,
                trouble=text,
                trouble_kind=failure.kind if failure else None,
                request_id=None,
                started=started,
                elapsed=_clock.monotonic() - began,
                operation=DOWNLOAD,
            )
        )
        return outcome

    def _check(self) -> None:
        if self._terms.halt.is_set():
            raise self._told(CancelledByUser("the download was cancelled"))

    def _next_step(self, outcome: Outcome, fetch: Fetch, partial: Partial) -> RetryAt | None:
        self._check()
        ended = self._finished(partial) if isinstance(outcome, Received) else outcome
        step = self._state.settle(ended, partial.position, _clock.monotonic(), time.time())
        if isinstance(ended, StartOver | Mismatch):
            partial.forget()
        if isinstance(step, ChainhubError):
            if step.advice is None:
                step.advice = KEPT if partial.kept is not None else fetch.unkept
            raise step
        if step is not None and not step.refresh:
            why = ended.status if isinstance(ended, APIResponse) else getattr(ended, "text", "")
            name = self._request.target.name
            logger.info("download to %s: %s; trying again in %.2f s", name, why, step.delay)
        return step

    def _finished(self, partial: Partial) -> Received | Mismatch | StartOver:
        """Check the file and publish it."""
        if (wanted := self._request.sha256) is not None:
            found = partial.digest(self._terms.halt.is_set)
            self._check()
            if found is not None and found != wanted:
                return Mismatch(partial.resumed, found, wanted)
        try:
            partial.publish(self._terms.if_exists)
        except PartChanged:
            return PART_CHANGED
        self._bytes = partial.position
        return Received()

    def _teller(self, tell: Tell) -> Callable[[int, int | None, bool], None]:
        def told(done: int, total: int | None, resumable: bool) -> None:
            now = _clock.monotonic()
            if now < self._next_report and done != total:
                return
            self._next_report = now + PACE
            failure: BaseException
            try:
                tell(Progress(self._request.id, done, total, resumable))
                return
            except BaseException as error:  # noqa: BLE001 - it is the caller's own
                failure = error
            raise Interrupted(failure)

        return told

    def _told(self, error: ChainhubError, url: Address | None = None) -> ChainhubError:
        if url is not None:
            error.method, error.url = "GET", redact_url(str(url))
        error.attempts = self._state.attempts
        error.elapsed = _clock.monotonic() - self._started
        return error
