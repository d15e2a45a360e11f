"""Connections to one origin: a stack of single-connection transports, handed out in O(1).

httpcore's own pool scans all its connections several times per request. Here a free connection is
the top of a stack, so the warmest one is used first and the coldest ones expire at the bottom.
An answer that nobody asked for is never handed out: what stands on a reused connection before we
have asked, or does not begin like an answer, discards the connection, and idempotent requests ask
again on a fresh one. Other requests always open a fresh connection, so that they never need to.

The first exchange of a connection is httpcore's, with everything that opening one takes. Later ones
of the usual kind go the short way of `_lane`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

import httpcore

from chainhub import _clock
from chainhub._body import BodyError, BodyReader
from chainhub._ending import Counter
from chainhub._network import LeftOver, SyncWire, Wire
from chainhub._session.log import logger

if TYPE_CHECKING:
    from typing import Protocol

    from chainhub._cancel import Cancel
    from chainhub._lane import Reading

    class Request(Protocol):
        """A request in the forms in which it can be sent."""

        def core(self) -> httpcore.Request: ...
        def spelt(self) -> bytes | None: ...

    class Expiring(Protocol):
        """What httpcore's sync and async connections can tell."""

        def has_expired(self) -> bool: ...
        def is_available(self) -> bool: ...

    class SyncConnection(Expiring, Protocol):
        """The part of `httpcore.HTTPConnection` that is used."""

        def handle_request(self, request: httpcore.Request) -> httpcore.Response: ...
        def close(self) -> None: ...


KEEPALIVE = 55.0
"""Seconds an idle connection is kept: above the pace of polls, below the 60 s of load balancers."""

Headers = list[tuple[bytes, bytes]]


