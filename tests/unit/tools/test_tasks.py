"""What the contract says of tasks, compiled into tables; and each way to say it wrongly."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest

from tools import commands, layout
from tools.documents import Json
from tools.errors import PipelineError
from tools.tasks import compile as compiling
from tools.tasks import examples, places
from tools.tasks.written import any_task

SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string"},
        "files": {"type": "array", "items": {"$ref": "#/components/schemas/File"}},
        "urls": {"type": "array", "items": {"type": "string"}},
        "detail": {"type": "object"},
        "anything": {},
        "named": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/File"}},
        "closed": {"type": "object", "additionalProperties": False},
        "choice": {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/File"}]},
        "endless": {"$ref": "#/components/schemas/Endless"},
    },
}
FILE: dict[str, Json] = {"type": "object", "properties": {"url": {"type": "string"}}}
OPEN: dict[str, Json] = {"type": "object"}
ENDLESS: dict[str, Json] = {"allOf": [{"$ref": "#/components/schemas/Endless"}]}


def operation(name: str, responses: Json, **more: Json) -> dict[str, Json]:
    """Describe an operation."""
    return {"tags": ["video"], "operationId": name, "responses": responses} | more


def contract(x_task: Json = None, **links: Json) -> dict[str, Any]:
    """Describe an operation that asks for a task, one that creates it, and its file."""
    by_id: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    model: Json = {"$ref": "#/components/parameters/Model"}
    answer: dict[str, Json] = {"content": {"application/json": {"schema": SCHEMA}}}
    find = operation("find", {"200": answer}, parameters=[model])
    find["x-task"] = deepcopy(x_task)
    created: Json = {"201": {**answer, "links": links}, "default": answer}
    file: Json = {"default": {"$ref": "#/components/responses/Bytes"}}
    other: Json = {"200": {"content": {"video/mp4": {}}}}
    return {
        "openapi": "3.0.3",
        "paths": {
            "/v1/{model}/tasks/{id}": {"parameters": [by_id], "get": find},
            "/v1/tasks": {"post": operation("create", created)},
            "/v1/tasks/{id}/file": {"get": operation("file", file, parameters=[by_id])},
            "/v1/file": {"get": operation("file", other, tags=["other"])},
        },
        "components": {
            "schemas": {"File": FILE, "Endless": ENDLESS},
            "parameters": {"Model": {"name": "model", "in": "path", "required": True}},
            "responses": {"Bytes": {"content": {"video/mp4": {"schema": {"type": "string"}}}}},
        },
    }


FIND = ("paths", "/v1/{model}/tasks/{id}", "get")
CREATE = ("paths", "/v1/tasks", "post")
TASK: dict[str, Json] = {
    "id": ["$request.path.id", "$response.body#/id"],
    "status": "$response.body#/state",
    "results": ["$.files[*].url", "$.urls[*]"],
    "kind": "image",
}
LINK: dict[str, Json] = {
    "operationId": "video.find",
    "parameters": {"id": "$response.body#/id", "path.model": "flux-1"},
}


def compiled(x_task: Json = None, **links: Json) -> compiling.Tables:
    """Compile such a contract."""
    published: dict[str, Any] = {"findTask": FIND}
    return compiling.compiled(contract(x_task, **links), "page.md", published)


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("$response.body#/data/0/task_status", ("data", "0", "task_status")),
        ("$response.body#/a~1b/c~0d", ("a/b", "c~d")),
        ("$.data.images[*].url", ("data", "images", None, "url")),
        ("$[0]['the name'][\"x\"]", (0, "the name", "x")),
        ("$", None),
        ("data.url", None),
        ("$..url", None),
        ("$.data[?@.a]", None),
        ("$.data[-1]", None),
        ("$.data.*", None),
        ("$request.body#/id", None),
    ],
)
def test_expressions_that_lead_into_an_answer(
    expression: str, path: tuple[object, ...] | None
) -> None:
    """JSON Pointers as runtime expressions have them, and names, indexes and `[*]` of JSONPath."""
    assert places.answer_path(expression) == path


def follow(path: str) -> places.Location:
    """Follow an expression through the schema."""
    steps = places.answer_path(path)
    assert steps is not None
    return places.follow(SCHEMA, steps, cast("dict[str, Json]", contract()))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$response.body#/files/0/url", ("files", 0, "url")),
        ("$.files[*].url", ("files", None, "url")),
        ("$.choice.url", ("choice", "url")),
        ("$.named.first.url", ("named", "first", "url")),
        ("$.detail.pending[*].url", ("detail", "pending", None, "url")),
        ("$.anything[3]", ("anything", 3)),
        ("$.more", ("more",)),
    ],
)
def test_paths_through_a_schema(path: str, found: object) -> None:
    """Through references, choices and lists; where a schema leaves open what there is, anywhere."""
    assert follow(path).path == found


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("$.state.x", "state is of the type string, which never has a field 'x'"),
        ("$.urls.first", "urls is of the type array, which never has a field 'first'"),
        ("$.state[*]", "state is of the type string, which never has items"),
        ("$.files[0].url.x", "files[0].url is of the type string, which never has a field 'x'"),
        ("$.closed.x", "closed has no field 'x'"),
        ("$.detail[0]", "detail has no list"),
        ("$[*]", "the answer has no list"),
        ("$.endless.x", "endless has no field 'x'"),
    ],
)
def test_paths_that_a_schema_does_not_allow(path: str, fault: str) -> None:
    """The sentence says where the way ends, and on what."""
    with pytest.raises(LookupError) as caught:
        follow(path)
    assert str(caught.value) == fault


def test_a_task_operation_is_compiled() -> None:
    """Its further parameters too; and the only one of a tag is the one the tag is about."""
    tables = compiled(
        {
            **TASK,
            "reason": "$response.body#/detail/error",
            "words": {"cooking": "running"},
            "content": "video.file",
        },
        task=LINK,
        task_2={**LINK, "parameters": {"id": "$.detail.id", "model": "$.state"}},
        other={"operationId": "video.file"},
    )
    task = tables.tasks[FIND]
    assert (task.parameter, task.further, task.kind, task.main) == ("id", ("model",), "image", True)
    assert task.paths == {
        "id": (("id",),),
        "status": (("state",),),
        "reason": (("detail", "error"),),
        "code": (),
        "progress": (),
        "updated": (),
        "results": (("files", None, "url"), ("urls", None)),
    }
    assert task.words == {"cooking": "running"}
    assert task.content == (("paths", "/v1/tasks/{id}/file", "get"), "id")
    create = tables.creates[CREATE]
    assert (create.task, create.id) == (FIND, (("id",), ("detail", "id")))
    assert create.parameters == {"model": "flux-1"}


@pytest.mark.parametrize("target", [{"operationId": "findTask"}, {"operationId": "find"}])
def test_a_link_may_name_an_operation_as_it_was_published(target: dict[str, Json]) -> None:
    """Or as callers do, without the tag where that is clear; or by its place."""
    place = "#/paths/~1v1~1{model}~1tasks~1{id}/get"
    for said in (target, {"operationRef": place}):
        tables = compiled(TASK, task={**said, "parameters": LINK["parameters"]})
        assert tables.creates[CREATE].task == FIND


@pytest.mark.parametrize("said", [None, False])
def test_an_operation_may_be_none(said: Json) -> None:
    """Whether nothing is said, or that it is not one."""
    assert compiled(said).tasks == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "$response.body#/id"}, "its `id` names no parameter"),
        ({"id": ["$request.path.id", "$request.query.id"]}, "its `id` names no parameter"),
        ({"id": "$request.query.id"}, "the operation has no parameter 'id' in its query"),
        ({"status": None}, "it says no `status`"),
        ({"status": "state"}, "status is 'state', not like $response.body#/data/id or $.data"),
        (
            {"status": "$response.body#/stat"},
            "status is '$response.body#/stat', which the answer does not declare",
        ),
        ({"status": "$.files"}, "status is '$.files', which is an array"),
        ({"results": "$.urls"}, "results is '$.urls', which is an array: say [*] for its items"),
        ({"results": "$.files[*]"}, "results is '$.files[*]', which is an object"),
        ({"reason": "$.state.x"}, "reason is '$.state.x', but state is of the type string"),
        ({"kind": "film"}, "its `kind` is 'film', not video, audio, image, file or none"),
        ({"words": {"Done": "running"}}, "the word 'Done' is not in lower case"),
        ({"words": {"done": "good"}}, "the word 'done' stands for 'good', not for running, succ"),
        ({"main": "yes"}, "its `main` is not true or false"),
        ({"result": "$.a"}, "it has the unknown key 'result'"),
        ({"content": "video.nope"}, "its `content` 'video.nope' is not in the contract"),
        ({"content": "video.create"}, "its `content` 'video.create' does not answer with a file"),
        ({"content": "other.file"}, "its `content` 'other.file' takes 0 parameters, not the id"),
        ({"content": "file"}, "its `content` 'file' is not in the contract"),
    ],
)
def test_faults_of_a_task_are_told_in_a_sentence(change: dict[str, Json], fault: str) -> None:
    """It names the operation and what is wrong."""
    with pytest.raises(PipelineError) as caught:
        compiled({**TASK, **change})
    start = "page.md: the x-task of GET /v1/{model}/tasks/{id}: "
    assert str(caught.value).startswith(start + fault)


def test_a_task_is_an_object() -> None:
    """Or false; and its answer is JSON."""
    with pytest.raises(PipelineError, match="neither an object nor false"):
        compiled(True)
    document = contract(TASK)
    document["paths"][FIND[1]]["get"]["responses"] = {"200": {"description": ""}}
    with pytest.raises(PipelineError, match="its answer is not described as JSON"):
        compiling.compiled(document, "page.md", {})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"operationId": "nope"}, "its target 'nope' is not in the contract"),
        ({"operationId": "video.file"}, "its target 'video.file' asks for no task"),
        (
            {"operationRef": "#/paths/~1v1/get"},
            "its target '#/paths/~1v1/get' is not in the contract",
        ),
        ({"parameters": {"id": "$.id"}}, "the parameter 'model' is not given"),
        (
            {"parameters": {"id": "$.id", "model": "a", "x": "b"}},
            "the parameter 'x' is not required by GET /v1/{model}/tasks/{id}",
        ),
        ({"parameters": {"id": "abc", "model": "a"}}, "the id is 'abc', not a place in the answer"),
        ({"parameters": {"id": "$.urls.x", "model": "a"}}, "id is '$.urls.x', but urls is of"),
        ({"x-lookup": "nope"}, "the `lookup` 'nope' of its task is not in the contract"),
    ],
)
def test_faults_of_a_link_are_told_in_a_sentence(change: dict[str, Json], fault: str) -> None:
    """So are those of what a create operation leads to."""
    task = {**TASK, "lookup": change.pop("x-lookup", None)}
    with pytest.raises(PipelineError) as caught:
        compiled(task, task={**LINK, **change})
    assert str(caught.value).startswith(f"page.md: the link of POST /v1/tasks: {fault}")


def test_two_task_operations_of_a_tag() -> None:
    """One may be `main`, not both; and a create operation starts a task of one of them."""
    document = contract(TASK, task=LINK, task_2={**LINK, "operationId": "again"})
    again = json.loads(json.dumps(document["paths"].pop(FIND[1])))
    again["get"]["operationId"] = "again"
    document["paths"] |= {FIND[1]: contract(TASK)["paths"][FIND[1]], "/v2/{model}/{id}": again}
    with pytest.raises(PipelineError, match=r"leads to GET .*tasks/.* and to GET /v2/"):
        compiling.compiled(document, "page.md", {})
    del document["paths"]["/v1/tasks"]
    tables = compiling.compiled(document, "page.md", {})
    assert [one.main for one in tables.tasks.values()] == [False, False]
    assert tables.main is None
    again["get"]["x-task"]["main"] = True
    tables = compiling.compiled(document, "page.md", {})
    assert tables.main == ("paths", "/v2/{model}/{id}", "get")
    for one in (again, document["paths"][FIND[1]]):
        one["get"]["x-task"]["main"] = True
    with pytest.raises(PipelineError, match="are both `main` of one tag"):
        compiling.compiled(document, "page.md", {})


def test_a_method_of_tasks_hides_no_operation() -> None:
    """A resource that has an operation `download` does not get the one of its task operation."""
    document = contract(TASK)
    file = document["paths"]["/v1/tasks/{id}/file"]["get"]
    file["operationId"] = "download"
    (task,) = compiling.compiled(document, "page.md", {}).tasks.values()
    assert not task.main
    document["paths"][FIND[1]]["get"]["x-task"] = {**TASK, "main": True}
    with pytest.raises(
        PipelineError, match="cannot be `main`: the tag has an operation 'download'"
    ):
        compiling.compiled(document, "page.md", {})


def test_shared_words_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says of every word what it means and where it was seen."""
    assert compiling.shared_words()["completed"] == "succeeded"
    wrong = tmp_path / "tasks.yaml"
    wrong.write_text("words: {good: {completed: seen}}\n")
    monkeypatch.setattr(layout, "TASKS", wrong)
    with pytest.raises(PipelineError, match=r"tasks.yaml: the word 'completed' stands for 'good'"):
        compiling.shared_words()


