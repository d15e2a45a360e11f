"""The log of the requests a sandbox has seen, without any credential or signature."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import define

from chainhub.sandbox._clock import Clock

if TYPE_CHECKING:
    from starlette.requests import Request

_LIMIT = 100_000
_HEADERS = ("accept", "accept-encoding", "if-range", "range", "user-agent")


@define
class Recorded:
    """One recorded request: its target, its time (clock seconds), and the response.

    `status` is that of the response, None if there was none; `word` is the task's status value in
    it, None if it was not about a task.
    """

    method: str
    path: str
    task_id: str | None
    carried_key: bool
    headers: Mapping[str, str]
    at: float
    status: int | None = None
    word: str | None = None


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self._entries: deque[Recorded] = deque(maxlen=_LIMIT)

    def record(self, request: Request) -> Recorded:
        """Enter a request that has just arrived."""
        headers = request.headers
        entry = Recorded(
            method=request.method,
            path=request.url.path,
            task_id=next(iter(request.query_params.getlist("id")), None),
            carried_key="authorization" in headers,
            headers={name: headers[name] for name in _HEADERS if name in headers},
            at=self._clock.now(),
        )
        self._entries.append(entry)
        return entry

    def entries(self) -> tuple[Recorded, ...]:
        """Return the requests seen so far."""
        return tuple(self._entries.copy())
