"""Which operations are recognised to ask for tasks and to create them, and which are not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tools.commands import repaired_document, repairs
from tools.documents import Json
from tools.tasks import compile as compiling
from tools.tasks import places, recognise

TEXT: dict[str, Json] = {"type": "string"}
OPEN: dict[str, Json] = {"type": "object", "properties": {}}


def made(**fields: Json) -> dict[str, Any]:
    """Describe an object with these fields."""
    return {"type": "object", "properties": fields}


def page(
    schema: Json,
    example: Json = None,
    summary: str = "",
    kind: str = "application/json",
    **more: Json,
) -> dict[str, Any]:
    """Describe an operation that answers so."""
    content: dict[str, Json] = {"schema": schema}
    content |= {} if example is None else {"example": example}
    response = {"description": "", "content": {kind: content}}
    return {"summary": summary, "responses": {"200": response}, **more}


def found(pages: dict[str, dict[str, Any]]) -> tuple[compiling.Tables, Any]:
    """Recognise and compile what these pages say, by method and path."""
    paths: dict[str, Any] = {}
    for name, operation in pages.items():
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = deepcopy(operation)
    document: dict[str, Json] = {"openapi": "3.0.3", "info": {"title": "a"}, "paths": paths}
    repaired = repaired_document(document, "pages")
    return compiling.compiled(repaired.document, "pages", repaired.published), repaired


def told(tables: compiling.Tables) -> dict[str, str]:
    """Tell what asks for tasks and what creates them, in a line each."""
    asked = {
        f"GET {place[1]}": f"{task.kind} of {task.parameter}"
        for place, task in tables.tasks.items()
    }
    created = {
        f"POST {place[1]}": f"{create.task[1]}: {', '.join(map(places.text_of, create.id))}"
        for place, create in tables.creates.items()
    }
    return asked | created


NESTED = made(code=TEXT, data=made(task_id=TEXT, task_status=TEXT, video_url=TEXT))
CREATED = made(code=TEXT, data=made(task_id=TEXT))
PLAIN = made(id=TEXT, status=TEXT, error=TEXT)
QUERY = [{"name": "task_id", "in": "query", "schema": TEXT}]
MODEL = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in ("model", "id")]


@pytest.mark.parametrize(
    ("pages", "lines"),
    [
        (
            {"GET /a/v1/clips/{id}": page(NESTED), "POST /a/v1/clips": page(CREATED)},
            {
                "GET /a/v1/clips/{id}": "video of id",
                "POST /a/v1/clips": "/a/v1/clips/{id}: data.task_id",
            },
        ),
        (  # one that asks for any task of the family, by a parameter that need not be given
            {
                "GET /a/query": page(PLAIN, summary="Query task", parameters=QUERY),
                "POST /a/images": page(made(id=TEXT, status=TEXT)),
                "POST /a/images/search": page(PLAIN),
                "POST /a/tokens": page(made(id=TEXT)),
            },
            {"GET /a/query": "image of task_id", "POST /a/images": "/a/query: id"},
        ),
        (  # an answer that is described by its example alone, in the names of another language
            {
                "GET /a/jobs/{job_id}": page(
                    OPEN,
                    {"Out": {"Status": "FINISH", "FinishTime": "x", "Files": [{"FileUrl": "u"}]}},
                ),
                "POST /a/video": page(OPEN, {"Response": {"JobId": "x", "RequestId": "y"}}),
            },
            {
                "GET /a/jobs/{job_id}": "video of job_id",
                "POST /a/video": "/a/jobs/{job_id}: Response.JobId",
            },
        ),
        (  # nothing is described: the words and the POST say what it is
            {
                "GET /a/v1/voices/{id}": page(OPEN),
                "POST /a/v1/voices": page(OPEN),
                "GET /a/v1/timing/{id}": page(OPEN),
                "GET /a/v1/video/{id}": page(OPEN),
                "POST /a/v1/video": page(OPEN),
                "DELETE /a/v1/video/{id}": page(OPEN),
            },
            {
                "GET /a/v1/voices/{id}": "audio of id",
                "POST /a/v1/voices": "/a/v1/voices/{id}: data.task_id, data.id, task_id, id",
            },
        ),
        (  # the further part of the path is where the POST has it, and nowhere else
            {
                "GET /a/{model}/requests/{id}": page(OPEN, summary="A task", parameters=MODEL),
                "POST /a/flux/dev": page(made(request_id=TEXT, id=TEXT, status=TEXT)),
                "POST /b/flux/dev": page(PLAIN),
                "POST /a": page(PLAIN),
            },
            {
                "GET /a/{model}/requests/{id}": "none of id",
                "POST /a/flux/dev": "/a/{model}/requests/{id}: id",
            },
        ),
        (  # one that stands at the top asks for the tasks of all
            {
                "GET /v1/tasks/{id}": page(PLAIN),
                "POST /v1/image-to-video": page(made(taskId=TEXT, id=TEXT)),
                "POST /v1/upscale": page(made(data=TEXT)),
                "POST /v1/files": page(made(id=TEXT)),
            },
            {
                "GET /v1/tasks/{id}": "video of id",
                "POST /v1/image-to-video": "/v1/tasks/{id}: taskId",
            },
        ),
        (  # what is done with a task creates another one
            {
                "GET /v1/videos/{id}": page(PLAIN),
                "POST /v1/videos/{id}/remix": page(PLAIN),
                "POST /v1/videos/{id}/cancel": page(PLAIN),
            },
            {
                "GET /v1/videos/{id}": "video of id",
                "POST /v1/videos/{id}/remix": "/v1/videos/{id}: id",
            },
        ),
        (  # none of these is about tasks
            {
                "GET /v1/pets/{id}": page(PLAIN | {"properties": {"status": TEXT}}),
                "GET /v1/numbers/{PhoneNumber}": page(NESTED),
                "GET /v1/tasks": page(NESTED),
                "GET /v1/orders/{id}": page(made(status={**TEXT, "enum": ["open", "closed"]})),
                "GET /v1/jobs/{id}": page(made(name=TEXT)),
                "GET /v1/task/{id}": page(TEXT, kind="text/plain"),
            },
            {},
        ),
        (
            {"GET /v1/orders/{id}": page(made(state={**TEXT, "enum": ["running", "done"]}))},
            {"GET /v1/orders/{id}": "none of id"},
        ),
    ],
)
def test_what_is_recognised(pages: dict[str, Any], lines: dict[str, str]) -> None:
    """By an id that goes in, a status that comes out, and words."""
    assert told(found(pages)[0]) == lines


def paths_of(pages: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Recognise the one task operation of these pages, and tell where its answer has what."""
    (task,) = found(pages)[0].tasks.values()
    return {role: [*map(places.text_of, paths)] for role, paths in task.paths.items()}


