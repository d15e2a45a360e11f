"""Waiting and downloading for video tasks. No other hand-written module names an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never, cast

from chainhub._tasks import AsyncTaskMethods, TaskMethods, task_named
from chainhub_api.api.video import AsyncVideoResource, VideoResource

if TYPE_CHECKING:
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub_api.api import AsyncRunner, Runner
    from chainhub_api.models import VideoTask  # noqa: F401 - a text in the base classes


class Video(TaskMethods["VideoTask", Never], VideoResource):
    """The operations on videos, sync."""

    _task = task_named("video.query")

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._transport = cast("SessionTransport", runner)


class AsyncVideo(AsyncTaskMethods["VideoTask", Never], AsyncVideoResource):
    """The operations on videos, async."""

    _task = task_named("video.query")

    def __init__(self, runner: AsyncRunner) -> None:
        super().__init__(runner)
        self._transport = cast("AsyncSessionTransport", runner)
