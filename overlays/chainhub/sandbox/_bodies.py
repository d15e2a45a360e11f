"""The bodies of responses about a task.

If the contract has the format that several families of models share, each family has its variant
of it: the beginning of the id decides which. All conform to the contract; they differ in what is
absent, null, in `detail`, or in seconds. Every other operation responds with its example, with the
values of the task where the contract has them.
"""

from __future__ import annotations

import datetime
import secrets
import uuid
from collections.abc import Callable, Mapping
from itertools import count
from typing import TypeAlias, cast

from attrs import evolve, frozen

from chainhub.sandbox._contract import Draft, JsonPath, Operation, TaskFields
from chainhub.sandbox._script import Completion, Failure, Json, State, Step, meaning, pending

Body: TypeAlias = dict[str, Json]

PROMPT = "A brown cow with large feathered wings flies over green farmland, in warm light."


@frozen
class Snapshot:
    """The status of a task for one request.

    Attributes:
        id: The id of the task.
        state: Its state; during a fault, that of the steps before.
        updated: When the step began, in Unix seconds.
        progress: The finished part of the script, from 0 to 1.
        link: Returns the URL of a result by its number, None if there is none.
        step: The step of the script, a state or a fault.
        token: The name of its results in URLs.
    """

    id: str
    state: State
    updated: float
    progress: float
    link: Callable[[int], str] | None = None
    step: Step = pending
    token: str = ""

    @property
    def url(self) -> str | None:
        return None if self.link is None else self.link(1)

    @property
    def reason(self) -> str | None:
        return self.state.reason if isinstance(self.state, Failure) else None


def task_body(operation: Operation, snapshot: Snapshot) -> tuple[Json, str]:
    """Return the body of a task operation's response, and the status word in it."""
    task = operation.task
    assert task is not None
    draft = Draft(operation)
    word = _word(draft, task, snapshot)
    snapshot = evolve(snapshot, state=evolve(snapshot.state, word=word))
    if all(path in (*task.results, *task.reason) for path in _FAMILY_PATHS):
        formats = (form for prefix, form in _FAMILIES.items() if snapshot.id.startswith(prefix))
        facts: Body = {"id": snapshot.id, "status": word, "video_url": snapshot.url}
        facts["status_update_time"] = int(snapshot.updated * 1000)
        # Ids of no family get the format of the contract's example.
        draft.body = next(formats, _example_format)(facts, snapshot)
    else:
        _fill(draft, task, snapshot)
    return {**draft.body, **snapshot.state.extra}, word


def created_task(operation: Operation) -> tuple[str, Json]:
    """Return a new id in the format of the create operation's example, and the response."""
    draft, paths = Draft(operation), operation.created_id
    path = draft.first(paths) or paths[0]
    is_number = "integer" in draft.types(path)
    task_id = str(secrets.randbelow(10**12) + 10**12 if is_number else uuid.uuid4())
    _put_id(draft, path, task_id)
    return task_id, cast("Json", draft.body)


def _word(draft: Draft, task: TaskFields, snapshot: Snapshot) -> str:
    """Return the status word, or a word with the same meaning that the operation declares.

    An unknown word is kept: it shows what happens if the service has a new one.
    """
    word, path = snapshot.state.word, draft.first(task.status)
    enum = [value for schema in draft.schemas(path or ()) for value in schema.get("enum", ())]
    if not enum or word in enum:
        return word
    sense = meaning(word, task.words)
    senses = [meaning(value, task.words) for value in enum]
    if sense in ("cancelled", "expired") and sense not in senses:
        sense = "failed"
    pairs = zip(enum, senses, strict=True)
    matches = [value for value, value_sense in pairs if value_sense == sense is not None]
    # Of several words the first one is for the queue, the last one for the work.
    return str(matches[-1 if sense == "running" and snapshot.progress else 0]) if matches else word