def test_fields_beside_the_status_come_first() -> None:
    """What repeats the request, or is no address, is no result; what is not described is tried."""
    schema = made(
        request=made(image_url=TEXT, status=TEXT),
        thumbnail_url=TEXT,
        error=made(code=TEXT, message=TEXT),
        progress=made(value=TEXT),
        data=made(
            state=TEXT,
            updated_at=TEXT,
            task_id=TEXT,
            progress={"type": "integer"},
            images={"type": "array", "items": made(url=TEXT, width=TEXT)},
            urls=made(get=TEXT),
        ),
    )
    paths = paths_of({"GET /a/tasks/{id}": page(schema)})
    assert paths["status"] == ["data.state"]
    assert paths["id"] == ["data.task_id"]
    assert paths["updated"] == ["data.updated_at"]
    assert paths["progress"] == ["data.progress"]
    assert paths["results"] == ["data.images[*].url"]
    assert paths["reason"][0] == "error"
    assert "data.fail_reason" in paths["reason"]
    assert paths["code"] == ["error.code", "data.error.code"]


def test_a_list_of_tasks_describes_one() -> None:
    """Where the page of one says nothing."""
    items = {"type": "array", "items": made(id=TEXT, status=TEXT, content=made(video_url=TEXT))}
    pages = {
        "GET /a/tasks": page(made(total=TEXT, items=items)),
        "GET /a/tasks/{id}": page(OPEN),
    }
    paths = paths_of(pages)
    assert (paths["status"], paths["id"]) == (["status"], ["id"])
    assert paths["results"][0] == "content.video_url"


