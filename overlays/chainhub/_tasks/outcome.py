"""The outcome of one task, and the error for a task that ended without a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

import attrs

from chainhub._tasks.status import State, code_in, has_result, reason_in, shown_status, status_in
from chainhub._tasks.table import Task, task_of
from chainhub.errors import ResultMissing, TaskCancelled, TaskError, TaskExpired, TaskFailed

if TYPE_CHECKING:
    from typing import TypeAlias

    # `Outcome` without an argument is that of the first model, as in older versions.
    from typing_extensions import TypeVar

    from chainhub.errors import ChainhubError
    from chainhub_api.models import VideoTask

    T = TypeVar("T", default=VideoTask)
else:
    from typing import TypeVar

    T = TypeVar("T")

_LONGEST_ID_SHOWN = 80  # twice a usual one; a caller may pass any text


@attrs.frozen
class Outcome(Generic[T]):
    """The outcome of one task: `if outcome.error is None`, there is a task with its result.

    Attributes:
        id: The id of the task.
        task: The last response about the task, or None if there was none.
        error: Why there is no result, or None if there is one.
        polls: The number of polls.
        elapsed: Seconds from the first poll to the outcome.
        replayed: Whether it comes from the journal of an earlier run.
    """

    id: str
    task: T | None
    error: ChainhubError | None
    polls: int
    elapsed: float
    replayed: bool = False

    def result(self) -> T:
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
    class OutcomeWithTask(Outcome[T]):
        task: T
        error: None

    class OutcomeWithError(Outcome[T]):
        error: ChainhubError

    AnyOutcome: TypeAlias = OutcomeWithTask[T] | OutcomeWithError[T]


_ENDS: dict[State, tuple[type[TaskError], str]] = {
    State.FAILED: (TaskFailed, "failed"),
    State.CANCELLED: (TaskCancelled, "was cancelled"),
    State.EXPIRED: (TaskExpired, "expired"),
}


def fault_of(
    task_id: str,
    task: Any,  # noqa: ANN401 - a model of the contract
    state: State,
    elapsed: float,
    spec: Task | None = None,
) -> TaskError | None:
    """Return the error for a finished task, or None if it has its result."""
    spec = spec or task_of(task)
    status = shown_status(status_in(spec, task))
    if state is State.SUCCEEDED:
        if has_result(spec, task):
            return None
        text = f"task {shown_id(task_id)} is {status}, but has no {spec.kind} URL"
        return ResultMissing(text, task=task, elapsed=elapsed)
    kind, verb = _ENDS[state]
    reason, code = reason_in(spec, task), code_in(spec, task)
    cause = f": {reason}" if reason else ", and the service does not say why"
    text = f"task {shown_id(task_id)} {verb} ({status}){cause}"
    if kind is TaskFailed:
        return TaskFailed(text, task=task, reason=reason, code=code, elapsed=elapsed)
    return kind(text, task=task, code=code, elapsed=elapsed)


def state_of_end(error: ChainhubError | None) -> State | None:
    """Return the final state that an outcome's error means, or None if it is not final."""
    if error is None or isinstance(error, ResultMissing):
        return State.SUCCEEDED
    return next((state for state, (kind, _) in _ENDS.items() if isinstance(error, kind)), None)


def shown_id(task_id: str) -> str:
    """Return an id for a message: bounded, on one line."""
    return ascii(task_id[:_LONGEST_ID_SHOWN])[1:-1]