@pytest.mark.parametrize(
    ("schema", "published", "example"),
    [
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
            0,
            {"a": 1},
        ),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"b": 2}, {"a": 1, "b": 2}),
        ({"type": "array", "items": {"type": "string"}}, ["a", 1], ["a", "text"]),
        ({"type": "array"}, "{", []),
        ({"type": "string", "enum": ["a"]}, "b", "a"),
        ({"type": "string", "format": "date"}, None, "2026-01-01"),
        ({"type": "string", "format": "date", "example": "soon"}, "2026", "2026-01-01"),
        (
            {"additionalProperties": {"type": "string", "format": "date-time"}},
            {"a": "yesterday", "b": "2026-02-03T04:05:06Z"},
            {"a": "2026-01-01T00:00:00Z", "b": "2026-02-03T04:05:06Z"},
        ),
        ({"type": "integer", "example": 7}, True, 7),
        ({"type": "boolean"}, "yes", False),
        (
            {**OPEN, "required": ["a"], "properties": {"a": {"type": "string", "example": "u"}}},
            1,
            {"a": "u"},
        ),
        ({"type": "string", "nullable": True}, None, None),
        ({"oneOf": [{"type": "string"}, FILE]}, {"url": 1}, {"url": "text"}),
        (ENDLESS["allOf"], "x", "x"),
        ({"$ref": "#/components/schemas/Ring"}, None, {"ring": {}}),
    ],
)
def test_examples_fit_the_schema(schema: Json, published: Json, example: Json) -> None:
    """A published one is kept as far as it fits."""
    ring = {"$ref": "#/components/schemas/Ring"}
    document = contract()
    document["components"]["schemas"]["Ring"] = {
        "type": "object",
        "required": ["ring"],
        "properties": {"ring": ring},
    }
    made = examples.example({"schema": schema, "example": published}, document)
    if "ring" in str(example):
        assert set(cast("dict[str, Json]", made)) == {"ring"}
        assert examples.reduced(schema, document) == {
            "type": "object",
            "required": ["ring"],
            "properties": {"ring": {}},
        }
    else:
        assert made == example


