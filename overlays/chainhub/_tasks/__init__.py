"""The life of a task: its status, polling, many tasks at once, the journal, its files.

`TaskMethods` and `TaskOperation` and their async versions are what resources of the client inherit
and have; what an operation is, and which paths lead where in its answers, says a `Task` of the
generated table. A `Poll` decides what the answer to a poll means, `PollIntervals` when to poll
again; a `Scheduler` does it for many ids. Only the methods are loaded with the client: a call alone
needs nothing else. What they need is loaded when the first wait begins, before its first byte.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from chainhub._tasks.methods import (
    MAX_BYTES,
    PARALLEL,
    AsyncFileOperation,
    AsyncTaskMethods,
    AsyncTaskOperation,
    FileOperation,
    TaskMethods,
    TaskOperation,
)
from chainhub._tasks.table import Submission, Task, main_task, task_named, task_of, values_at

if TYPE_CHECKING:
    from chainhub._cancel import Cancel as Cancel
    from chainhub._download import IfExists as IfExists
    from chainhub._download import Place as Place
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.journal import JournalError
    from chainhub._tasks.methods import OnProgress as OnProgress
    from chainhub._tasks.notebook import register, show
    from chainhub._tasks.outcome import AnyOutcome as AnyOutcome
    from chainhub._tasks.outcome import Outcome, fault_of
    from chainhub._tasks.poller import durations_of
    from chainhub._tasks.status import (
        State,
        UnknownStatusWarning,
        code_of,
        known_state,
        progress_of,
        reason_of,
        result_urls_of,
        state_of,
        status_in,
        updated_at,
        video_url_of,
    )
    from chainhub._tasks.submissions import Submissions

__all__ = [
    "MAX_BYTES",
    "PARALLEL",
    "AsyncFileOperation",
    "AsyncTaskMethods",
    "AsyncTaskOperation",
    "FileOperation",
    "JournalError",
    "Outcome",
    "PollPolicy",
    "State",
    "Submission",
    "Submissions",
    "Task",
    "TaskMethods",
    "TaskOperation",
    "UnknownStatusWarning",
    "code_of",
    "durations_of",
    "fault_of",
    "known_state",
    "main_task",
    "progress_of",
    "reason_of",
    "register",
    "result_urls_of",
    "show",
    "state_of",
    "status_in",
    "task_named",
    "task_of",
    "updated_at",
    "values_at",
    "video_url_of",
]

_LATE = {
    "JournalError": "journal",
    "Outcome": "outcome",
    "PollPolicy": "intervals",
    "Submissions": "submissions",
    "durations_of": "poller",
    "fault_of": "outcome",
    "register": "notebook",
    "show": "notebook",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_LATE.get(name, 'status')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
