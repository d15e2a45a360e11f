"""Downloading the video of a task, or of many: the public methods, sync and async.

The code behind them is imported by the first download: a client that only queries does not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Collection, Iterable
    from pathlib import Path

    from chainhub._cancel import Cancel
    from chainhub._download import AnyDownloadOutcome as DownloadOutcome
    from chainhub._download import IfExists, Place, Progress
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub_api.models import VideoTask

    OnProgress = Callable[[Progress], object]
    Task = str | VideoTask

MAX_BYTES = 4 * 1024**3
"""Bytes of the largest file that is accepted: an hour of video at 9 Mbit/s."""

PARALLEL = 4
"""Downloads at the same time: more are not faster on one network connection."""


class DownloadMethods:
    """Downloading, sync."""

    __slots__ = ()
    _transport: SessionTransport

    def download(
        self,
        task: Task,
        dest: Place | None = None,
        *,
        into: Place | None = None,
        if_exists: IfExists = "error",
        sha256: str | None = None,
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
    ) -> Path:
        """Download the video of a finished task and return the path of the file.

        The file is written to `dest.part` and renamed when it is complete, so that `dest` is never
        half a video. After a failure the `.part` file stays, if the server supports resuming, and
        the same call resumes it, in the same process or another.

        A broken transfer is resumed, up to 4 attempts (`RetryPolicy.attempts`) without 1 MiB of
        progress between them. There is no deadline by default; but at least 16 KiB must arrive
        within every `timeout` of the client (15 s), so that a dead server does not block a caller.

        The key is sent only to the scheme, host and port of the base URL. If the URL has expired,
        a new one is queried once.

        Args:
            task: The finished task, or its id; an id is queried first.
            dest: The file to write; its folder must exist.
            into: Instead of `dest`, the folder to write to, created if it is missing; the file is
                named after the id.
            if_exists: What to do if the file exists: "error", "replace" it when the new one is
                complete, or "keep" it and download nothing.
            sha256: The checksum the file must have, 64 hexadecimal digits.
            max_bytes: The largest file to accept, 4 GiB by default; None for no limit.
            allow_hosts: Private hosts from which the video is accepted: `host`, or `host:port` for
                that port only.
            progress: Callback with a `Progress`, at most every 0.1 s and at the end. An exception
                in it ends the download.
            deadline: Seconds for the whole call; None for no limit.
            cancel: Ends the download within 50 ms when it is set.

        Raises:
            DestinationExistsError: the file exists already.
            DiskError: no space, no permission, no such folder; or the destination is not a file.
            TaskFailed, TaskCancelled, TaskExpired: the task has no video.
            ResultMissing: the task has no URL, or is not finished.
            LinkExpiredError: the URL has expired, and a new one does not work either.
            AddressRefusedError: the URL points to a private address, or is not http(s).
            ContentRefusedError: the response is not a video, or larger than `max_bytes`.
            IntegrityError: the checksum differs.
            DownloadError: another download to the same file is running.
            DeadlineError: `deadline` passed.
            CancelledByUser: `cancel` was set.
            ChainhubError: any other error of a request.
        """
        from chainhub._tasks.result import ResultDownloads, unheard

        downloads = ResultDownloads(
            self._transport,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        download = downloads.make(task, dest=dest, into=into, sha256=sha256)
        return download.run(progress or unheard)

    def download_many(
        self,
        tasks: Iterable[Task],
        *,
        into: Place,
        if_exists: IfExists = "error",
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        parallel: int = PARALLEL,
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
    ) -> dict[str, DownloadOutcome]:
        """Download the videos of many tasks; one failure does not stop the others.

        Each download works like `download`. To continue after an interruption, call it again with
        `if_exists="keep"`.

        Args:
            tasks: Finished tasks or their ids, read when there is room for another; duplicates are
                ignored.
            into: The folder to write to, created if it is missing; the files are named after the
                ids.
            if_exists: What to do if a file exists: "error", "replace" or "keep".
            max_bytes: The largest file to accept, 4 GiB by default; None for no limit.
            allow_hosts: Private hosts from which videos are accepted.
            parallel: Downloads at the same time, 4 by default.
            progress: Callback with a `Progress`, which names the task; it runs in this thread.
            deadline: Seconds for the whole call; downloads that are not finished then fail.
            cancel: Ends the call within 50 ms when it is set.

        Returns:
            An outcome for each id, in the order of `tasks`; its `result()` is the path, or raises.

        Raises:
            CancelledByUser: `cancel` was set.
            ConfigurationError: an argument cannot be used.
            DownloadError: the system starts no further thread.
        """
        from chainhub._session import whole
        from chainhub._tasks.result import ResultDownloads, unheard

        downloads = ResultDownloads(
            self._transport,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        limit = whole("parallel", parallel)
        return downloads.make_all(tasks, into, limit, progress or unheard)


class AsyncDownloadMethods:
    """Downloading, async."""

    __slots__ = ()
    _transport: AsyncSessionTransport

    async def download(
        self,
        task: Task,
        dest: Place | None = None,
        *,
        into: Place | None = None,
        if_exists: IfExists = "error",
        sha256: str | None = None,
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
    ) -> Path:
        """Async `Video.download`; `progress` may be async, and the disk never blocks the loop."""
        from chainhub._tasks.result import ResultDownloads

        downloads = ResultDownloads(
            self._transport,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        download = downloads.make(task, dest=dest, into=into, sha256=sha256)
        return await downloads.in_thread(download.run, progress)

    async def download_many(
        self,
        tasks: Iterable[Task] | AsyncIterable[Task],
        *,
        into: Place,
        if_exists: IfExists = "error",
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        parallel: int = PARALLEL,
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
    ) -> dict[str, DownloadOutcome]:
        """Async `Video.download_many`; `progress` may be async."""
        from chainhub._session import whole
        from chainhub._tasks.result import ResultDownloads

        downloads = ResultDownloads(
            self._transport,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        limit = whole("parallel", parallel)
        return await downloads.in_thread(
            lambda tell: downloads.make_all(tasks, into, limit, tell), progress
        )
