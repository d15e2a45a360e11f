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
    Tell = abc.Callable[[Progress], object] | None
    Where = tuple[Place | None, Place | None, str | None]
    """The file or the folder, and the checksum."""

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
        # A text is a collection too, of its letters.
        if isinstance(allow_hosts, str) or not all(map(_is_host, allow_hosts)):
            raise ConfigurationError('allow_hosts takes a list of hosts, such as ["cdn.example"]')
        self._transport = transport
        self._loop = running_loop() if isinstance(transport, AsyncSessionTransport) else None
        self._halt = Cancel()  # not the caller's own, which may end other calls too
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

    def one(
        self,
        task_id: str,
        kind: str,
        url: str | None,
        refresh: abc.Callable[[Options], str] | None,
        where: Where,
        number: int | None = None,
    ) -> _download.Download:
        dest, into, sha256 = where
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
        self, operation: str, arguments: abc.Mapping[str, object], kind: str, where: Where
    ) -> _download.Download:
        """Return the download of the file that an operation answers with."""
        given = [str(value) for value in arguments.values() if not isinstance(value, Unset)]
        url = self._transport.prepare(operation_named(operation, "File"), arguments).raw_url
        return self.one("-".join(given), kind, url, None, where)

    def start(self, work: abc.Callable[[Tell], T], tell: Tell) -> Any:  # noqa: ANN401 - T, or a coroutine that returns it
        """Run what downloads; for an async client in a thread, with `tell` in the event loop."""
        check_hook("progress", tell, may_be_async=self._loop is not None)
        if self._loop is None:
            return work(tell)

        async def heard(progress: Progress) -> None:
            if tell is not None and isawaitable(result := tell(progress)):
                await result

        def told(progress: Progress) -> None:
            self._of(heard(progress))

        return _download.in_thread(partial(work, tell and told), self._halt)

    def _key(self, within: float) -> Key:
        credentials = self._transport.session.credentials
        ask = credentials.key if self._loop is None else credentials.akey
        key: Key = self._of(ask(within))
        return key

    def _of(self, work: Any) -> Any:  # noqa: ANN401 - a coroutine of an async client, or a value
        """Return what a coroutine returns: it runs in the caller's loop, and this in a thread."""
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

    def run(self, task: object, where: Where, tell: Tell) -> Path:
        """Download the results of a task one after the other; return where the first one is."""
        first, *_ = [one.run(tell) for one in self._made(task, where)]
        return first

    def run_all(
        self, tasks: Tasks, into: Place, parallel: int, tell: Tell
    ) -> dict[str, AnyDownloadOutcome]:
        limit = whole("parallel", parallel)
        policy = self._options.policy.with_keep_alive()
        self._options = attrs.evolve(self._options, policy=policy)
        with closing(policy):
            jobs = self._jobs(tasks, into)
            return _download.download_all(jobs, limit, self._halt, tell)

    def _jobs(self, tasks: Tasks, into: Place) -> abc.Iterator[Job]:
        for task in self._each(tasks):
            task_id = self._spec.task_id_of(task, self._parameters)
            yield task_id.id, partial(self._made, task, (None, into, None))

    def _each(self, tasks: Tasks) -> abc.Iterator[object]:
        if self._loop is None or isinstance(tasks, abc.Collection):
            return iter(several(cast("abc.Iterable[object]", tasks)))
        source = each_async(several(tasks))

        async def following() -> object:
            return await anext(source, None)

        # The caller's own code runs in the loop, not in a thread of ours.
        return iter(lambda: self._of(following()), None)

    def _made(self, task: object, where: Where) -> list[_download.Download]:
        spec, call = self._spec, self._options.call
        task_id = spec.task_id_of(task, self._parameters)
        known = results_in(spec, task_id.id, task) if spec.is_answer(task) else []
        if spec.content is not None:
            operation, parameter = spec.content
            return [self.content(operation, {parameter: task_id.id}, spec.kind, where)]
        one = partial(self.one, task_id.id, spec.kind, where=where)
        again = partial(self._queried, task_id)
        if not known:
            only = one(None, partial(again, 0))
            if not spec.has_lists:
                return [only]
            # How many results there are decides the names of the files.
            left = self._options.deadline_at - _clock.monotonic()
            limits = call._replace(
                deadline=min(left, call.deadline), cancel=self._options.cancel or self._halt
            )
            known = self._query_urls(task_id, limits)
        if len(known) == 1:
            return [one(known[0], partial(again, 0))]
        if (where[0], where[2]) != (None, None):
            count = f"task {shown_id(task_id.id)} has {len(known)} results"
            raise ConfigurationError(f"{count}: pass into=, a folder, and no checksum")
        return [one(url, partial(again, at), number=at + 1) for at, url in enumerate(known)]

    def _queried(self, task_id: TaskId, at: int, options: Options) -> str:
        urls = self._query_urls(task_id, options)
        if at >= len(urls):
            raise ResultMissing(f"task {shown_id(task_id.id)} has only {len(urls)} results now")
        return urls[at]

    def _query_urls(self, task_id: TaskId, options: Options) -> list[str]:
        operation, arguments = self._spec.operation(), self._spec.arguments(task_id)
        answer = self._transport.call(operation, arguments, options, lenient=True)
        return results_in(self._spec, task_id.id, self._of(answer))


def _is_host(text: object) -> bool:
    """Tell whether it may be a host, with a port or without; URLs and patterns match nothing."""
    return isinstance(text, str) and text != "" and {*text}.isdisjoint("/*")


def results_in(spec: Task, task_id: str, task: object) -> list[str]:
    """Return the URLs of a task that has succeeded; none where another operation has the file."""
    state = known_state(task, None, spec)
    if state is State.RUNNING:
        shown = shown_status(status_in(spec, task))
        text = f"task {shown_id(task_id)} is {shown}: wait for it first"
        raise ResultMissing(text, task=cast("Any", task))
    # A word nobody knows, with an address: then the address is what counts.
    fault = fault_of(task_id, task, State.SUCCEEDED if state is None else state, 0.0, spec)
    if fault is not None:
        raise fault
    return [HiddenURL(url) for url in urls_in(spec, task)]
