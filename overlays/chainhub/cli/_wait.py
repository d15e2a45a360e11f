"""`chainhub wait` and `chainhub batch`: wait for tasks and, if asked to, download their videos."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._tasks import durations_of
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._messages import again, clock, limit, plain
from chainhub.cli._progress import progress_for, signs_for
from chainhub.cli._records import record_of
from chainhub.cli._terminal import Results, chosen, ids_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from chainhub import Client, Outcome
    from chainhub.cli._download import Place
    from chainhub.cli._progress import TaskProgress
    from chainhub.cli._records import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import ChainhubError


def wait(
    terminal: Terminal,
    *,
    ids: Sequence[str] = (),
    file: str | None = None,
    service: Service,
    deadline: float,
    interval: float | None,
    journal: str | None = None,
    place: Place | None,
    json: bool,
) -> Exit:
    """Wait for tasks, print each result once it is known, and download videos to `place` if given.

    With `file`, which names the tasks instead of `ids`, say at the end how many there were.
    """
    where = {
        "--base-url": service.base_url,
        "--download": place and place.into,
        "--journal": file and (journal or "FILE"),
    }
    options = [word for name, value in where.items() if value for word in (name, value)]
    if file is not None:
        how = "resume with" if journal else "use a journal to keep what is done"
        resume = f"the tasks keep running; {how}: {again('batch', [file], options)}"
        terminal.resume_hint = lambda: resume
    ids = chosen(ids, terminal.read) if file is None else ids_of_file(file, terminal.read)
    progress = progress_for(ids, terminal)
    printer = _Printer(terminal, progress, json=json)

    def resume_hint() -> str:
        command = again("wait", progress.pending, options)
        return f"the tasks keep running; resume with: {command}" if progress.pending else ""

    cancel = Cancel()
    with open_client(service, terminal, on_retry=progress.failing) as client:
        progress.expected = durations_of(client._session).expected
        if file is None:
            terminal.resume_hint = resume_hint
        outcomes = client.video.as_completed(
            ids,
            deadline=limit(deadline),
            on_update=progress.updated,
            interval=interval,
            journal=journal,
            cancel=cancel,
        )
        with progress:
            _print_all(client, outcomes, place, printer, cancel)
    if file is not None and terminal.words_are_read:
        terminal.say(printer.summary(len(ids)))
    return printer.results.code


def _print_all(
    client: Client,
    outcomes: Iterator[Outcome],
    place: Place | None,
    printer: _Printer,
    cancel: Cancel,
) -> None:
    if place is None:
        for outcome in outcomes:
            printer.print(outcome, None, outcome.error)
        return
    from chainhub.cli._download import DownloadQueue

    with DownloadQueue(client, place, printer.progress, cancel) as downloads:
        for outcome in outcomes:
            if outcome.error is not None or outcome.task is None:
                printer.print(outcome, None, outcome.error)
            else:
                downloads.begin(outcome.id, outcome.task, partial(printer.print, outcome))
        downloads.finish()


class _Printer:
    """Prints outcomes, with a line for a person about each task that is done."""

    def __init__(self, terminal: Terminal, progress: TaskProgress, *, json: bool) -> None:
        self.progress = progress
        self.results = Results(terminal, json=json)
        self._notes = terminal.words_are_read
        self._sign = signs_for(terminal.stderr).good
        self._began = _clock.monotonic()
        self._replayed = 0

    def print(self, outcome: Outcome, path: Path | None, error: ChainhubError | None) -> None:
        """Print how a task ended, and its file or address."""
        self.progress.ended(outcome.id, good=error is None)
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
