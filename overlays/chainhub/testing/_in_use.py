"""Replaces the clock of the clients by a virtual one, and puts the old one back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import ParamSpec, TypeVar

from chainhub import _clock
from chainhub._download import Fetch
from chainhub._session import Session
from chainhub.testing._virtual import DAY, VirtualClock

P = ParamSpec("P")
T = TypeVar("T")

_in_use = Lock()


@contextmanager
def virtual_time(*, limit: float = DAY) -> Iterator[VirtualClock]:
    """Skip every sleep of `chainhub` in this process while the block runs.

    Args:
        limit: Skipped seconds after which the next sleep raises `EndlessWait`, so that an endless
            wait fails its test. By default a day.

    Raises:
        RuntimeError: a virtual clock is in use already.
    """
    if not _in_use.acquire(blocking=False):
        raise RuntimeError(
            "a virtual clock is already in use; the fixture chainhub_clock, which"
            " chainhub_sandbox uses, is one"
        )
    try:
        clock = VirtualClock(limit)
        with _replaced(*_replacements(clock)):
            yield clock
    finally:
        _in_use.release()


def _replacements(clock: VirtualClock) -> Iterator[tuple[object, str, object]]:
    for name in ("monotonic", "sleep", "asleep", "timeout"):
        yield _clock, name, getattr(clock, name)
    yield Session, "_attempt", _during(clock, Session._attempt)
    yield Session, "_aattempt", _aduring(clock, Session._aattempt)
    yield Fetch, "run", _during(clock, Fetch.run)


@contextmanager
def _replaced(*replacements: tuple[object, str, object]) -> Iterator[None]:
    before = [(place, name, getattr(place, name)) for place, name, _ in replacements]
    for place, name, value in replacements:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)


def _during(clock: VirtualClock, exchange: Callable[P, T]) -> Callable[P, T]:
    def counted(*args: P.args, **kwargs: P.kwargs) -> T:
        with clock.exchanging():
            return exchange(*args, **kwargs)

    return counted


def _aduring(clock: VirtualClock, exchange: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    async def counted(*args: P.args, **kwargs: P.kwargs) -> T:
        with clock.exchanging():
            return await exchange(*args, **kwargs)

    return counted
