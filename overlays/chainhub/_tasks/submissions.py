"""Create once: the submissions by key, in a file that survives the process.

A line with the intent is on the disk before a byte of the request is sent, and one with the id of
the task after the answer. Whatever happens between the two, the request is not sent again.
"""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, ParamSpec, Self, overload

from chainhub import errors
from chainhub._cancel import Cancel
from chainhub._download import in_thread
from chainhub._redaction import one_line
from chainhub._session import operation_of
from chainhub._tasks import table
from chainhub._tasks.record_file import VERSION, ForeignLine, RecordFile, account_of, line_of
from chainhub._tasks.table import Submission
from chainhub.errors import ChainhubError, ConfigurationError

if TYPE_CHECKING:
    from chainhub._session import AsyncSessionTransport, Operation, Session, SessionTransport

P = ParamSpec("P")

_LONGEST_KEY = 500
_LATEST = 1e11  # in the year 5138: greater values are not seconds


class _Entry(NamedTuple):
    """The state of a key; without an id the submission is in doubt."""

    operation: str
    arguments: str
    at: float
    id: str | None = None
    parameters: Mapping[str, str] = {}


class _File(RecordFile):
    kind = "submissions"
    record = "a submission"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.entries: dict[str, _Entry] = {}
        super().__init__(path)

    def note(self, entry: dict[str, Any], offset: int, length: int) -> None:
        key = entry.get("key")
        if not isinstance(key, str):
            raise ForeignLine
        record, gone = self.entries.get(key), entry.get("gone")
        if record is not None and gone is True:
            del self.entries[key]
        elif record is not None and isinstance(entry.get("id"), str):
            parameters = entry.get("parameters") or {}
            self.entries[key] = record._replace(id=entry["id"], parameters=parameters)
        elif record is None and isinstance(at := entry.get("at"), int | float) and 0 < at < _LATEST:
            operation, arguments = str(entry.get("operation")), str(entry.get("arguments"))
            self.entries[key] = _Entry(operation, arguments, at)
        else:
            raise ForeignLine

    def write(self, key: str, **facts: object) -> None:
        entry = {"v": VERSION, "key": key, **facts}
        self.append(line_of(entry))
        self.sync()
        self.note(entry, 0, 0)


