"""The terms of one call, checked, and the downloads made under them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from chainhub import _clock
from chainhub._download.destination import IfExists, Place, destination
from chainhub._download.download import Download, Progress, Wanted
from chainhub._download.url_policy import route_of
from chainhub._download.user_httpx import lines_of
from chainhub._session import seconds, whole
from chainhub._tasks.poller import id_of
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._session import AsyncDoor, Door
    from chainhub_api.models import VideoTask

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class DownloadOptions:
    """What holds for all downloads of one call.

    Raises:
        ConfigurationError: an argument cannot be used; the sentence says which.
    """

    def __init__(
        self,
        door: Door | AsyncDoor,
        *,
        if_exists: IfExists,
        max_bytes: int | None,
        allow_hosts: Collection[str],
        deadline: float | None,
        cancel: Cancel | None,
    ) -> None:
        if if_exists not in ("error", "replace", "keep"):
            raise ConfigurationError('if_exists takes "error", "replace" or "keep"')
        if isinstance(allow_hosts, str) or not all(isinstance(host, str) for host in allow_hosts):
            raise ConfigurationError('allow_hosts takes a list of hosts, such as ["cdn.example"]')
        self.cancel = cancel
        self._door = door
        self._if_exists: IfExists = if_exists
        self._max_bytes = float("inf") if max_bytes is None else whole("max_bytes", max_bytes)
        self._deadline_at = _clock.monotonic() + seconds("deadline", deadline)
        self._route = route_of(door.way, tuple(allow_hosts), lines_of(door))

    def make(
        self,
        task: str | VideoTask,
        *,
        dest: Place | None = None,
        into: Place | None = None,
        sha256: str | None = None,
    ) -> Download:
        """Return the download of one task.

        Raises:
            ConfigurationError: an argument cannot be used.
            TaskError: the task has no video.
            AddressRefusedError: the address of its video is not followed.
        """
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise ConfigurationError("sha256 takes the 64 hexadecimal digits of the checksum")
        task_id = id_of(task)
        wanted = Wanted(
            id=task_id,
            task=None if isinstance(task, str) else task,
            target=destination(task_id, dest, into),
            makes_folder=dest is None,
            if_exists=self._if_exists,
            sha256=None if sha256 is None else sha256.lower(),
            max_bytes=self._max_bytes,
            deadline_at=self._deadline_at,
        )
        return Download(self._door, wanted, self._route, self.cancel)


def unheard(progress: Progress) -> None:
    """Take progress that nobody asked for."""
