"""What a sandbox knows: its clock, its tasks, and the requests that it has seen.

A task is somewhere in its script, and its video in a script of faults. Nothing here is sent.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from attrs import define

from chainhub import _clock
from chainhub.sandbox._bodies import Moment
from chainhub.sandbox._scenarios import script_for
from chainhub.sandbox._script import Completion, Hindered, State, Step, pending


class SandboxError(Exception):
    """The sandbox cannot be started with these arguments."""


class Clock:
    """Seconds since the start, `speed` times as fast as real ones; speed 0 stands still.

    In a test with a virtual clock, tasks progress with it, if it was there first.
    """

    def __init__(self, speed: float) -> None:
        if not 0 <= speed < math.inf:
            raise ValueError(f"The speed must be a number, 0 or more, not {speed}.")
        self._speed = speed
        # The one of the start: a virtual clock that comes later does not move tasks.
        self._monotonic = _clock.monotonic
        self._started = self._monotonic()
        self._epoch = time.time()  # once: a system clock that is set moves no task
        self._skipped = 0.0

    def now(self) -> float:
        return (self._monotonic() - self._started) * self._speed + self._skipped

    def advance(self, seconds: float) -> None:
        if not 0 <= seconds < math.inf:
            raise ValueError(f"The clock only moves forward, not by {seconds} seconds.")
        self._skipped += seconds

    def wall(self, moment: float) -> float:
        """Return the Unix time in seconds that belongs to a moment of this clock."""
        return self._epoch + moment


@define
class Recorded:
    """One recorded request: its target, its time (clock seconds), and the response.

    `status` is that of the response, None if there was none; `word` is the task's status value in
    it, None if it was not about a task. `operation` is its name in the client, such as
    `video.query`, None for what is no operation; after a create operation, `task_id` is the new id.
    """

    method: str
    path: str
    task_id: str | None
    carried_key: bool
    headers: Mapping[str, str]
    at: float
    status: int | None = None
    word: str | None = None
    operation: str | None = None


@define(eq=False)
class _Run:
    """A script that has begun: its step, since when (clock seconds), and the step's requests."""

    script: Sequence[Step]
    since: float
    index: int = 0
    polls: int = 0

    def step_at(self, now: float) -> Step:
        """Return the step for a request at `now`, and count that request."""
        while self.index < len(self.script) - 1:
            step = self.script[self.index]
            # A step with a duration ends on time, also if nobody asks then; the next begins there.
            end = now if step.seconds is None else self.since + step.seconds
            if now < end or (step.seconds is None and self.polls < step.polls):
                break
            self.index, self.since, self.polls = self.index + 1, end, 0
        self.polls += 1  # after the look, as a step of one request shows itself once
        return self.script[self.index]

    @property
    def state(self) -> State:
        """The state that the present step shows, a fault showing that of the steps before it."""
        steps = reversed(self.script[: self.index + 1])
        shown = (step.of if isinstance(step, Hindered) else step for step in steps)
        return next((state for state in shown if isinstance(state, State)), pending)


class Tasks:
    """All tasks of a sandbox: a task is known to the operation it was added for, or to every one.

    Only the server's thread moves scripts on; other threads put whole ones in place.

    Attributes:
        plans: By create operation, the script of its tasks and the faults of their results.
        faults: By operation, what its next requests meet.
    """

    def __init__(self, clock: Clock) -> None:
        self.plans: dict[str, tuple[Sequence[Step], Sequence[Step]]] = {}
        self.faults: defaultdict[str, deque[Step]] = defaultdict(deque)
        self._clock = clock
        self._runs: dict[tuple[str | None, str], tuple[str, _Run]] = {}
        self._media: dict[str, _Run] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def add(
        self,
        operation: str | None,
        task_id: str,
        script: Sequence[Step],
        faults: Sequence[Step] = (),
    ) -> None:
        """Add a task, in place of one with the same id; its clock starts now."""
        start = self._clock.now()
        name = f"{operation or ''} {task_id}".encode(errors="replace")
        token = hashlib.sha256(name).hexdigest()[:24]
        # After its faults the whole file is served, for good.
        self._media[token] = _Run((*faults, Hindered()), start)
        self._runs[operation, task_id] = token, _Run(script, start)

    def ask(self, operation: str, task_id: str) -> Moment | None:
        """Return what the task says to this request, None if there is no such task."""
        found = self._find(operation, task_id)
        if found is None and (script := script_for(task_id)) is not None:
            self.add(None, task_id, script)
            found = self._find(operation, task_id)
        if found is None:
            return None
        token, run = found
        step = run.step_at(self._clock.now())
        state = run.state
        return Moment(
            task_id,
            state,
            updated=self._clock.wall(run.since),
            progress=1.0 if isinstance(state, Completion) else run.index / len(run.script),
            step=step,
            token=token,
        )

    def finished(self, operation: str, task_id: str) -> str | None:
        """Return the name of a finished task's file, "" if it is not, None if there is no task."""
        found = self._find(operation, task_id)
        if found is None:
            return None
        token, run = found
        return token if isinstance(run.state, Completion) else ""

    def fetch(self, token: str) -> Step:
        """Return what the file with this name does at this request."""
        return self._media[token].step_at(self._clock.now())

    def _find(self, operation: str, task_id: str) -> tuple[str, _Run] | None:
        return self._runs.get((operation, task_id)) or self._runs.get((None, task_id))


def as_faults(steps: Iterable[Step], where: str) -> tuple[Step, ...]:
    """Return steps that are no states.

    Raises:
        TypeError: one is.
    """
    faults = tuple(steps)
    for number, step in enumerate(faults, 1):
        if isinstance(step, State) or not isinstance(step, Step):
            raise TypeError(f"Step {number} of {where} is not a fault.")
    return faults
