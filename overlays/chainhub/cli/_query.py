"""`chainhub get` queries each task once; `chainhub watch` prints every change of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._tasks import State, durations_of, fault_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._durations import limit
from chainhub.cli._ids import chosen
from chainhub.cli._messages import again
from chainhub.cli._progress import progress_for
from chainhub.cli._records import (
    change_columns,
    change_sentence,
    columns,
    record_of,
    sentence,
    state_shown,
)
from chainhub.cli._running import Command
from chainhub.cli._terminal import Results
from chainhub.errors import ChainhubError, ConfigurationError

if TYPE_CHECKING:
    from chainhub import Client
    from chainhub.cli._progress import TaskProgress
    from chainhub.cli._records import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import TaskError
    from chainhub_api.models import VideoTask


@attrs.frozen(kw_only=True)
class Get(Command):
    """Queries tasks, one after the other.

    Attributes:
        ids: What was given: ids, or `-` for those of standard input.
        service: How the service is asked.
        deadline: Seconds for the query of one task, infinite for no limit.
        json: Whether results are records.
    """

    ids: list[str]
    service: Service
    deadline: float
    json: bool

    def run(self, terminal: Terminal) -> Exit:
        """Print the status of each task."""
        ids = chosen(self.ids, terminal.read)
        results = Results(terminal, json=self.json)
        with open_client(self.service, terminal, self.deadline) as client:
            for task_id in ids:
                self._query(client, task_id, results, people=terminal.results_are_read)
        return results.code

    def _query(self, client: Client, task_id: str, results: Results, *, people: bool) -> None:
        began = _clock.monotonic()
        task, line, failure = None, None, None
        try:
            task = client.video.query(task_id)
        except ChainhubError as error:
            failure = error
        elapsed = _clock.monotonic() - began
        if task is not None:
            failure = _failure_of(task_id, task, elapsed)
            line = (sentence if people else columns)(task_id, task)
        results.add(
            record_of(task_id, task, failure, elapsed=elapsed, polls=1), line, error=failure
        )


@attrs.define(kw_only=True)
class Watch(Command):
    """Watches one task.

    Attributes:
        id: The task, or `-` for the one that standard input names.
        service: How the service is asked.
        deadline: Seconds to watch at most, infinite for no limit.
        interval: Seconds between polls, or None for what is learned.
        json: Whether results are records.
    """

    id: str
    service: Service
    deadline: float
    interval: float | None
    json: bool

    def run(self, terminal: Terminal) -> Exit:
        """Print each change."""
        ids = chosen([self.id], terminal.read)
        if len(ids) > 1:
            raise ConfigurationError("watch takes one id; use chainhub wait for several")
        self.id = ids[0]
        progress, results = progress_for(ids, terminal), Results(terminal, json=self.json)
        with open_client(self.service, terminal, on_retry=progress.failing) as client:
            progress.expected = durations_of(client._session).expected
            with progress:
                return self._follow(client, progress, results, people=terminal.results_are_read)

    def resume_hint(self) -> str:
        """Return the command that resumes."""
        return f"the task keeps running; resume with: {again('watch', [self.id])}"

    def _follow(
        self, client: Client, progress: TaskProgress, results: Results, *, people: bool
    ) -> Exit:
        began, last, shown, failure = _clock.monotonic(), None, "", None
        try:
            for last in client.video.watch(
                self.id, deadline=limit(self.deadline), interval=self.interval
            ):
                elapsed = _clock.monotonic() - began
                # The final task comes again if its last change was printed already.
                if shown == (shown := change_columns(0.0, last)):
                    continue
                progress.updated(last)
                # A video may still come after the task is complete.
                complete = state_shown(last) is State.SUCCEEDED
                missing = None if complete else _failure_of(self.id, last, elapsed)
                line = (change_sentence if people else change_columns)(elapsed, last)
                record = record_of(self.id, last, missing, elapsed=elapsed)
                results.add(record, line, error=missing, final=missing is not None)
        except ChainhubError as error:
            failure = error
        elapsed = _clock.monotonic() - began
        if failure is None and last is not None and state_shown(last) is State.SUCCEEDED:
            failure = _failure_of(self.id, last, elapsed)
        if failure is not None:
            results.add(record_of(self.id, last, failure, elapsed=elapsed), error=failure)
        return results.code


def _failure_of(task_id: str, task: VideoTask, elapsed: float) -> TaskError | None:
    """Return why a task has no video, None if it has one or is running."""
    state = state_shown(task)
    return None if state is State.RUNNING else fault_of(task_id, task, state, elapsed)
