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
        """Query task

        Given a hint, the model will return one or more complete predictions, and may also return the
        probability of an alternative label at each location.

        Complete creation for the provided hint and parameters

        Args:
            id (str):
        """
        from . import query as _operation

        return _t.cast("VideoTask", self._run(_operation, "VideoTask", {"id": id}))


class AsyncVideoResource:
    """The operations of one tag, asynchronous; a runner carries them out."""

    __slots__: tuple[str, ...] = ("_run",)

    def __init__(self, run: "_AsyncRun") -> None:
        self._run = run

    async def query(self, id: "str") -> "VideoTask":
        """Query task

        Given a hint, the model will return one or more complete predictions, and may also return the
        probability of an alternative label at each location.

        Complete creation for the provided hint and parameters

        Args:
            id (str):
        """
        from . import query as _operation

        return _t.cast("VideoTask", await self._run(_operation, "VideoTask", {"id": id}))
