"""`chainhub wait` and `chainhub batch`: wait for tasks and, if asked to, download their videos."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._tasks import durations_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._durations import clock, limit
from chainhub.cli._ids import chosen, ids_of_file
from chainhub.cli._messages import again, plain
from chainhub.cli._progress import progress_for, signs_for
from chainhub.cli._records import record_of
from chainhub.cli._running import Command
from chainhub.cli._terminal import Results

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from chainhub import Client, Outcome
    from chainhub.cli._download import DownloadQueue, Place
    from chainhub.cli._progress import TaskProgress
    from chainhub.cli._records import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import ChainhubError


@attrs.define(kw_only=True)
class Wait(Command):
    """Waits for tasks and prints each result once it is known.

    Attributes:
        ids: What was given: ids, or `-` for those of standard input.
        file: Instead of `ids`, the file that names them, for `batch`.
        service: How the service is asked.
        deadline: Seconds for all of them together, infinite for no limit.
        interval: Seconds between the polls of a task, or None for what is learned.
        journal: The file that keeps outcomes over a restart, or None.
        place: Where the videos go, or None to print their addresses.
        json: Whether results are records.
    """

    ids: list[str] = attrs.field(factory=list)
    file: str | None = None
    service: Service
    deadline: float
    interval: float | None
    journal: str | None = None
    place: Place | None
    json: bool
    _progress: TaskProgress | None = attrs.field(default=None, init=False)

    def run(self, terminal: Terminal) -> Exit:
        """Wait, print each result, and with `file` say how many there were."""
        if self.file is None:
            ids = chosen(self.ids, terminal.read)
        else:
            ids = ids_of_file(self.file, terminal.read)
        progress = progress_for(ids, terminal)
        printer = _Printer(terminal, progress, json=self.json)
        with open_client(self.service, terminal, on_retry=progress.failing) as client:
            progress.expected = durations_of(client._session).expected
            self._progress = progress
            with progress:
                self._wait(client, ids, progress, printer)
        if self.file is not None and terminal.words_are_read:
            terminal.say(printer.summary(len(ids)))
        return printer.results.code

    def resume_hint(self) -> str:
        """Return the command that resumes what has not ended; a batch needs a journal for it."""
        options = [] if self.service.base_url is None else ["--base-url", self.service.base_url]
        if self.place is not None and self.place.into is not None:
            options += ["--download", self.place.into]
        if self.file is not None:
            options += ["--journal", self.journal or "FILE"]
            how = "resume with" if self.journal else "use a journal to keep what is done"
            return f"the tasks keep running; {how}: {again('batch', [self.file], options)}"
        pending = self._progress.pending if self._progress else []
        command = again("wait", pending, options)
        return f"the tasks keep running; resume with: {command}" if pending else ""

    def _wait(
        self, client: Client, ids: list[str], progress: TaskProgress, printer: _Printer
    ) -> None:
        cancel = Cancel()
        with self._downloads(client, progress, cancel) as downloads:
            for outcome in client.video.as_completed(
                ids,
                deadline=limit(self.deadline),
                on_update=progress.updated,
                interval=self.interval,
                journal=self.journal,
                cancel=cancel,
            ):
                report = partial(printer.print, outcome)
                if downloads is None or outcome.error is not None or outcome.task is None:
                    report(None, outcome.error)
                else:
                    downloads.begin(outcome.id, outcome.task, report)
            if downloads is not None:
                downloads.finish()

    def _downloads(
        self, client: Client, progress: TaskProgress, cancel: Cancel
    ) -> AbstractContextManager[DownloadQueue | None]:
        if self.place is None:
            return nullcontext()
        from chainhub.cli._download import DownloadQueue

        return DownloadQueue(client, self.place, progress, cancel)


class _Printer:
    """Prints outcomes, with a line for a person about each task that is done."""

    def __init__(self, terminal: Terminal, progress: TaskProgress, *, json: bool) -> None:
        self._progress = progress
        self.results = Results(terminal, json=json)
        self._notes = terminal.words_are_read
        self._sign = signs_for(terminal.stderr).good
        self._began = _clock.monotonic()
        self._replayed = 0

    def print(self, outcome: Outcome, path: Path | None, error: ChainhubError | None) -> None:
        """Print how a task ended, and its file or address."""
        self._progress.ended(outcome.id, good=error is None)
        self._replayed += outcome.replayed
        record = record_of(
            outcome.id,
            outcome.task,
            error,
            path=None if path is None else str(path),
            elapsed=outcome.elapsed,
            polls=outcome.polls,
            replayed=outcome.replayed,
        )
        where = record["path"] or record["video_url"]
        note = None
        if self._notes and error is None:
            word = plain(str(outcome.task.status)) if outcome.task else ""
            note = f"{self._sign} {plain(outcome.id)}  {word}  {clock(outcome.elapsed)}"
        line = plain(where) if where and error is None else None
        self.results.add(record, line, error=error, note=note)

    def summary(self, known: int) -> str:
        """Return how it went, in a line."""
        failed = self.results.failed
        parts = [f"{known - failed} of {known} done"]
        parts += [f"{failed} not"] if failed else []
        parts += [f"{self._replayed} from the journal"] if self._replayed else []
        return f"chainhub: {', '.join(parts)}, in {clock(_clock.monotonic() - self._began)}"