class Raw:
    """One answer as it came, its body inflated."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Attempt:
    """What one attempt may take, whether it may have reached the server, what was heard first.

    `timeout` (seconds) starts when a connection is handed out; `deadline` is an instant
    (monotonic). Queueing for a connection counts against the deadline alone.
    """

    __slots__ = (
        "cancel",
        "connect",
        "deadline",
        "fresh",
        "heard",
        "max_body",
        "reached",
        "reused",
        "timeout",
    )

    def __init__(
        self,
        *,
        timeout: float,
        connect: float,
        deadline: float,
        max_body: int,
        fresh: bool = False,
        cancel: Cancel | None = None,
    ) -> None:
        self.timeout = timeout
        self.connect = connect
        self.deadline = deadline
        self.max_body = max_body
        self.fresh = fresh
        self.cancel = cancel
        self.reached = False
        self.reused = False
        self.heard = b""

    def until(self) -> float:
        """Return the instant at which an attempt that starts now ends."""
        return min(_clock.monotonic() + self.timeout, self.deadline)


W = TypeVar("W", bound=Wire)
C = TypeVar("C", bound="Expiring")


class Slot(Generic[W, C]):
    """One connection with its wire.

    Attributes:
        idle_since: The instant (monotonic) at which it was given back.
        used: Whether it has served already.
        spelt: Whether its last exchange went past httpcore, which then does not know its age.
        spent: Whether more came than belonged to an answer.
    """

    __slots__ = ("connection", "idle_since", "spelt", "spent", "used", "wire")

    def __init__(self, wire: W, connection: C) -> None:
        self.wire = wire
        self.connection = connection
        self.idle_since = 0.0
        self.used = False
        self.spelt = False
        self.spent = False

    def is_available(self) -> bool:
        """Tell whether another exchange may follow."""
        return not self.spent and self.connection.is_available()

    def has_expired(self) -> bool:
        """Tell whether it was idle for too long, or the server has closed it or said more."""
        if _clock.monotonic() - self.idle_since > KEEPALIVE:
            return True
        if not self.spelt:
            return self.connection.has_expired()
        assert self.wire.stream is not None  # it was spoken through
        return self.wire.stream.readable()

    def spoken(self, request: Request) -> bytes | None:
        """Return the request as bytes, if it can go the short way on this connection."""
        return request.spelt() if self.used and self.wire.direct else None

    def took(self, reading: Reading, limit: int) -> Raw:
        """Return an answer that came the short way."""
        self.spelt, self.spent = True, self.spent or reading.surplus
        head = reading.head
        assert head is not None  # it is read to its end
        if head.plain:
            return Raw(head.status, head.headers, reading.body())
        return read_all(head.status, head.headers, (reading.body(),), limit)


class Stack(Generic[W, C]):
    """The idle connections, warmest on top; `dead` yields those to close."""

    def __init__(self) -> None:
        self._idle: deque[Slot[W, C]] = deque()

    def __len__(self) -> int:
        return len(self._idle)

    def pop(self, dead: list[Slot[W, C]]) -> Slot[W, C] | None:
        """Return the warmest connection that can be used; append unusable ones to `dead`."""
        while True:
            try:
                slot = self._idle.pop()
            except IndexError:
                return None
            if not slot.has_expired():
                return slot
            dead.append(slot)

    def push(self, slot: Slot[W, C]) -> Slot[W, C] | None:
        """Keep a connection; return the coldest one if its time is over."""
        slot.used = True
        slot.idle_since = _clock.monotonic()
        self._idle.append(slot)
        with suppress(IndexError):  # another thread may have taken the last one
            if slot.idle_since - self._idle[0].idle_since > KEEPALIVE:
                return self._idle.popleft()
        return None

    def drain(self) -> Iterator[Slot[W, C]]:
        """Take all of them."""
        while self._idle:
            yield self._idle.pop()


EXPIRED = "closed an idle connection: its time is over, or the server has closed it"
STALE = "a kept connection had been closed by the server: trying a new one"
NOT_KEPT = "closed a connection: the server does not keep it open"


def is_stale(error: BaseException, wire: Wire) -> bool:
    """Tell whether a failure is only that of a reused connection that was dead or dirty already."""
    if not wire.reused or wire.headers_came:
        return False
    if isinstance(error, httpcore.RemoteProtocolError):  # LeftOver is one, an early end another
        return True
    return not wire.reads and isinstance(error, httpcore.ReadError | httpcore.WriteError)


class SyncPool:
    """Connections to one origin, for threads."""

    def __init__(self, open_connection: Callable[[SyncWire], SyncConnection], limit: int) -> None:
        self._open = open_connection
        self._stack: Stack[SyncWire, SyncConnection] = Stack()
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(limit):
            self._permits.put(None)

    def exchange(self, request: Request, attempt: Attempt) -> Raw:
        """Send `request` and read its answer within the limits of `attempt`.

        Raises:
            httpcore.PoolTimeout: no connection came free before the deadline.
            BodyError: the body cannot be used.
            OSError, httpcore.*: the exchange failed.
        """
        self._queue(attempt)
        try:
            until = attempt.until()
            slot = None if attempt.fresh else self._reusable()
            raw = self._run(slot, request, attempt, until) if slot else None
            if raw is None:
                wire = SyncWire()
                raw = self._run(Slot(wire, self._open(wire)), request, attempt, until)
            assert raw is not None  # a fresh connection is never stale
            return raw
        finally:
            self._permits.put(None)

    def _queue(self, attempt: Attempt) -> None:
        left = attempt.deadline - _clock.monotonic()
        while True:
            if attempt.cancel is not None and attempt.cancel.is_set():
                raise httpcore.PoolTimeout("cancelled")
            # A queue cannot be woken by a switch: look at it often enough to keep 50 ms.
            slice_ = min(left, 0.02 if attempt.cancel is not None else 3600.0)
            try:
                return self._permits.get(timeout=max(slice_, 0.0))
            except Empty:
                left = attempt.deadline - _clock.monotonic()
            if left <= 0:
                raise httpcore.PoolTimeout("all connections stayed in use")

    def _reusable(self) -> Slot[SyncWire, SyncConnection] | None:
        dead: list[Slot[SyncWire, SyncConnection]] = []
        slot = self._stack.pop(dead)
        for other in dead:
            logger.debug(EXPIRED)
            other.connection.close()
        return slot

    def _run(
        self,
        slot: Slot[SyncWire, SyncConnection],
        request: Request,
        attempt: Attempt,
        until: float,
    ) -> Raw | None:
        """Run one exchange; None says that the connection was stale and the request unheard."""
        wire, attempt.reused = slot.wire, slot.used
        wire.begin(until, attempt.connect, reused=slot.used)
        try:
            with watching(attempt.cancel, lambda: wire.shut):
                raw = self._spelt(slot, request, attempt) or self._any(slot, request, attempt)
        except BaseException as error:
            slot.connection.close()
            if is_stale(error, wire):
                logger.debug(STALE)
                return None
            attempt.reached, attempt.heard = wire.written, wire.heard
            raise
        self._release(slot)
        return raw

    def _spelt(
        self, slot: Slot[SyncWire, SyncConnection], request: Request, attempt: Attempt
    ) -> Raw | None:
        """Exchange bytes the short way; None leaves the rest to httpcore."""
        spoken, stream = slot.spoken(request), slot.wire.stream
        if spoken is None or stream is None:
            return None
        from chainhub._lane import READ, Reading  # the first exchange needs none of it

        reading = Reading(attempt.max_body)
        stream.write(spoken)
        while reading.feed(stream.read(READ)):
            slot.wire.headers_came = reading.head is not None
        if reading.unusual:
            stream.replay(reading.came)
            return None
        return slot.took(reading, attempt.max_body)

    def _any(self, slot: Slot[SyncWire, SyncConnection], request: Request, attempt: Attempt) -> Raw:
        wire, slot.spelt = slot.wire, False
        core, counter = request.core(), Counter()
        wire.counter = counter
        response = slot.connection.handle_request(core)
        if wire.reused and not wire.reads:
            raise LeftOver("an answer stood on the connection before anything was asked")
        wire.headers_came = True
        raw = read_all(response.status, response.headers, response.iter_stream(), attempt.max_body)
        response.close()
        slot.spent |= not counter.ended(core.method, response.status, response.headers)
        wire.counter = None
        return raw

    def _release(self, slot: Slot[SyncWire, SyncConnection]) -> None:
        if slot.is_available():
            cold = self._stack.push(slot)
            if cold is not None:
                cold.connection.close()
        else:
            logger.debug(NOT_KEPT)
            slot.connection.close()

    def close(self) -> None:
        """Close the idle connections; those in use close when they are given back."""
        for slot in self._stack.drain():
            slot.connection.close()


UNREADABLE = (BodyError, httpcore.NetworkError, httpcore.ProtocolError)
"""What may happen to a body; of an answer whose status is an error, nothing is lost by it."""


def read_all(status: int, headers: Headers, chunks: Iterable[bytes], limit: int) -> Raw:
    """Read a body to its end, inflating it.

    Raises:
        BodyError: it cannot be used, and the status does not say enough.
    """
    try:
        reader = BodyReader(headers, limit)
        for chunk in chunks:
            reader.feed(chunk)
        return Raw(status, headers, reader.finish())
    except UNREADABLE:
        return without_body(status, headers)


def without_body(status: int, headers: Headers) -> Raw:
    """Return an answer whose body cannot be used, if its status says enough; else raise again.

    Called while the failure is handled: an error status is an error whatever its body holds.
    """
    if 200 <= status < 300:
        raise
    return Raw(status, headers, b"")


def watching(
    cancel: Cancel | None, waker: Callable[[], Callable[[], None]]
) -> AbstractContextManager[None]:
    """Let the switch, if there is one, call what `waker` makes."""
    return UNWATCHED if cancel is None else cancel.watching(waker())


UNWATCHED: AbstractContextManager[None] = nullcontext()
