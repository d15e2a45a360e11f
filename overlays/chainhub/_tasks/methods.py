"""Waiting for tasks and downloading their results: the public methods, sync and async.

The code behind them is imported by the first wait or download: a client that only queries does not
load it.
"""

from __future__ import annotations

import inspect
import sys
from functools import cache, partial
from importlib import import_module
from inspect import Parameter
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chainhub._tasks.table import each_async, several

if TYPE_CHECKING:
    import os
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Callable,
        Collection,
        Iterable,
        Iterator,
        Mapping,
    )
    from pathlib import Path

    from chainhub._cancel import Cancel
    from chainhub._download import AnyDownloadOutcome as DownloadOutcome
    from chainhub._download import IfExists, Kind, Place, Progress
    from chainhub._session import AsyncSessionTransport, SessionTransport
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.loops import Wait
    from chainhub._tasks.outcome import AnyOutcome as Outcome
    from chainhub._tasks.result import ResultDownloads
    from chainhub._tasks.status import State
    from chainhub._tasks.table import Submission, Task

    Interval = float | PollPolicy
    JournalPath = str | os.PathLike[str]
    OnProgress = Callable[[Progress], object]

T = TypeVar("T")
C = TypeVar("C")

# Seconds of a wait: ten times the duration of a usual video; the service gives up earlier.
DEADLINE = 900.0
# Bytes of the largest file that is accepted: an hour of video at 9 Mbit/s.
MAX_BYTES = 4 * 1024**3
# Downloads at the same time: more are not faster on one network connection.
PARALLEL = 4

_METHODS = ("wait", "watch", "wait_many", "as_completed", "download", "download_many")


class BaseTaskMethods(Generic[T, C]):
    """The base of sync and async methods: they import what they need at their first call."""

    __slots__ = ()
    _transport: Any
    _task: Task

    def __init_subclass__(cls) -> None:
        """Give a class methods whose signatures have the parameters of its operation."""
        super().__init_subclass__()
        # So specifications of mocks reject misspelt names too, and `help` lists the parameters.
        task: Task | None = vars(cls).get("_task")
        if task is not None:
            cls._name = task.name  # type: ignore[attr-defined]  # of an operation
            for name in _METHODS:
                setattr(cls, name, _with_parameters(getattr(cls, name), task.parameters))

    def _wait(self, *limits: Any, **kind: Any) -> Wait:
        from chainhub._tasks.loops import Wait  # not earlier: most programs need few waits, or none

        return Wait(self._transport, self._task, *limits, **kind)

    def _downloads(self, parameters: Mapping[str, str], *limits: Any) -> ResultDownloads:
        from chainhub._tasks.result import ResultDownloads  # not earlier, as with waits

        return ResultDownloads(self._transport, self._task, parameters, *limits)


@cache  # nearly all operations have the same
def _with_parameters(method: FunctionType, parameters: tuple[str, ...]) -> FunctionType:
    # Another function with the same code: a method shows the attributes of its function.
    signature = inspect.signature(method)
    *own, _ = signature.parameters.values()
    further = [Parameter(name, Parameter.KEYWORD_ONLY, annotation=str) for name in parameters]
    result = FunctionType(method.__code__, method.__globals__, method.__name__, method.__defaults__)
    result.__kwdefaults__, result.__annotations__ = method.__kwdefaults__, method.__annotations__
    result.__doc__, result.__qualname__ = method.__doc__, method.__qualname__
    # Into the namespace, because a function has no such attribute for type checkers.
    vars(result)["__signature__"] = signature.replace(parameters=[*own, *further])
    return result


