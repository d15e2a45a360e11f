"""Many waits at once: which task to poll next, and which are finished.

A heap of due times over waits; no thread, coroutine or timer per task. Like one wait, a batch
does no I/O and reads no clock. A loop adds ids while there is room, does what `act` says, and
passes in the responses. The task that has been due longest is polled first, so that none starves
when the service allows fewer polls than are due.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, NamedTuple

from chainhub._tasks.intervals import obeyed
from chainhub._tasks.poll import Poll, Reach, WaitOptions
from chainhub._tasks.poll import Update as Update
from chainhub._tasks.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from chainhub._tasks.table import TaskId
    from chainhub.errors import ChainhubError

_REFUSED = 429
_OVERLOADED = 503
# A deadline that is over for so many seconds when it is looked at: the process was stopped (Ctrl-Z,
# sleep, a frozen container). What is known is old, and a last poll has so many seconds.
_STOPPED = 1.0
_LAST_POLL = 5.0


class SendPoll(NamedTuple):
    wait: Poll
    sent_at: float


class Idle(NamedTuple):
    until: float


class Scheduler:
    """Wait for many tasks, with one poll at a time for each.

    Attributes:
        ends_at: When the last poll must be answered: the deadline, or later after a stop.
    """

    def __init__(self, terms: WaitOptions, in_flight: int) -> None:
        self.limiter = RateLimiter()
        self.reach = Reach()
        self.in_flight = 0
        self._terms = terms
        self._most = in_flight
        self._due: list[tuple[float, int, Poll]] = []
        self._order = 0
        self._fresh = 0
        self.ends_at = terms.deadline_at
        self._asked_late: set[Poll] = set()

    @property
    def wants_more(self) -> bool:
        # Few of the added ones still wait for their first poll.
        return self._fresh < self._most

    def __len__(self) -> int:
        return len(self._due) + self.in_flight

    def add(self, asked: TaskId, now: float) -> Poll:
        wait = Poll(asked, self._terms, now, self.reach)
        self._push(now, wait)
        return wait

    def act(self, now: float) -> SendPoll | Update | Idle:
        late = now - self._terms.deadline_at
        if late >= _STOPPED and self.ends_at == self._terms.deadline_at:
            self.ends_at = now + _LAST_POLL
        while self._due:
            due, _, wait = self._due[0]
            if late >= 0 and (now >= self.ends_at or wait in self._asked_late):
                return self._pop().expired(now)
            if self.reach.over:
                return self._pop().unreached(now)
            # While nobody answers, one poll at a time is enough to find out.
            most, reached_at = (1, self.reach.due) if self.reach.failing else (self._most, due)
            at = max(due, self.limiter.free_at, reached_at)
            if self.in_flight >= most:
                at = math.inf
            if (at := min(at, self.ends_at)) > now:
                return Idle(at)
            self._pop()
            if late >= 0 or wait.may_ask(now):
                if late >= 0:
                    self._asked_late.add(wait)
                self.in_flight += 1
                self.limiter.started(now)
                return SendPoll(wait, now)
            self._push(self._terms.deadline_at, wait)
        return Idle(math.inf)

    def answered(
        self, ask: SendPoll, task: object, now: float, hint: float | None = None
    ) -> Update:
        """Take the answer to a poll; None is the same answer as before."""
        self.limiter.passed(ask.sent_at, now)
        wait = ask.wait
        update = wait.repeated(now, hint) if task is None else wait.answered(task, now, hint)
        return self._next(wait, update)

    def failed(self, ask: SendPoll, error: ChainhubError, now: float) -> Update:
        asked = obeyed(error.retry_after)
        if error.status == _REFUSED:
            self.limiter.refused(ask.sent_at, now, asked)
        elif error.status == _OVERLOADED and asked:
            self.limiter.pause(now, asked)
        return self._next(ask.wait, ask.wait.failed(error, now))

    def _next(self, wait: Poll, update: Update) -> Update:
        self.in_flight -= 1
        if update.outcome is None:
            self._push(self._terms.deadline_at if update.next_at is None else update.next_at, wait)
        return update

    def _push(self, due: float, wait: Poll) -> None:
        self._order += 1
        self._fresh += wait.polls == 0
        heapq.heappush(self._due, (due, self._order, wait))

    def _pop(self) -> Poll:
        wait = heapq.heappop(self._due)[2]
        self._fresh -= wait.polls == 0
        return wait
