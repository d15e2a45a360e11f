"""`chainhub download`: download the videos of finished tasks, a few at a time."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._download import make_folder
from chainhub._tasks import PARALLEL, State
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._durations import limit
from chainhub.cli._ids import chosen
from chainhub.cli._messages import again, plain
from chainhub.cli._progress import progress_for
from chainhub.cli._records import record_of, state_shown
from chainhub.cli._running import Command
from chainhub.cli._terminal import Results
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError, ResultMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub import Client
    from chainhub._download import IfExists
    from chainhub.cli._progress import TaskProgress
    from chainhub.cli._records import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub_api.models import VideoTask

    Report = Callable[[Path | None, ChainhubError | None], None]


@attrs.frozen(kw_only=True)
class Place:
    """Where videos go, and from where they may come.

    Attributes:
        into: The folder, if they are named after their ids.
        dest: The file, for one video.
        if_exists: What to do with a file that is there: "error", "replace" or "keep".
        sha256: The checksum the file must have, or None.
        allow_hosts: Hosts they may come from although these are not public.
        deadline: Seconds for one download, infinite for no limit.
    """

    into: str | None = None
    dest: str | None = None
    if_exists: IfExists = "error"
    sha256: str | None = None
    allow_hosts: tuple[str, ...] = ()
    deadline: float = float("inf")


@attrs.define(kw_only=True)
class Download(Command):
    """Downloads the videos of finished tasks.

    Attributes:
        ids: What was given: ids, or `-` for those of standard input.
        service: How the service is asked.
        place: Where the videos go.
        json: Whether results are records.
    """

    ids: list[str]
    service: Service
    place: Place
    json: bool
    _progress: TaskProgress | None = attrs.field(default=None, init=False)

    def run(self, terminal: Terminal) -> Exit:
        """Download, and print each file as it is complete."""
        ids = chosen(self.ids, terminal.read)
        place, results = checked(self.place, len(ids)), Results(terminal, json=self.json)
        progress = progress_for(ids, terminal)
        with open_client(self.service, terminal) as client:
            self._progress = progress
            with progress, DownloadQueue(client, place, progress, Cancel()) as downloads:
                for task_id in ids:
                    report = _Report(task_id, progress, results)
                    downloads.begin(task_id, task_id, report)
                downloads.finish()
        return results.code

    def resume_hint(self) -> str:
        """Return the command that resumes the downloads."""
        pending = self._progress.pending if self._progress else []
        options = {
            "--into": self.place.into,
            "--output": self.place.dest,
            "--base-url": self.service.base_url,
        }
        given = [word for name, value in options.items() if value for word in (name, value)]
        command = again("download", pending, given)
        return f"the partial files are kept; resume with: {command}" if pending else ""


@attrs.frozen
class _Report:
    """Prints what a download has ended with."""

    task_id: str
    progress: TaskProgress
    results: Results
    began: float = attrs.field(factory=_clock.monotonic, init=False)

    def __call__(self, path: Path | None, error: ChainhubError | None) -> None:
        self.progress.ended(self.task_id, good=error is None)
        file = None if path is None else str(path)
        elapsed = _clock.monotonic() - self.began
        record = record_of(self.task_id, None, error, path=file, elapsed=elapsed)
        note = advice(self.task_id, error) if error is not None else None
        self.results.add(record, file and plain(file), error=error, note=note)


class DownloadQueue:
    """Downloads in a few threads; leaving the block early ends them.

    Args:
        client: Whose tasks they are.
        place: Where the videos go.
        progress: Gets how far they are.
        cancel: The switch that ends them, and whatever else has it.
    """

    def __init__(
        self, client: Client, place: Place, progress: TaskProgress, cancel: Cancel
    ) -> None:
        self._client = client
        self._place = place
        self._progress = progress
        self._cancel = cancel
        self._threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="chainhub-fetch")
        self._futures: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Make the folder and return itself.

        Raises:
            DiskError: The folder cannot be made.
        """
        if self._place.into is not None:
            # Now: after minutes of waiting is too late to hear that it cannot be made.
            make_folder(Path(self._place.into))
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        """End what still runs; raise what a thread failed with rather than its consequence."""
        if kind is not None:
            self._cancel.set()
        self._threads.shutdown(cancel_futures=True)
        for future in self._futures:
            failure = None if future.cancelled() else future.exception()
            if failure is not None and not isinstance(failure, CancelledByUser):
                raise failure

    def begin(self, task_id: str, task: str | VideoTask, report: Report) -> None:
        """Download the video of a task; `report` is called in another thread with the result."""
        self._futures.append(self._threads.submit(self._run, task_id, task, report))

    def finish(self) -> None:
        """Wait for all of them."""
        for future in self._futures:
            future.result()

    def _run(self, task_id: str, task: str | VideoTask, report: Report) -> None:
        self._progress.downloading(task_id)
        try:
            path, failure = None, None
            try:
                path = self._download(task)
            except (CancelledByUser, ConfigurationError):
                raise
            except ChainhubError as error:
                failure = error
            report(path, failure)
        except BaseException:
            self._cancel.set()
            raise

    def _download(self, task: str | VideoTask) -> Path:
        place = self._place
        return self._client.video.download(
            task,
            place.dest,
            into=place.into,
            if_exists=place.if_exists,
            sha256=place.sha256,
            allow_hosts=place.allow_hosts,
            progress=self._progress.progressed,
            deadline=limit(place.deadline),
            cancel=self._cancel,
        )


def checked(place: Place, count: int) -> Place:
    """Return where the videos go; a folder given as the file is taken as a folder.

    Raises:
        ConfigurationError: One file, or one checksum, is given for several videos.
    """
    dest = place.dest
    if dest is not None and (dest.endswith(os.sep) or os.path.isdir(dest)):
        place = attrs.evolve(place, dest=None, into=dest)
    if count > 1 and place.dest is not None:
        raise ConfigurationError("--output names one file; use --into for several videos")
    if count > 1 and place.sha256 is not None:
        raise ConfigurationError("--sha256 is for one video; download them one by one")
    if place.dest is None and place.into is None:
        return attrs.evolve(place, into=os.curdir)
    return place


def advice(task_id: str, error: ChainhubError) -> str | None:
    """Return what helps with a task that is not finished, or None if it is."""
    task = error.task if isinstance(error, ResultMissing) else None
    if task is None or state_shown(task) is not State.RUNNING:
        return None
    command = again("wait", [task_id], ["--download", os.curdir])
    return f"chainhub: the task is still running; wait for it with: {command}"
