"""From a task to the bytes of its result: which URL, which file, how a new URL is queried."""

from __future__ import annotations

import asyncio
import re
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import closing
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._download import (
    Download,
    DownloadOptions,
    FetchRequest,
    URLPolicy,
    download_all,
    in_loop,
    in_thread,
    target_path,
)
from chainhub._session import AsyncSessionTransport, running_loop, seconds, whole
from chainhub._tasks.outcome import fault_of, shown_id
from chainhub._tasks.status import State, known_state, shown_status, status_in, urls_in
from chainhub._tasks.table import Task, TaskId
from chainhub.errors import ConfigurationError, ResultMissing

if TYPE_CHECKING:
    from chainhub._download import AnyDownloadOutcome, IfExists, Job, Place, Progress
    from chainhub._session import Key, Options
    from chainhub._tasks.methods import AsyncTaskMethods, TaskMethods

    Tasks = Iterable[object] | AsyncIterable[object]
    Tell = Callable[[Progress], object]

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class ResultDownloads:
    """The downloads of one call of a client.

    For an async client everything but queries, keys and callbacks runs in threads: see `in_thread`.

    Raises:
        ConfigurationError: an argument cannot be used; the sentence says which.
    """

    def __init__(
        self,
        methods: TaskMethods[Any, Any] | AsyncTaskMethods[Any, Any],
        parameters: Mapping[str, str],
        if_exists: IfExists,
        max_bytes: int | None,
        allow_hosts: Collection[str],
        deadline: float | None,
        cancel: Cancel | None,
    ) -> None:
        self._spec, self._parameters = methods._task, parameters
        self._spec.check(parameters)
        transport = self._transport = methods._transport
        if if_exists not in ("error", "replace", "keep"):
            raise ConfigurationError('if_exists takes "error", "replace" or "keep"')
        if isinstance(allow_hosts, str) or not all(isinstance(host, str) for host in allow_hosts):
            raise ConfigurationError('allow_hosts takes a list of hosts, such as ["cdn.example"]')
        self._loop = running_loop() if isinstance(transport, AsyncSessionTransport) else None
        self._halt = Cancel()
        self._options = DownloadOptions(
            session=transport.session,
            call=transport.options,
            policy=URLPolicy(transport, tuple(allow_hosts)),
            if_exists=if_exists,
            max_bytes=float("inf") if max_bytes is None else whole("max_bytes", max_bytes),
            deadline_at=_clock.monotonic() + seconds("deadline", deadline),
            cancel=transport.options.cancel if cancel is None else cancel,
            halt=self._halt,
        )

    def make(
        self, task: object, dest: Place | None, into: Place | None, sha256: str | None = None
    ) -> Download:
        """Return the download of one task.

        Raises:
            ConfigurationError: an argument cannot be used.
            TaskError: the task has no result.
            AddressRefusedError: the address of its result is not followed.
        """
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise ConfigurationError("sha256 takes the 64 hexadecimal digits of the checksum")
        asked = self._spec.asked(task, self._parameters)
        request = FetchRequest(
            id=asked.id,
            url=address_in(self._spec, asked.id, task) if self._spec.made(task) else None,
            refresh=partial(self._queried, asked),
            key=self._key,
            target=target_path(asked.id, dest, into),
            makes_folder=dest is None,
            sha256=None if sha256 is None else sha256.lower(),
        )
        return Download(self._options, request)

    def make_all(
        self, tasks: Tasks, into: Place, parallel: int, tell: Tell
    ) -> dict[str, AnyDownloadOutcome]:
        """Download the results of many tasks and return their outcomes."""
        limit = whole("parallel", parallel)
        policy = self._options.policy.keeping()
        self._options = attrs.evolve(self._options, policy=policy)
        with closing(policy):
            return download_all(self._jobs(tasks, into), limit, self._halt, tell)

    async def in_thread(self, work: Callable[[Tell], T], tell: Tell | None) -> T:
        """Run what downloads in a thread; `tell` is called, and awaited if need be, in the loop."""
        loop = asyncio.get_running_loop()

        async def heard(progress: Progress) -> None:
            assert tell is not None
            result = tell(progress)
            if isawaitable(result):
                await result

        def told(progress: Progress) -> None:
            in_loop(loop, heard(progress), self._halt)

        return await in_thread(partial(work, unheard if tell is None else told), self._halt)

    def _jobs(self, tasks: Tasks, into: Place) -> Iterator[Job]:
        for task in self._each(tasks):
            asked = self._spec.asked(task, self._parameters)
            yield asked.id, partial(self.make, task, None, into)

    def _each(self, tasks: Tasks) -> Iterator[object]:
        loop = self._loop
        if loop is None or isinstance(tasks, Collection):
            return iter(cast("Iterable[object]", tasks))
        source = _asynchronous(tasks)

        async def following() -> object:
            return await anext(source, None)

        # The caller's own code runs in the loop, not in a thread of ours.
        return iter(lambda: in_loop(loop, following(), self._halt), None)

    def _queried(self, asked: TaskId, options: Options) -> str:
        """Query a task for the URL of its result."""
        operation, arguments = self._spec.operation(), self._spec.arguments(asked)
        if isinstance(self._transport, AsyncSessionTransport):
            assert self._loop is not None
            querying = self._transport.call(operation, arguments, options)
            task = in_loop(self._loop, querying, self._halt)
        else:
            task = self._transport.call(operation, arguments, options)
        return address_in(self._spec, asked.id, task)

    def _key(self, within: float) -> Key:
        credentials = self._transport.session.credentials
        if self._loop is None:
            return credentials.key(within)
        return in_loop(self._loop, credentials.akey(), self._halt)


async def _asynchronous(tasks: Tasks) -> AsyncIterator[object]:
    if isinstance(tasks, AsyncIterable):
        async for task in tasks:
            yield task
    else:
        for task in tasks:
            yield task


def address_in(spec: Task, task_id: str, task: object) -> str:
    """Return the address of a task's result.

    Raises:
        TaskError: there is none, because the task failed, is running or has no URL.
    """
    state = known_state(task, None, spec)
    if state is State.RUNNING:
        shown = shown_status(status_in(spec, task))
        text = f"task {shown_id(task_id)} is {shown}: wait for it first"
        raise ResultMissing(text, task=cast("Any", task))
    # A word nobody knows, with an address: then the address is what counts.
    fault = fault_of(task_id, task, State.SUCCEEDED if state is None else state, 0.0, spec)
    if fault is not None:
        raise fault
    urls = urls_in(spec, task)
    return urls[0]


def unheard(progress: Progress) -> None:
    """Take progress that nobody asked for."""
