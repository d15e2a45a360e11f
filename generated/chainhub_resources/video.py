"""The operations of the tag `video`"""

import typing as _t

from chainhub._tasks import AsyncTaskMethods as _AsyncTaskMethods
from chainhub._tasks import AsyncTaskOperation as _AsyncTaskOperation
from chainhub._tasks import TaskMethods as _TaskMethods
from chainhub._tasks import TaskOperation as _TaskOperation
from chainhub._tasks import task_named as _task_named
from chainhub_api.types import UNSET

if _t.TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from chainhub._session import AsyncSessionTransport as _AsyncSessionTransport
    from chainhub._session import SessionTransport as _SessionTransport
    from chainhub_api.models.video_task import VideoTask
    from chainhub_api.types import Unset


class _Query(_TaskOperation["VideoTask", _t.Never]):
    """Return the state of a video task

    Answers at once with the state the task is in now. The id comes from the call that created the task.
    The address of the video is there once the task has completed."""

    _task = _task_named("video.query")

    def __call__(
        self,
        id: "str",
        *,
        timeout: "float | httpx.Timeout | Unset | None" = UNSET,
        deadline: "float | Unset | None" = UNSET,
        headers: "Mapping[str, str] | None" = None,
    ) -> "VideoTask":
        """Return the state of a video task

        Answers at once with the state the task is in now. The id comes from the call that created the task.
        The address of the video is there once the task has completed.

        Args:
            id (str): The id of the task, as the call that created it returned it. Example:
                veo3.1-fast:1760545785-euexscdeL8.
            timeout (float | httpx.Timeout | Unset | None): Seconds for one attempt, for this call
                only; None for no limit. The client's, if it is not given.
            deadline (float | Unset | None): Seconds for the whole call with its retries, for this
                call only; None for no limit. The client's, if it is not given.
            headers (Mapping[str, str] | None): Further headers, for this call only.
        """
        from chainhub_api.api.video import query as _operation

        return _t.cast(
            "VideoTask", self._transport.run(_operation, "VideoTask", {"id": id}, timeout, deadline, headers)
        )


class _Query_Async(_AsyncTaskOperation["VideoTask", _t.Never]):
    """Return the state of a video task

    Answers at once with the state the task is in now. The id comes from the call that created the task.
    The address of the video is there once the task has completed."""

    _task = _task_named("video.query")

    async def __call__(
        self,
        id: "str",
        *,
        timeout: "float | httpx.Timeout | Unset | None" = UNSET,
        deadline: "float | Unset | None" = UNSET,
        headers: "Mapping[str, str] | None" = None,
    ) -> "VideoTask":
        """Return the state of a video task

        Answers at once with the state the task is in now. The id comes from the call that created the task.
        The address of the video is there once the task has completed.

        Args:
            id (str): The id of the task, as the call that created it returned it. Example:
                veo3.1-fast:1760545785-euexscdeL8.
            timeout (float | httpx.Timeout | Unset | None): Seconds for one attempt, for this call
                only; None for no limit. The client's, if it is not given.
            deadline (float | Unset | None): Seconds for the whole call with its retries, for this
                call only; None for no limit. The client's, if it is not given.
            headers (Mapping[str, str] | None): Further headers, for this call only.
        """
        from chainhub_api.api.video import query as _operation

        return _t.cast(
            "VideoTask", await self._transport.run(_operation, "VideoTask", {"id": id}, timeout, deadline, headers)
        )


class VideoResource(_TaskMethods["VideoTask", _t.Never]):
    """The operations of the tag `video`."""

    _task = _task_named("video.query")
    query: _Query = _Query(None)

    def __init__(self, transport: object) -> None:
        """Make it for the transport of a client, which carries the operations out."""
        self._transport = _t.cast("_SessionTransport", transport)
        self.query = _Query(transport)


class AsyncVideoResource(_AsyncTaskMethods["VideoTask", _t.Never]):
    """The operations of the tag `video`, asynchronous."""

    _task = _task_named("video.query")
    query: _Query_Async = _Query_Async(None)

    def __init__(self, transport: object) -> None:
        """Make it for the transport of a client, which carries the operations out."""
        self._transport = _t.cast("_AsyncSessionTransport", transport)
        self.query = _Query_Async(transport)
