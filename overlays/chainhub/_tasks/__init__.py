"""The life of a task: its status, polling, many tasks at once, the journal, its files.

Resources of the client inherit from `TaskMethods`, and have a `TaskOperation` as attribute, or the
async versions. A `Task` of the generated table describes an operation and the paths of values in
its answers. A `Poll` decides what the answer to a poll means, `PollIntervals` when to poll again; a
`Scheduler` does it for many ids. Only the methods are loaded with the client: a simple call needs
nothing else. The rest is loaded when the first wait begins, before its first byte is sent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# With the client, whose resources inherit from these.
from chainhub._tasks.methods import MAX_BYTES as MAX_BYTES
from chainhub._tasks.methods import PARALLEL as PARALLEL
from chainhub._tasks.methods import AsyncFileOperation as AsyncFileOperation
from chainhub._tasks.methods import AsyncTaskMethods as AsyncTaskMethods
from chainhub._tasks.methods import AsyncTaskOperation as AsyncTaskOperation
from chainhub._tasks.methods import FileOperation as FileOperation
from chainhub._tasks.methods import TaskMethods as TaskMethods
from chainhub._tasks.methods import TaskOperation as TaskOperation
from chainhub._tasks.table import Submission as Submission
from chainhub._tasks.table import task_named as task_named
from chainhub._tasks.table import task_of as task_of
from chainhub._tasks.table import values_at as values_at

if TYPE_CHECKING:  # for type checkers, which do not see what is loaded late
    from chainhub._cancel import Cancel as Cancel
    from chainhub._download import IfExists as IfExists
    from chainhub._download import Place as Place
    from chainhub._tasks.intervals import PollPolicy as PollPolicy
    from chainhub._tasks.methods import OnProgress as OnProgress
    from chainhub._tasks.notebook import register as register
    from chainhub._tasks.notebook import show as show
    from chainhub._tasks.outcome import AnyOutcome as AnyOutcome
    from chainhub._tasks.outcome import Outcome as Outcome
    from chainhub._tasks.outcome import fault_of as fault_of
    from chainhub._tasks.poller import durations_of as durations_of
    from chainhub._tasks.record_file import JournalError as JournalError
    from chainhub._tasks.status import State as State
    from chainhub._tasks.status import UnknownStatusWarning as UnknownStatusWarning
    from chainhub._tasks.status import code_of as code_of
    from chainhub._tasks.status import known_state as known_state
    from chainhub._tasks.status import progress_of as progress_of
    from chainhub._tasks.status import reason_of as reason_of
    from chainhub._tasks.status import result_urls_of as result_urls_of
    from chainhub._tasks.status import state_of as state_of
    from chainhub._tasks.status import status_in as status_in
    from chainhub._tasks.status import updated_at as updated_at
    from chainhub._tasks.status import video_url_of as video_url_of
    from chainhub._tasks.submissions import Submissions as Submissions

# By module; imported late, because most programs query first, and some never wait.
_LATE = {
    "intervals": ("PollPolicy",),
    "notebook": ("register", "show"),
    "outcome": ("Outcome", "fault_of"),
    "poller": ("durations_of",),
    "record_file": ("JournalError",),
    "status": (
        *("State", "UnknownStatusWarning", "code_of", "known_state", "progress_of", "reason_of"),
        *("result_urls_of", "state_of", "status_in", "updated_at", "video_url_of"),
    ),
    "submissions": ("Submissions",),
}


def __getattr__(name: str) -> object:
    for module, names in _LATE.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
