"""Contains endpoint functions for accessing the API"""

import typing as _t

if _t.TYPE_CHECKING:
    from collections.abc import Awaitable as _Awaitable
    from collections.abc import Callable as _Callable
    from types import ModuleType as _Module

    from ...models.video_task import VideoTask

    _Run = _Callable[[_Module, str, dict[str, object]], object]
    _AsyncRun = _Callable[[_Module, str, dict[str, object]], _Awaitable[object]]


class VideoResource:
    """The operations of one tag; a runner carries them out."""

    __slots__: tuple[str, ...] = ("_run",)

    def __init__(self, run: "_Run") -> None:
        self._run = run

    def query(self, id: "str") -> "VideoTask":
        """Return the state of a video task

        Answers at once with the state the task is in now. The id comes from the call that created the task.
        The address of the video is there once the task has completed.

        Args:
            id (str): The id of the task, as the call that created it returned it. Example:
                veo3.1-fast:1760545785-euexscdeL8.
        """
        from . import query as _operation

        return _t.cast("VideoTask", self._run(_operation, "VideoTask", {"id": id}))


class AsyncVideoResource:
    """The operations of one tag, asynchronous; a runner carries them out."""

    __slots__: tuple[str, ...] = ("_run",)

    def __init__(self, run: "_AsyncRun") -> None:
        self._run = run

    async def query(self, id: "str") -> "VideoTask":
        """Return the state of a video task

        Answers at once with the state the task is in now. The id comes from the call that created the task.
        The address of the video is there once the task has completed.

        Args:
            id (str): The id of the task, as the call that created it returned it. Example:
                veo3.1-fast:1760545785-euexscdeL8.
        """
        from . import query as _operation

        return _t.cast("VideoTask", await self._run(_operation, "VideoTask", {"id": id}))
