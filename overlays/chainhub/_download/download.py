"""One download: attempts until the file is complete; the next step is decided in `state`.

An attempt is one connection: redirects are followed by hand, the bytes go straight to the disk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._download.disk import make_folder, stands_already
from chainhub._download.media import BodyRange, Redirect, StartOver, judge_head, range_headers
from chainhub._download.partial import SURPLUS, Partial, PartWriter, Received, tidy
from chainhub._download.state import DownloadState, Mismatch, Outcome, RetryAt
from chainhub._redaction import redact_text, redact_url
from chainhub._session import UNDER_WAY, AttemptEvent, logger, traced
from chainhub._transport import Failure, Response, cancel_scope
from chainhub.errors import (
    CancelledByUser,
    ChainhubError,
    ClientClosedError,
    ContentRefusedError,
    DeadlineError,
    DownloadError,
    IntegrityError,
)

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._download.disk import IfExists
    from chainhub._download.media import ResumePoint
    from chainhub._download.url_policy import Address, Connection, URLPolicy
    from chainhub._session import Key, OperationSpan, Options, Session
    from chainhub._transport import Head

    RefreshURL = Callable[[Options], str]
    GetKey = Callable[[float], Key]

DOWNLOAD = "video.download"
"""The name of a download among operations."""

PACE = 0.1
"""Seconds between two reports of progress."""

REDIRECTS = 5
STALLED = 16 * 1024
"""Bytes that must come within the time limit of an attempt: some 1 KiB/s by default."""

_ERROR_BODY = 64 * 1024
_KEPT = "the partial file is kept: the same call resumes it"
_UNKEPT = "the server cannot resume (it gives no strong ETag and length), so nothing is kept"


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
class DownloadOptions:
    """What holds for all downloads of one call.

    The limits of `call` are those of one attempt and of a query for a new URL: `timeout` seconds
    for the head of a response, and for every 16 KiB of its body.
    """

    session: Session  # whose credentials and observers are used
    call: Options
    policy: URLPolicy  # where the bytes may come from
    if_exists: IfExists
    max_bytes: float  # of a file; or infinity
    deadline_at: float  # the instant (monotonic) at which everything ends, or infinity
    cancel: Cancel | None  # the caller's switch
    halt: Cancel  # ends all of them when it is set


@attrs.frozen(kw_only=True)
class FetchRequest:
    """What one download is for."""

    id: str  # names it in messages and progress; a part is resumed by the same id only
    url: str | None = attrs.field(repr=False)  # None if it must be asked first
    refresh: RefreshURL  # returns another URL, within the limits that it is given
    key: GetKey  # returns the key, within so many seconds; called if the URL is the API's own
    target: Path  # absolute
    makes_folder: bool = False
    sha256: str | None = None  # the checksum the file must have, in lower case


class Interrupted(Exception):
    """Carries an exception of the caller's callback past the handlers of failures."""


