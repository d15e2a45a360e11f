"""The JSON body of a task's answer, in the several shapes the service gives it, pure.

The family of models decides: the part before the colon of the id, or how the id begins. All
shapes keep to the contract; they differ in what is absent, null, in `detail`, or in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import frozen

from chainhub.sandbox._script import Completion, Failure, Json, State

Body: TypeAlias = dict[str, Json]

PROMPT = "A brown cow with large feathered wings flies over green farmland, in warm light."


@frozen
class Moment:
    """What a task has to say: its id, state, URL, time (Unix seconds) and progress (0 to 1)."""

    id: str
    state: State
    url: str | None
    updated: float
    progress: float

    @property
    def milliseconds(self) -> int:
        """The time of the last change in milliseconds."""
        return int(self.updated * 1000)

    @property
    def reason(self) -> str | None:
        """Why the task failed, None unless it did."""
        return self.state.reason if isinstance(self.state, Failure) else None

    @property
    def code(self) -> str:
        """The code of the failure, empty unless there is one."""
        return self.state.code if isinstance(self.state, Failure) else ""


def task_body(moment: Moment) -> Body:
    """Return the answer's body in the shape of the id's family, with the state's extra fields."""
    return {**_shape(moment.id)(moment), **moment.state.extra}


def _shape(task_id: str) -> Callable[[Moment], Body]:
    for beginning, shape in _FAMILIES.items():
        if task_id.startswith(beginning):
            return shape
    return _published


def _published(moment: Moment) -> Body:
    """Return the shape of the contract's own example: every field is there."""
    body: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "video_url": moment.url,
        "enhanced_prompt": PROMPT,
        "status_update_time": moment.milliseconds,
    }
    if moment.reason is not None:
        body["error"] = {"message": moment.reason, "code": moment.code}
    return body


def _veo(moment: Moment) -> Body:
    """Return the shape with a `detail` once work has begun; the prompt is only there then."""
    body: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "video_url": moment.url,
        "status_update_time": moment.milliseconds,
    }
    if moment.progress == 0 and moment.reason is None and moment.url is None:
        return {**body, "enhanced_prompt": ""}
    return {**body, "detail": _veo_detail(moment)}


def _veo_detail(moment: Moment) -> Mapping[str, Json]:
    detail: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "running": not isinstance(moment.state, Completion | Failure),
        "enhanced_prompt": PROMPT,
        "video_generation_error": moment.reason,
    }
    if moment.url is not None:
        detail |= {"video_url": moment.url, "upsample_video_url": moment.url}
    return detail


def _sora(moment: Moment) -> Body:
    """Return the shape without a URL while running and with a nested progress."""
    body: Body = {
        "id": moment.id,
        "detail": {
            "id": moment.id.partition(":")[2],
            "status": moment.state.word,
            "pending_info": {
                "progress_pct": round(moment.progress, 2),
                "failure_reason": moment.reason,
            },
        },
        "status": moment.state.word,
        "status_update_time": moment.milliseconds,
    }
    return body if moment.url is None else {**body, "video_url": moment.url}


def _grok(moment: Moment) -> Body:
    """Return the shape with times in seconds, a progress in percent and an `error` string."""
    return {
        "id": moment.id,
        "error": moment.reason or "",
        "model": "grok-3",
        "status": moment.state.word,
        "progress": int(moment.progress * 100),
        "video_url": moment.url or "",
        "status_update_time": int(moment.updated),
    }


def _bare(moment: Moment) -> Body:
    """Return the shortest shape: times in seconds and nothing that is not there yet."""
    body: Body = {
        "id": moment.id,
        "status": moment.state.word,
        "status_update_time": int(moment.updated),
    }
    if moment.reason is not None:
        body["fail_reason"] = moment.reason
    return body if moment.url is None else {**body, "video_url": moment.url}


_FAMILIES: Mapping[str, Callable[[Moment], Body]] = {
    "veo": _veo,
    "sora": _sora,
    "grok": _grok,
    "video_": _bare,
}
