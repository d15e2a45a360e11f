"""From a task to the bytes of its result: which URL, which file, how a new URL is queried."""

from __future__ import annotations

import re
from collections import abc
from contextlib import closing
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from chainhub import _clock, _download
from chainhub._cancel import Cancel
from chainhub._session import (
    AsyncSessionTransport,
    check_hook,
    running_loop,
    seconds,
    switch_of,
    whole,
)
from chainhub._tasks.outcome import fault_of, shown_id
from chainhub._tasks.status import State, known_state, shown_status, status_in, urls_in
from chainhub._tasks.table import Task, TaskId, each_async, operation_named, several
from chainhub._transport import HiddenURL
from chainhub.errors import ConfigurationError, ResultMissing
from chainhub_api.types import Unset

if TYPE_CHECKING:
    from pathlib import Path

    from chainhub._download import AnyDownloadOutcome, IfExists, Job, Kind, Place, Progress
    from chainhub._session import Key, Options, SessionTransport

    Tasks = abc.Iterable[object] | abc.AsyncIterable[object]
    OnProgress = abc.Callable[[Progress], object]
    Destination = tuple[Place | None, Place | None, str | None]
    """The file or the folder, and the checksum: `dest`, `into`, `sha256`."""

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Downloads:
    """The downloads of one call; for an async client they run in threads: see `start`."""

    def __init__(
        self,
        transport: SessionTransport | AsyncSessionTransport,
        holder: str,
        if_exists: IfExists,
        max_bytes: int | None,
        allow_hosts: abc.Collection[str],
        deadline: float | None,
        cancel: Cancel | None,
    ) -> None:
        if if_exists not in ("error", "replace", "keep"):
            raise ConfigurationError('if_exists takes "error", "replace" or "keep"')
        # A text is a collection too, of its characters.
        if isinstance(allow_hosts, str) or not all(map(_is_host, allow_hosts)):
            raise ConfigurationError('allow_hosts takes a list of hosts, such as ["cdn.example"]')
        self._transport = transport
        self._loop = running_loop() if isinstance(transport, AsyncSessionTransport) else None
        self._halt = Cancel()  # not the caller's, which may end other calls too
        self._options = _download.DownloadOptions(
            session=transport.session,
            call=transport.options,
            policy=_download.URLPolicy(transport, tuple(allow_hosts)),
            if_exists=if_exists,
            max_bytes=float("inf") if max_bytes is None else whole("max_bytes", max_bytes),
            deadline_at=_clock.monotonic() + seconds("deadline", deadline),
            cancel=transport.options.cancel if cancel is None else switch_of(cancel),
            halt=self._halt,
            operation=f"{holder}.download",
        )

    def new_download(
        self,
        task_id: str,
        kind: str,
        url: str | None,
        refresh: abc.Callable[[Options], str] | None,
        destination: Destination,
        number: int | None = None,
    ) -> _download.Download:
        dest, into, sha256 = destination
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise ConfigurationError("sha256 takes the 64 hexadecimal digits of the checksum")
        request = _download.FetchRequest(
            id=task_id,
            url=url,
            refresh=refresh,
            key=self._key,
            target=_download.target_path(task_id, dest, into, kind, number),
            makes_folder=dest is None,
            sha256=None if sha256 is None else sha256.lower(),
            kind=cast("Kind", kind),
            number=number,
        )
        return _download.Download(self._options, request)

    def content(
        self, name: str, arguments: abc.Mapping[str, object], kind: str, destination: Destination
    ) -> _download.Download:
        """Return the download of the file that an operation returns."""
        values = [str(value) for value in arguments.values() if not isinstance(value, Unset)]
        url = self._transport.prepare(operation_named(name, "File"), arguments).raw_url
        return self.new_download("-".join(values), kind, url, None, destination)

    def start(
        self, work: abc.Callable[[OnProgress | None], T], on_progress: OnProgress | None
    ) -> Any:  # noqa: ANN401 - T, or a coroutine that returns it
        """Run `work`; for an async client in a thread, with `on_progress` in the event loop."""
        check_hook("progress", on_progress, may_be_async=self._loop is not None)
        if self._loop is None:
            return work(on_progress)

        async def notify_async(progress: Progress) -> None:
            if on_progress is not None and isawaitable(result := on_progress(progress)):
                await result

        def notify(progress: Progress) -> None:
            self._result_of(notify_async(progress))

        return _download.in_thread(partial(work, on_progress and notify), self._halt)

    def _key(self, within: float) -> Key:
        credentials = self._transport.session.credentials
        ask = credentials.key if self._loop is None else credentials.akey
        key: Key = self._result_of(ask(within))
        return key

    def _result_of(self, work: Any) -> Any:  # noqa: ANN401 - a coroutine of an async client, or a value
        """Return the result of a coroutine, which runs in the caller's event loop, or a value."""
        return work if self._loop is None else _download.in_loop(self._loop, work, self._halt)


