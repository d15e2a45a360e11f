"""`chainhub get`: query each task once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._tasks import State, fault_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._display import Silence
from chainhub.cli._ids import chosen
from chainhub.cli._lines import columns, sentence
from chainhub.cli._records import record_of, state_shown
from chainhub.cli._results import Results
from chainhub.errors import ChainhubError

if TYPE_CHECKING:
    from chainhub import Client
    from chainhub.cli._exit_codes import Exit
    from chainhub.cli._terminal import Terminal


@attrs.define(kw_only=True)
class Get:
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
        results = Results(terminal, Silence(), json=self.json)
        with open_client(self.service, terminal, self.deadline) as client:
            for task_id in ids:
                self._ask(client, task_id, results, people=terminal.results_are_read)
        return results.code

    def resume_hint(self) -> str:
        """Return nothing: the command can simply be given again."""
        return ""

    def _ask(self, client: Client, task_id: str, results: Results, *, people: bool) -> None:
        began = _clock.monotonic()
        try:
            task = client.video.query(task_id)
        except ChainhubError as error:
            failure = error
        else:
            elapsed = _clock.monotonic() - began
            state = state_shown(task)
            fault = None if state is State.RUNNING else fault_of(task_id, task, state, elapsed)
            line = sentence(task_id, task) if people else columns(task_id, task)
            record = record_of(task_id, task, fault, elapsed=elapsed, polls=1)
            results.add(record, line, error=fault)
            return
        elapsed = _clock.monotonic() - began
        results.add(record_of(task_id, error=failure, elapsed=elapsed, polls=1), error=failure)
