"""What a sandbox knows: its clock, its tasks, and the requests that it has seen.

A task is somewhere in its script, and its video in a script of faults. Nothing here is sent.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import define, evolve, frozen

from chainhub import _clock
from chainhub.sandbox._bodies import Moment
from chainhub.sandbox._scenarios import script_for
from chainhub.sandbox._script import Completion, Hindered, State, Step, as_script, pending


class Clock:
    """Seconds since the start, `speed` times as fast as real ones; speed 0 stands still.

    In a test with a virtual clock, tasks progress with it, if it was there first.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start at zero.

        Raises:
            ValueError: the speed is not a number from 0 up.
        """
        if not 0 <= speed < math.inf:
            raise ValueError(f"The speed must be a number, 0 or more, not {speed}.")
        self._speed = speed
        self._monotonic = monotonic or _clock.monotonic
        self._started = self._monotonic()
        self._epoch = wall()
        self._skipped = 0.0

    def now(self) -> float:
        """Return the clock's seconds since the start."""
        return (self._monotonic() - self._started) * self._speed + self._skipped

    def advance(self, seconds: float) -> None:
        """Move the clock on by `seconds` at once.

        Raises:
            ValueError: that would be backwards.
        """
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


@frozen
class Position:
    """A position in a script: the step, when it began (clock seconds), its requests so far."""

    index: int = 0
    since: float = 0.0
    polls: int = 0


def next_position(script: Sequence[Step], position: Position, now: float) -> Position:
    """Return the position for a request at `now`, with that request counted. Pure."""
    while position.index < len(script) - 1:
        step = script[position.index]
        # A step with a duration ends on time, also if nobody asks then; the next begins there.
        end = now if step.seconds is None else position.since + step.seconds
        if now < end or (step.seconds is None and position.polls < step.polls):
            break
        position = Position(position.index + 1, since=end)
    return evolve(position, polls=position.polls + 1)


@define(eq=False)
class _Task:
    token: str
    script: Sequence[Step]
    media: Sequence[Step]
    position: Position
    media_position: Position


class Tasks:
    """All tasks of a sandbox; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        """Begin without any task."""
        self._clock = clock
        self._lock = threading.Lock()
        self._by_id: dict[str, _Task] = {}
        self._by_token: dict[str, _Task] = {}

    def __len__(self) -> int:
        """Return how many tasks there are."""
        return len(self._by_id)

    def add(
        self, task_id: str, script: Step | str | Iterable[Step | str], media: Iterable[Step] = ()
    ) -> None:
        """Add a task, in place of one with the same id; its clock starts now.

        Raises:
            TypeError: a script contains something that is no step of its kind.
            ValueError: the script is empty.
        """
        steps, faults = as_script(script), _media_script(media)
        with self._lock:
            self._put(task_id, steps, faults)

    def ask(self, task_id: str) -> Moment | None:
        """Return what the task says to this request, None if there is no such task."""
        now = self._clock.now()
        with self._lock:
            task = self._by_id.get(task_id)
            if task is None and (script := script_for(task_id)) is not None:
                task = self._put(task_id, script, _media_script(()))
            if task is None:
                return None
            task.position = next_position(task.script, task.position, now)
            index = task.position.index
            state = _state_behind(task.script[: index + 1])
            done = isinstance(state, Completion)
            return Moment(
                task_id,
                state,
                updated=self._clock.wall(task.position.since),
                progress=1.0 if done else index / len(task.script),
                step=task.script[index],
                token=task.token,
            )

    def fetch(self, token: str) -> Step:
        """Return what the video of the task with this token does at this request.

        Raises:
            KeyError: no task has this token.
        """
        now = self._clock.now()
        with self._lock:
            task = self._by_token[token]
            task.media_position = next_position(task.media, task.media_position, now)
            return task.media[task.media_position.index]

    def _put(self, task_id: str, script: Sequence[Step], media: Sequence[Step]) -> _Task:
        start = Position(since=self._clock.now())
        token = hashlib.sha256(task_id.encode(errors="replace")).hexdigest()[:24]
        task = _Task(token, script, media, start, start)
        self._by_id[task_id] = self._by_token[token] = task
        return task


def _state_behind(steps: Sequence[Step]) -> State:
    """Return the state that the last step shows, a fault showing that of the steps before it."""
    for step in reversed(steps):
        if isinstance(step, State):
            return step
        if isinstance(step, Hindered) and step.of is not None:
            return step.of
    return pending


def _media_script(faults: Iterable[Step]) -> tuple[Step, ...]:
    """Return the faults followed by the whole video, for good."""
    script = tuple(faults)
    for number, step in enumerate(script, 1):
        if isinstance(step, State) or not isinstance(step, Step):
            raise TypeError(f"Step {number} of the media script is not a fault.")
    return (*script, Hindered())
