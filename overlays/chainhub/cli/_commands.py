"""What the commands about tasks do: `get`, `watch`, `wait`, `batch` and `download`."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._download import make_folder
from chainhub._tasks import PARALLEL, State, durations_of, fault_of, task_named
from chainhub.cli._app import Place
from chainhub.cli._progress import progress_for, signs_for
from chainhub.cli._records import (
    again,
    clock,
    columns,
    limit,
    plain,
    record_of,
    sentence,
    state_shown,
    status_word,
)
from chainhub.cli._running import (
    open_client,
    parameters_of,
    query_task,
    task_name,
    task_operation,
)
from chainhub.cli._terminal import Results, chosen, ids_of_file
from chainhub.errors import CancelledByUser, ChainhubError, ConfigurationError, ResultMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chainhub import Outcome
    from chainhub.cli._app import Service
    from chainhub.cli._progress import TaskProgress
    from chainhub.cli._records import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import TaskError

    Report = Callable[[Sequence[Path], ChainhubError | None], None]
    Begin = Callable[[str, object, Report], None]


def get(terminal: Terminal, *, ids: list[str], service: Service, deadline: float) -> Exit:
    """Query tasks, one after the other, and print the status of each."""
    results, ids = Results(terminal), chosen(ids, terminal.read)
    parameters_of(service)  # a mistake in them is none of each task
    with open_client(service, terminal, deadline) as client:
        for task_id in ids:
            began = _clock.monotonic()
            task, line, failure = None, None, None
            try:
                task = query_task(client, service, task_id)
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
) -> Exit:
    """Print each change of one task until it is done."""
    terminal.resume_hint = lambda: (
        f"the task keeps running; resume with: {again('watch', ids, service.options)}"
    )
    ids = [id]
    ids = chosen(ids, terminal.read)
    if len(ids) > 1:
        raise ConfigurationError("watch takes one id; use chainhub wait for several")
    progress, results = progress_for(ids, terminal), Results(terminal)
    parameters = parameters_of(service)
    with open_client(service, terminal, on_retry=progress.failing) as client:
        progress.expected = durations_of(client._session, task_named(task_name(service))).expected
        changes = task_operation(client, service).watch(
            ids[0], deadline=limit(deadline), interval=interval, **parameters
        )
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


def _failure_of(task_id: str, task: object, elapsed: float) -> TaskError | None:
    """Return why a task has no video, None if it has one or is running."""
    state = state_shown(task)
    return None if state is State.RUNNING else fault_of(task_id, task, state, elapsed)


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
) -> Exit:
    """Wait for tasks, print each result once it is known, and download videos to `place` if given.

    With `file`, which names the tasks instead of `ids`, say at the end how many there were.
    """
    where = {"--download": place and place.into, "--journal": file and (journal or "FILE")}
    options = [word for name, value in where.items() if value for word in (name, value)]
    options = [*service.options, *options]
    if file is not None:
        how = "resume with" if journal else "use a journal to keep what is done"
        resume = f"the tasks keep running; {how}: {again('batch', [file], options)}"
        terminal.resume_hint = lambda: resume
    ids = chosen(ids, terminal.read) if file is None else ids_of_file(file, terminal.read)
    progress = progress_for(ids, terminal)
    printer, parameters = _OutcomePrinter(terminal, progress), parameters_of(service)

    def resume_hint() -> str:
        command = again("wait", progress.pending, options)
        return f"the tasks keep running; resume with: {command}" if progress.pending else ""

    cancel = Cancel()
    with open_client(service, terminal, on_retry=progress.failing) as client:
        progress.expected = durations_of(client._session, task_named(task_name(service))).expected
        if file is None:
            terminal.resume_hint = resume_hint
        outcomes = task_operation(client, service).as_completed(
            ids,
            deadline=limit(deadline),
            on_update=progress.updated,
            interval=interval,
            journal=journal,
            cancel=cancel,
            **parameters,
        )
        fetch = partial(_files, task_operation(client, service), parameters)
        with progress, _downloads(fetch, place or Place(), progress, cancel) as download:
            for outcome in outcomes:
                if place is None or outcome.error is not None or outcome.task is None:
                    printer.print(outcome, (), outcome.error)
                else:
                    download(outcome.id, outcome.task, partial(printer.print, outcome))
    if file is not None and terminal.words_are_read:
        terminal.say(printer.summary(len(ids)))
    return printer.results.code


class _OutcomePrinter:
    """Prints outcomes, with a line for a person about each task that is done."""

    def __init__(self, terminal: Terminal, progress: TaskProgress) -> None:
        self.results = Results(terminal)
        self._progress = progress
        self._notes = terminal.words_are_read
        self._sign = signs_for(terminal.stderr).good
        self._began = _clock.monotonic()
        self._replayed = 0

    def print(self, outcome: Outcome, paths: Sequence[Path], error: ChainhubError | None) -> None:
        """Print how a task ended, and its files or addresses."""
        self._progress.ended(outcome.id, good=error is None)
        self._replayed += outcome.replayed
        record = record_of(
            outcome.id,
            outcome.task,
            error,
            paths=paths,
            elapsed=outcome.elapsed,
            polls=outcome.polls,
            replayed=outcome.replayed,
        )
        where = "\n".join(map(plain, record["paths"] or record["urls"]))
        note = None
        if self._notes and error is None:
            word = plain(status_word(outcome.task)) if outcome.task else ""
            note = f"{self._sign} {plain(outcome.id)}  {word}  {clock(outcome.elapsed)}"
        line = where if where and error is None else None
        self.results.add(record, line, error=error, note=note)

    def summary(self, known: int) -> str:
        failed = self.results.failed
        parts = [f"{known - failed} of {known} done"]
        parts += [f"{failed} not"] if failed else []
        parts += [f"{self._replayed} from the journal"] if self._replayed else []
        return f"chainhub: {', '.join(parts)}, in {clock(_clock.monotonic() - self._began)}"


def download(terminal: Terminal, *, ids: list[str], service: Service, place: Place) -> Exit:
    """Download the videos of finished tasks, and print each file as it is complete."""
    ids = chosen(ids, terminal.read)
    options = {"--into": place.into, "--output": place.dest}
    given = [word for name, value in options.items() if value for word in (name, value)]
    parameters = parameters_of(service)
    place, results = _checked(place, len(ids)), Results(terminal)
    progress = progress_for(ids, terminal)

    def resume_hint() -> str:
        command = again("download", progress.pending, [*given, *service.options])
        return f"the partial files are kept; resume with: {command}" if progress.pending else ""

    def report(
        task_id: str, began: float, paths: Sequence[Path], error: ChainhubError | None
    ) -> None:
        progress.ended(task_id, good=error is None)
        elapsed = _clock.monotonic() - began
        record = record_of(task_id, None, error, paths=paths, elapsed=elapsed)
        task, note = error.task if isinstance(error, ResultMissing) else None, None
        if task is not None and state_shown(task) is State.RUNNING:
            command = again("wait", [task_id], [*service.options, "--download", os.curdir])
            note = f"chainhub: the task is still running; wait for it with: {command}"
        line = None if error else "\n".join(map(plain, record["paths"]))
        results.add(record, line, error=error, note=note)

    with open_client(service, terminal) as client:
        terminal.resume_hint = resume_hint
        fetch = partial(_files, task_operation(client, service), parameters)
        with progress, _downloads(fetch, place, progress, Cancel()) as begin:
            for task_id in ids:
                begin(task_id, task_id, partial(report, task_id, _clock.monotonic()))
    return results.code


def _checked(place: Place, count: int) -> Place:
    """Return where the videos go; a folder given as the file is taken as a folder."""
    dest = place.dest
    if dest is not None and (dest.endswith(os.sep) or os.path.isdir(dest)):
        place = place._replace(dest=None, into=dest)
    if dest == "-":
        raise ConfigurationError("--output names a file; no video is written to standard output")
    if count > 1 and place.dest is not None:
        raise ConfigurationError("--output names one file; use --into for several videos")
    if count > 1 and place.sha256 is not None:
        raise ConfigurationError("--sha256 is for one video; download them one by one")
    if place.dest is None and place.into is None:
        return place._replace(into=os.curdir)
    return place


def _files(
    operation: Any,  # noqa: ANN401 - each has its model
    parameters: Mapping[str, str],
    task: object,
    place: Place,
    **options: object,
) -> tuple[Sequence[Path], ChainhubError | None]:
    """Download the results of a task; return the files that are there, and what went wrong."""
    options |= {"if_exists": place.if_exists, "allow_hosts": place.allow_hosts, **parameters}
    options["deadline"] = limit(place.deadline)
    if place.dest is None and place.sha256 is None:
        (ended,) = operation.download_many([task], into=place.into, parallel=1, **options).values()
        return ended.paths, ended.error
    where = {"into": place.into, "sha256": place.sha256}
    try:
        return [operation.download(task, place.dest, **where, **options)], None
    except (CancelledByUser, ConfigurationError):
        raise
    except ChainhubError as error:
        return [], error


@contextmanager
def _downloads(
    fetch: Callable[..., tuple[Sequence[Path], ChainhubError | None]],
    place: Place,
    progress: TaskProgress,
    cancel: Cancel,
) -> Iterator[Begin]:
    """Download in a few threads; leaving the block waits for all, leaving it early ends them.

    What is yielded begins a download; the report is called in another thread, with the result.
    """
    is_new = place.into is not None and not os.path.lexists(place.into)
    if place.into is not None:
        # Now: after minutes of waiting is too late to hear that it cannot be made.
        make_folder(Path(place.into))
    threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="chainhub-fetch")
    futures: list[Future[None]] = []

    def work(task_id: str, task: object, report: Report) -> None:
        progress.downloading(task_id)
        try:
            report(*fetch(task, place, progress=progress.progressed, cancel=cancel))
        except BaseException:
            cancel.set()
            raise

    try:
        yield lambda *job: futures.append(threads.submit(work, *job))
        for future in futures:
            future.result()
    except BaseException:
        cancel.set()
        raise
    finally:
        threads.shutdown(cancel_futures=True)
        if place.into is not None and is_new:
            with suppress(OSError):  # it is not empty
                os.rmdir(place.into)
        # What a thread failed with says more than its consequence here.
        for future in futures:
            failure = None if future.cancelled() else future.exception()
            if failure is not None and not isinstance(failure, CancelledByUser):
                raise failure
