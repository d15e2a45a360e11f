"""Downloads in threads: one for an event loop, a few at the same time for many files.

Neither an event loop's executor nor `concurrent.futures`: their threads stay, a task that is
cancelled does not wait for them, and the interpreter waits for them at its end. Measured, a video
read by blocking calls in a thread costs two thirds of the processor time that asyncio's streams
cost, and the disk never stops the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._download.download import Download
from chainhub._download.state import OnProgress, Progress
from chainhub._redaction import one_line
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError, DownloadError

T = TypeVar("T")


@attrs.frozen
class DownloadOutcome:
    """The outcome of one download: `if outcome.error is None`, there is a file.

    Attributes:
        id: The id of the task.
        path: The file, the first of several, or None if the download failed.
        error: Why there is no file, or None if there is one.
        elapsed: Seconds that the download took.
        paths: All files that are there, in the order of the task's results.
    """

    id: str
    path: Path | None
    error: ChainhubError | None
    elapsed: float
    paths: tuple[Path, ...] = ()

    def result(self) -> Path:
        """Return the path of the file.

        Raises:
            ChainhubError: the outcome's error, if it has one.
        """
        if self.error is not None:
            raise self.error
        if self.path is None:
            raise DownloadError(f"there is no result of task {one_line(self.id, 80)}")
        return self.path


if TYPE_CHECKING:
    # A checker narrows a union by `outcome.error is None`, but not the attributes of one class.
    class DownloadOutcomeWithPath(DownloadOutcome):
        path: Path
        error: None

    class DownloadOutcomeWithError(DownloadOutcome):
        error: ChainhubError

    AnyDownloadOutcome: TypeAlias = DownloadOutcomeWithPath | DownloadOutcomeWithError
    Reports: TypeAlias = SimpleQueue[Progress | DownloadOutcome | BaseException]
    WorkQueue: TypeAlias = SimpleQueue[Callable[[], DownloadOutcome | BaseException] | None]

Job = tuple[str, Callable[[], Sequence[Download]]]
"""An id, and a function that returns the downloads of its results, which run one after the other.
Its ChainhubError is the outcome, except for a ConfigurationError and a cancellation."""


def download_all(
    jobs: Iterable[Job], parallel: int, halt: Cancel, on_progress: OnProgress | None
) -> dict[str, AnyDownloadOutcome]:
    """Run many downloads in a few threads; repeated ids are skipped.

    A thread for each download would take a third of the CPU time of a small one.

    Args:
        jobs: Read when there is room for another.
        parallel: Downloads at the same time.
        halt: Set when this function ends early: it ends all downloads.
        on_progress: Called with progress, in this thread, if given.

    Raises:
        BaseException: an exception of a download that is not an outcome.
    """
    outcomes: dict[str, DownloadOutcome | None] = {}
    work_queue: WorkQueue = SimpleQueue()
    reports: Reports = SimpleQueue()
    threads: list[threading.Thread] = []
    try:
        for job in jobs:
            if job[0] not in outcomes:
                outcomes[job[0]] = None
                work_queue.put(
                    partial(copy_context().run, _outcome, *job, on_progress and reports.put)
                )
                if len(threads) < parallel:
                    threads.append(start_thread(partial(_work, work_queue, reports)))
                if len(threads) == parallel:
                    _await_outcome(reports, on_progress, outcomes)
        while None in outcomes.values():
            _await_outcome(reports, on_progress, outcomes)
    except BaseException:
        halt.set()
        raise
    finally:
        work_queue.put(None)
        for thread in threads:
            thread.join()
    return cast("dict[str, AnyDownloadOutcome]", outcomes)


def _await_outcome(
    reports: Reports, on_progress: OnProgress | None, outcomes: dict[str, DownloadOutcome | None]
) -> None:
    while isinstance(report := reports.get(), Progress):
        assert on_progress is not None
        on_progress(report)
    if isinstance(report, BaseException):
        raise report
    outcomes[report.id] = report


def _work(work_queue: WorkQueue, reports: Reports) -> None:
    while (work := work_queue.get()) is not None:
        reports.put(work())
    work_queue.put(None)  # for the next thread: an interrupt may have kept it out of `threads`


def _outcome(
    job_id: str, make_downloads: Callable[[], Sequence[Download]], on_progress: OnProgress | None
) -> DownloadOutcome | BaseException:
    started_at, paths, failure = _clock.monotonic(), list[Path](), None
    try:
        for download in make_downloads():
            paths.append(download.run(on_progress))
    except ChainhubError as error:
        failure = error
    except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
        return error
    if isinstance(failure, CancelledByUser | ConfigurationError):  # not of this download alone
        return failure
    path = paths[0] if paths and failure is None else None
    elapsed = _clock.monotonic() - started_at
    return DownloadOutcome(job_id, path, failure, elapsed, tuple(paths))


def start_thread(work: Callable[[], object]) -> threading.Thread:
    """Start a daemon thread in this context."""
    target = copy_context().run
    thread = threading.Thread(target=target, args=(work,), name="chainhub-download", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise DownloadError(f"no thread can be started for the download: {error}") from None
    return thread


async def in_thread(work: Callable[[], T], halt: Cancel) -> T:
    """Return what `work` returns in a thread; if cancelled, wait until the thread has ended too.

    `halt` is set when this is cancelled; it must make `work` return soon.

    Raises:
        DownloadError: the system starts no further thread.
    """
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
            failures.append(error)
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(finished.set)

    thread = start_thread(run)
    try:
        await finished.wait()
    except asyncio.CancelledError:
        halt.set()
        while not finished.is_set():
            with suppress(asyncio.CancelledError):
                await finished.wait()
        raise
    finally:
        halt.set()  # a coroutine that is dropped is never woken again
        thread.join()
    if failures:
        raise failures.pop()
    return results.pop()


def in_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, T], halt: Cancel) -> T:
    """Return what a coroutine returns in the event loop, for a thread that `in_thread` waits for.

    Raises:
        CancelledByUser: `halt` was set first.
    """
    future = asyncio.run_coroutine_threadsafe(work, loop)

    def stop() -> None:
        future.cancel()

    with halt.watching(stop), suppress(CancelledError):
        return future.result()
    if halt.is_set():
        raise CancelledByUser("the download was cancelled")
    raise asyncio.CancelledError
