"""The bodies of responses about a task.

Where the contract has the format that models of many families share, each family writes it in its
own way: the part before the colon of the id, or how the id begins, says which. All keep to the
contract; they differ in what is absent, null, in `detail`, or in seconds. Every other operation
responds with its example, in which the task's own facts stand where the contract says.
"""

from __future__ import annotations

import datetime
import secrets
import uuid
from collections.abc import Callable, Mapping
from itertools import count
from typing import TypeAlias, cast

from attrs import evolve, frozen

from chainhub.sandbox._contract import Draft, Operation, Steps, TaskFields
from chainhub.sandbox._script import Completion, Failure, Json, State, Step, meaning, pending

Body: TypeAlias = dict[str, Json]

PROMPT = "A brown cow with large feathered wings flies over green farmland, in warm light."


@frozen
class Moment:
    """What a task has to say to one request.

    Attributes:
        id: The task.
        state: Its state; while a fault shows none of its own, that of the steps before.
        updated: When the step began, in Unix seconds.
        progress: What is done, from 0 to 1.
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


def task_body(operation: Operation, moment: Moment) -> tuple[Json, str]:
    """Return the body of a task operation's response, and the status word in it."""
    task = operation.task
    assert task is not None
    draft = Draft(operation)
    word = _word(draft, task, moment)
    moment = evolve(moment, state=evolve(moment.state, word=word))
    if all(path in (*task.results, *task.reason) for path in _SAID_BY_FAMILIES):
        formats = (form for start, form in _FAMILIES.items() if moment.id.startswith(start))
        facts: Body = {"id": moment.id, "status": word, "video_url": moment.url}
        facts["status_update_time"] = int(moment.updated * 1000)
        # Ids of no family get the format of the contract's example.
        draft.body = next(formats, _published)(facts, moment)
    else:
        _fill(draft, task, moment)
    return {**draft.body, **moment.state.extra}, word


def created_task(operation: Operation) -> tuple[str, Json]:
    """Return a fresh id of the kind that a create operation's example has, and the response."""
    draft, paths = Draft(operation), operation.created_id
    path = draft.first(paths) or paths[0]
    numbered = "integer" in draft.types(path)
    task_id = str(secrets.randbelow(10**12) + 10**12 if numbered else uuid.uuid4())
    _put_id(draft, path, task_id)
    return task_id, cast("Json", draft.body)


def _word(draft: Draft, task: TaskFields, moment: Moment) -> str:
    """Return the status word, of those that an operation declares one that means the same.

    A word that nobody knows stays: it shows what happens if the service has a new one.
    """
    word, path = moment.state.word, draft.first(task.status)
    declared = [one for each in draft.schemas(path or ()) for one in each.get("enum", ())]
    if not declared or word in declared:
        return word
    sense = meaning(word, task.words)
    senses = [meaning(one, task.words) for one in declared]
    if sense in ("cancelled", "expired") and sense not in senses:
        sense = "failed"
    same = [one for one, own in zip(declared, senses, strict=True) if own == sense is not None]
    # The first word of many is that of the queue, the last that of the work.
    return str(same[-1 if sense == "running" and moment.progress else 0]) if same else word


def _fill(draft: Draft, task: TaskFields, moment: Moment) -> None:
    """Put what a task has to say where the contract says, and take away what it has not."""
    results, state = draft.first(task.results), moment.state
    for path in (*task.reason, *(task.results if moment.link is None else ())):
        draft.clear(path)
    for path in [path for path in task.id if draft.first([path])] or task.id[:1]:
        _put_id(draft, path, moment.id)
    draft.put(draft.first(task.status) or task.status[0], lambda: state.word)
    if progress := draft.first(task.progress):
        percent = int(moment.progress * 100)
        kinds, given = draft.types(progress), draft.values(progress)
        value: Json = percent
        if "string" in kinds or (given and isinstance(given[0], str)):
            value = f"{percent}%"
        elif given and isinstance(given[0], float) and 0 <= given[0] <= 1:
            value = moment.progress
        draft.put(progress, lambda: value)
    if updated := draft.first(task.updated):
        draft.put(updated, lambda: _time(draft, updated, moment.updated))
    if isinstance(state, Failure):
        _put_reason(draft, task, state)
    if moment.link is not None and task.results:
        numbers, link = count(1), moment.link
        assert isinstance(state, Completion)
        draft.put(results or task.results[0], lambda: link(next(numbers)), state.results)