def _fill(draft: Draft, task: TaskFields, snapshot: Snapshot) -> None:
    """Put the values of a task where the contract has them, and clear those that it has not."""
    results, state = draft.first(task.results), snapshot.state
    for path in (*task.reason, *(task.results if snapshot.link is None else ())):
        draft.clear(path)
    for path in [path for path in task.id if draft.first([path])] or task.id[:1]:
        _put_id(draft, path, snapshot.id)
    draft.put(draft.first(task.status) or task.status[0], lambda: state.word)
    if progress := draft.first(task.progress):
        percent = int(snapshot.progress * 100)
        kinds, examples = draft.types(progress), draft.values(progress)
        value: Json = percent
        if "string" in kinds or (examples and isinstance(examples[0], str)):
            value = f"{percent}%"
        elif examples and isinstance(examples[0], float) and 0 <= examples[0] <= 1:
            value = snapshot.progress
        draft.put(progress, lambda: value)
    if updated := draft.first(task.updated):
        draft.put(updated, lambda: _time(draft, updated, snapshot.updated))
    if isinstance(state, Failure):
        _put_reason(draft, task, state)
    if snapshot.link is not None and task.results:
        numbers, link = count(1), snapshot.link
        assert isinstance(state, Completion)
        draft.put(results or task.results[0], lambda: link(next(numbers)), state.results)


def _put_id(draft: Draft, path: JsonPath, task_id: str) -> None:
    is_number = task_id.isdecimal() and "integer" in draft.types(path)
    draft.put(path, lambda: int(task_id) if is_number else task_id)


def _time(draft: Draft, path: JsonPath, time: float) -> Json:
    """Return a time as the example has it: milliseconds, seconds or text."""
    example = next(iter(draft.values(path)), None)
    if "string" in draft.types(path) or isinstance(example, str):
        return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat()
    # In seconds that would be some time after the year 5000.
    milliseconds = isinstance(example, int | float) and example > 1e11
    return int(time * 1000) if milliseconds else int(time)


def _put_reason(draft: Draft, task: TaskFields, state: Failure) -> None:
    """Put the reason where a text is allowed, else into an object's `message`; and the code."""
    texts = [path for path in task.reason if draft.first([path])] or [*task.reason]
    text_paths = [path for path in texts if draft.types(path) <= {"string", "null"}]
    for path in (text_paths or [[*path, "message"] for path in texts])[:1]:
        draft.put(path, lambda: state.reason)
    for path in task.code[:1] if state.code else ():
        if isinstance(next(iter(draft.values(path[:-1])), None), dict):
            draft.put(path, lambda: state.code)


def _example_format(body: Body, snapshot: Snapshot) -> Body:
    """Return the format of the contract's example: every field is there."""
    if isinstance(snapshot.state, Failure):
        body["error"] = {"message": snapshot.state.reason, "code": snapshot.state.code}
    return {**body, "enhanced_prompt": PROMPT}


def _veo(body: Body, snapshot: Snapshot) -> Body:
    """Return the format with a `detail` and a prompt once work has begun."""
    if snapshot.progress == 0 and snapshot.reason is None and snapshot.url is None:
        return {**body, "enhanced_prompt": ""}
    detail: Body = {
        "id": snapshot.id,
        "status": snapshot.state.word,
        "running": not isinstance(snapshot.state, Completion | Failure),
        "enhanced_prompt": PROMPT,
        "video_generation_error": snapshot.reason,
    }
    if snapshot.url is not None:
        detail |= {"video_url": snapshot.url, "upsample_video_url": snapshot.url}
    return {**body, "detail": detail}


def _sora(body: Body, snapshot: Snapshot) -> Body:
    """Return the format without a URL while running and with a nested progress."""
    info: Body = {"progress_pct": round(snapshot.progress, 2), "failure_reason": snapshot.reason}
    local_id = snapshot.id.partition(":")[2]
    detail: Body = {"id": local_id, "status": snapshot.state.word, "pending_info": info}
    return {**_without_null(body), "detail": detail}


def _grok(body: Body, snapshot: Snapshot) -> Body:
    """Return the format with times in seconds, a progress in percent and an `error` string."""
    return {
        **body,
        "error": snapshot.reason or "",
        "model": "grok-3",
        "progress": int(snapshot.progress * 100),
        "video_url": snapshot.url or "",
        "status_update_time": int(snapshot.updated),
    }


def _bare(body: Body, snapshot: Snapshot) -> Body:
    """Return the shortest format: times in seconds and no fields without a value."""
    facts: Body = {"status_update_time": int(snapshot.updated), "fail_reason": snapshot.reason}
    return _without_null({**body, **facts})


def _without_null(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None}


# An operation whose responses are not read at all these paths has only its own format.
_FAMILY_PATHS = (
    ["video_url"],
    ["error"],
    ["fail_reason"],
    ["detail", "video_generation_error"],
    ["detail", "pending_info", "failure_reason"],
)
_FAMILIES: Mapping[str, Callable[[Body, Snapshot], Body]] = {
    "veo": _veo,
    "sora": _sora,
    "grok": _grok,
    "video_": _bare,
}
