"""The state of all tasks of one command, collected from callbacks in any thread."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

from chainhub._tasks import progress_of
from chainhub.cli._rows import Line, Row, Signs, Totals, fitted, header, remainder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chainhub._download import Progress
    from chainhub_api.models import VideoTask

    Expected = Callable[[str, float], float | None]

_MOST_ROWS = 12


def nothing_learned(task_id: str, now: float) -> float | None:
    """Return None: the duration of such a task is unknown."""
    return None


class LiveProgress:
    """The tasks of one command and their state. Thread-safe.

    Args:
        ids: The tasks.
        clock: A monotonic clock in seconds.
        expected: Returns the seconds a task is expected to take in all, or None.
    """

    def __init__(
        self,
        ids: Iterable[str],
        clock: Callable[[], float],
        expected: Expected = nothing_learned,
    ) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._expected = expected
        self._began = clock()
        self._rows = {task_id: Row(task_id, self._began) for task_id in ids}
        self._known = len(self._rows)
        self._done = self._failed = 0

    @property
    def pending(self) -> list[str]:
        """The tasks that have not ended."""
        with self._lock:
            return list(self._rows)

    def told(self, task: VideoTask) -> Row | None:
        """Take an answer about a task; return its row, or None if it is not known whose it is."""
        with self._lock:
            row = self._rows.get(str(task.id))
            if row is None and self._known == 1:
                row = next(iter(self._rows.values()), None)
            if row is not None:
                row.word, row.progress = str(task.status), progress_of(task)
                row.failing = None
            return row

    def failing(self, task_id: str | None, why: str) -> Row | None:
        """Take that a poll for a task failed; return its row, or None if it is not here."""
        with self._lock:
            row = self._rows.get(task_id or "")
            if row is not None:
                row.failing = why
            return row

    def downloading(self, task_id: str) -> None:
        """Take that the download of a task begins."""
        with self._lock:
            if task_id in self._rows:
                self._rows[task_id] = Row(task_id, self._clock(), "downloading", bytes=(0, None))

    def progressed(self, progress: Progress) -> None:
        """Take how far a download is."""
        with self._lock:
            if row := self._rows.get(progress.id):
                row.got(progress.done, progress.total, self._clock())

    def ended(self, task_id: str, *, good: bool) -> None:
        """Take that nothing more happens to a task."""
        with self._lock:
            if self._rows.pop(task_id, None) is not None:
                self._done += good
                self._failed += not good

    def view(self, width: int, height: int, signs: Signs) -> list[Line]:
        """Return the lines that show all of it on a terminal of this size."""
        with self._lock:
            now = self._clock()
            rows = list(islice(self._rows.values(), max(min(_MOST_ROWS, height - 3), 1)))
            for row in rows:
                row.expected = self._expected(row.id, now)
            lines = fitted(rows, now, width, signs)
            return lines if self._known == 1 else self._with_totals(rows, lines, now, width, signs)

    def _with_totals(
        self, rows: list[Row], lines: list[Line], now: float, width: int, signs: Signs
    ) -> list[Line]:
        rests = [rest for row in rows if (rest := remainder(row, now)) is not None]
        totals = Totals(self._done, self._failed, self._known)
        head = header(totals, now - self._began, max(rests, default=None), width)
        hidden = len(self._rows) - len(rows)
        more = [Line("busy", signs.cut, f"and {hidden} more")] if hidden else []
        return [Line("", "", head), *lines, *more]
