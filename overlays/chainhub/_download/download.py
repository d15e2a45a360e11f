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

from chainhub import _clock, errors
from chainhub._download import media, state
from chainhub._download.disk import keeps_existing, make_folder
from chainhub._download.media import BodyRange, Redirect, StartOver
from chainhub._download.partial import SURPLUS, BodyEnd, Partial, PartWriter, remove_leftovers
from chainhub._download.url_policy import Address, Connection
from chainhub._redaction import redact_text, redact_url
from chainhub._session import UNDER_WAY, AttemptEvent, Key, logger, traced
from chainhub._transport import Failure, Response, cancel_scope
from chainhub.errors import ChainhubError

if TYPE_CHECKING:
    from chainhub._session import OperationSpan

PACE = 0.1  # often enough for a bar that moves; chunks come some thousand times a second
"""Seconds between two reports of progress."""

REDIRECTS = 5  # a CDN needs one or two; more is a loop
MIN_BYTES = 16 * 1024
"""Bytes that must arrive within the time limit of an attempt: some 1 KiB/s by default."""

_ERROR_BODY = 64 * 1024  # the beginning of an error page is enough
_RESUMABLE = "the partial file is kept: the same call resumes it"
_NOT_RESUMABLE = "the server cannot resume (it gives no strong ETag and length), so nothing is kept"


class Interrupted(Exception):
    """Carries an exception of the caller's callback past the handlers of failures."""


