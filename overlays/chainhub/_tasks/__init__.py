"""The life of a task: its status, polling, many tasks at once, the journal, its files.

`WaitMethods`, `BatchMethods` and `DownloadMethods` and their async versions are what a resource of
the client inherits. A `Poll` decides what the answer to a poll means, `PollIntervals` when to poll
again; a `Scheduler` does it for many ids. Only the methods are loaded with the client: a call alone
needs nothing else. What they need is loaded when the first wait begins, before its first byte.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from chainhub._tasks.batch_methods import AsyncBatchMethods, BatchMethods
from chainhub._tasks.download_methods import PARALLEL, AsyncDownloadMethods, DownloadMethods
from chainhub._tasks.wait_methods import AsyncWaitMethods, TaskOperation, WaitMethods

if TYPE_CHECKING:
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.journal import JournalError
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
        state_of,
        updated_at,
        video_url_of,
    )

__all__ = [
    "PARALLEL",
    "AsyncBatchMethods",
    "AsyncDownloadMethods",
    "AsyncWaitMethods",
    "BatchMethods",
    "DownloadMethods",
    "JournalError",
    "Outcome",
    "PollPolicy",
    "State",
    "TaskOperation",
    "UnknownStatusWarning",
    "WaitMethods",
    "code_of",
    "durations_of",
    "fault_of",
    "known_state",
    "progress_of",
    "reason_of",
    "register",
    "show",
    "state_of",
    "updated_at",
    "video_url_of",
]

_LATE = {
    "JournalError": "journal",
    "Outcome": "outcome",
    "PollPolicy": "intervals",
    "durations_of": "poller",
    "fault_of": "outcome",
    "register": "notebook",
    "show": "notebook",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_LATE.get(name, 'status')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
