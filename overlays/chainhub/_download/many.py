"""Several downloads at the same time, each with its own outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol, cast

import attrs

from chainhub import _clock
from chainhub._download.download import Download, Progress, Tell, run_async_download, run_download
from chainhub._session import running_loop
from chainhub._tasks.outcome import shown_id
from chainhub._tasks.poller import id_of
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError, DownloadError

if TYPE_CHECKING:
    from typing import TypeAlias

    from chainhub._download.destination import Place
    from chainhub._session import AsyncDoor, Door
    from chainhub_api.models import VideoTask


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
            raise DownloadError(f"there is no result for the video of task {shown_id(self.id)}")
        return self.path


if TYPE_CHECKING:
    # A checker narrows a union by `outcome.error is None`, but not the attributes of one class.
    class DownloadOutcomeWithPath(DownloadOutcome):
        path: Path
        error: None

    class DownloadOutcomeWithError(DownloadOutcome):
        error: ChainhubError

    AnyDownloadOutcome: TypeAlias = DownloadOutcomeWithPath | DownloadOutcomeWithError


class Making(Protocol):
    """Creates the downloads of one call."""

    def make(self, task: str | VideoTask, *, into: Place) -> Download: ...


@attrs.frozen
class Broken:
    """A download ended without an outcome: it was cancelled, or there is a bug."""

    error: BaseException


class Crew:
    """The threads of one call; all of them report to the caller's thread.

    Args:
        door: Sends the queries of the tasks.
        terms: Creates the downloads.
        into: The folder to write to.
        tell: Called with progress.
    """

    def __init__(self, door: Door, terms: Making, into: Place, tell: Tell) -> None:
        self._door = door
        self._terms = terms
        self._into = into
        self._tell = tell
        self._inbox: SimpleQueue[Progress | DownloadOutcome | Broken] = SimpleQueue()
        self._running: dict[str, tuple[Download, threading.Thread]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, task_id: str, task: str | VideoTask) -> DownloadOutcome | None:
        """Start a download in a thread; one that cannot start has its outcome at once."""
        began = _clock.monotonic()
        try:
            download = self._terms.make(task, into=self._into)
        except ConfigurationError:
            raise
        except ChainhubError as error:
            return DownloadOutcome(task_id, None, error, _clock.monotonic() - began)
        thread = threading.Thread(
            target=self._run, args=(task_id, download), name="chainhub-download", daemon=True
        )
        self._running[task_id] = download, thread
        thread.start()
        return None

    def _run(self, task_id: str, download: Download) -> None:
        began = _clock.monotonic()
        path, failure = None, None
        try:
            path = run_download(self._door, download, self._inbox.put)
        except CancelledByUser as error:
            self._inbox.put(Broken(error))
            return
        except ChainhubError as error:
            failure = error
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            self._inbox.put(Broken(error))
            return
        self._inbox.put(DownloadOutcome(task_id, path, failure, _clock.monotonic() - began))

    def next_outcome(self) -> DownloadOutcome:
        """Wait until a download has ended, and pass on progress meanwhile."""
        while True:
            report = self._inbox.get()
            if isinstance(report, Progress):
                self._tell(report)
                continue
            if isinstance(report, Broken):
                raise report.error
            self._running.pop(report.id)[1].join()
            return report

    def dismiss(self) -> None:
        """Cancel the running downloads and wait for them."""
        for download, _ in self._running.values():
            download.halt.set()
        for _, thread in self._running.values():
            if thread.ident is not None:
                thread.join()


def download_all(
    door: Door,
    tasks: Iterable[str | VideoTask],
    terms: Making,
    into: Place,
    parallel: int,
    tell: Tell,
) -> dict[str, AnyDownloadOutcome]:
    """Download the videos of many tasks in a few threads."""
    outcomes: dict[str, DownloadOutcome | None] = {}
    crew = Crew(door, terms, into, tell)
    waiting = _distinct(tasks, outcomes)
    try:
        for task_id, task in waiting:
            outcomes[task_id] = crew.begin(task_id, task)
            if len(crew) >= parallel:
                ended = crew.next_outcome()
                outcomes[ended.id] = ended
        while len(crew):
            ended = crew.next_outcome()
            outcomes[ended.id] = ended
    finally:
        crew.dismiss()
    return _complete(outcomes)


def _distinct(
    tasks: Iterable[str | VideoTask], seen: dict[str, DownloadOutcome | None]
) -> Iterator[tuple[str, str | VideoTask]]:
    for task in tasks:
        if (task_id := id_of(task)) not in seen:
            yield task_id, task


def _complete(
    outcomes: dict[str, DownloadOutcome | None],
) -> dict[str, AnyDownloadOutcome]:
    found = {task_id: outcome for task_id, outcome in outcomes.items() if outcome is not None}
    return cast("dict[str, AnyDownloadOutcome]", found)


async def download_all_async(
    door: AsyncDoor,
    tasks: Iterable[str | VideoTask] | AsyncIterable[str | VideoTask],
    terms: Making,
    into: Place,
    parallel: int,
    tell: Tell,
) -> dict[str, AnyDownloadOutcome]:
    """Async version of `download_all`."""
    running_loop()
    outcomes: dict[str, DownloadOutcome | None] = {}
    source, turn = _each(tasks), asyncio.Lock()

    async def work() -> None:
        while True:
            async with turn:
                task = await anext(source, None)
                if task is None:
                    return
                task_id = id_of(task)
                if task_id in outcomes:
                    continue
                outcomes[task_id] = None
            outcomes[task_id] = await _outcome(door, terms, into, tell, task_id, task)

    crew = [asyncio.create_task(work()) for _ in range(parallel)]
    try:
        await asyncio.gather(*crew)
    finally:
        for member in crew:
            member.cancel()
        await asyncio.gather(*crew, return_exceptions=True)
    return _complete(outcomes)


async def _each(
    tasks: Iterable[str | VideoTask] | AsyncIterable[str | VideoTask],
) -> AsyncIterator[str | VideoTask]:
    if isinstance(tasks, AsyncIterable):
        async for task in tasks:
            yield task
    else:
        for task in tasks:
            yield task


async def _outcome(
    door: AsyncDoor,
    terms: Making,
    into: Place,
    tell: Tell,
    task_id: str,
    task: str | VideoTask,
) -> DownloadOutcome:
    began = _clock.monotonic()
    path, failure = None, None
    try:
        path = await run_async_download(door, terms.make(task, into=into), tell)
    except (CancelledByUser, ConfigurationError):
        raise
    except ChainhubError as error:
        failure = error
    return DownloadOutcome(task_id, path, failure, _clock.monotonic() - began)
