"""`chainhub download`: download the videos of finished tasks, a few at a time."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._download import make_folder
from chainhub._tasks import PARALLEL, State
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._messages import again, limit, plain
from chainhub.cli._progress import progress_for
from chainhub.cli._records import record_of, state_shown
from chainhub.cli._terminal import Results, chosen
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


class Place(NamedTuple):
    """Where videos go, and from where they may come: the arguments of `client.video.download`.

    A deadline without limit is infinite.
    """

    into: str | None = None
    dest: str | None = None
    if_exists: IfExists = "error"
    sha256: str | None = None
    allow_hosts: tuple[str, ...] = ()
    deadline: float = float("inf")


def download(
    terminal: Terminal, *, ids: list[str], service: Service, place: Place, json: bool
) -> Exit:
    """Download the videos of finished tasks, and print each file as it is complete."""
    ids = chosen(ids, terminal.read)
    options = {"--into": place.into, "--output": place.dest, "--base-url": service.base_url}
    given = [word for name, value in options.items() if value for word in (name, value)]
    place, results = checked(place, len(ids)), Results(terminal, json=json)
    progress = progress_for(ids, terminal)

    def resume_hint() -> str:
        command = again("download", progress.pending, given)
        return f"the partial files are kept; resume with: {command}" if progress.pending else ""

    def report(task_id: str, began: float, path: Path | None, error: ChainhubError | None) -> None:
        progress.ended(task_id, good=error is None)
        file = None if path is None else str(path)
        elapsed = _clock.monotonic() - began
        record = record_of(task_id, None, error, path=file, elapsed=elapsed)
        note = advice(task_id, error) if error is not None else None
        results.add(record, file and plain(file), error=error, note=note)

    with open_client(service, terminal) as client:
        terminal.resume_hint = resume_hint
        with progress, DownloadQueue(client, place, progress, Cancel()) as downloads:
            for task_id in ids:
                downloads.begin(task_id, task_id, partial(report, task_id, _clock.monotonic()))
            downloads.finish()
    return results.code


class DownloadQueue:
    """Downloads in a few threads; leaving the block early ends them, by the switch `cancel`."""

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
        place = self._place
        self._progress.downloading(task_id)
        try:
            path, failure = None, None
            try:
                path = self._client.video.download(
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
            except (CancelledByUser, ConfigurationError):
                raise
            except ChainhubError as error:
                failure = error
            report(path, failure)
        except BaseException:
            self._cancel.set()
            raise


def checked(place: Place, count: int) -> Place:
    """Return where the videos go; a folder given as the file is taken as a folder.

    Raises:
        ConfigurationError: One file, or one checksum, is given for several videos.
    """
    dest = place.dest
    if dest is not None and (dest.endswith(os.sep) or os.path.isdir(dest)):
        place = place._replace(dest=None, into=dest)
    if count > 1 and place.dest is not None:
        raise ConfigurationError("--output names one file; use --into for several videos")
    if count > 1 and place.sha256 is not None:
        raise ConfigurationError("--sha256 is for one video; download them one by one")
    if place.dest is None and place.into is None:
        return place._replace(into=os.curdir)
    return place


def advice(task_id: str, error: ChainhubError) -> str | None:
    """Return what helps with a task that is not finished, or None if it is."""
    task = error.task if isinstance(error, ResultMissing) else None
    if task is None or state_shown(task) is not State.RUNNING:
        return None
    command = again("wait", [task_id], ["--download", os.curdir])
    return f"chainhub: the task is still running; wait for it with: {command}"
