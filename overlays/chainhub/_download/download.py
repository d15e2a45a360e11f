"""One download as its loops use it, and the two loops; the next step is decided in `state`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial as partial_of
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._download.destination import IfExists, make_folder, stands_already
from chainhub._download.fetch import Fetch, FetchRequest, Outcome
from chainhub._download.media import StartOver, address_in
from chainhub._download.partial import Partial, tidy
from chainhub._download.state import DownloadState, Finish, RefreshURL, RetryAt, Step
from chainhub._download.url_policy import Address, URLPolicy
from chainhub._download.worker import in_thread
from chainhub._redaction import redact_url
from chainhub._responses import APIResponse
from chainhub._session import AttemptEvent, AttemptFailure, arun, logger, run, traced
from chainhub._transport import cancel_scope
from chainhub.errors import (
    CancelledByUser,
    ChainhubError,
    ClientClosedError,
    ContentRefusedError,
    DeadlineError,
    IntegrityError,
)
from chainhub_api.api.video import query

if TYPE_CHECKING:
    from chainhub._session import AsyncDoor, Door, Key, OperationSpan, Options
    from chainhub_api.models import VideoTask

DOWNLOAD = "video.download"
"""The name of a download among operations."""

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
    """

    id: str
    done: int
    total: int | None

    @property
    def fraction(self) -> float | None:
        """The fraction that is done, from 0.0 to 1.0, or None if `total` is unknown."""
        return None if self.total is None else self.done / self.total


Tell = Callable[[Progress], object]


@attrs.frozen(kw_only=True)
class Wanted:
    """The arguments of one download.

    Attributes:
        id: The id of the task.
        task: The task, if it is known already, or None.
        target: The file, absolute.
        makes_folder: Whether the folder of the file is created.
        if_exists: What to do if it exists.
        sha256: The checksum the file must have, in lower case, or None.
        max_bytes: The largest file that is accepted, or infinity.
        deadline_at: The monotonic time at which everything ends, or infinity.
    """

    id: str
    task: VideoTask | None = attrs.field(repr=False)
    target: Path
    makes_folder: bool
    if_exists: IfExists
    sha256: str | None
    max_bytes: float
    deadline_at: float


