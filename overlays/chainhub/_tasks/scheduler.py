"""Many waits at once: which task to poll next, and which are finished.

A heap of due times over waits; no thread, coroutine or timer per task. Like one wait, a batch
does no I/O and reads no clock. A loop adds ids while there is room, does the `next_step`, and
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

_TOO_MANY_REQUESTS = 429
_SERVICE_UNAVAILABLE = 503
# A deadline that passed so many seconds before it is checked: the process was stopped (Ctrl-Z,
# sleep, a frozen container). The last answers are old, and a last poll has so many seconds.
_SUSPENDED = 1.0
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

    def __init__(self, options: WaitOptions, in_flight: int) -> None:
        self.limiter = RateLimiter()
        self.reach = Reach()
        self.in_flight = 0
        self._options = options
        self._capacity = in_flight
        self._due: list[tuple[float, int, Poll]] = []
        self._order = 0
        self._unpolled = 0
        self.ends_at = options.deadline_at
        self._late_polls: set[Poll] = set()

    @property
    def wants_more(self) -> bool:
        # Few of the added tasks still wait for their first poll.
        return self._unpolled < self._capacity

    def __len__(self) -> int:
        return len(self._due) + self.in_flight

    def add(self, task_id: TaskId, now: float) -> Poll:
        wait = Poll(task_id, self._options, now, self.reach)
        self._push(now, wait)
        return wait

    def next_step(self, now: float) -> SendPoll | Update | Idle:
        overrun = now - self._options.deadline_at
        if overrun >= _SUSPENDED and self.ends_at == self._options.deadline_at:
            self.ends_at = now + _LAST_POLL
        while self._due:
            due, _, wait = self._due[0]
            if overrun >= 0 and (now >= self.ends_at or wait in self._late_polls):
                return self._pop().on_deadline(now)
            if self.reach.over:
                return self._pop().on_unreached(now)
            # While no server answers, one poll at a time is enough.
            limit, retry_at = (1, self.reach.due) if self.reach.failing else (self._capacity, due)
            at = max(due, self.limiter.free_at, retry_at)
            if self.in_flight >= limit:
                at = math.inf
            if (at := min(at, self.ends_at)) > now:
                return Idle(at)
            self._pop()
            if overrun >= 0 or wait.may_poll(now):
                if overrun >= 0:
                    self._late_polls.add(wait)
                self.in_flight += 1
                self.limiter.on_send(now)
                return SendPoll(wait, now)
            self._push(self._options.deadline_at, wait)
        return Idle(math.inf)

    def on_answer(
        self, step: SendPoll, task: object, now: float, hint: float | None = None
    ) -> Update:
        """Handle the answer to a poll; None is the same answer as before."""
        self.limiter.on_answer(step.sent_at, now)
        wait = step.wait
        update = wait.on_repeat(now, hint) if task is None else wait.on_answer(task, now, hint)
        return self._next(wait, update)

    def on_failure(self, step: SendPoll, error: ChainhubError, now: float) -> Update:
        retry_after = obeyed(error.retry_after)
        if error.status == _TOO_MANY_REQUESTS:
            self.limiter.on_refusal(step.sent_at, now, retry_after)
        elif error.status == _SERVICE_UNAVAILABLE and retry_after:
            self.limiter.pause(now, retry_after)
        return self._next(step.wait, step.wait.on_failure(error, now))

    def _next(self, wait: Poll, update: Update) -> Update:
        self.in_flight -= 1
        if update.outcome is None:
            due = self._options.deadline_at if update.next_at is None else update.next_at
            self._push(due, wait)
        return update

    def _push(self, due: float, wait: Poll) -> None:
        self._order += 1
        self._unpolled += wait.polls == 0
        heapq.heappush(self._due, (due, self._order, wait))

    def _pop(self) -> Poll:
        wait = heapq.heappop(self._due)[2]
        self._unpolled -= wait.polls == 0
        return wait