class TaskMethods(BaseTaskMethods[T, C]):
    """Waiting for tasks of an operation and downloading their results, sync.

    T is the model that the operation returns, C the answers of the operations that create such a
    task. Where the operation requires more than an id, every method takes that by name; an answer
    of a create operation may hold it.
    """

    __slots__ = ()
    _transport: SessionTransport

    def wait(
        self,
        task: str | T | C | Submission,
        *,
        deadline: float | None = DEADLINE,
        on_update: Callable[[T], object] | None = None,
        interval: Interval | None = None,
        raise_on_failure: bool = True,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> T:
        """Poll a task until it is finished and return it; its results can be downloaded then.

        Polls at once, then at an interval learned from the durations this client has seen.
        Transient errors are retried: ten failed polls in a row end the wait, a success resets the
        count. Where nothing has ever answered at the address, four failed polls end it, in 14 to
        26 s. Ends at most 0.3 s after `deadline`.

        Args:
            task: The task, its id, or the answer of the operation that created it.
            deadline: Seconds to wait at most, 900 by default; None for no limit.
            on_update: Callback with the task when its status, progress or URL has changed.
            interval: Seconds between polls, or a function of elapsed seconds, number of polls and
                last task that returns them. By default it is learned.
            raise_on_failure: False to return a failed, cancelled or expired task as well.
            words: The meaning of further status values.
            cancel: Ends the wait within 50 ms when it is set.
            parameters: What the operation requires besides the id.

        Raises:
            TaskFailed: the task failed; its `reason` says why if the service does.
            TaskCancelled: the task was cancelled.
            TaskExpired: the task expired.
            ResultMissing: the task is completed, but there is no URL.
            WaitTimeout: the deadline passed; the task keeps running, wait for it again.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or an error that a retry cannot fix.
        """
        limits = deadline, interval, words, cancel
        wait = self._wait(parameters, *limits, single=True, raises=raise_on_failure)
        (outcome,) = wait.updates(iter((task,)), on_update)
        result: T = outcome.result()
        return result

    def watch(
        self,
        task: str | T | C | Submission,
        *,
        deadline: float | None = DEADLINE,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> Iterator[T]:
        """Yield the task each time its status, progress or URL has changed, the finished one last.

        A failed task is yielded, not raised; otherwise it works like `wait`.

        Args:
            task: The task, its id, or the answer of the operation that created it.
            deadline: Seconds to watch at most, 900 by default; None for no limit.
            interval: Seconds between polls, or a function that returns them.
            words: The meaning of further status values.
            cancel: Ends the watch within 50 ms when it is set.
            parameters: What the operation requires besides the id.

        Raises:
            WaitTimeout: the deadline passed; the task keeps running.
            CancelledByUser: `cancel` was set.
            ChainhubError: the last of too many failures, or an error that a retry cannot fix.
        """
        wait = self._wait(parameters, deadline, interval, words, cancel, watch=True)
        return wait.iterate(iter((task,)))

    def wait_many(
        self,
        ids: Iterable[str | T | C | Submission],
        *,
        deadline: float | None = DEADLINE,
        on_update: Callable[[T], object] | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> dict[str, Outcome[T]]:
        """Poll many tasks and return an `Outcome` for each, by id, in the order of the ids.

        One failed task does not stop the others: its error is in its outcome. Arguments and errors
        are those of `as_completed`.
        """
        wait = self._wait(parameters, deadline, interval, words, cancel, journal)
        return wait.in_order(wait.updates(iter(several(ids)), on_update))

    def as_completed(
        self,
        ids: Iterable[str | T | C | Submission],
        *,
        deadline: float | None = DEADLINE,
        on_update: Callable[[T], object] | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> Iterator[Outcome[T]]:
        """Poll many tasks and yield an `Outcome` for each as soon as it is known.

        At most `max_connections` requests (100 by default) are in flight, each in a thread;
        callbacks run in the caller's thread. A 429 slows down the polls of all tasks together.

        Args:
            ids: Tasks, their ids, or answers of the operation that created them, read when there
                is room for another; duplicates are ignored.
            deadline: Seconds for all of them together, 900 by default; None for no limit.
            on_update: Callback with a task when its status, progress or URL has changed.
            interval: Seconds between the polls of a task, or a function that returns them. By
                default it is learned.
            words: The meaning of further status values.
            journal: A file that stores final outcomes; after a restart they are yielded again with
                `replayed=True` and not polled.
            cancel: Ends the wait within 50 ms when it is set.
            parameters: What the operation requires besides the id.

        Raises:
            CancelledByUser: `cancel` was set.
            JournalError: the journal cannot be used.
            ConfigurationError: an argument cannot be used.
        """
        wait = self._wait(parameters, deadline, interval, words, cancel, journal)
        return wait.iterate(iter(several(ids)), on_update)

    def download(
        self,
        task: str | T | C | Submission,
        dest: Place | None = None,
        *,
        into: Place | None = None,
        if_exists: IfExists = "error",
        sha256: str | None = None,
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> Path:
        """Download the result of a finished task and return the path of the file.

        The file is written to `dest.part` and renamed when it is complete, so that `dest` is never
        half a file. After a failure the `.part` file stays, if the server supports resuming, and
        the same call resumes it, in the same process or another.

        A broken transfer is resumed, up to 4 attempts (`RetryPolicy.attempts`) without 1 MiB of
        progress between them. There is no deadline by default; but at least 16 KiB must arrive
        within every `timeout` of the client (15 s), so that a dead server does not block a caller.

        Several results, such as images, are written into the folder `into` one after the other, as
        `<id>-1.png`, `<id>-2.png`; the path of the first one is returned.

        The key is sent only to the scheme, host and port of the base URL. If the URL has expired,
        a new one is queried once.

        Args:
            task: The finished task, its id, or the answer of the operation that created it; without
                a URL it is queried first.
            dest: The file to write; its folder must exist.
            into: Instead of `dest`, the folder to write to, created if it is missing; the file is
                named after the id.
            if_exists: What to do if the file exists: "error", "replace" it when the new one is
                complete, or "keep" it and download nothing.
            sha256: The checksum the file must have, 64 hexadecimal digits.
            max_bytes: The largest file to accept, 4 GiB by default; None for no limit.
            allow_hosts: Private hosts from which the file is accepted: `host`, or `host:port` for
                that port only.
            progress: Callback with a `Progress`, at most every 0.1 s and at the end. An exception
                in it ends the download.
            deadline: Seconds for the whole call; None for no limit.
            cancel: Ends the download within 50 ms when it is set.
            parameters: What the operation requires besides the id.

        Raises:
            DestinationExistsError: the file exists already.
            DiskError: no space, no permission, no such folder; or the destination is not a file.
            TaskFailed, TaskCancelled, TaskExpired: the task has no result.
            ResultMissing: the task has no URL, or is not finished.
            LinkExpiredError: the URL has expired, and a new one does not work either.
            AddressRefusedError: the URL points to a private address, or is not http(s).
            ContentRefusedError: the response is not of the expected kind, or larger than
                `max_bytes`.
            IntegrityError: the checksum differs.
            DownloadError: another download to the same file is running.
            DeadlineError: `deadline` passed.
            CancelledByUser: `cancel` was set.
            ChainhubError: any other error of a request.
        """
        downloads = self._downloads(parameters, if_exists, max_bytes, allow_hosts, deadline, cancel)
        path: Path = downloads.start(partial(downloads.run, task, (dest, into, sha256)), progress)
        return path

    def download_many(
        self,
        tasks: Iterable[str | T | C | Submission],
        *,
        into: Place,
        if_exists: IfExists = "error",
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        parallel: int = PARALLEL,
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> dict[str, DownloadOutcome]:
        """Download the results of many tasks; one failure does not stop the others.

        Each download works like `download`. To continue after an interruption, call it again with
        `if_exists="keep"`.

        Args:
            tasks: Finished tasks, their ids, or answers of the operation that created them, read
                when there is room for another; duplicates are ignored.
            into: The folder to write to, created if it is missing; the files are named after the
                ids.
            if_exists: What to do if a file exists: "error", "replace" or "keep".
            max_bytes: The largest file to accept, 4 GiB by default; None for no limit.
            allow_hosts: Private hosts from which files are accepted.
            parallel: Downloads at the same time, 4 by default.
            progress: Callback with a `Progress`, which names the task; it runs in this thread.
            deadline: Seconds for the whole call; downloads that are not finished then fail.
            cancel: Ends the call within 50 ms when it is set.
            parameters: What the operation requires besides the id.

        Returns:
            An outcome for each id, in the order of `tasks`; its `result()` is the path, or raises.

        Raises:
            CancelledByUser: `cancel` was set.
            ConfigurationError: an argument cannot be used.
            DownloadError: the system starts no further thread.
        """
        downloads = self._downloads(parameters, if_exists, max_bytes, allow_hosts, deadline, cancel)
        work = partial(downloads.run_all, tasks, into, parallel)
        outcomes: dict[str, DownloadOutcome] = downloads.start(work, progress)
        return outcomes


class AsyncTaskMethods(BaseTaskMethods[T, C]):
    """Waiting for tasks of an operation and downloading their results, async."""

    __slots__ = ()
    _transport: AsyncSessionTransport

    async def wait(
        self,
        task: str | T | C | Submission,
        *,
        deadline: float | None = DEADLINE,
        on_update: Callable[[T], object] | None = None,
        interval: Interval | None = None,
        raise_on_failure: bool = True,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> T:
        """Async `TaskMethods.wait`; `on_update` may be async."""
        limits = deadline, interval, words, cancel
        wait = self._wait(parameters, *limits, single=True, raises=raise_on_failure)
        (outcome,) = [outcome async for outcome in wait.updates_async(iter((task,)), on_update)]
        result: T = outcome.result()
        return result

    def watch(
        self,
        task: str | T | C | Submission,
        *,
        deadline: float | None = DEADLINE,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> AsyncIterator[T]:
        """Async `TaskMethods.watch`."""
        # Not a coroutine: `async for` needs the iterator at once.
        wait = self._wait(parameters, deadline, interval, words, cancel, watch=True)
        return wait.iterate_async(iter((task,)))

    async def wait_many(
        self,
        ids: Iterable[str | T | C | Submission] | AsyncIterable[str | T | C | Submission],
        *,
        deadline: float | None = DEADLINE,
        on_update: Callable[[T], object] | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> dict[str, Outcome[T]]:
        """Async `TaskMethods.wait_many`; `ids` may be an async iterable, `on_update` async."""
        wait = self._wait(parameters, deadline, interval, words, cancel, journal)
        outcomes = wait.updates_async(each_async(several(ids)), on_update)
        return wait.in_order([outcome async for outcome in outcomes])

    def as_completed(
        self,
        ids: Iterable[str | T | C | Submission] | AsyncIterable[str | T | C | Submission],
        *,
        deadline: float | None = DEADLINE,
        on_update: Callable[[T], object] | None = None,
        interval: Interval | None = None,
        words: Mapping[str, State] | None = None,
        journal: JournalPath | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> AsyncIterator[Outcome[T]]:
        """Async `TaskMethods.as_completed`; `ids` may be an async iterable, `on_update` async."""
        wait = self._wait(parameters, deadline, interval, words, cancel, journal)
        return wait.iterate_async(each_async(several(ids)), on_update)

    async def download(
        self,
        task: str | T | C | Submission,
        dest: Place | None = None,
        *,
        into: Place | None = None,
        if_exists: IfExists = "error",
        sha256: str | None = None,
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> Path:
        """Async `TaskMethods.download`; `progress` may be async, the disk never blocks the loop."""
        downloads = self._downloads(parameters, if_exists, max_bytes, allow_hosts, deadline, cancel)
        work = partial(downloads.run, task, (dest, into, sha256))
        path: Path = await downloads.start(work, progress)
        return path

    async def download_many(
        self,
        tasks: Iterable[str | T | C | Submission] | AsyncIterable[str | T | C | Submission],
        *,
        into: Place,
        if_exists: IfExists = "error",
        max_bytes: int | None = MAX_BYTES,
        allow_hosts: Collection[str] = (),
        parallel: int = PARALLEL,
        progress: OnProgress | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        **parameters: str,
    ) -> dict[str, DownloadOutcome]:
        """Async `TaskMethods.download_many`; `progress` may be async."""
        downloads = self._downloads(parameters, if_exists, max_bytes, allow_hosts, deadline, cancel)
        work = partial(downloads.run_all, tasks, into, parallel)
        outcomes: dict[str, DownloadOutcome] = await downloads.start(work, progress)
        return outcomes


class _Operation:
    """A callable attribute of a resource, in place of a method; a call is the operation."""

    _name: str
    _kind: Kind  # only where the answer is a file
    _transport: Any

    def __init__(self, transport: object) -> None:
        """Create it for the transport of a client, which sends the requests."""
        self._transport = transport
        if sys.version_info >= (3, 12) and isinstance(self, _AsyncOperation):  # pragma: no cover
            inspect.markcoroutinefunction(self)  # before 3.12, the property tells it

    def __repr__(self) -> str:
        """Name the operation as callers do."""
        return f"<client.{self._name}>"

    def _start_download(
        self,
        arguments: Mapping[str, object],
        dest: Place | None,
        into: Place | None,
        sha256: str | None,
        progress: OnProgress | None,
        *limits: Any,  # if_exists, max_bytes, allow_hosts, deadline, cancel
    ) -> Any:  # noqa: ANN401 - a path, or a coroutine that returns it
        from chainhub._tasks import result

        downloads = result.Downloads(self._transport, self._name, *limits)
        download = downloads.content(self._name, arguments, self._kind, (dest, into, sha256))
        return downloads.start(download.run, progress)


class _AsyncOperation(_Operation):
    """Counts as an async function: a mock by `unittest.mock` in its place can be awaited."""

    @property
    def _is_coroutine(self) -> object:
        # Until 3.13; imported when needed: asyncio takes longer to load than all the rest.
        return getattr(import_module("asyncio.coroutines"), "_is_coroutine", None)


class TaskOperation(TaskMethods[T, C], _Operation):
    """An operation that says how a task is doing, sync: called it asks, its methods wait."""


class AsyncTaskOperation(AsyncTaskMethods[T, C], _AsyncOperation):
    """An operation that says how a task is doing, async: called it asks, its methods wait."""


class FileOperation(_Operation):
    """An operation whose answer is a file, sync: called it returns it, `download` writes it.

    The generated `download` has the parameters of the operation and the arguments of
    `TaskMethods.download`, and passes them on.
    """

    def _download(self, *arguments: Any) -> Path:
        path: Path = self._start_download(*arguments)
        return path


class AsyncFileOperation(_AsyncOperation):
    """An operation whose answer is a file, async: called it returns it, `download` writes it."""

    async def _download(self, *arguments: Any) -> Path:
        path: Path = await self._start_download(*arguments)
        return path
