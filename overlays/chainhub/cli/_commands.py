"""What the commands about tasks do: `get`, `watch`, `wait`, `batch` and `download`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from chainhub import _clock, _tasks, errors
from chainhub._cancel import Cancel
from chainhub._download import make_folder
from chainhub.cli import _records, _running
from chainhub.cli._options import Place, Service
from chainhub.cli._progress import TaskProgress, progress_for, signs_for
from chainhub.cli._records import Exit
from chainhub.cli._terminal import Terminal, ids_of_file, read_ids
from chainhub.errors import ChainhubError

Report = Callable[[Sequence[Path], ChainhubError | None], None]
StartDownload = Callable[[str, object, Report], None]


def get(terminal: Terminal, *, ids: list[str], service: Service, deadline: float) -> Exit:
    """Query tasks, one after the other, and print the status of each."""
    ids = read_ids(ids, terminal.read)
    _running.parameters_of(service)  # an error in them must not be reported for each task
    with _running.open_client(service, terminal, deadline) as client:
        for task_id in ids:
            began, task, line = _clock.monotonic(), None, None
            failure: ChainhubError | None
            try:
                task = _running.query_task(client, service, task_id)
                failure = _failure_of(task_id, task, _clock.monotonic() - began)
            except ChainhubError as error:
                failure = error
            if task is not None and terminal.stdout_is_terminal:
                line = _records.sentence(_records.plain(task_id), task, dated=True)
            elif task is not None:
                line = _records.columns(_records.plain(task_id), task)
            elapsed = _clock.monotonic() - began
            terminal.add(task_id, task, failure, line, elapsed=elapsed, polls=1)
    return terminal.code


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
        "the task keeps running; resume with: "
        + _records.resume_command("watch", ids, service.options)
    )
    ids = [id]
    ids = read_ids(ids, terminal.read)
    if len(ids) > 1:
        raise errors.ConfigurationError("watch takes one id; use chainhub wait for several")
    progress = progress_for(ids, terminal)
    parameters = _running.parameters_of(service)
    with _running.open_client(service, terminal, progress=progress) as client:
        changes = _running.task_operation(client, service).watch(
            ids[0], deadline=_records.limit(deadline), interval=interval, **parameters
        )
        with progress:
            began, last, columns, complete = _clock.monotonic(), None, "", False
            try:
                for last in changes:
                    # The final task is returned again if its last change was printed already.
                    if columns == (columns := _records.columns("", last)):
                        continue
                    progress.on_update(last)
                    elapsed = _clock.monotonic() - began
                    # A video URL may still follow after the task is complete.
                    complete = _records.state_of(last) is _tasks.State.SUCCEEDED
                    failure = None if complete else _failure_of(ids[0], last, elapsed)
                    if terminal.stdout_is_terminal:
                        line = _records.sentence(_records.clock(elapsed), last)
                    else:
                        line = _records.columns(f"{elapsed:.1f}", last)
                    final = failure is not None
                    terminal.add(ids[0], last, failure, line, final=final, elapsed=elapsed)
                failure = _failure_of(ids[0], last, elapsed) if complete else None
                if failure is not None:
                    raise failure
            except ChainhubError as error:
                terminal.add(ids[0], last, error, elapsed=_clock.monotonic() - began)
    return terminal.code


def _failure_of(task_id: str, task: object, elapsed: float) -> errors.TaskError | None:
    """Return why a task has no video, None if it has one or is running."""
    state = _records.state_of(task)
    return None if state is _tasks.State.RUNNING else _tasks.fault_of(task_id, task, state, elapsed)


def wait(
    terminal: Terminal,
    *,
    ids: Sequence[str] = (),
    file: str | None = None,
    service: Service,
    deadline: float,
    interval: float | None,
    journal: str | None = None,
    place: Place,
) -> Exit:
    """Wait for tasks, print each result once it is known, and download if `place` has a folder.

    With `file`, which has the ids instead of `ids`, print a summary at the end.
    """
    options = [
        *service.options,
        ("--download", place.into),
        ("--journal", file and (journal or "FILE")),
    ]
    if file is not None:
        advice = "resume with" if journal else "use a journal to keep what is done"
        batch_command = _records.resume_command("batch", [file], options)
        terminal.resume_hint = lambda: f"the tasks keep running; {advice}: {batch_command}"
    ids = read_ids(ids, terminal.read) if file is None else ids_of_file(file, terminal.read)
    progress = progress_for(ids, terminal)
    began = _clock.monotonic()
    parameters = _running.parameters_of(service)
    report = partial(_report, terminal, progress)

    def resume_hint() -> str:
        command = _records.resume_command("wait", progress.pending, options)
        return f"the tasks keep running; resume with: {command}" if progress.pending else ""

    cancel = Cancel()  # also ends the polls if a download cannot print its result
    with _running.open_client(service, terminal, progress=progress) as client:
        if file is None:
            terminal.resume_hint = resume_hint
        operation = _running.task_operation(client, service)
        outcomes = operation.as_completed(
            ids,
            deadline=_records.limit(deadline),
            on_update=progress.on_update,
            interval=interval,
            journal=journal,
            cancel=cancel,
            **parameters,
        )
        fetch = partial(_files, operation, parameters)
        with progress, _downloads(fetch, place, progress, cancel) as download:
            for outcome in outcomes:
                if place.into is None or outcome.error is not None or outcome.task is None:
                    report(outcome, (), outcome.error)
                else:
                    download(outcome.id, outcome.task, partial(report, outcome))
    if file is not None and terminal.stderr_is_terminal:
        failed, replayed = terminal.failed, terminal.replayed
        counts = [f"{len(ids) - failed} of {len(ids)} done"]
        counts += [f"{failed} not"] if failed else []
        counts += [f"{replayed} from the journal"] if replayed else []
        elapsed = _records.clock(_clock.monotonic() - began)
        terminal.say(f"chainhub: {', '.join(counts)}, in {elapsed}")
    return terminal.code


def _report(
    terminal: Terminal,
    progress: TaskProgress,
    outcome: _tasks.Outcome,
    paths: Sequence[Path],
    error: ChainhubError | None,
) -> None:
    """Print how a task ended, and its files or URLs; on a terminal, a line about it too."""
    progress.on_end(outcome.id, good=error is None)
    line, note, task = None, None, outcome.task
    if error is None:
        # With --download the files are the result.
        results = [*map(str, paths)] or (_tasks.result_urls_of(task) if task else [])
        line = "\n".join(map(_records.plain, results)) or None
        if terminal.stderr_is_terminal:
            sign = signs_for(terminal.stderr).good
            word = _records.plain(_records.status_word(task)) if task else ""
            note = f"{sign} {_records.plain(outcome.id)}  {word}  {_records.clock(outcome.elapsed)}"
    facts = {name: getattr(outcome, name) for name in ("elapsed", "polls", "replayed")}
    terminal.add(outcome.id, task, error, line, note=note, paths=paths, **facts)


def download(terminal: Terminal, *, ids: list[str], service: Service, place: Place) -> Exit:
    """Download the videos of finished tasks, and print each file as it is complete."""
    ids = read_ids(ids, terminal.read)
    options = [("--into", place.into), ("--output", place.dest), *service.options]
    parameters = _running.parameters_of(service)
    place = _check_place(place, len(ids))
    progress = progress_for(ids, terminal)

    def resume_hint() -> str:
        command = _records.resume_command("download", progress.pending, options)
        return f"the partial files are kept; resume with: {command}" if progress.pending else ""

    def report(
        task_id: str, began: float, paths: Sequence[Path], error: ChainhubError | None
    ) -> None:
        progress.on_end(task_id, good=error is None)
        elapsed = _clock.monotonic() - began
        task, note = error.task if isinstance(error, errors.ResultMissing) else None, None
        if task is not None and _records.state_of(task) is _tasks.State.RUNNING:
            wait_options = [*service.options, ("--download", os.curdir)]
            command = _records.resume_command("wait", [task_id], wait_options)
            note = f"chainhub: the task is still running; wait for it with: {command}"
        line = None if error else "\n".join(_records.plain(str(path)) for path in paths)
        terminal.add(task_id, None, error, line, note=note, paths=paths, elapsed=elapsed)

    with _running.open_client(service, terminal) as client:
        terminal.resume_hint = resume_hint
        fetch = partial(_files, _running.task_operation(client, service), parameters)
        with progress, _downloads(fetch, place, progress, Cancel()) as begin:
            for task_id in ids:
                begin(task_id, task_id, partial(report, task_id, _clock.monotonic()))
    return terminal.code


def _check_place(place: Place, count: int) -> Place:
    """Return the place for the videos; if the file is a folder, the videos go into it."""
    dest = place.dest
    if dest is not None and (dest.endswith(os.sep) or os.path.isdir(dest)):
        place = place._replace(dest=None, into=dest)
    if dest == "-":
        raise errors.ConfigurationError("--output names a file; standard output takes no video")
    if count > 1 and place.dest is not None:
        raise errors.ConfigurationError("--output names one file; use --into for several videos")
    if count > 1 and place.sha256 is not None:
        raise errors.ConfigurationError("--sha256 is for one video; download them one by one")
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
    """Download the results of a task; return the files, and the error if there was one."""
    options |= {"if_exists": place.if_exists, "allow_hosts": place.allow_hosts, **parameters}
    options["deadline"] = _records.limit(place.deadline)
    if place.dest is None and place.sha256 is None:
        # One at a time: each task already has its own thread.
        (result,) = operation.download_many([task], into=place.into, parallel=1, **options).values()
        return result.paths, result.error
    target = {"into": place.into, "sha256": place.sha256}
    try:
        return [operation.download(task, place.dest, **target, **options)], None
    except (errors.CancelledByUser, errors.ConfigurationError):
        raise
    except ChainhubError as error:
        return [], error


@contextmanager
def _downloads(
    fetch: Callable[..., tuple[Sequence[Path], ChainhubError | None]],
    place: Place,
    progress: TaskProgress,
    cancel: Cancel,
) -> Iterator[StartDownload]:
    """Download in a few threads; the end of the block waits for all, an exception ends them.

    Yields a function that begins a download; its report is called in another thread.
    """
    is_new = place.into is not None and not os.path.lexists(place.into)
    if place.into is not None:
        # Now: after minutes of waiting is too late for the error that it cannot be created.
        make_folder(Path(place.into))
    threads = ThreadPoolExecutor(_tasks.PARALLEL, thread_name_prefix="chainhub-fetch")
    futures: list[Future[None]] = []

    def work(task_id: str, task: object, report: Report) -> None:
        progress.on_download(task_id)
        try:
            report(*fetch(task, place, progress=progress.on_progress, cancel=cancel))
        except BaseException:
            cancel.set()  # the other downloads end now, not when their files are complete
            raise

    try:
        yield lambda *job: futures.append(threads.submit(work, *job))
        for future in futures:
            future.result()
    except BaseException:
        cancel.set()
        raise
    finally:
        threads.shutdown(cancel_futures=True)  # after an interruption no other download begins
        if place.into is not None and is_new:
            with suppress(OSError):  # it is not empty
                os.rmdir(place.into)
        # The error of a thread says more than its consequence here.
        for future in futures:
            failure = None if future.cancelled() else future.exception()
            if failure is not None and not isinstance(failure, errors.CancelledByUser):
                raise failure


def sandbox(terminal: Terminal, **options: Any) -> Exit:
    """Run a mock server until Ctrl-C."""
    from chainhub.sandbox import SandboxError, serve

    try:
        serve(terminal.result, "chainhub wait veo3.1-fast:completes", **options)
    except (SandboxError, ValueError) as error:
        terminal.say(f"chainhub: {error}")
        return Exit.USAGE
    return Exit.DONE


def doctor(terminal: Terminal, **options: Any) -> Exit:
    """Check the set-up."""
    from chainhub.cli._doctor import doctor  # the only command that needs metadata of packages

    return doctor(terminal, **options)
