"""The rate limit of the service, learned from its 429 responses.

Without a 429 there is no limit. A 429 halves the rate of the polls that were sent; every success
after it raises the rate a little, so that half of a rate is regained in about half a minute. All
waits of one call share one limit.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

_SLOWEST: Final = 0.2
_CUT: Final = 0.5
# Of the rate at the last refusal, so much is added each second while answers are good.
_GROWTH: Final = 0.02
_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_REMEMBERED: Final = 256
_SHORTEST_SPAN: Final = 1.0


class RateLimiter:
    """Decides when the next poll may be sent."""

    __slots__ = ("_cut_at", "_peak", "_starts", "free_at", "rate")

    def __init__(self) -> None:
        self.rate = math.inf
        self.free_at = -math.inf
        self._peak = 0.0
        self._cut_at = -math.inf
        self._starts: deque[float] = deque(maxlen=_REMEMBERED)

    def started(self, now: float) -> None:
        """Count a poll that is sent now."""
        self._starts.append(now)
        self.free_at = max(self.free_at, now + 1 / self.rate)

    def passed(self) -> None:
        """Count a poll that got no 429."""
        self.rate += _GROWTH * self._peak / self.rate

    def refused(self, sent_at: float, now: float, retry_after: float | None = None) -> None:
        """Count a 429; a poll that was sent before the last reduction is ignored."""
        if sent_at >= self._cut_at:
            self._peak = min(self.rate, self._sent_lately(now))
            self.rate = max(self._peak * _CUT, _SLOWEST)
            self._cut_at = now
            last = self._starts[-1] if self._starts else -math.inf
            self.free_at = max(self.free_at, last + 1 / self.rate)
        self.pause(now, _PAUSE if retry_after is None else retry_after)

    def pause(self, now: float, seconds: float) -> None:
        """Send nothing for some seconds, at most 60."""
        self.free_at = max(self.free_at, now + min(seconds, _LONGEST_PAUSE))

    def _sent_lately(self, now: float) -> float:
        span = now - self._starts[0] if self._starts else 0.0
        return len(self._starts) / max(span, _SHORTEST_SPAN)
