"""What observes a call: event hooks, the tracer of `chainhub.otel`, and the logger `chainhub`.

The logger is silent unless asked: `CHAINHUB_LOG=info` (or `debug`) prints to standard error;
without it the standard library's configuration decides. httpx logs whole URLs at INFO, and httpcore
and hpack log headers at DEBUG, signed URLs and echoed keys among them. A filter redacts both, but
only in records made during one of our own requests: it does not change other records of these
loggers.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from chainhub._redaction import mask, redact_addresses, redact_text
from chainhub.errors import ChainhubError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import Protocol

    Facts = Mapping[str, str | int]

    # The spans of `chainhub.otel` for an attempt, for a wait or a download, and what makes them.
    class AttemptSpan(Protocol):
        @property
        def headers(self) -> list[tuple[bytes, bytes]]: ...
        def end(self, event: AttemptEvent) -> None: ...
        def abort(self, error: BaseException) -> None: ...

    class OperationSpan(Protocol):
        def active(self) -> AbstractContextManager[object]: ...
        def end(self, error: BaseException | None, facts: Facts) -> None: ...

    class Tracer(Protocol):
        def attempt(self, name: str | None, method: str, url: str, number: int) -> AttemptSpan: ...
        def operation(self, name: str, task_id: str) -> OperationSpan: ...


E = TypeVar("E", bound="Event")


class Event:
    """The base class of events, some of whose fields are computed when they are first read."""

    __slots__ = ("_lazy_fields",)
    _lazy_fields: Mapping[str, Callable[[], object]]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of any field that is not set yet
        lazy_fields = () if name == "_lazy_fields" else getattr(self, "_lazy_fields", ())
        if name not in lazy_fields:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self._lazy_fields[name]()
        object.__setattr__(self, name, value)
        return value


def event_of(kind: type[E], lazy_fields: Mapping[str, Callable[[], object]], **fields: object) -> E:
    """Return an event with these fields, and with lazy ones that are computed when they are read.

    Redaction takes longer than everything else in a call.
    """
    event = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(event, name, value)
    object.__setattr__(event, "_lazy_fields", lazy_fields)
    return event


@attrs.frozen(kw_only=True)
class AttemptEvent(Event):
    """An attempt has ended.

    Attributes:
        method: The HTTP method.
        url: The URL, redacted.
        attempt: The number of the attempt, from 1.
        status: The HTTP status, None if there was no response.
        trouble: Why there was no response, None if there was one.
        trouble_kind: The same as one word, such as `timeout` or `closed`.
        request_id: The service's id of the request, None if it sent none.
        started: When the attempt began, in seconds since 1970.
        elapsed: Seconds the attempt took.
        operation: The operation, such as `video.query`, None if it is not known.
    """

    method: str
    url: str
    attempt: int
    status: int | None
    trouble: str | None
    trouble_kind: str | None
    request_id: str | None
    started: float
    elapsed: float
    operation: str | None = None


@attrs.frozen(kw_only=True)
class RetryEvent(Event):
    """A retry follows after a delay: another attempt of a call, or another poll of a wait.

    Attributes:
        method: The HTTP method.
        url: The URL, redacted.
        attempt: The number of the attempt that failed, from 1.
        delay: Seconds until the next attempt.
        error: The error that would be raised without a retry.
        max_attempts: How many attempts in a row may fail.
        task_id: The task of the wait, None outside a wait.
        operation: The operation, such as `video.query`, None if it is not known.
    """

    method: str
    url: str
    attempt: int
    delay: float
    error: ChainhubError
    max_attempts: int | None = None
    task_id: str | None = None
    operation: str | None = None


@attrs.frozen(kw_only=True)
class CallEvent(Event):
    """A call has ended, with all its attempts.

    Attributes:
        method: The HTTP method.
        url: The URL, redacted.
        attempts: The number of attempts.
        status: The last HTTP status, None if there was no response.
        error: The error that the call raises, None if it returns.
        elapsed: Seconds that the call took.
        operation: The operation, such as `video.query`, None if it is not known.
    """

    method: str
    url: str
    attempts: int
    status: int | None
    error: ChainhubError | None
    elapsed: float
    operation: str | None = None


class Observers:
    """The event hooks; an exception in one of them ends the call and propagates.

    Attributes:
        tracer: What makes spans, if `on_attempt` is of `chainhub.otel`.
    """

    __slots__ = ("on_attempt", "on_call", "on_retry", "tracer")

    def __init__(
        self,
        *,
        on_attempt: Callable[[AttemptEvent], None] | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        on_call: Callable[[CallEvent], None] | None = None,
    ) -> None:
        # A program that has a tracer has imported its module.
        otel = sys.modules.get("chainhub.otel")
        traces = otel is not None and isinstance(on_attempt, otel.Spans)
        self.tracer = cast("Tracer", on_attempt) if traces else None
        self.on_attempt = on_attempt if self.tracer is None else None
        self.on_retry = on_retry
        self.on_call = on_call
        for name in ("on_attempt", "on_retry", "on_call"):
            check_hook(name, getattr(self, name))


def check_hook(name: str, hook: object, *, may_be_async: bool = False) -> None:
    """Refuse a hook that cannot be called, and an async one where nothing would await it."""
    if hook is None or (callable(hook) and may_be_async):
        return
    if not callable(hook) or iscoroutinefunction(hook) or iscoroutinefunction(type(hook).__call__):
        suffix = "" if may_be_async else " that is not async"
        raise ConfigurationError(f"{name} must be a function{suffix}")


@contextmanager
def traced(
    observers: Observers, name: str, task_id: str, facts: Callable[[], Facts]
) -> Iterator[OperationSpan | None]:
    """Make a span of the block, if there is a tracer."""
    if observers.tracer is None:
        yield None
        return
    span = observers.tracer.operation(name, task_id)
    try:
        yield span
    except BaseException as error:
        span.end(error, facts())
        raise
    span.end(None, facts())


logger = logging.getLogger("chainhub")
logger.addHandler(logging.NullHandler())

_HTTPCORE = ("connection", "http11", "http2", "proxy", "socks")
LOWER_LOGGERS = ("httpx", "hpack.hpack", "hpack.table", *(f"httpcore.{name}" for name in _HTTPCORE))
# Compiled for the first record, which most programs never make.
_FOREIGN_TEXT = r"(?s)\b(return_value|exception)=.*"


UNDER_WAY: ContextVar[tuple[str | None, Callable[[], Iterable[str]]] | None]
UNDER_WAY = ContextVar("chainhub_under_way", default=None)
"""The request of ours that this thread or task is making, if any: the base URL whose URLs keep the
value of `id` (None for media), and a function that returns the secrets to mask."""


class RedactionFilter(logging.Filter):
    """Redacts the records of other loggers about our own requests, and no other records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record if it is about a request of ours; it is always kept."""
        under_way = UNDER_WAY.get()
        if under_way is not None:
            api, secrets = under_way
            message = record.getMessage()
            text = re.sub(_FOREIGN_TEXT, r"\1=…", message)
            text = redact_addresses(mask(text, secrets()), api)
            if text != message:
                record.msg, record.args = text, ()
        return True


_FILTER = RedactionFilter()
_LEVELS = {"": None, "INFO": logging.INFO, "DEBUG": logging.DEBUG}


def guard_logs() -> None:
    """Install the filter, and the handler that `CHAINHUB_LOG` asks for; twice does no harm."""
    for name in LOWER_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
    level_name = os.environ.get("CHAINHUB_LOG", "").strip()
    level = _LEVELS.get(level_name.upper(), logging.WARNING)
    if level is None or len(logger.handlers) > 1:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
    if level == logging.WARNING:
        text = redact_text(level_name, limit=40)
        logger.warning("CHAINHUB_LOG is %r, which is not a level; use info or debug", text)
