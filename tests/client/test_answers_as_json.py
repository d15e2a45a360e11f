"""Answers as JSON and as other libraries' objects."""

import json

import attrs
import pydantic
import pytest

import chainhub
from tests.loopback import TASK


class Row(pydantic.BaseModel):
    """A model of some of a task's fields."""

    model_config = pydantic.ConfigDict(from_attributes=True)

    id: str
    status: str
    video_url: str | None
    enhanced_prompt: str | None


LEAN = {name: value for name, value in TASK.items() if value is not None} | {"progress": 0.5}


@pytest.mark.parametrize("came", [TASK, LEAN, LEAN | {"detail": {"a": [None, 1]}}])
def test_an_answer_is_json(mode, server, http, came):
    """By `to_dict` exactly as it came, by attrs with all its fields."""
    server.answers = [http(200, came)]
    task = mode(mode.client(base_url=server.url).video.query("a"))
    assert json.loads(json.dumps(task.to_dict())) == came
    fields = json.loads(json.dumps(attrs.asdict(task)))
    undeclared = fields.pop("additional_properties")
    assert fields == {name: came.get(name) for name in TASK}
    assert undeclared == {name: came[name] for name in came.keys() - TASK.keys()}
    assert chainhub.VideoTask.from_dict(task.to_dict()) == task


def test_pydantic_takes_the_fields_of_an_answer(mode, server, http):
    """By their names, from attributes; what was left out is None."""
    server.answers = [http(200, LEAN)]
    task = mode(mode.client(base_url=server.url).video.query("a"))
    assert Row.model_validate(task).video_url is None
    assert pydantic.TypeAdapter(list[Row]).validate_python([task])[0].id == task.id


def test_a_task_made_by_a_caller_is_json():
    """Every field is there: nothing tells which one a service would have left out."""
    task = chainhub.VideoTask(id="a", status="pending", status_update_time=1)
    assert json.loads(json.dumps(task.to_dict())) == {
        "id": "a",
        "status": "pending",
        "status_update_time": 1,
        "video_url": None,
        "enhanced_prompt": None,
    }
    assert json.dumps(attrs.asdict(task))