class Submissions:
    """Submits each key once, however often the program runs.

    A submission costs money, so a request whose fate is unknown is never sent again by itself. One
    process at a time has the file; close it, or use it as a context manager. Iterating gives the
    submissions whose tasks are known, in the order in which they began.

    After `job = jobs.submit("order-17", client.video.create, prompt="a cow with wings")`, a wait
    takes the submission: `client.video.wait(job)`.

    Args:
        path: The file; it is created if it is missing, readable by its owner only.

    Raises:
        JournalError: the file is in use, of another kind or user, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = Lock()
        self._file = _File(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the file could not be opened, or the disk is full
            self.close()

    def __iter__(self) -> Iterator[Submission]:
        for key, entry in list(self._file.entries.items()):  # a thread may submit meanwhile
            if entry.id is not None:
                yield Submission(key, entry.operation, entry.id, entry.parameters)

    @property
    def in_doubt(self) -> list[errors.SubmissionInDoubt]:
        """The submissions without an answer, as the errors that submitting them again raises."""
        entries = list(self._file.entries.items())
        return [_doubt_error(key, entry) for key, entry in entries if entry.id is None]

    # A coroutine is an object as well: the first signature that fits is the one that counts.
    @overload
    def submit(  # type: ignore[overload-overlap]
        self,
        key: str,
        method: Callable[P, Coroutine[Any, Any, Any]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, Submission]: ...
    @overload
    def submit(
        self, key: str, method: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> Submission: ...
    def submit(self, key: str, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> object:
        """Create a task, unless it was created under this key before.

        A refusal by the service, and a request that was not sent, leave no trace: the key can be
        used again. Of an async client's method the result is awaited.

        Args:
            key: Your name for it, such as the number of an order; at most 500 characters.
            method: The operation, such as `client.video.create`.
            args: Its arguments.
            kwargs: Its arguments by name.

        Returns:
            The submission, which `wait` and `wait_many` take; the known one, without a request, if
            there is one.

        Raises:
            SubmissionInDoubt: it was begun before, and has no answer.
            ConfigurationError: it was submitted with other arguments before, or it is no operation
                that creates a task.
            JournalError: the file is that of another account, or cannot be written.
            ChainhubError: what the operation raises.
        """
        operation, transport = _operation_of(method)
        digest = partial(_digest, key, *_call_of(method, args, kwargs))
        begin = partial(self._begin, key, operation, transport.session, digest)
        call = partial(method, *args, **kwargs)

        async def submit_async() -> Submission:
            # The disk does not block the loop, and a write that has begun is completed.
            if (submission := await in_thread(begin, Cancel())) is not None:
                return submission
            try:
                answer = await call()
            except ChainhubError as error:
                await in_thread(partial(self._on_failure, key, error), Cancel())
                raise
            return await in_thread(partial(self._on_answer, key, answer), Cancel())

        if inspect.iscoroutinefunction(method):
            return submit_async()
        if (submission := begin()) is not None:
            return submission
        try:
            answer = call()
        except ChainhubError as error:
            self._on_failure(key, error)
            raise
        return self._on_answer(key, answer)

    def resolve(self, key: str, id: str) -> Submission:
        """Say which task a submission in doubt has created.

        Args:
            key: Its key.
            id: The id of the task.

        Raises:
            ConfigurationError: it is not in doubt, or the id is empty.
            JournalError: the file cannot be written.
        """
        if not isinstance(id, str) or not id.strip():
            raise ConfigurationError("the task id must be a non-empty string")
        with self._lock:
            entry = self._entry_in_doubt(key)
            self._file.write(key, id=id)
        return Submission(key, entry.operation, id)

    def forget(self, key: str) -> None:
        """Say that a submission in doubt has created nothing: its key can be used again.

        Raises:
            ConfigurationError: it is not in doubt.
            JournalError: the file cannot be written.
        """
        with self._lock:
            self._entry_in_doubt(key)
            self._file.write(key, gone=True)

    def close(self) -> None:
        """Release the file; twice does no harm."""
        self._file.close()

    def _entry_in_doubt(self, key: str) -> _Entry:
        entry = self._file.entries.get(key)
        if entry is None or entry.id is not None:
            raise ConfigurationError(f"the submission {_shown(key)} is not in doubt")
        return entry

    def _begin(
        self, key: str, operation: str, session: Session, digest_of: Callable[[], str]
    ) -> Submission | None:
        """Return the submission if it has an id; else write that it begins."""
        if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
            raise ConfigurationError(f"a key is a text of 1 to {_LONGEST_KEY} characters")
        digest = digest_of()
        with self._lock:
            self._file.claim(session.connector.base_url, account_of(session))
            entry = self._file.entries.get(key)
            if entry is None:
                self._file.write(key, operation=operation, arguments=digest, at=time.time())
                return None
        if (entry.operation, entry.arguments) != (operation, digest):
            text = f"{_shown(key)} was submitted before, to {entry.operation}"
            raise ConfigurationError(f"{text} with other arguments: use another key")
        if entry.id is None:
            raise _doubt_error(key, entry)
        return Submission(key, operation, entry.id, entry.parameters)

    def _on_failure(self, key: str, error: ChainhubError) -> None:
        """Write the result of the submission that an error shows; most errors show none."""
        with self._lock:
            if (
                isinstance(error, errors.StatusError | errors.ResponseError)
                and error.task_id is not None
            ):
                self._file.write(key, id=error.task_id)
            elif isinstance(error, ConfigurationError | errors.TransportError) or (
                # One that may have been processed in spite of its status is another error.
                isinstance(error, errors.StatusError) and (error.status or 0) >= 300
            ):
                self._file.write(key, gone=True)

    def _on_answer(self, key: str, answer: object) -> Submission:
        with self._lock:
            entry = self._file.entries[key]
            spec = table.task_named(table.CREATES[entry.operation]["task"])
            task_id, parameters = spec.identify(answer)
            if not task_id:
                raise _doubt_error(key, entry)
            facts = {"parameters": parameters} if parameters else {}
            try:
                self._file.write(key, id=task_id, **facts)
            except ChainhubError as error:
                error.message = f"{error.message}; the task of {_shown(key)} is {task_id}"
                error.args = (error.message,)
                raise
        return Submission(key, entry.operation, task_id, parameters)


def _operation_of(
    method: Callable[..., Any],
) -> tuple[str, SessionTransport | AsyncSessionTransport]:
    resource: Any = getattr(method, "__self__", None)
    tag = type(resource).__module__.rpartition(".")[2]
    name = f"{tag}.{getattr(method, '__name__', '')}"
    transport = getattr(resource, "_transport", None)
    if name not in table.CREATES or transport is None:
        text = "submit takes an operation of a client that creates a task"
        raise ConfigurationError(f"{text}; {one_line(name, 80)} is not known as one")
    return name, transport


def _doubt_error(key: str, entry: _Entry) -> errors.SubmissionInDoubt:
    at = datetime.fromtimestamp(entry.at, UTC)
    lookup = table.CREATES.get(entry.operation, {}).get("lookup")
    where = f"with client.{lookup}" if lookup else "at the service (the contract cannot look it up)"
    return errors.SubmissionInDoubt(
        f"the submission {_shown(key)} has no answer: {entry.operation} was begun on "
        f"{at:%Y-%m-%d at %H:%M:%S} UTC, and may have been processed",
        key=key,
        operation=entry.operation,
        arguments=entry.arguments,
        at=at,
        lookup=lookup,
        advice=f"look {where} whether the task exists; then resolve(key, id) or forget(key)",
    )


class _NotSent(Exception):
    """Raised in place of sending a request."""


def _call_of(
    method: Callable[..., Any], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> tuple[Operation, Mapping[str, object]]:
    """Return the operation and the arguments of a call, without sending the request."""
    calls = []

    def run(
        module: ModuleType, returns: str, arguments: Mapping[str, object], *options: object
    ) -> NoReturn:
        calls.append((operation_of(module, returns), arguments))
        raise _NotSent

    resource: Any = type(method.__self__)(SimpleNamespace(run=run))  # type: ignore[attr-defined]  # it is a method: see _operation_of
    with suppress(_NotSent):
        coroutine = getattr(resource, method.__name__)(*args, **kwargs)
        coroutine.send(None)  # of an async client it begins only now
    return calls[0]


def _digest(key: str, operation: Operation, arguments: Mapping[str, object]) -> str:
    """Return the digest of a request: equal for equal requests, however the arguments are given."""
    try:
        request = operation.request(arguments)
        # Twice: only texts can be sorted, and numbers as keys become texts in JSON.
        document = json.loads(json.dumps(request, default=_plain))
    except ConfigurationError:
        raise
    except (TypeError, ValueError, AttributeError, OSError, RecursionError) as error:
        text = f"the arguments of {_shown(key)} cannot be compared: {one_line(str(error), 200)}"
        raise ConfigurationError(text) from None
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> object:  # noqa: ANN401 - a part of any request
    """Return a replacement for a part that is not JSON: for a file the hash of its content."""
    if hasattr(value, "read"):
        at = value.tell()
        content = value.read()
        value.seek(at)
        return _plain(content)
    if isinstance(value, bytes | bytearray):
        return sha256(value).hexdigest()
    return str(value)


def _shown(key: str) -> str:
    return ascii(key[:80])