def test_an_example_of_one_kind_stands_for_all_that_are_created() -> None:
    """The answer names the kind of task, in words that the paths of the POSTs have."""
    example: Json = {"Out": {"Status": "x", "ImageTask": {"TaskId": "a", "Url": "u"}}}
    pages = {
        "GET /a/query/{task_id}": page(OPEN, example),
        "POST /a/image": page(CREATED),
        "POST /a/video": page(CREATED),
    }
    paths = paths_of(pages)
    assert paths["id"] == ["Out.ImageTask.TaskId", "Out.VideoTask.TaskId"]
    assert paths["results"][:2] == ["Out.ImageTask.Url", "Out.VideoTask.Url"]


@pytest.mark.parametrize(
    ("schema", "status", "properties"),
    [
        (made(code=TEXT, data=TEXT), "data.task_status", ["code", "data"]),
        (
            made(created=TEXT, data={"type": "array", "items": made(url=TEXT)}),
            "data.task_status",
            [],
        ),
    ],
)
def test_an_answer_that_was_copied_from_a_post_may_be_anything(
    schema: Json, status: str, properties: list[str]
) -> None:
    """Without a status it cannot be that of a query; what it wraps the rest in is kept."""
    pages = {
        "GET /a/fetch/{task_id}": page(schema),
        "POST /a/submit": page(schema),
        "GET /a/task/{id}/logs": page(schema),
        "GET /a/task/{id}/fetch": page(made(name=TEXT)),
    }
    tables, repaired = found(pages)
    (task,) = tables.tasks.values()
    assert places.text_of(task.paths["status"][0]) == status
    operation = repaired.document["paths"]["/a/fetch/{task_id}"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert [*schema.get("properties", {})] == properties
    assert f"- {recognise.STATUS} (1 place)\n" in repairs(repaired)


FILE = page({**TEXT, "format": "binary"}, kind="video/mp4")
BY_ID = [{"name": "id", "in": "query", "required": True, "schema": TEXT}]
BY_TWO = [*BY_ID, {"name": "part", "in": "query", "required": True, "schema": TEXT}]


@pytest.mark.parametrize(
    ("task", "path", "answer", "copied"),
    [
        ("/v1/videos/{id}", "/v1/videos/{id}/content", FILE, False),
        ("/v1/videos/{id}", "/v1/videos/{video_id}/content", FILE, False),
        ("/v1/videos/{id}", "/v1/videos/content/{id}", FILE, False),
        ("/v1/film/query", "/v1/film/content", FILE | {"parameters": BY_ID}, False),
        ("/v1/videos/{id}", "/v1/videos/{id}/download", page(PLAIN), True),  # as of the task
        ("/v1/videos/{id}", "/v1/videos/{id}/content", page(CREATED), True),  # as of another
        ("/v1/videos/{id}", "/v1/videos/{id}/content", page(made(name=TEXT)), None),
        ("/v1/videos/{id}", "/v1/videos/{id}/content", FILE | {"parameters": BY_TWO}, None),
        ("/v1/videos/{id}", "/v1/clips/{id}/content", FILE, None),
        ("/v1/videos/{id}", "/v1/videos/{id}/cover", FILE, None),
    ],
)
def test_the_file_of_a_task(
    task: str, path: str, answer: dict[str, Any], copied: bool | None
) -> None:
    """An operation beside it that takes the id alone: it answers with bytes, or is a copy."""
    pages = {
        f"GET {task}": page(PLAIN) | ({} if "{" in task else {"parameters": BY_ID}),
        f"GET {path}": answer,
        "POST /v1/other": page(CREATED),
    }
    tables, repaired = found(pages)
    content = tables.tasks["paths", task, "get"].content
    assert (content and content[0][1]) == (None if copied is None else path)
    assert (recognise.CONTENT in repairs(repaired)) == bool(copied)


@pytest.mark.parametrize(
    ("example", "status", "told"),
    [
        ({"data": {"task_status": "queued"}}, ["data.task_status"], ""),
        (
            {"id": "a", "state": "pending", "failure": None},
            ["data.task_status", "state"],
            "has it at state: both are tried",
        ),
        ({"id": "a"}, ["data.task_status"], "has none"),
        (None, ["data.task_status"], ""),
    ],
)
def test_an_example_that_has_its_status_elsewhere(
    example: Json, status: list[str], told: str
) -> None:
    """The schema and the example of a page disagree: a wait tries both, and it is told."""
    pages = {"GET /a/v1/clips/{id}": page(NESTED, example)}
    tables, repaired = found(pages)
    (task,) = tables.tasks.values()
    assert [*map(places.text_of, task.paths["status"])] == status
    assert ("failure" in map(places.text_of, task.paths["reason"])) == (len(status) > 1)
    where = "The status of GET /a/v1/clips/{id} is at data.task_status, but the example beside it"
    assert repaired.unclear == ([f"{where} {told}."] if told else [])


def test_an_example_is_compared_with_what_somebody_says() -> None:
    """It is told, and what was said is left as it is."""
    said: dict[str, Json] = {"id": "$request.path.id", "status": "$.data[*].state"}
    example: Json = {"data": [{"status": "pending"}]}
    pages = {"GET /a/tasks/{id}": page(OPEN, example) | {"x-task": said}}
    tables, repaired = found(pages)
    assert tables.tasks["paths", "/a/tasks/{id}", "get"].paths["status"] == (
        ("data", None, "state"),
    )
    assert [one.endswith("the example beside it has none.") for one in repaired.unclear] == [True]


LISTED = made(items={"type": "array", "items": made(task_id=TEXT, status=TEXT)})
OWN = {"requestBody": {"content": {"application/json": {"schema": made(external_task_id=TEXT)}}}}
TAKES = [{"name": "external_task_id", "in": "query", "schema": TEXT}]


@pytest.mark.parametrize(
    ("pages", "lookup"),
    [
        ({}, None),
        ({"GET /a/clips": page(LISTED)}, "/a/clips"),
        ({"GET /a/list": page(LISTED)}, "/a/list"),
        ({"GET /a/clips/history": page(LISTED)}, "/a/clips/history"),
        ({"GET /a/clips": page(LISTED) | {"parameters": BY_ID}}, None),  # needs what nobody has
        ({"GET /a/clips": page(made(total=TEXT))}, None),
        ({"GET /a/voices": page(LISTED)}, None),
        ({"GET /b/clips": page(LISTED)}, None),
        ({"GET /a/find": page(PLAIN) | {"parameters": TAKES}}, "/a/find"),
        (
            {"GET /a/clips": page(LISTED), "GET /a/find": page({}) | {"parameters": TAKES}},
            "/a/find",
        ),
    ],
)
def test_what_may_know_a_task_without_an_answer(
    pages: dict[str, dict[str, Any]], lookup: str | None
) -> None:
    """It lists such tasks, or takes an id that the request had; else there is none."""
    all_pages = {
        "GET /a/clips/{id}": page(NESTED),
        "POST /a/clips": page(CREATED) | OWN,
        **{name: one | {"x-task": False} for name, one in pages.items()},
    }
    (create,) = found(all_pages)[0].creates.values()
    assert (create.lookup and create.lookup[1]) == lookup


@pytest.mark.parametrize(("said", "lookup"), [(False, None), ("find_own", "/a/voices")])
def test_what_may_know_a_task_is_said_by_hand(said: Json, lookup: str | None) -> None:
    """Also that nothing does."""
    x_task: dict[str, Json] = {"id": "$request.path.id", "status": "$.status", "lookup": said}
    pages = {
        "GET /a/clips/{id}": page(PLAIN) | {"x-task": x_task},
        "GET /a/clips": page(LISTED) | {"x-task": False},
        "GET /a/voices": page(LISTED, operationId="find_own") | {"x-task": False},
        "POST /a/clips": page(PLAIN),
    }
    (create,) = found(pages)[0].creates.values()
    assert (create.lookup and create.lookup[1]) == lookup


def test_an_id_has_to_be_given() -> None:
    """Also where the page forgets to say so."""
    tables, repaired = found({"GET /a/query": page(PLAIN, summary="A task", parameters=QUERY)})
    assert [*tables.tasks]
    assert repaired.document["paths"]["/a/query"]["get"]["parameters"][0]["required"] is True
    assert f"- {recognise.REQUIRED} (1 place)\n" in repairs(repaired)


def test_what_is_not_clear_is_told() -> None:
    """Nothing is linked that may belong to another operation."""
    pages = {
        "GET /a/query/{id}": page(PLAIN),
        "GET /a/fetch/{id}": page(PLAIN),
        "POST /a/image": page(PLAIN),
        "POST /a/words": page(made(words=TEXT)),
        "GET /b/video/{id}": page(PLAIN),
        "POST /b/other": page(OPEN),
    }
    tables, repaired = found(pages)
    assert tables.creates == {}
    assert repaired.unclear == [
        "POST /a/image is linked to no task: /a/query/{id} and /a/fetch/{id} could ask for it.",
        "POST /b/other is linked to no task: no operation asks for what it creates.",
    ]
    assert "\n## Not clear\n\n- POST /a/image is" in repairs(repaired)


def test_what_somebody_says_is_left_as_it_is() -> None:
    """An `x-task`, that it is none, or a link."""
    said: dict[str, Json] = {"id": "$request.path.id", "status": "$.status", "kind": "audio"}
    link: Json = {"operationId": "findOwn", "parameters": {"id": "$.code"}}
    post = page(CREATED)
    post["responses"]["200"]["links"] = {"task": link}
    pages = {
        "GET /a/tasks/{id}": page(PLAIN, operationId="findOwn") | {"x-task": said},
        "GET /b/tasks/{id}": page(PLAIN) | {"x-task": False},
        "POST /a/tasks": post,
        "POST /a/more": page(PLAIN),
        "POST /a/none": page(PLAIN) | {"x-task": False},
        "POST /b/tasks": page(PLAIN),
    }
    assert told(found(pages)[0]) == {
        "GET /a/tasks/{id}": "audio of id",
        "POST /a/tasks": "/a/tasks/{id}: code",
        "POST /a/more": "/a/tasks/{id}: id",
    }


def test_a_link_is_added_beside_others() -> None:
    """A shared answer is not shared any more, where one operation of several creates a task."""
    shared: dict[str, Any] = page(CREATED)["responses"]["200"]
    answer = {"responses": {"200": {"$ref": "#/components/responses/Created"}}}
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": "a"},
        "paths": {
            "/a/clips/{id}": {"get": page(NESTED)},
            "/a/clips": {"post": answer},
            "/b/clips": {"post": {"responses": {"200": {**answer["responses"]["200"]}}}},
        },
        "components": {"responses": {"Created": shared}},
    }
    repaired = repaired_document(document, "pages")
    assert len(compiling.compiled(repaired.document, "pages", {}).creates) == 1
    assert "links" not in document["components"]["responses"]["Created"]
