"""Waiting and downloading for video tasks. No other hand-written module names an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._tasks.batch_methods import AsyncBatchMethods, BatchMethods
from chainhub._tasks.download_methods import AsyncDownloadMethods, DownloadMethods
from chainhub._tasks.wait_methods import AsyncWaitMethods, WaitMethods
from chainhub_api.api.video import AsyncVideoResource, VideoResource

if TYPE_CHECKING:
    from chainhub._client import AsyncClient, Client


class Video(WaitMethods, BatchMethods, DownloadMethods, VideoResource):
    """The operations on videos, sync."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        super().__init__(client._run)
        self._client = client


class AsyncVideo(AsyncWaitMethods, AsyncBatchMethods, AsyncDownloadMethods, AsyncVideoResource):
    """The operations on videos, async."""

    __slots__ = ("_client",)

    def __init__(self, client: AsyncClient) -> None:
        super().__init__(client._run)
        self._client = client
