"""The interface of a tracer: operations and their attempts begin and end.

`chainhub.otel` has the one tracer there is. Without it nothing of this costs anything.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Protocol

    from chainhub._session.events import AttemptEvent
    from chainhub._session.options import Observers

    Facts = Mapping[str, str | int]

    class AttemptSpan(Protocol):
        """One attempt under way."""

        @property
        def headers(self) -> list[tuple[bytes, bytes]]:
            """Headers that tell the service of the span."""

        def end(self, event: AttemptEvent) -> None:
            """Take how the attempt ended."""

        def broke_off(self, error: BaseException) -> None:
            """Take that the attempt ended without an outcome."""

    class OperationSpan(Protocol):
        """One wait or download under way."""

        def active(self) -> AbstractContextManager[object]:
            """Make it the parent of the attempts that begin while the block runs."""

        def end(self, error: BaseException | None, facts: Facts) -> None:
            """Take how it ended."""

    class Tracer(Protocol):
        """Makes spans."""

        def attempt(self, name: str | None, method: str, url: str, number: int) -> AttemptSpan:
            """Begin an attempt of an operation, whose name may be unknown."""

        def operation(self, name: str, task_id: str) -> OperationSpan:
            """Begin a wait or a download."""


A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")


@contextmanager
def traced(
    observers: Observers, name: str, task_id: str, facts: Callable[[], Facts]
) -> Iterator[OperationSpan | None]:
    """Make a span of what the block does, if there is a tracer."""
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


def inside(span: OperationSpan | None, send: Callable[[A, B], R]) -> Callable[[A, B], R]:
    """Return a function that sends as `send` does, its attempts being children of the span."""
    if span is None:
        return send

    def sent(prepared: A, options: B) -> R:
        with span.active():
            return send(prepared, options)

    return sent


def ainside(
    span: OperationSpan | None, send: Callable[[A, B], Awaitable[R]]
) -> Callable[[A, B], Awaitable[R]]:
    """Return a function as `inside` does, for an event loop."""
    if span is None:
        return send

    async def sent(prepared: A, options: B) -> R:
        with span.active():
            return await send(prepared, options)

    return sent
