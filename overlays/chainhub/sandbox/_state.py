"""The state of a sandbox: its clock, its tasks, and the recorded requests.

A task has a position in its script, and its video one in a script of faults. No input or output.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from attrs import define

from chainhub import _clock
from chainhub.sandbox._bodies import Snapshot
from chainhub.sandbox._scenarios import script_for
from chainhub.sandbox._script import Completion, Impairment, State, Step, pending


class SandboxError(Exception):
    """The sandbox cannot be started with these arguments."""


class Clock:
    """Seconds since the start, `speed` times as fast as real ones; speed 0 stands still.

    In a test with a virtual clock, tasks progress with that clock, if it was started first.
    """

    def __init__(self, speed: float) -> None:
        if not 0 <= speed < math.inf:
            raise ValueError(f"The speed must be a number, 0 or more, not {speed}.")
        self._speed = speed
        # Bound at the start: a virtual clock that is started later does not move tasks.
        self._monotonic = _clock.monotonic
        self._start = self._monotonic()
        self._epoch = time.time()  # once: tasks do not move when the system clock is set
        self._skipped = 0.0

    def now(self) -> float:
        return (self._monotonic() - self._start) * self._speed + self._skipped

    def advance(self, seconds: float) -> None:
        if not 0 <= seconds < math.inf:
            raise ValueError(f"The clock only moves forward, not by {seconds} seconds.")
        self._skipped += seconds

    def wall(self, instant: float) -> float:
        """Return the Unix time in seconds for an instant of this clock."""
        return self._epoch + instant


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
    """A script that has begun: its step, when that began (clock seconds), and its requests."""

    script: Sequence[Step]
    began: float
    index: int = 0
    polls: int = 0

    def step_at(self, now: float) -> Step:
        """Return the step for a request at `now`, and count that request."""
        while self.index < len(self.script) - 1:
            step = self.script[self.index]
            # A step with a duration ends on time, also without a request; the next begins then.
            end = now if step.seconds is None else self.began + step.seconds
            if now < end or (step.seconds is None and self.polls < step.polls):
                break
            self.index, self.began, self.polls = self.index + 1, end, 0
        self.polls += 1  # after the check, as a step of one request is used once
        return self.script[self.index]

    @property
    def state(self) -> State:
        """The state of the present step; for a fault, that of the steps before it."""
        steps = reversed(self.script[: self.index + 1])
        states = (step.of if isinstance(step, Impairment) else step for step in steps)
        return next((state for state in states if isinstance(state, State)), pending)


class Tasks:
    """All tasks of a sandbox: a task is known to the operation it was added for, or to every one.

    Only the server's thread advances scripts; other threads replace whole ones.

    Attributes:
        plans: By create operation, the script of its tasks and the faults of their results.
        faults: By operation, the faults of its next requests.
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
        # After its faults the whole file is served, from then on.
        self._media[token] = _Run((*faults, Impairment()), start)
        self._runs[operation, task_id] = token, _Run(script, start)

    def ask(self, operation: str, task_id: str) -> Snapshot | None:
        """Return the status of a task for this request, None if there is no such task."""
        entry = self._find(operation, task_id)
        if entry is None and (script := script_for(task_id)) is not None:
            self.add(None, task_id, script)
            entry = self._find(operation, task_id)
        if entry is None:
            return None
        token, run = entry
        step = run.step_at(self._clock.now())
        state = run.state
        return Snapshot(
            task_id,
            state,
            updated=self._clock.wall(run.began),
            progress=1.0 if isinstance(state, Completion) else run.index / len(run.script),
            step=step,
            token=token,
        )

    def result_token(self, operation: str, task_id: str) -> str | None:
        """Return the name of a finished task's file, "" if it is not, None if there is no task."""
        entry = self._find(operation, task_id)
        if entry is None:
            return None
        token, run = entry
        return token if isinstance(run.state, Completion) else ""

    def fetch(self, token: str) -> Step:
        """Return the step of the file with this name for this request."""
        return self._media[token].step_at(self._clock.now())

    def _find(self, operation: str, task_id: str) -> tuple[str, _Run] | None:
        return self._runs.get((operation, task_id)) or self._runs.get((None, task_id))


def as_faults(steps: Iterable[Step], source: str) -> tuple[Step, ...]:
    """Return the steps, which must be faults.

    Raises:
        TypeError: a step is a state.
    """
    faults = tuple(steps)
    for number, step in enumerate(faults, 1):
        if isinstance(step, State) or not isinstance(step, Step):
            hint = "use one such as reset, cut() or status(503)"
            raise TypeError(f"Step {number} of {source} is not a fault: {hint}.")
    return faults
