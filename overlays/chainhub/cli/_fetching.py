"""Downloads under way beside something else, a few at a time, all of them ended together."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from chainhub._download import make_folder
from chainhub._tasks import PARALLEL
from chainhub.cli._durations import limit
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub import Client
    from chainhub._cancel import Cancel
    from chainhub._download import IfExists
    from chainhub.cli._progress import LiveProgress
    from chainhub_api.models import VideoTask

    Tell = Callable[[Path | None, ChainhubError | None], None]


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


class Fetching:
    """Downloads in a few threads; leaving the block early ends them.

    Args:
        client: Whose tasks they are.
        place: Where the videos go.
        board: Gets the progress.
        cancel: The switch that ends them, and whatever else holds it.
    """

    def __init__(self, client: Client, place: Place, board: LiveProgress, cancel: Cancel) -> None:
        self._client = client
        self._place = place
        self._board = board
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
        """End what still runs; what a thread failed with is raised rather than its consequence."""
        if kind is not None:
            self._cancel.set()
        self._threads.shutdown(cancel_futures=True)
        for future in self._futures:
            fault = None if future.cancelled() else future.exception()
            if fault is not None and not isinstance(fault, CancelledByUser):
                raise fault

    def begin(self, task_id: str, task: str | VideoTask, tell: Tell) -> None:
        """Download the video of a task; `tell` is called in another thread with what came of it."""
        self._futures.append(self._threads.submit(self._fetch, task_id, task, tell))

    def finish(self) -> None:
        """Wait for all of them."""
        for future in self._futures:
            future.result()

    def _fetch(self, task_id: str, task: str | VideoTask, tell: Tell) -> None:
        self._board.downloading(task_id)
        try:
            try:
                path = self._download(task)
            except (CancelledByUser, ConfigurationError):
                raise
            except ChainhubError as error:
                failure = error
            else:
                tell(path, None)
                return
            tell(None, failure)
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
            progress=self._board.progressed,
            deadline=limit(place.deadline),
            cancel=self._cancel,
        )
