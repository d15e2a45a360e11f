"""What the table of the contract says of tasks, and the values at its paths."""

from types import SimpleNamespace

import pytest

import chainhub
from chainhub._tasks import table, task_named, task_of

MODEL = SimpleNamespace(
    id="a",
    additional_properties={"detail": {"urls": ["x", "y"], "items": 5}},
    images=[SimpleNamespace(url="1"), {"url": "2"}, {"no": "url"}, 7],
)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (("id",), ["a"]),
        (("missing",), [None]),
        (("missing", "further"), [None]),
        (("detail", "urls"), [["x", "y"]]),
        (("detail", "urls", None), ["x", "y"]),
        (("detail", "urls", 1), ["y"]),
        (("detail", "urls", -1), ["y"]),
        (("detail", "urls", 2), [None]),
        (("detail", 0), []),
        (("id", None), []),
        (("images", None, "url"), ["1", "2", None, None]),
        (("images", 0, "url"), ["1"]),
        ((), [MODEL]),
    ],
)
def test_a_path_leads_through_models_mappings_and_lists(path, values):
    """A text is a field, a number a place, None every place; nothing is there, or a None."""
    assert table.dig(MODEL, path) == values


def test_only_values_that_are_there_count():
    """Those of several paths, in order."""
    paths = (("images", None, "url"), ("missing",), ("id",))
    assert list(table.values_at(MODEL, paths)) == ["1", "2", "a"]


def test_two_operations_that_return_the_same_model(monkeypatch):
    """Read by its model, a task has the places and words of both; a wait knows the operation."""
    one = table.TASKS["video.query"]
    other = {**one, "results": (("cover",), ("video_url",)), "words": {"polished": "succeeded"}}
    other["main"] = False
    monkeypatch.setattr(table, "TASKS", {"video.other": other, "video.query": one})
    monkeypatch.setattr(table, "import_module", lambda name: None)
    table._find_task.cache_clear()
    table.task_named.cache_clear()
    try:
        task = chainhub.VideoTask("a", "polished", 1, video_url="https://cdn.example/v")
        assert task_of(task).results == (*other["results"], *one["results"][1:])
        assert chainhub.state_of(task) is chainhub.State.SUCCEEDED
        assert chainhub.result_urls_of(task) == ["https://cdn.example/v"]
        assert (table.main_task().name, task_named("video.other").holder) == (
            "video.query",
            "video.other",
        )
    finally:
        table._find_task.cache_clear()
        table.task_named.cache_clear()


def test_a_create_operation_told_by_two_that_differ(monkeypatch):
    """What both say is taken; where they differ, the caller has to say it."""
    create = {"returns": "VideoTask", "task": "x", "id": (("id",),)}
    creates = {
        "one": {**create, "parameters": {"model": "m", "size": "big"}},
        "two": {**create, "parameters": {"model": "m", "size": "small"}},
    }
    monkeypatch.setattr(table, "CREATES", creates)
    task = table.Task(
        name="x",
        **{**table.TASKS["video.query"], "returns": "Other", "parameters": ("model", "size")},
    )
    answer = chainhub.VideoTask("a", "pending", 1)
    with pytest.raises(chainhub.ConfigurationError, match="x needs size= besides the id"):
        task.task_id_of(answer, {})
    assert task.task_id_of(answer, {"size": "big"}) == ("a", ("m", "big"))