class Interrupted(Exception):
    """Carries an exception of the caller's callback past the handlers of failures."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Download:
    """One download as its loop uses it, sync or async.

    Args:
        door: Sends the queries of the task.
        wanted: The arguments.
        route: Where the bytes may come from.
        cancel: Ends it when it is set.
    """

    def __init__(
        self,
        door: Door | AsyncDoor,
        wanted: Wanted,
        route: URLPolicy,
        cancel: Cancel | None,
    ) -> None:
        self.wanted = wanted
        self.halt = Cancel()
        self._route = route
        self._session = door.way.session
        self._options = door.way.options
        self._cancel = self._options.cancel if cancel is None else cancel
        secrets = self._session.credentials.secrets
        self._course = DownloadState(
            wanted.deadline_at, self._options.retries(), secrets, self._session.random
        )
        self._started = _clock.monotonic()
        self._url: Address | None = None
        self._span: OperationSpan | None = None
        self._bytes = 0
        self._next_report = -math.inf
        if wanted.task is not None:
            self.take(wanted.task)

    @contextmanager
    def held(self) -> Iterator[Partial | None]:
        """Hold the unfinished file while the block runs; None if the file exists already.

        Raises:
            DestinationExistsError: the file exists already.
            DownloadError: another download to this file is running.
            DiskError: the file cannot be created.
        """
        wanted = self.wanted
        if wanted.makes_folder:
            make_folder(wanted.target.parent)
        tidy(wanted.target)
        if stands_already(wanted.target, wanted.if_exists):
            yield None
            return
        partial = Partial.claim(wanted.target, wanted.id)
        try:
            with cancel_scope(self._cancel, lambda: self.halt.set):
                # Another one may have finished just before this one took hold.
                yield None if stands_already(wanted.target, wanted.if_exists) else partial
        finally:
            partial.close()

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Make a span of the download, if there is a tracer."""
        observers = self._session.observers
        facts = lambda: {"file.size": self._bytes} if self._bytes else {}  # noqa: E731
        with traced(observers, DOWNLOAD, self.wanted.id, facts) as self._span:
            yield

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let what is asked while the block runs belong to the span of the download."""
        with nullcontext() if self._span is None else self._span.active():
            yield

    @property
    def asks(self) -> bool:
        """Whether the task must be queried for the URL first."""
        return self._url is None

    def limits(self) -> Options:
        """Return the options of the query for the URL.

        Raises:
            DeadlineError: no time is left for it.
        """
        deadline = min(self.left(), self._options.deadline)
        return self._options.but(deadline=deadline, cancel=self.halt)

    def left(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            DeadlineError: no time is left.
        """
        left = self.wanted.deadline_at - _clock.monotonic()
        if left <= 0:
            raise self._told(DeadlineError("the deadline passed before the video was complete"))
        return left

    def take(self, task: VideoTask) -> None:
        """Take the URL of a task's video.

        Raises:
            TaskError: there is none.
            AddressRefusedError: it must not be requested.
        """
        self._url = self._route.checked(address_in(self.wanted.id, task))

    @property
    def wants_key(self) -> bool:
        """Whether the next request goes to the API itself."""
        return self._url is not None and self._route.is_own(self._url)

    def attempt(self, partial: Partial, key: Key | None, tell: Tell) -> RetryAt | RefreshURL | None:
        """Make an attempt; None means that the file is complete.

        Raises:
            ChainhubError: the download has failed.
        """
        self._check()
        if self._session.closed:
            raise ClientClosedError("the client is closed; create a new one")
        fetch = Fetch(self._route, self._order(key), partial, self.halt, self._teller(tell))
        failure: BaseException
        try:
            step = self._settled(self._traced_run(fetch), partial)
            next_step = self._finished(partial) if isinstance(step, Finish) else step
        except Interrupted as interrupted:
            failure = interrupted.error
        except ChainhubError as error:
            failure = self._told(error, fetch.url)
            if isinstance(error, ContentRefusedError | IntegrityError):
                partial.forget()
        else:
            if isinstance(next_step, RefreshURL):
                self._url = None
            return next_step
        raise failure

    def _traced_run(self, fetch: Fetch) -> Outcome:
        """Make the attempt, and a span of it if there is a tracer."""
        tracer = self._session.observers.tracer
        if tracer is None:
            return fetch.run()
        number, shown = self._course.attempts + 1, redact_url(str(fetch.url))
        started, began = time.time(), _clock.monotonic()
        with self.active():
            span = tracer.attempt(None, "GET", shown, number)
        try:
            outcome = fetch.run()
        except BaseException as error:
            span.broke_off(error.error if isinstance(error, Interrupted) else error)
            raise
        failure = outcome if isinstance(outcome, AttemptFailure) else None
        span.end(
            AttemptEvent(
                method="GET",
                url=shown,
                attempt=number,
                status=fetch.status if failure is None else None,
                trouble=failure and failure.text,
                trouble_kind=failure and failure.kind,
                request_id=None,
                started=started,
                elapsed=_clock.monotonic() - began,
                operation=DOWNLOAD,
            )
        )
        return outcome

    def _check(self) -> None:
        if self.halt.is_set():
            raise self._told(CancelledByUser("the download was cancelled"))

    def _order(self, key: Key | None) -> FetchRequest:
        assert self._url is not None  # the loop has asked for it
        options = self._options
        return FetchRequest(
            url=self._url,
            key=key,
            timeout=options.timeout,
            connect=options.connect,
            deadline_at=self.wanted.deadline_at,
            max_bytes=self.wanted.max_bytes,
        )

    def _settled(self, outcome: Outcome, partial: Partial) -> Step:
        self._check()
        now, wall = _clock.monotonic(), time.time()
        step = self._course.settle(outcome, partial.position, now, wall)
        if isinstance(outcome, StartOver):
            partial.forget()
        if isinstance(step, ChainhubError):
            if step.advice is None and partial.kept is not None:
                step.advice = "the partial file is kept: the same call resumes it"
            raise step
        if isinstance(step, RetryAt):
            why = (
                outcome.status if isinstance(outcome, APIResponse) else getattr(outcome, "text", "")
            )
            name = self.wanted.target.name
            logger.info("download to %s: %s; trying again in %.2f s", name, why, step.delay)
        return step

    def _finished(self, partial: Partial) -> RetryAt | None:
        wanted = self.wanted
        if wanted.sha256 is not None:
            found = partial.digest(self.halt.is_set)
            self._check()
            if found is not None and found != wanted.sha256:
                resumed = partial.resumed
                partial.forget()
                return self._again(self._course.mismatched(resumed, found, wanted.sha256))
        self._bytes = partial.position
        partial.publish(wanted.if_exists)
        return None

    def _again(self, step: RetryAt | ChainhubError) -> RetryAt:
        if isinstance(step, ChainhubError):
            raise step
        return step

    def _teller(self, tell: Tell) -> Callable[[int, int | None], None]:
        def told(done: int, total: int | None) -> None:
            now = _clock.monotonic()
            if now < self._next_report and done != total:
                return
            self._next_report = now + PACE
            failure: BaseException
            try:
                tell(Progress(self.wanted.id, done, total))
                return
            except BaseException as error:  # noqa: BLE001 - it is the caller's own
                failure = error
            raise Interrupted(failure)

        return told

    def _told(self, error: ChainhubError, url: Address | None = None) -> ChainhubError:
        if url is not None:
            error.method, error.url = "GET", redact_url(str(url))
        error.attempts = self._course.attempts
        error.elapsed = _clock.monotonic() - self._started
        return error


def run_download(door: Door, download: Download, tell: Tell) -> Path:
    """Run a download and return the file.

    Raises:
        ChainhubError: the download has failed.
    """
    with download.traced(), download.held() as partial:
        while partial is not None:
            if download.asks:
                arguments: dict[str, object] = {"id": download.wanted.id}
                with download.active():
                    task = run(door, query, "VideoTask", arguments, download.limits())
                download.take(cast("VideoTask", task))
            key = door.way.session.credentials.key(download.left()) if download.wants_key else None
            step = download.attempt(partial, key, tell)
            if step is None:
                break
            _clock.sleep(step.delay, download.halt)
    return download.wanted.target


async def run_async_download(door: AsyncDoor, download: Download, tell: Tell) -> Path:
    """Async version of `run_download`; the bytes are read in a thread."""
    with download.traced(), download.held() as partial:
        while partial is not None:
            if download.asks:
                arguments: dict[str, object] = {"id": download.wanted.id}
                with download.active():
                    task = await arun(door, query, "VideoTask", arguments, download.limits())
                download.take(cast("VideoTask", task))
            key = await door.way.session.credentials.akey() if download.wants_key else None
            step = await in_thread(
                partial_of(download.attempt, partial, key), tell, download.halt.set
            )
            if step is None:
                break
            await _clock.asleep(step.delay, download.halt)
    return download.wanted.target
