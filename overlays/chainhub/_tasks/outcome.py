"""The outcome of one task, and the error for a task that ended without a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub._tasks.status import State, shown_status, stated_code, stated_reason, video_url_of
from chainhub.errors import ResultMissing, TaskCancelled, TaskExpired, TaskFailed

if TYPE_CHECKING:
    from typing import TypeAlias

    from chainhub.errors import ChainhubError, TaskError
    from chainhub_api.models import VideoTask

_LONGEST_ID_SHOWN = 80


@attrs.frozen
class Outcome:
    """The outcome of one task: `if outcome.error is None`, there is a task with a video.

    Attributes:
        id: The id of the task.
        task: The last response about the task, or None if there was none.
        error: Why there is no video, or None if there is one.
        polls: The number of polls.
        elapsed: Seconds from the first poll to the outcome.
        replayed: Whether it comes from the journal of an earlier run.
    """

    id: str
    task: VideoTask | None
    error: ChainhubError | None
    polls: int
    elapsed: float
    replayed: bool = False

    def result(self) -> VideoTask:
        """Return the finished task.

        Raises:
            ChainhubError: The outcome's error, if it has one.
        """
        if self.error is not None:
            raise self.error
        if self.task is None:
            raise ResultMissing(f"there is no result for task {shown_id(self.id)}")
        return self.task


if TYPE_CHECKING:
    # A checker narrows a union by `outcome.error is None`, but not the attributes of one class.
    class OutcomeWithTask(Outcome):
        task: VideoTask
        error: None

    class OutcomeWithError(Outcome):
        error: ChainhubError

    AnyOutcome: TypeAlias = OutcomeWithTask | OutcomeWithError


def fault_of(task_id: str, task: VideoTask, state: State, elapsed: float) -> TaskError | None:
    """Return the error for a finished task, or None if it has a video."""
    if state is State.SUCCEEDED:
        return None if video_url_of(task) else _missing(task_id, task, elapsed)
    reason, code = stated_reason(task), stated_code(task)
    why = f": {reason}" if reason else ", and the service does not say why"
    text = f"task {shown_id(task_id)} {_ENDS[state]} ({shown_status(task)}){why}"
    if state is State.CANCELLED:
        return TaskCancelled(text, task=task, code=code, elapsed=elapsed)
    if state is State.EXPIRED:
        return TaskExpired(text, task=task, code=code, elapsed=elapsed)
    return TaskFailed(text, task=task, reason=reason, code=code, elapsed=elapsed)


_ENDS = {State.FAILED: "failed", State.CANCELLED: "was cancelled", State.EXPIRED: "expired"}


def state_of_end(error: ChainhubError | None) -> State | None:
    """Return the final state that an outcome's error means, or None if it is not final."""
    if error is None or isinstance(error, ResultMissing):
        return State.SUCCEEDED
    ends = (
        (TaskFailed, State.FAILED),
        (TaskCancelled, State.CANCELLED),
        (TaskExpired, State.EXPIRED),
    )
    return next((state for kind, state in ends if isinstance(error, kind)), None)


def shown_id(task_id: str) -> str:
    """Return an id for a message: bounded, on one line."""
    return ascii(task_id[:_LONGEST_ID_SHOWN])[1:-1]


def _missing(task_id: str, task: VideoTask, elapsed: float) -> ResultMissing:
    text = f"task {shown_id(task_id)} is {shown_status(task)}, but has no video URL"
    return ResultMissing(text, task=task, elapsed=elapsed)
