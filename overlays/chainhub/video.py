"""Waiting and downloading for video tasks. No other hand-written module names an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from chainhub._tasks import (
    AsyncBatchMethods,
    AsyncDownloadMethods,
    AsyncWaitMethods,
    BatchMethods,
    DownloadMethods,
    TaskOperation,
    WaitMethods,
)
from chainhub_api.api.video import AsyncVideoResource, VideoResource, query

if TYPE_CHECKING:
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub_api.api import AsyncRunner, Runner


_QUERY = TaskOperation("video.wait", query, "VideoTask", "id")


class Video(WaitMethods, BatchMethods, DownloadMethods, VideoResource):
    """The operations on videos, sync."""

    _operation = _QUERY

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._transport = cast("SessionTransport", runner)


class AsyncVideo(AsyncWaitMethods, AsyncBatchMethods, AsyncDownloadMethods, AsyncVideoResource):
    """The operations on videos, async."""

    _operation = _QUERY

    def __init__(self, runner: AsyncRunner) -> None:
        super().__init__(runner)
        self._transport = cast("AsyncSessionTransport", runner)
