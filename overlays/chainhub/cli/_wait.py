"""`chainhub wait` and `chainhub batch`: wait for tasks and, if asked to, download their videos."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._tasks import durations_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._display import display_for
from chainhub.cli._durations import clock, limit
from chainhub.cli._failures import FailedPolls
from chainhub.cli._ids import chosen, ids_of_file
from chainhub.cli._messages import again, plain
from chainhub.cli._progress import LiveProgress
from chainhub.cli._records import record_of
from chainhub.cli._results import Results
from chainhub.cli._rows import signs_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from chainhub import Client, Outcome
    from chainhub.cli._display import Display
    from chainhub.cli._exit_codes import Exit
    from chainhub.cli._fetching import Fetching, Place
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import ChainhubError
    from chainhub_api.models import VideoTask


@attrs.frozen(kw_only=True)
class WaitFlags:
    """How tasks are waited for.

    Attributes:
        deadline: Seconds for all of them together, infinite for no limit.
        interval: Seconds between the polls of a task, or None for what is learned.
        journal: The file that keeps outcomes over a restart, or None.
    """

    deadline: float
    interval: float | None = None
    journal: str | None = None


@attrs.define(kw_only=True)
class Wait:
    """Waits for tasks and prints where their videos are.

    Attributes:
        ids: What was given: ids, or `-` for those of standard input.
        service: How the service is asked.
        patience: How they are waited for.
        place: Where the videos go, or None to print their addresses.
        json: Whether results are records.
    """

    ids: list[str]
    service: Service
    wait_flags: WaitFlags
    place: Place | None
    json: bool
    board: LiveProgress | None = None

    def run(self, terminal: Terminal) -> Exit:
        """Wait, and print each result as it is known."""
        ids = chosen(self.ids, terminal.read)
        failures = FailedPolls(terminal)
        with open_client(self.service, terminal, on_retry=failures) as client:
            self.board = board = LiveProgress(
                ids, _clock.monotonic, durations_of(client._session).expected
            )
            gathering = BatchRun(client, board, terminal, self.wait_flags, self.place, failures)
            return gathering.run(ids, json=self.json).code

    def resume_hint(self) -> str:
        """Return the command that resumes the tasks that have not ended."""
        pending = [] if self.board is None else self.board.pending
        if not pending:
            return ""
        options = [*options_of(self.service), *options_of_place(self.place)]
        command = again("wait", pending, options)
        return f"the tasks keep running; resume with: {command}"


@attrs.define(kw_only=True)
class Batch:
    """Waits for the tasks that a file names; results are records.

    Attributes:
        file: The file with the ids, or `-` for standard input.
        service: How the service is asked.
        patience: How they are waited for.
        place: Where the videos go, or None.
    """

    file: str
    service: Service
    wait_flags: WaitFlags
    place: Place | None
    json: bool = True

    def run(self, terminal: Terminal) -> Exit:
        """Wait, print each result as it is known, and say how many there were."""
        ids = ids_of_file(self.file, terminal.read)
        failures = FailedPolls(terminal)
        with open_client(self.service, terminal, on_retry=failures) as client:
            board = LiveProgress(ids, _clock.monotonic, durations_of(client._session).expected)
            gathering = BatchRun(client, board, terminal, self.wait_flags, self.place, failures)
            results = gathering.run(ids, json=True)
        if terminal.words_are_read:
            terminal.say(gathering.summary(results, len(ids)))
        return results.code

    def resume_hint(self) -> str:
        """Return the command that resumes, which needs a journal."""
        journal = self.wait_flags.journal
        options = [*options_of(self.service), *options_of_place(self.place)]
        options += ["--journal", journal or "FILE"]
        command = again("batch", [self.file], options)
        if journal is None:
            return f"the tasks keep running; use a journal to keep what is done: {command}"
        return f"the tasks keep running; resume with: {command}"


class BatchRun:
    """One wait for many tasks, with what is shown of it.

    Args:
        client: Whose tasks they are.
        board: Gets each response about a task.
        terminal: Where results and words go.
        patience: How they are waited for.
        place: Where videos go, or None.
        failures: Prints failed polls.
    """

    def __init__(
        self,
        client: Client,
        board: LiveProgress,
        terminal: Terminal,
        wait_flags: WaitFlags,
        place: Place | None,
        failures: FailedPolls,
    ) -> None:
        self._client = client
        self._board = board
        self._terminal = terminal
        self._patience = wait_flags
        self._place = place
        self._failures = failures
        self._began = _clock.monotonic()
        self._replayed = 0
        self._signs = signs_for(getattr(terminal.stderr, "encoding", None))

    def run(self, ids: list[str], *, json: bool) -> Results:
        """Wait for all of them and print each result."""
        cancel = Cancel()
        with display_for(self._board, self._terminal) as display:
            self._failures.shown_on(self._board, display)
            results = Results(self._terminal, display, json=json)
            with self._fetching(cancel) as fetching:
                for outcome in self._outcomes(ids, display, cancel):
                    self._settle(outcome, results, fetching)
                if fetching is not None:
                    fetching.finish()
        return results

    def summary(self, results: Results, known: int) -> str:
        """Return how it went, in a line."""
        told = [f"{known - results.failed} of {known} done"]
        told += [f"{results.failed} not"] if results.failed else []
        told += [f"{self._replayed} from the journal"] if self._replayed else []
        return f"chainhub: {', '.join(told)}, in {clock(_clock.monotonic() - self._began)}"

    def _fetching(self, cancel: Cancel) -> AbstractContextManager[Fetching | None]:
        if self._place is None:
            return nullcontext()
        from chainhub.cli._fetching import Fetching

        return Fetching(self._client, self._place, self._board, cancel)

    def _outcomes(self, ids: list[str], display: Display, cancel: Cancel) -> Iterator[Outcome]:
        def changed(task: VideoTask) -> None:
            display.changed(self._board.told(task), _clock.monotonic())

        return self._client.video.as_completed(
            ids,
            deadline=limit(self._patience.deadline),
            on_update=changed,
            interval=self._patience.interval,
            journal=self._patience.journal,
            cancel=cancel,
        )

    def _settle(self, outcome: Outcome, results: Results, fetching: Fetching | None) -> None:
        self._replayed += outcome.replayed
        if fetching is None or outcome.error is not None or outcome.task is None:
            self._print(results, outcome, None, outcome.error)
            return

        def tell(path: Path | None, error: ChainhubError | None) -> None:
            self._print(results, outcome, path, error)

        fetching.begin(outcome.id, outcome.task, tell)

    def _print(
        self,
        results: Results,
        outcome: Outcome,
        path: Path | None,
        error: ChainhubError | None,
    ) -> None:
        self._board.ended(outcome.id, good=error is None)
        record = record_of(
            outcome.id,
            outcome.task,
            error,
            path=None if path is None else str(path),
            elapsed=outcome.elapsed,
            polls=outcome.polls,
            replayed=outcome.replayed,
        )
        where = record["video_url"] if path is None else str(path)
        note = self._note(outcome) if error is None else None
        results.add(
            record, plain(where) if where and error is None else None, error=error, note=note
        )

    def _note(self, outcome: Outcome) -> str | None:
        """Return the line that says to a person which task has ended."""
        if not self._terminal.words_are_read:
            return None
        word = plain(str(outcome.task.status)) if outcome.task else ""
        return f"{self._signs.good} {plain(outcome.id)}  {word}  {clock(outcome.elapsed)}"


def options_of(service: Service) -> list[str]:
    """Return the options that a repeated command needs."""
    return [] if service.base_url is None else ["--base-url", service.base_url]


def options_of_place(place: Place | None) -> list[str]:
    """Return the option that says where videos go."""
    return [] if place is None or place.into is None else ["--download", place.into]
