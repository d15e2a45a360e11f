"""Downloading the video of a task, or of many, sync and async.

What carries it out is imported by the first download: a client that only asks has no use for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Collection, Iterable
    from pathlib import Path

    from chainhub._cancel import Cancel
    from chainhub._client import AsyncClient, Client
    from chainhub._download.destination import IfExists, Place
    from chainhub._download.download import Progress
    from chainhub._download.many import AnyDownloadOutcome as DownloadOutcome
    from chainhub_api.models import VideoTask

    OnProgress = Callable[[Progress], object]
    Task = str | VideoTask

MAX_BYTES = 4 * 1024**3
"""Bytes of the largest file that is taken: an hour of video at 9 Mbit/s."""

PARALLEL = 4
"""Downloads at a time: more do not make one line faster."""


class DownloadMethods:
    """Downloading, synchronous."""

    __slots__ = ()
    _client: Client

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
        """Bring the video of a finished task to the disk and return its path.

        The file is written as `dest.part` and takes its name when it is complete, so that `dest`
        is never half a video. After a failure what came stays there, if the server allows to
        resume, and the same call goes on from there, in the same process or another.

        A broken transfer is resumed up to 4 times without a MiB of progress between
        (`RetryPolicy.attempts`). There is no deadline unless one is given; but 16 KiB must come
        within every `timeout` of the client (15 s), so that a dead server does not hold a caller.

        The key is sent to the API's own scheme, host and port only. An address that has expired
        is asked for again once.

        Args:
            task: The finished task, or its id; an id is queried first.
            dest: The file to write; its folder must exist.
            into: Instead of `dest`, the folder to write to, which is made if it is missing; the
                file is named after the id.
            if_exists: What to do if the file is there: "error", "replace" it when the new one is
                complete, or "keep" it and download nothing.
            sha256: The checksum the file must have, 64 hexadecimal digits.
            max_bytes: The largest file to take; None for any.
            allow_hosts: Hosts the video may come from although they are not public: `host`, or
                `host:port` for that port only.
            progress: Called with a `Progress` at most every 0.1 s and at the end. What it raises
                ends the download.
            deadline: Seconds for the whole call; None for no limit.
            cancel: Ends the download within 50 ms when it is set.

        Raises:
            DestinationExistsError: the file is there already.
            DiskError: no space, no right, no such folder; or the destination is no file.
            TaskFailed, TaskCancelled, TaskExpired: the task has no video.
            ResultMissing: the task tells no address, or is not finished.
            LinkExpiredError: neither the address nor a fresh one works.
            AddressRefusedError: the address leads to a place that is not public, or is not http(s).
            ContentRefusedError: what came is no video, or larger than `max_bytes`.
            IntegrityError: the checksum differs.
            DownloadError: another download to the same file is under way.
            DeadlineError: `deadline` passed.
            CancelledByUser: `cancel` was set.
            ChainhubError: whatever else went wrong.
        """
        from chainhub._download.download import run_download
        from chainhub._download.options import DownloadOptions, unheard

        terms = DownloadOptions(
            self._client,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        download = terms.make(task, dest=dest, into=into, sha256=sha256)
        return run_download(self._client, download, progress or unheard)

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
        """Download the videos of many tasks; one failure does not end the others.

        Everything is as in `download`; to go on after an interruption, call it again with
        `if_exists="keep"`.

        Args:
            tasks: Finished tasks or their ids, taken as they are needed; each is downloaded once.
            into: The folder to write to, which is made if it is missing; the files are named after
                the ids.
            if_exists: What to do with a file that is there: "error", "replace" or "keep".
            max_bytes: The largest file to take; None for any.
            allow_hosts: Hosts videos may come from although they are not public.
            parallel: Downloads at a time.
            progress: Called in this thread with a `Progress`, which names the task.
            deadline: Seconds for the whole call; what is not there then fails with it.
            cancel: Ends the call within 50 ms when it is set.

        Returns:
            An outcome for each id, in the order of `tasks`; its `result()` is the path, or raises.

        Raises:
            CancelledByUser: `cancel` was set.
            ConfigurationError: an argument cannot be used.
        """
        from chainhub._download.many import download_all
        from chainhub._download.options import DownloadOptions, unheard
        from chainhub._session.options import whole

        terms = DownloadOptions(
            self._client,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        limit = whole("parallel", parallel)
        return download_all(self._client, tasks, terms, into, limit, progress or unheard)


class AsyncDownloadMethods:
    """Downloading, asynchronous."""

    __slots__ = ()
    _client: AsyncClient

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
        """Bring the video of a finished task to the disk and return its path.

        The file is written as `dest.part` and takes its name when it is complete, so that `dest`
        is never half a video. After a failure what came stays there, if the server allows to
        resume, and the same call goes on from there, in the same process or another.

        A broken transfer is resumed up to 4 times without a MiB of progress between
        (`RetryPolicy.attempts`). There is no deadline unless one is given; but 16 KiB must come
        within every `timeout` of the client (15 s), so that a dead server does not hold a caller.

        The key is sent to the API's own scheme, host and port only. An address that has expired
        is asked for again once.

        Args:
            task: The finished task, or its id; an id is queried first.
            dest: The file to write; its folder must exist.
            into: Instead of `dest`, the folder to write to, which is made if it is missing; the
                file is named after the id.
            if_exists: What to do if the file is there: "error", "replace" it when the new one is
                complete, or "keep" it and download nothing.
            sha256: The checksum the file must have, 64 hexadecimal digits.
            max_bytes: The largest file to take; None for any.
            allow_hosts: Hosts the video may come from although they are not public: `host`, or
                `host:port` for that port only.
            progress: Called with a `Progress` at most every 0.1 s and at the end; may be
                asynchronous. What it raises ends the download.
            deadline: Seconds for the whole call; None for no limit.
            cancel: Ends the download within 50 ms when it is set.

        Raises:
            DestinationExistsError: the file is there already.
            DiskError: no space, no right, no such folder; or the destination is no file.
            TaskFailed, TaskCancelled, TaskExpired: the task has no video.
            ResultMissing: the task tells no address, or is not finished.
            LinkExpiredError: neither the address nor a fresh one works.
            AddressRefusedError: the address leads to a place that is not public, or is not http(s).
            ContentRefusedError: what came is no video, or larger than `max_bytes`.
            IntegrityError: the checksum differs.
            DownloadError: another download to the same file is under way.
            DeadlineError: `deadline` passed.
            CancelledByUser: `cancel` was set.
            ChainhubError: whatever else went wrong.
        """
        from chainhub._download.download import run_async_download
        from chainhub._download.options import DownloadOptions, unheard

        terms = DownloadOptions(
            self._client,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        download = terms.make(task, dest=dest, into=into, sha256=sha256)
        return await run_async_download(self._client, download, progress or unheard)

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
        """Download the videos of many tasks; one failure does not end the others.

        Everything is as in `download`; to go on after an interruption, call it again with
        `if_exists="keep"`.

        Args:
            tasks: Finished tasks or their ids, taken as they are needed; each is downloaded once.
            into: The folder to write to, which is made if it is missing; the files are named after
                the ids.
            if_exists: What to do with a file that is there: "error", "replace" or "keep".
            max_bytes: The largest file to take; None for any.
            allow_hosts: Hosts videos may come from although they are not public.
            parallel: Downloads at a time.
            progress: Called with a `Progress`, which names the task; may be asynchronous.
            deadline: Seconds for the whole call; what is not there then fails with it.
            cancel: Ends the call within 50 ms when it is set.

        Returns:
            An outcome for each id, in the order of `tasks`; its `result()` is the path, or raises.

        Raises:
            CancelledByUser: `cancel` was set.
            ConfigurationError: an argument cannot be used.
        """
        from chainhub._download.many import download_all_async
        from chainhub._download.options import DownloadOptions, unheard
        from chainhub._session.options import whole

        terms = DownloadOptions(
            self._client,
            if_exists=if_exists,
            max_bytes=max_bytes,
            allow_hosts=allow_hosts,
            deadline=deadline,
            cancel=cancel,
        )
        limit = whole("parallel", parallel)
        return await download_all_async(
            self._client, tasks, terms, into, limit, progress or unheard
        )
