"""Several downloads at the same time, each with its own outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, cast

import attrs

from chainhub import _clock
from chainhub._download.download import Download, Progress, Tell
from chainhub._download.worker import start_thread
from chainhub._redaction import one_line
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError, DownloadError

if TYPE_CHECKING:
    from threading import Thread
    from typing import TypeAlias

    from chainhub._cancel import Cancel


@attrs.frozen
class DownloadOutcome:
    """The outcome of one download: `if outcome.error is None`, there is a file.

    Attributes:
        id: The id of the task.
        path: The file, or None if the download failed.
        error: Why there is no file, or None if there is one.
        elapsed: Seconds that the download took.
    """

    id: str
    path: Path | None
    error: ChainhubError | None
    elapsed: float

    def result(self) -> Path:
        """Return the path of the file.

        Raises:
            ChainhubError: the outcome's error, if it has one.
        """
        if self.error is not None:
            raise self.error
        if self.path is None:
            raise DownloadError(f"there is no result for the video of task {one_line(self.id, 80)}")
        return self.path


if TYPE_CHECKING:
    # A checker narrows a union by `outcome.error is None`, but not the attributes of one class.
    class DownloadOutcomeWithPath(DownloadOutcome):
        path: Path
        error: None

    class DownloadOutcomeWithError(DownloadOutcome):
        error: ChainhubError

    AnyDownloadOutcome: TypeAlias = DownloadOutcomeWithPath | DownloadOutcomeWithError

Job = tuple[str, Callable[[], Download]]
"""An id, and what makes its download; what that raises is the outcome, if it is not a mistake."""


class Workers:
    """A few threads that download; all of them report to the caller's thread.

    Not those of `concurrent.futures`, for which the interpreter waits at its end.

    Args:
        tell: Called with progress.
    """

    def __init__(self, tell: Tell) -> None:
        self.running = 0
        self._tell = tell
        self._threads: list[Thread] = []
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._reports: SimpleQueue[Progress | DownloadOutcome | BaseException] = SimpleQueue()

    def begin(self, job: Job) -> None:
        """Let a thread download, a further one if all are at work."""
        self.running += 1
        if self.running > len(self._threads):
            self._threads.append(start_thread(self._work))
        self._jobs.put(job)

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                self._reports.put(_outcome(*job, self._reports.put))
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            self._reports.put(error)

    def next_outcome(self) -> DownloadOutcome:
        """Wait until a download has ended, and pass on progress meanwhile.

        Raises:
            BaseException: what one of them raised that is no outcome.
        """
        while isinstance(report := self._reports.get(), Progress):
            self._tell(report)
        if isinstance(report, BaseException):
            raise report
        self.running -= 1
        return report

    def dismiss(self) -> None:
        """Wait until all threads have ended."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()


def _outcome(job_id: str, make: Callable[[], Download], tell: Tell) -> DownloadOutcome:
    began = _clock.monotonic()
    path, failure = None, None
    try:
        path = make().run(tell)
    except (CancelledByUser, ConfigurationError):
        raise
    except ChainhubError as error:
        failure = error
    return DownloadOutcome(job_id, path, failure, _clock.monotonic() - began)


def download_all(
    jobs: Iterable[Job], parallel: int, halt: Cancel, tell: Tell
) -> dict[str, AnyDownloadOutcome]:
    """Run many downloads in a few threads; ids that come again are passed over.

    Args:
        jobs: Read when there is room for another.
        parallel: Downloads at the same time.
        halt: Set when this ends early: it ends all downloads.
        tell: Called with progress, in this thread.
    """
    outcomes: dict[str, DownloadOutcome | None] = {}
    workers = Workers(tell)

    def end_one() -> None:
        ended = workers.next_outcome()
        outcomes[ended.id] = ended

    try:
        for job in jobs:
            if job[0] in outcomes:
                continue
            outcomes[job[0]] = None
            workers.begin(job)
            if workers.running >= parallel:
                end_one()
        while workers.running:
            end_one()
    except BaseException:
        halt.set()
        raise
    finally:
        workers.dismiss()
    return cast("dict[str, AnyDownloadOutcome]", outcomes)
