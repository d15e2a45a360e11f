"""Contains endpoint functions for accessing the API"""

import typing as _t

from ...types import UNSET
from ...types import body_of as _body_of

if _t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    import httpx

    from ...models.video_task import VideoTask
    from ...types import Unset
    from .. import AsyncRunner as _AsyncRunner
    from .. import Runner as _Runner


class VideoResource:
    """The operations of one tag; a runner carries them out."""

    def __init__(self, runner: "_Runner") -> None:
        self._runner = runner

    def query(
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
        from . import query as _operation

        return _t.cast("VideoTask", self._runner.run(_operation, "VideoTask", {"id": id}, timeout, deadline, headers))


class AsyncVideoResource:
    """The operations of one tag, asynchronous; a runner carries them out."""

    def __init__(self, runner: "_AsyncRunner") -> None:
        self._runner = runner

    async def query(
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
        from . import query as _operation

        return _t.cast(
            "VideoTask", await self._runner.run(_operation, "VideoTask", {"id": id}, timeout, deadline, headers)
        )