def test_what_holds_the_values_of_a_task_is_in_the_example() -> None:
    """Whole, where the schema says what it has; what is described nowhere is not made."""
    data: Json = {
        "type": "object",
        "required": ["at"],
        "properties": {"at": {"type": "integer"}, "state": {"type": "string"}},
    }
    clips: Json = {"type": "array", "items": {"type": "object", "properties": {"url": {}}}}
    schema: Json = {"type": "object", "properties": {"data": data, "clips": clips}}
    shown: Json = [{"url": "1"}, {"url": "2"}]
    content = {"schema": schema, "example": {"id": "a", "data": None, "clips": shown}}
    paths = [("data", "state"), ("data", "files", None, "url"), ("more", "error"), ("id",)]
    paths += [("clips", None, "url")]
    made = {"id": "a", "data": {"at": 1}, "clips": shown}
    assert examples.example(content, {}, cast("list[places.Path]", paths)) == made


def test_of_several_examples_the_one_that_is_about_it_counts() -> None:
    """Pages carry examples of other pages."""
    named: Json = {"1": {"value": {"created": 1}}, "2": {"value": {"id": "a", "extra": 1}}}
    schema: Json = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    assert examples.example({"schema": schema, "examples": named}, {}) == {"id": "a", "extra": 1}


def test_a_large_schema_is_cut() -> None:
    """What is left out may be anything."""
    wide: Json = {"type": "object", "properties": {f"a{n}": FILE for n in range(2000)}}
    short = cast("dict[str, Any]", examples.reduced(wide, {}))
    assert short["properties"]["a1"] == FILE
    assert short["properties"]["a1999"] == {}


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        (["Video"], "_models.Video"),
        (["Video", "Song | Video"], "_models.Song | _models.Video"),
        (["Video", "Any"], "_t.Any"),
        (["list[Song | Video]"], "_t.Any"),
        ([], "_t.Any"),
    ],
)
def test_the_type_of_every_task(returns: list[str], expected: str) -> None:
    """It names models only; what has none may be anything."""
    assert any_task(returns, {"Song", "Video"}) == expected


def test_tables_are_written_for_python_and_for_tools(tmp_path: Path) -> None:
    """With the attributes of the models in one, and the names in JSON in the other."""
    source = layout.ROOT / "tests" / "golden" / "published.yaml"
    commands.generate(source, tmp_path)
    names: dict[str, Any] = {}
    exec((tmp_path / "chainhub_api" / "tasks.py").read_text("utf-8"), names)
    assert (list(names["TASKS"]), names["CREATES"]) == (["video.query"], {})
    task = names["TASKS"]["video.query"]
    assert (task["returns"], task["parameter"], task["main"]) == ("VideoTask", "id", True)
    contract = json.loads((tmp_path / "chainhub_api" / "contract.json").read_text("utf-8"))
    query = contract["operations"]["video.query"]
    assert (query["method"], query["path"]) == ("GET", "/v1/video/query")
    assert (query["in"], query["required"]) == ({"id": ["query", "id"]}, ["id"])
    assert (query["example"]["status"], query["status"]) == ("pending", 200)
    assert query["task"]["status"] == [["status"]]
