"""`chainhub watch`: print every change of one task until it is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._tasks import State, durations_of, fault_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._display import display_for
from chainhub.cli._durations import limit
from chainhub.cli._failures import FailedPolls
from chainhub.cli._ids import chosen
from chainhub.cli._lines import change_columns, change_sentence
from chainhub.cli._messages import again
from chainhub.cli._progress import LiveProgress
from chainhub.cli._records import record_of, state_shown
from chainhub.cli._results import Results
from chainhub.errors import ChainhubError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainhub.cli._display import Display
    from chainhub.cli._exit_codes import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import TaskError
    from chainhub_api.models import VideoTask


@attrs.define(kw_only=True)
class Watch:
    """Watches one task.

    Attributes:
        id: The task, or `-` for the one that standard input names.
        service: How the service is asked.
        deadline: Seconds to watch at most, infinite for no limit.
        interval: Seconds between polls, or None for what is learned.
        json: Whether results are records.
        people: Whether a person reads the results.
    """

    id: str
    service: Service
    deadline: float
    interval: float | None
    json: bool
    people: bool = False

    def run(self, terminal: Terminal) -> Exit:
        """Print each change."""
        ids = chosen([self.id], terminal.read)
        if len(ids) > 1:
            raise ConfigurationError("watch takes one id; use chainhub wait for several")
        self.id, self.people = ids[0], terminal.results_are_read
        failures = FailedPolls(terminal)
        with open_client(self.service, terminal, on_retry=failures) as client:
            board = LiveProgress(ids, _clock.monotonic, durations_of(client._session).expected)
            with display_for(board, terminal) as display:
                failures.shown_on(board, display)
                results = Results(terminal, display, json=self.json)
                changes = client.video.watch(
                    self.id, deadline=limit(self.deadline), interval=self.interval
                )
                return self._follow(changes, board, display, results)

    def resume_hint(self) -> str:
        """Return the command that resumes."""
        return f"the task keeps running; resume with: {again('watch', [self.id])}"

    def _follow(
        self, changes: Iterator[VideoTask], board: LiveProgress, display: Display, results: Results
    ) -> Exit:
        began, last, shown = _clock.monotonic(), None, ""
        try:
            for last in changes:
                elapsed = _clock.monotonic() - began
                # The final task comes again if its last change was told already.
                if shown == (shown := change_columns(0.0, last)):
                    continue
                display.changed(board.told(last), began + elapsed)
                self._tell(last, elapsed, results)
        except ChainhubError as error:
            failure = error
        else:
            return self._ended(last, _clock.monotonic() - began, results)
        elapsed = _clock.monotonic() - began
        results.add(record_of(self.id, last, failure, elapsed=elapsed), error=failure)
        return results.code

    def _tell(self, task: VideoTask, elapsed: float, results: Results) -> None:
        fault = None if _may_go_on(task) else self._fault(task, elapsed)
        line = (change_sentence if self.people else change_columns)(elapsed, task)
        record = record_of(self.id, task, fault, elapsed=elapsed)
        results.add(record, line, error=fault, final=fault is not None)

    def _ended(self, last: VideoTask | None, elapsed: float, results: Results) -> Exit:
        """Tell that a video is missing, which shows only when no further change comes."""
        if last is not None and state_shown(last) is State.SUCCEEDED:
            fault = self._fault(last, elapsed)
            if fault is not None:
                results.add(record_of(self.id, last, fault, elapsed=elapsed), error=fault)
        return results.code

    def _fault(self, task: VideoTask, elapsed: float) -> TaskError | None:
        return fault_of(self.id, task, state_shown(task), elapsed)


def _may_go_on(task: VideoTask) -> bool:
    return state_shown(task) in (State.RUNNING, State.SUCCEEDED)
