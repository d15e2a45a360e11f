"""`chainhub get` queries each task once; `chainhub watch` prints every change of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub import _clock
from chainhub._tasks import State, durations_of, fault_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._messages import again, clock, limit, plain
from chainhub.cli._progress import progress_for
from chainhub.cli._records import columns, record_of, sentence, state_shown
from chainhub.cli._terminal import Results, chosen
from chainhub.errors import ChainhubError, ConfigurationError

if TYPE_CHECKING:
    from chainhub.cli._records import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import TaskError
    from chainhub_api.models import VideoTask


def get(
    terminal: Terminal, *, ids: list[str], service: Service, deadline: float, json: bool
) -> Exit:
    """Query tasks, one after the other, and print the status of each."""
    results = Results(terminal, json=json)
    ids = chosen(ids, terminal.read)
    with open_client(service, terminal, deadline) as client:
        for task_id in ids:
            began = _clock.monotonic()
            task, line, failure = None, None, None
            try:
                task = client.video.query(task_id)
            except ChainhubError as error:
                failure = error
            elapsed = _clock.monotonic() - began
            if task is not None:
                failure = _failure_of(task_id, task, elapsed)
                if terminal.results_are_read:
                    line = sentence(plain(task_id), task, dated=True)
                else:
                    line = columns(plain(task_id), task)
            record = record_of(task_id, task, failure, elapsed=elapsed, polls=1)
            results.add(record, line, error=failure)
    return results.code


def watch(
    terminal: Terminal,
    *,
    id: str,
    service: Service,
    deadline: float,
    interval: float | None,
    json: bool,
) -> Exit:
    """Print each change of one task until it is done."""
    terminal.resume_hint = lambda: f"the task keeps running; resume with: {again('watch', ids)}"
    ids = [id]
    ids = chosen(ids, terminal.read)
    if len(ids) > 1:
        raise ConfigurationError("watch takes one id; use chainhub wait for several")
    progress, results = progress_for(ids, terminal), Results(terminal, json=json)
    with open_client(service, terminal, on_retry=progress.failing) as client:
        progress.expected = durations_of(client._session).expected
        changes = client.video.watch(ids[0], deadline=limit(deadline), interval=interval)
        with progress:
            began, last, shown, failure = _clock.monotonic(), None, "", None
            try:
                for last in changes:
                    # The final task comes again if its last change was printed already.
                    if shown == (shown := columns("", last)):
                        continue
                    progress.updated(last)
                    elapsed = _clock.monotonic() - began
                    # A video may still come after the task is complete.
                    complete = state_shown(last) is State.SUCCEEDED
                    missing = None if complete else _failure_of(ids[0], last, elapsed)
                    if terminal.results_are_read:
                        line = sentence(clock(elapsed), last)
                    else:
                        line = columns(f"{elapsed:.1f}", last)
                    record = record_of(ids[0], last, missing, elapsed=elapsed)
                    results.add(record, line, error=missing, final=missing is not None)
            except ChainhubError as error:
                failure = error
            elapsed = _clock.monotonic() - began
            if failure is None and last is not None and state_shown(last) is State.SUCCEEDED:
                failure = _failure_of(ids[0], last, elapsed)
            if failure is not None:
                results.add(record_of(ids[0], last, failure, elapsed=elapsed), error=failure)
    return results.code


def _failure_of(task_id: str, task: VideoTask, elapsed: float) -> TaskError | None:
    """Return why a task has no video, None if it has one or is running."""
    state = state_shown(task)
    return None if state is State.RUNNING else fault_of(task_id, task, state, elapsed)