def _put_id(draft: Draft, path: Steps, task_id: str) -> None:
    number = task_id.isdecimal() and "integer" in draft.types(path)
    draft.put(path, lambda: int(task_id) if number else task_id)


def _time(draft: Draft, path: Steps, moment: float) -> Json:
    """Return a time as the example has it: milliseconds, seconds or text."""
    given = next(iter(draft.values(path)), None)
    if "string" in draft.types(path) or isinstance(given, str):
        return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat()
    # In seconds that would be some time after the year 5000.
    milliseconds = isinstance(given, int | float) and given > 1e11
    return int(moment * 1000) if milliseconds else int(moment)


def _put_reason(draft: Draft, task: TaskFields, state: Failure) -> None:
    """Put the reason where a text may stand, else into an object's `message`; and the code."""
    texts = [path for path in task.reason if draft.first([path])] or [*task.reason]
    plain = [path for path in texts if draft.types(path) <= {"string", "null"}]
    for path in (plain or [[*path, "message"] for path in texts])[:1]:
        draft.put(path, lambda: state.reason)
    for path in task.code[:1] if state.code else ():
        if isinstance(next(iter(draft.values(path[:-1])), None), dict):
            draft.put(path, lambda: state.code)


def _published(body: Body, moment: Moment) -> Body:
    """Return the format of the contract's example: every field is there."""
    if isinstance(moment.state, Failure):
        body["error"] = {"message": moment.state.reason, "code": moment.state.code}
    return {**body, "enhanced_prompt": PROMPT}


def _veo(body: Body, moment: Moment) -> Body:
    """Return the format with a `detail` once work has begun; the prompt is only there then."""
    if moment.progress == 0 and moment.reason is None and moment.url is None:
        return {**body, "enhanced_prompt": ""}
    detail: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "running": not isinstance(moment.state, Completion | Failure),
        "enhanced_prompt": PROMPT,
        "video_generation_error": moment.reason,
    }
    if moment.url is not None:
        detail |= {"video_url": moment.url, "upsample_video_url": moment.url}
    return {**body, "detail": detail}


def _sora(body: Body, moment: Moment) -> Body:
    """Return the format without a URL while running and with a nested progress."""
    info: Body = {"progress_pct": round(moment.progress, 2), "failure_reason": moment.reason}
    own = moment.id.partition(":")[2]
    detail: Body = {"id": own, "status": moment.state.word, "pending_info": info}
    return {**_without_null(body), "detail": detail}


def _grok(body: Body, moment: Moment) -> Body:
    """Return the format with times in seconds, a progress in percent and an `error` string."""
    return {
        **body,
        "error": moment.reason or "",
        "model": "grok-3",
        "progress": int(moment.progress * 100),
        "video_url": moment.url or "",
        "status_update_time": int(moment.updated),
    }


def _bare(body: Body, moment: Moment) -> Body:
    """Return the shortest format: times in seconds and nothing that is not there yet."""
    facts: Body = {"status_update_time": int(moment.updated), "fail_reason": moment.reason}
    return _without_null({**body, **facts})


def _without_null(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None}


# An operation whose answers are not read at all these places has one format, its own.
_SAID_BY_FAMILIES = (
    ["video_url"],
    ["error"],
    ["fail_reason"],
    ["detail", "video_generation_error"],
    ["detail", "pending_info", "failure_reason"],
)
_FAMILIES: Mapping[str, Callable[[Body, Moment], Body]] = {
    "veo": _veo,
    "sora": _sora,
    "grok": _grok,
    "video_": _bare,
}
