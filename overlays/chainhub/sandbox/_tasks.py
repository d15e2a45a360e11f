"""The tasks in memory, each somewhere in its script and in the script of its video."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence

from attrs import define, frozen

from chainhub.sandbox._clock import Clock
from chainhub.sandbox._scenarios import story_for
from chainhub.sandbox._script import Completion, Hindered, State, Step, as_script, pending
from chainhub.sandbox._script_state import Position, ask


@frozen
class Told:
    """What a task does for one request: its step, the state behind it, when the step began."""

    step: Step
    state: State
    since: float
    progress: float
    token: str


@define(eq=False)
class _Task:
    token: str
    script: Sequence[Step]
    media: Sequence[Step]
    place: Position
    media_place: Position


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
            TypeError: a script holds something that is no step of its kind.
            ValueError: the script is empty.
        """
        steps = as_script(script)
        with self._lock:
            self._put(task_id, steps, _media_script(media))

    def ask(self, task_id: str) -> Told | None:
        """Return what the task does for this request, None if there is no such task."""
        now = self._clock.now()
        with self._lock:
            task = self._by_id.get(task_id)
            story = story_for(task_id) if task is None else None
            if story is not None:
                task = self._put(task_id, story, _media_script(()))
            if task is None:
                return None
            task.place = ask(task.script, task.place, now)
            return _told(task)

    def fetch(self, token: str) -> Step:
        """Return what the video of the task with this token does at this request.

        Raises:
            KeyError: no task has this token.
        """
        now = self._clock.now()
        with self._lock:
            task = self._by_token[token]
            task.media_place = ask(task.media, task.media_place, now)
            return task.media[task.media_place.index]

    def _put(self, task_id: str, script: Sequence[Step], media: Sequence[Step]) -> _Task:
        start = Position(since=self._clock.now())
        token = hashlib.sha256(task_id.encode(errors="replace")).hexdigest()[:24]
        task = _Task(token, script, media, start, start)
        self._by_id[task_id] = self._by_token[token] = task
        return task


def _told(task: _Task) -> Told:
    index = task.place.index
    state = _state_behind(task.script[: index + 1])
    done = isinstance(state, Completion)
    progress = 1.0 if done else index / len(task.script)
    return Told(task.script[index], state, task.place.since, progress, task.token)


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