class Download:
    """One download, run by a thread.

    Raises:
        AddressRefusedError: its URL must not be requested.
    """

    _partial: Partial
    _tell: Tell

    def __init__(self, options: DownloadOptions, request: FetchRequest) -> None:
        self._options = options
        self._request = request
        self._session = session = options.session
        self._policy = options.policy
        self._secrets = session.credentials.secrets
        self._state = DownloadState(
            options.deadline_at, options.call.retry, self._secrets, session.random
        )
        self._started = _clock.monotonic()
        self._url = None if request.url is None else options.policy.checked(request.url)
        self._span: OperationSpan | None = None
        self._bytes = 0
        self._next_report = -math.inf
        # Of the attempt under way: where the redirects have led, and what came back.
        self._at: Address | None = None
        self._status: int | None = None
        self._unkept: str | None = None

    def run(self, tell: Tell) -> Path:
        """Download, and return the file; `tell` is called with the progress.

        Raises:
            ChainhubError: the download has failed.
        """
        target, if_exists = self._request.target, self._options.if_exists
        facts = lambda: {"file.size": self._bytes} if self._bytes else {}  # noqa: E731
        self._tell = tell
        with traced(self._session.observers, DOWNLOAD, self._request.id, facts) as self._span:
            if self._request.makes_folder:
                make_folder(target.parent)
            tidy(target)
            if not stands_already(target, if_exists):
                with (
                    closing(Partial(target, self._request.id)) as self._partial,
                    cancel_scope(self._options.cancel, lambda: self._options.halt.set),
                ):
                    # Another one may have finished just before this one took hold.
                    if not stands_already(target, if_exists):
                        self._complete()
        return target

    def _complete(self) -> None:
        """Make attempts until the file is complete."""
        call, halt = self._options.call, self._options.halt
        while True:
            if self._url is None:
                limits = call._replace(deadline=min(self._left(), call.deadline), cancel=halt)
                with nullcontext() if self._span is None else self._span.active():
                    found = self._request.refresh(limits)
                self._url = self._policy.checked(found)
            step = self._attempt(self._url)
            if step is None:
                return
            if step.refresh:
                self._url = None
            _clock.sleep(step.delay, halt)

    def _left(self) -> float:
        left = self._options.deadline_at - _clock.monotonic()
        if left <= 0:
            raise self._told(DeadlineError("the deadline passed before the video was complete"))
        return left

    def _check(self) -> None:
        if self._options.halt.is_set():
            raise self._told(CancelledByUser("the download was cancelled"))

    def _told(self, error: ChainhubError) -> ChainhubError:
        error.attempts = self._state.attempts
        error.elapsed = _clock.monotonic() - self._started
        return error

    def _attempt(self, url: Address) -> RetryAt | None:
        """Make an attempt; None means that the file is complete."""
        key = self._request.key(self._left()) if self._policy.is_own(url) else None
        self._check()
        if self._session.closed:
            raise ClientClosedError("the client is closed; create a new one")
        self._at, self._status, self._unkept = url, None, None
        failure: BaseException
        try:
            outcome = self._in_span(lambda: self._fetch(url, key), redact_url(str(url)))
            self._check()
            return self._next_step(outcome)
        except Interrupted as interrupted:
            failure = interrupted.args[0]
        except ChainhubError as error:
            failure = self._told(error)
            error.method, error.url = "GET", redact_url(str(self._at))
            if isinstance(error, ContentRefusedError | IntegrityError):
                self._partial.forget()
        raise failure

    def _in_span(self, fetch: Callable[[], Outcome], url: str) -> Outcome:
        """Make the attempt, in a span of its own if there is a tracer."""
        tracer = self._session.observers.tracer
        if tracer is None or self._span is None:
            return fetch()
        number, started, began = self._state.attempts + 1, time.time(), _clock.monotonic()
        with self._span.active():
            span = tracer.attempt(None, "GET", url, number)
        try:
            outcome = fetch()
        except BaseException as error:
            span.broke_off(error.args[0] if isinstance(error, Interrupted) else error)
            raise
        failure = outcome if isinstance(outcome, Failure) else None
        span.end(
            AttemptEvent(
                method="GET",
                url=url,
                attempt=number,
                status=None if failure else self._status,
                trouble=redact_text(failure.text, self._secrets()) if failure else None,
                trouble_kind=failure.kind if failure else None,
                request_id=None,
                started=started,
                elapsed=_clock.monotonic() - began,
                operation=DOWNLOAD,
            )
        )
        return outcome

    def _fetch(self, url: Address, key: Key | None) -> Outcome:
        """Ask for the bytes and write what comes; follow redirects."""
        outer, kept = UNDER_WAY.get(), self._partial.kept
        UNDER_WAY.set((None, self._secrets))
        _clock.request_under_way(1)
        try:
            for _ in range(REDIRECTS + 1):
                found = self._exchange(url, key, kept)
                if not isinstance(found, Redirect):
                    return found
                self._at = url = self._policy.joined(url, found.location)
                # After another origin no key is sent, even if a redirect leads back.
                key = key if self._policy.is_own(url) else None
        except Failure as failure:
            return failure.without_frames()
        except StartOver as again:
            return StartOver(*again.args)
        finally:
            UNDER_WAY.set(outer)
            _clock.request_under_way(-1)
        raise DownloadError(f"the video URL redirects more than {REDIRECTS} times")

    def _exchange(
        self, url: Address, key: Key | None, kept: ResumePoint | None
    ) -> Outcome | Redirect:
        headers = [*self._policy.headers(key), *range_headers(kept)]
        began = _clock.monotonic()
        connection = self._policy.open(url)
        with closing(connection), self._options.halt.watching(connection.shut):
            head = connection.ask(url, headers, self._until(), self._options.call.connect)
            self._status = head.status
            found = judge_head(head.status, head.headers, kept)
            if logger.isEnabledFor(10):  # logging.DEBUG
                name = self._request.target.name
                logger.debug("download to %s: %s", name, describe(found, kept))
            if isinstance(found, BodyRange):
                self._unkept = None if found.etag else _UNKEPT
                return self._receive(found, head, connection, began)
            if found is not None:
                return found
            body = b""
            with suppress(Failure):  # the status says enough, even if its page breaks off
                for chunk in connection.body():
                    body = (body + chunk)[:_ERROR_BODY]
                    if len(body) == _ERROR_BODY:
                        break
            return Response(head.status, head.headers, body)

    def _until(self) -> float:
        return min(_clock.monotonic() + self._options.call.timeout, self._options.deadline_at)

    def _receive(
        self, wanted: BodyRange, head: Head, connection: Connection, began: float
    ) -> Outcome:
        partial, mark, arrived = self._partial, 0, 0
        writer = PartWriter(partial, wanted, self._options.max_bytes, head.headers)
        for chunk in connection.body():
            arrived += len(chunk)
            writer.feed(chunk)
            if arrived - mark >= STALLED:
                mark = arrived
                connection.extend(self._until())
            self._report(wanted, wanted.length)
        if wanted.announced is not None and connection.surplus:
            raise StartOver(SURPLUS)
        told = partial.position
        # A server that sends a byte now and then would keep a caller for ever.
        fast = arrived * self._options.call.timeout >= STALLED * (_clock.monotonic() - began)
        found = writer.finish(in_time=fast)
        if found is Received.WHOLE and told != wanted.length:
            self._report(wanted, partial.position)
        return found

    def _report(self, body: BodyRange, total: int | None) -> None:
        now, done = _clock.monotonic(), self._partial.position
        if now < self._next_report and done != total:
            return
        self._next_report = now + PACE
        try:
            self._tell(Progress(self._request.id, done, total, body.etag is not None))
        except BaseException as error:  # noqa: BLE001 - it is the caller's own
            raise Interrupted(error) from None

    def _next_step(self, outcome: Outcome) -> RetryAt | None:
        partial, name = self._partial, self._request.target.name
        ended = self._published() if outcome is Received.WHOLE else outcome
        step = self._state.settle(ended, partial.position, _clock.monotonic(), time.time())
        if isinstance(ended, StartOver | Mismatch):
            partial.forget()
        if isinstance(step, ChainhubError):
            if step.advice is None:
                step.advice = _KEPT if partial.kept is not None else self._unkept
            raise step
        if step is not None and not step.refresh:
            why = ended.status if isinstance(ended, Response) else getattr(ended, "text", "")
            logger.info("download to %s: %s; trying again in %.2f s", name, why, step.delay)
        return step

    def _published(self) -> Outcome | Mismatch:
        """Check the whole file and give it its name."""
        partial, wanted = self._partial, self._request.sha256
        if wanted is not None:
            found = partial.digest(self._options.halt.is_set)
            self._check()
            if found is not None and found != wanted:
                return Mismatch(partial.resumed, found, wanted)
        try:
            partial.publish(self._options.if_exists)
        except StartOver as again:
            return StartOver(*again.args)
        self._bytes = partial.position
        return Received.WHOLE


def describe(found: BodyRange | Redirect | StartOver | None, kept: ResumePoint | None) -> str:
    """Return what a response means for the download, without its URL."""
    if isinstance(found, BodyRange):
        begins = f"resuming at byte {found.offset}" if found.offset else "from the beginning"
        asked = "" if kept is None or found.offset else ", the server does not resume"
        can = "can be resumed" if found.etag else "cannot be resumed: no strong ETag and length"
        return f"{begins}{asked}, {found.length or 'an unknown number of'} bytes; {can}"
    if isinstance(found, StartOver):
        return f"starting over: {found.text}"
    return "an error status" if found is None else "a redirect"
