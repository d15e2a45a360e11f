"""The rate limit of the service, learned from its 429 responses.

A 429 means: wait. Nothing is sent until its `Retry-After` is over, unless polls that were sent
later get good answers: then that one poll was refused, and not the client.

A limit is learned only if refusals are more than noise, and after a second of sending at least. It
is what the service answered in the last second. Polls go a little slower from then on, and their
rate grows as in TCP CUBIC: slowly around the limit, then faster and faster, until the next refusal
or until nothing is held back. The first time this takes some seconds, and each time four times as
long, so that a limit that stays costs few refusals. All waits of one call share one limit.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

_SLOWEST: Final = 0.2
_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
# So many good answers to polls that were sent after a refused one mean that only that one was.
_LATER_ANSWERS: Final = 10
# A smaller share of refusals is noise, such as that of a gateway with one broken node.
_NOISE: Final = 0.1
_EVIDENCE: Final = 1.0
# The rate begins so much below the limit and is back after one unit of growth; after two it is a
# quarter above, after three the double, and after five nothing is held back any more.
_CUT: Final = 0.97
_UNITS: Final = 5.0
# Units in pauses: a refusal costs one pause, so that in the end one second in 17 is lost.
_FIRST_UNIT: Final = 1.0
_LONGEST_UNIT: Final = 16.0
_LONGER: Final = 4.0


@attrs.define(eq=False)
class RateLimiter:
    """Decides when the next poll may be sent.

    Attributes:
        rate: Polls a second that may be sent, infinite while no limit is known.
        free_at: The instant of the next poll.
    """

    rate: float = math.inf
    free_at: float = -math.inf
    _limit: float = math.inf
    # Answers and refusals of about the last second: each counts less as time passes.
    _answers: float = 0.0
    _refusals: float = 0.0
    _answer_rate: float = 0.0
    _counted_at: float = 0.0
    _began_at: float = math.inf
    _rate_since: float = 0.0
    _last_sent_at: float = 0.0
    # The first of the refusals that have not been evaluated yet.
    _refusal_at: float | None = None
    _refusal_sent_at: float = -math.inf
    _later_answers: int = 0
    _growth: float = 0.0
    _pause: float = _PAUSE
    _unit: float = _FIRST_UNIT
    _next_unit: float = _FIRST_UNIT

    def on_send(self, now: float) -> None:
        if now < self._began_at:
            self._began_at = self._rate_since = now
        if self._refusal_at is not None:
            self._learn(self._refusal_at, now)
        if self._limit < math.inf:
            self._grow(now)
        self._last_sent_at = now
        self.free_at = max(self.free_at, now + 1 / self.rate)

    def on_answer(self, sent_at: float, now: float) -> None:
        self._count(now)
        self._answers += 1
        if sent_at > self._refusal_sent_at:
            self._later_answers += 1
            if self._later_answers == _LATER_ANSWERS and self._refusal_at is not None:
                self.free_at = min(self.free_at, now)

    def on_refusal(self, sent_at: float, now: float, retry_after: float | None = None) -> None:
        """Count a 429; of polls that were sent before the last cut nothing is learned."""
        self._count(now)
        self._refusals += 1
        if self._refusal_at is None and sent_at >= self._rate_since:
            self._refusal_at = now
            self._answer_rate = self._answers / (
                1 - math.exp(min(self._began_at - now, -_EVIDENCE))
            )
        self._refusal_sent_at = max(self._refusal_sent_at, sent_at)
        self._later_answers = 0
        self.pause(now, _PAUSE if retry_after is None else retry_after)

    def pause(self, now: float, seconds: float) -> None:
        self._pause = min(seconds, _LONGEST_PAUSE)
        self.free_at = max(self.free_at, now + self._pause)

    def _count(self, now: float) -> None:
        decay = math.exp(min(self._counted_at - now, 0.0))
        self._answers *= decay
        self._refusals *= decay
        self._counted_at = now

    def _learn(self, refusal_at: float, now: float) -> None:
        """Decide, when the pause after refusals is over, whether they were a limit."""
        self._refusal_at = None
        many = self._refusals > 1 and self._refusals > _NOISE * (self._refusals + self._answers)
        over = self._limit < math.inf and self._later_answers < _LATER_ANSWERS
        if (many or over) and refusal_at - self._rate_since >= _EVIDENCE:
            self._limit = self.rate = max(min(self._answer_rate, self.rate) * _CUT, _SLOWEST)
            self._rate_since = self._last_sent_at = now
            self._growth, self._unit = 0.0, self._next_unit * max(self._pause, _PAUSE)
            self._next_unit = min(self._next_unit * _LONGER, _LONGEST_UNIT)

    def _grow(self, now: float) -> None:
        """Let the rate grow by the time since the last poll, as far as it was held back."""
        self._growth += min(now - self._last_sent_at, 2 / self.rate) / self._unit
        self.rate = self._limit * _CUT ** -(self._growth**3)
        if self._growth > _UNITS:
            self.rate = self._limit = math.inf
            self._next_unit = max(self._next_unit / _LONGER, _FIRST_UNIT)