class ResultDownloads(Downloads):
    def __init__(
        self,
        transport: SessionTransport | AsyncSessionTransport,
        spec: Task,
        parameters: abc.Mapping[str, str],
        *limits: Any,
    ) -> None:
        spec.check(parameters)
        if not spec.content and not (spec.results and spec.kind != "none"):
            raise ConfigurationError(f"{spec.name} has no results to download")
        super().__init__(transport, spec.holder, *limits)
        self._spec, self._parameters = spec, parameters

    def run(self, task: object, destination: Destination, on_progress: OnProgress | None) -> Path:
        """Download the results of a task one after the other; return where the first one is."""
        downloads = self._make_downloads(task, destination)
        first, *_ = [download.run(on_progress) for download in downloads]
        return first

    def run_all(
        self, tasks: Tasks, into: Place, parallel: int, on_progress: OnProgress | None
    ) -> dict[str, AnyDownloadOutcome]:
        limit = whole("parallel", parallel)
        policy = self._options.policy.with_keep_alive()
        self._options = attrs.evolve(self._options, policy=policy)
        with closing(policy):
            jobs = self._jobs(tasks, into)
            return _download.download_all(jobs, limit, self._halt, on_progress)

    def _jobs(self, tasks: Tasks, into: Place) -> abc.Iterator[Job]:
        for task in self._iterate(tasks):
            task_id = self._spec.task_id_of(task, self._parameters)
            yield task_id.id, partial(self._make_downloads, task, (None, into, None))

    def _iterate(self, tasks: Tasks) -> abc.Iterator[object]:
        if self._loop is None or isinstance(tasks, abc.Collection):
            return iter(several(cast("abc.Iterable[object]", tasks)))
        source = each_async(several(tasks))

        async def next_task() -> object:
            return await anext(source, None)

        # The caller's code runs in the event loop, not in the thread of the download.
        return iter(lambda: self._result_of(next_task()), None)

    def _make_downloads(self, task: object, destination: Destination) -> list[_download.Download]:
        spec, call = self._spec, self._options.call
        task_id = spec.task_id_of(task, self._parameters)
        urls = results_in(spec, task_id.id, task) if spec.is_answer(task) else []
        if spec.content is not None:
            operation, parameter = spec.content
            return [self.content(operation, {parameter: task_id.id}, spec.kind, destination)]
        create = partial(self.new_download, task_id.id, spec.kind, destination=destination)
        refresh = partial(self._query_url, task_id)
        if not urls:
            download = create(None, partial(refresh, 0))
            if not spec.has_lists:
                return [download]
            # How many results there are decides the names of the files.
            remaining = self._options.deadline_at - _clock.monotonic()
            limits = call._replace(
                deadline=min(remaining, call.deadline), cancel=self._options.cancel or self._halt
            )
            urls = self._query_urls(task_id, limits)
        if len(urls) == 1:
            return [create(urls[0], partial(refresh, 0))]
        if (destination[0], destination[2]) != (None, None):
            count = f"task {shown_id(task_id.id)} has {len(urls)} results"
            raise ConfigurationError(f"{count}: pass into=, a folder, and no checksum")
        return [
            create(url, partial(refresh, index), number=index + 1) for index, url in enumerate(urls)
        ]

    def _query_url(self, task_id: TaskId, index: int, options: Options) -> str:
        urls = self._query_urls(task_id, options)
        if index >= len(urls):
            raise ResultMissing(f"task {shown_id(task_id.id)} has only {len(urls)} results now")
        return urls[index]

    def _query_urls(self, task_id: TaskId, options: Options) -> list[str]:
        operation, arguments = self._spec.operation(), self._spec.arguments(task_id)
        answer = self._transport.call(operation, arguments, options, lenient=True)
        return results_in(self._spec, task_id.id, self._result_of(answer))


def _is_host(text: object) -> bool:
    """Tell whether it may be a host, with or without a port; URLs and patterns match nothing."""
    return isinstance(text, str) and text != "" and {*text}.isdisjoint("/*")


def results_in(spec: Task, task_id: str, task: object) -> list[str]:
    """Return the URLs of a task that has succeeded; none if another operation returns the file."""
    state = known_state(task, None, spec)
    if state is State.RUNNING:
        status = shown_status(status_in(spec, task))
        text = f"task {shown_id(task_id)} is {status}: wait for it first"
        raise ResultMissing(text, task=cast("Any", task))
    # An unknown status with a URL: then the URL counts.
    error = fault_of(task_id, task, State.SUCCEEDED if state is None else state, 0.0, spec)
    if error is not None:
        raise error
    return [HiddenURL(url) for url in urls_in(spec, task)]
