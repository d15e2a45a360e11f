"""The outcomes of tasks, in a file that survives the process.

One line of JSON per finished task, written before the outcome is returned: a process that is killed
at any moment loses no outcome that was returned, and the next one with the same journal does not
poll these tasks again. A line names its operation; without one it is of the only one that older
versions could wait for.

A write costs microseconds, an fsync milliseconds: the file is synced at most once a second and
at the end. A power failure may lose the last second; its tasks are polled again.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from chainhub._session import logger
from chainhub._tasks.outcome import Outcome, fault_of, shown_id, state_of_end
from chainhub._tasks.record_file import LONGEST_LINE, VERSION, ForeignLine, RecordFile, line_of
from chainhub._tasks.status import State, urls_in
from chainhub._tasks.table import Task, TaskId
from chainhub_api import models

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_BETWEEN_SYNCS = 1.0
_FIELDS: Final = frozenset({"id", "state", "polls", "elapsed", "task"})
_FIRST_OPERATION: Final = "video.query"
_FINAL = frozenset(state.value for state in State if state.final)
# For answers that are too long for a line; a longer reason is not read anyway.
_LONGEST_TEXT = 2000
_MOST_FIELDS = 200


class Journal(RecordFile):
    """The final outcomes of an operation, those of earlier runs too; it skips those of others."""

    kind = "journal"
    record = "an outcome"

    def __init__(
        self,
        path: str | os.PathLike[str],
        base_url: str,
        account: str | None,
        spec: Task,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec, self._clock = spec, clock
        # Offset and length of the outcomes of earlier runs; None for those of this run.
        self._entries: dict[TaskId, tuple[int, int] | None] = {}
        self._synced_at = clock()
        super().__init__(path, (base_url, account))

    def replay(self, task_id: TaskId) -> Outcome[Any] | None:
        """Return the outcome of an earlier run for this task, marked as replayed, or None."""
        location = self._entries.get(task_id)
        if location is None:
            return None
        try:
            return self._outcome(self.read(*location))
        except ForeignLine:
            raise self.unusable("was changed by others") from None

    def keep(self, outcome: Outcome[Any], task_id: TaskId) -> None:
        """Store an outcome if it is final, the first one of its task, and fits into a line."""
        state = state_of_end(outcome.error)
        if state is None or outcome.task is None or task_id in self._entries:
            return
        entry = {"v": VERSION, "id": task_id.id, "operation": self._spec.name}
        if task_id.parameters:
            entry["parameters"] = task_id.parameters
        entry |= {"state": state, "polls": outcome.polls, "elapsed": round(outcome.elapsed, 3)}
        task = outcome.task.to_dict()
        line = line_of(entry | {"task": task})
        if len(line) > LONGEST_LINE:
            urls = frozenset(urls_in(self._spec, outcome.task))
            line = line_of(entry | {"task": _short(task, urls)})
        if len(line) > LONGEST_LINE:
            text = "the journal %s does not store task %s: its id or URL is too long"
            logger.warning(text, self._path, shown_id(outcome.id))
            return
        self.append(line)
        self._entries[task_id] = None
        if self._clock() - self._synced_at >= _SECONDS_BETWEEN_SYNCS:
            self.sync()

    def sync(self) -> None:
        self._synced_at = self._clock()
        super().sync()

    def note(self, entry: dict[str, Any], offset: int, length: int) -> None:
        parameters = entry.get("parameters", [])
        if not isinstance(parameters, list) or not entry.keys() >= _FIELDS:
            raise ForeignLine
        if entry.get("operation", _FIRST_OPERATION) == self._spec.name:
            task_id = TaskId(self._outcome(entry).id, tuple(map(str, parameters)))
            self._entries.setdefault(task_id, (offset, length))

    def _outcome(self, entry: dict[str, Any]) -> Outcome[Any]:
        task_id, task, polls = (entry.get(name) for name in ("id", "task", "polls"))
        state, elapsed = str(entry.get("state")), entry.get("elapsed")
        if not isinstance(task_id, str) or not isinstance(task, dict) or type(polls) is not int:
            raise ForeignLine
        if not isinstance(elapsed, int | float) or type(elapsed) is bool or state not in _FINAL:
            raise ForeignLine
        for name in self._spec.models:  # a line does not name its model
            try:
                model = getattr(models, name).from_dict(task)
                error = fault_of(task_id, model, State(state), elapsed, self._spec)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            return Outcome(task_id, model, error, polls, float(elapsed), replayed=True)
        raise ForeignLine


def _short(value: object, urls: frozenset[str]) -> object:
    """Return a document with its texts and lists cut, except for the URLs of its results."""
    if isinstance(value, dict):  # declared fields come last
        return {name: _short(item, urls) for name, item in [*value.items()][-_MOST_FIELDS:]}
    if isinstance(value, list):
        return [_short(item, urls) for item in value[:_MOST_FIELDS]]
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value.strip() not in urls else value