class Download:
    """One download, run by a thread.

    Raises:
        AddressRefusedError: its URL must not be requested.
    """

    _partial: Partial
    _on_progress: state.OnProgress | None

    def __init__(self, options: state.DownloadOptions, request: state.FetchRequest) -> None:
        self._options = options
        self._request = request
        self._session = session = options.session
        self._policy = options.policy
        self._secrets = session.credentials.secrets
        self._state = state.DownloadState(
            options.deadline_at, options.call.retry, self._secrets, session.random, request.kind
        )
        self._started_at = _clock.monotonic()
        self._url = None if request.url is None else options.policy.checked(request.url)
        self._span: OperationSpan | None = None
        self._file = request.target
        self._bytes = 0
        self._next_report = -math.inf
        # Of the attempt under way: the URL after redirects, and the status of the response.
        self._current_url = self._url
        self._status: int | None = None
        self._advice: str | None = None

    def run(self, on_progress: state.OnProgress | None) -> Path:
        """Download, and return the file; `on_progress` is called with the progress, if given.

        Raises:
            ChainhubError: the download has failed.
        """
        target = self._request.target
        facts = lambda: {"file.size": self._bytes} if self._bytes else {}  # noqa: E731
        observers, name = self._session.observers, self._options.operation
        self._on_progress = on_progress
        with traced(observers, name, self._request.id, facts) as self._span:
            if self._request.makes_folder:
                make_folder(target.parent)
            names = self._names()
            remove_leftovers(target, names)
            if (existing := self._existing(names)) is not None:
                return existing
            with (
                closing(Partial(target, self._request.id)) as self._partial,
                cancel_scope(self._options.cancel, lambda: self._options.halt.set),
            ):
                # Another download may have finished just before this one got the lock.
                return self._existing(names) or self._complete()

    def _names(self) -> list[Path]:
        """Return every name that the file may get."""
        target, kind = self._request.target, self._request.kind
        if not self._request.takes_suffix:
            return [target]
        path = "" if self._url is None else self._url.path
        return [target.with_name(target.name + suffix) for suffix in media.suffixes(kind, path)]

    def _existing(self, names: list[Path]) -> Path | None:
        """Return the file that exists already and is to be kept."""
        if_exists = self._options.if_exists
        return next((name for name in names if keeps_existing(name, if_exists)), None)

    def _complete(self) -> Path:
        """Make attempts until the file is complete."""
        call, halt, refresh = self._options.call, self._options.halt, self._request.refresh
        while True:
            if self._url is None:
                assert refresh is not None  # else the URL is known, and stays
                limits = call._replace(deadline=min(self._remaining(), call.deadline), cancel=halt)
                with nullcontext() if self._span is None else self._span.active():
                    url = refresh(limits)
                self._url = self._policy.checked(url)
            step = self._attempt(self._url)
            if step is None:
                return self._file
            if step.refresh and refresh is not None:
                self._url = None
            _clock.sleep(step.delay, halt)

    def _remaining(self) -> float:
        remaining = self._options.deadline_at - _clock.monotonic()
        if remaining <= 0:
            text = f"the deadline passed before the {self._request.kind} was complete"
            raise self._with_totals(errors.DeadlineError(text))
        return remaining

    def _check(self) -> None:
        if self._options.halt.is_set():
            raise self._with_totals(errors.CancelledByUser("the download was cancelled"))

    def _with_totals(self, error: ChainhubError) -> ChainhubError:
        error.attempts = self._state.attempts
        error.elapsed = _clock.monotonic() - self._started_at
        return error

    def _attempt(self, url: Address) -> state.RetryAt | None:
        """Make an attempt; None means that the file is complete."""
        key = self._request.key(self._remaining()) if self._policy.is_own(url) else None
        self._check()
        if self._session.closed:
            raise errors.ClientClosedError("the client is closed; create a new one")
        self._current_url, self._status, self._advice = url, None, None
        failure: BaseException
        try:
            outcome = self._in_span(lambda: self._fetch(url, key), redact_url(str(url)))
            self._check()
            return self._next_step(outcome, url)
        except Interrupted as interrupted:
            failure = interrupted.args[0]
        except ChainhubError as error:
            failure = self._with_totals(error)
            error.method, error.url = "GET", redact_url(str(self._current_url))
            if isinstance(error, errors.ContentRefusedError | errors.IntegrityError):
                self._partial.forget()
        raise failure

    def _in_span(self, fetch: Callable[[], state.Outcome], url: str) -> state.Outcome:
        """Make the attempt, in a span of its own if there is a tracer."""
        tracer = self._session.observers.tracer
        if tracer is None or self._span is None:
            return fetch()
        number, started, start = self._state.attempts + 1, time.time(), _clock.monotonic()
        with self._span.active():
            span = tracer.attempt(None, "GET", url, number)
        try:
            outcome = fetch()
        except BaseException as error:
            span.abort(error.args[0] if isinstance(error, Interrupted) else error)
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
                elapsed=_clock.monotonic() - start,
                operation=self._options.operation,
            )
        )
        return outcome

    def _fetch(self, url: Address, key: Key | None) -> state.Outcome:
        """Request the bytes and write them; follow redirects."""
        previous, resume_point = UNDER_WAY.get(), self._partial.resume_point
        UNDER_WAY.set((None, self._secrets))
        _clock.request_under_way(1)
        try:
            for _ in range(REDIRECTS + 1):
                result = self._exchange(url, key, resume_point)
                if not isinstance(result, Redirect):
                    return result
                self._current_url = url = self._policy.joined(url, result.location)
                # After another origin no key is sent, even if a redirect leads back.
                key = key if self._policy.is_own(url) else None
        except Failure as failure:
            return failure.without_frames()
        except StartOver as again:
            return StartOver(*again.args)
        finally:
            UNDER_WAY.set(previous)
            _clock.request_under_way(-1)
        kind = self._request.kind
        raise errors.DownloadError(f"the {kind} URL redirects more than {REDIRECTS} times")

    def _exchange(
        self, url: Address, key: Key | None, resume_point: media.ResumePoint | None
    ) -> state.Outcome | Redirect:
        headers = self._policy.headers(key, self._request.kind) + media.range_headers(resume_point)
        start = _clock.monotonic()
        connection = self._policy.open(url)
        with closing(connection), self._options.halt.watching(connection.shut):
            head = connection.ask(url, headers, self._until(), self._options.call.connect)
            self._status = head.status
            fields = media.fields_of(head.headers)
            result = media.judge_head(head.status, fields, resume_point)
            if logger.isEnabledFor(20):  # logging.INFO
                label = redact_text(redact_url(str(url)), self._secrets())
                seconds = _clock.monotonic() - start
                logger.info("GET %s: %s in %.3f s (download)", label, head.status, seconds)
            if logger.isEnabledFor(10):  # logging.DEBUG
                name = self._request.target.name
                logger.debug("download to %s: %s", name, media.describe(result, resume_point))
            kind = fields.get(b"content-type") or "no type"
            if isinstance(result, BodyRange) and self._is_api(url) and "json" in kind.lower():
                result = None  # an operation without a file says why in JSON, whatever the status
            if isinstance(result, BodyRange):
                self._advice = None if result.etag else _NOT_RESUMABLE
                return self._receive(result, kind, connection, start)
            if result is not None:
                return result
            body = b""
            with suppress(Failure):  # the status is enough, even if the body is incomplete
                for chunk in connection.body():
                    body = (body + chunk)[:_ERROR_BODY]
                    if len(body) == _ERROR_BODY:
                        break
            return Response(head.status, head.headers, body)

    def _is_api(self, url: Address) -> bool:
        return self._request.refresh is None and self._policy.is_own(url)

    def _until(self) -> float:
        return min(_clock.monotonic() + self._options.call.timeout, self._options.deadline_at)

    def _receive(
        self, body_range: BodyRange, content_type: str, connection: Connection, start: float
    ) -> state.Outcome:
        partial, extended_at, received = self._partial, 0, 0
        limit, kind = self._options.max_bytes, self._request.kind
        writer = PartWriter(partial, body_range, limit, content_type, kind)
        for chunk in connection.body():
            received += len(chunk)
            writer.feed(chunk)
            if received - extended_at >= MIN_BYTES:
                extended_at = received
                connection.extend(self._until())
            self._report(body_range, body_range.length)
        if body_range.announced is not None and connection.surplus:
            raise StartOver(SURPLUS)
        reported = partial.position
        # A server that sends single bytes slowly would block a caller without end.
        in_time = received * self._options.call.timeout >= MIN_BYTES * (_clock.monotonic() - start)
        result = writer.finish(in_time=in_time)
        if result is BodyEnd.WHOLE and reported != body_range.length:
            self._report(body_range, partial.position)
        return result

    def _report(self, body_range: BodyRange, total: int | None) -> None:
        now, done = _clock.monotonic(), self._partial.position
        if self._on_progress is None or (now < self._next_report and done != total):
            return
        self._next_report = now + PACE
        try:
            request, resumable = self._request, body_range.etag is not None
            self._on_progress(state.Progress(request.id, done, total, resumable, request.number))
        except BaseException as error:  # noqa: BLE001 - it is the caller's own
            raise Interrupted(error) from None

    def _next_step(self, outcome: state.Outcome, url: Address) -> state.RetryAt | None:
        partial, name = self._partial, self._request.target.name
        result = self._publish(url) if outcome is BodyEnd.WHOLE else outcome
        now, wall = _clock.monotonic(), time.time()
        from_api = self._is_api(self._current_url or url)
        step = self._state.next_step(result, partial.position, now, wall, from_api=from_api)
        if isinstance(result, StartOver | state.Mismatch):
            partial.forget()
        if isinstance(step, ChainhubError):
            if step.advice is None:
                step.advice = self._advice if partial.resume_point is None else _RESUMABLE
            raise step
        if step is not None and not step.refresh:
            reason = (
                str(result.status) if isinstance(result, Response) else getattr(result, "text", "")
            )
            text = redact_text(reason, self._secrets())
            logger.info("download to %s: %s; trying again in %.2f s", name, text, step.delay)
        return step

    def _publish(self, url: Address) -> state.Outcome | state.Mismatch:
        """Check the whole file and give it its name."""
        partial, expected = self._partial, self._request.sha256
        if expected is not None:
            actual = partial.digest(self._options.halt.is_set)
            self._check()
            if actual is not None and actual != expected:
                return state.Mismatch(partial.resumed, actual, expected)
        file = self._request.target
        if self._request.takes_suffix:
            suffix = media.suffix_of(partial.read(0, media.SNIFFED), url.path)
            file = file.with_name(file.name + suffix)
        try:
            partial.publish(file, self._options.if_exists)
        except StartOver as again:
            return StartOver(*again.args)
        self._file, self._bytes = file, partial.position
        return BodyEnd.WHOLE
