"""Tasks of other shapes than a video: what the contract says is enough to wait for them."""

import importlib
import inspect
import json
import sys

import pytest

import chainhub
from chainhub._tasks import (
    AsyncTaskOperation,
    TaskOperation,
    durations_of,
    journal,
    methods,
    notebook,
    table,
    task_named,
)
from tests.client import contracts

PACE = 0.02
URL = "https://cdn.example/1"
TEXT = {"type": "string"}
CREATED = {"$ref": "#/components/schemas/Created"}


def parameter(name, place="path"):
    """Return a parameter that is required."""
    return {"name": name, "in": place, "required": True, "schema": TEXT}


def asks(name, model, x_task, *parameters):
    """Return a task operation."""
    schema = {"$ref": f"#/components/schemas/{model}"}
    more = {"parameters": [*parameters], "x-task": x_task}
    return {"get": contracts.operation(name, contracts.answers(schema), **more)}


def creates(name, task, given, schema=CREATED):
    """Return an operation that creates a task."""
    responses = contracts.answers(schema)
    responses["200"]["links"] = {"task": {"operationId": task, "parameters": given}}
    return {"post": contracts.operation(name, responses)}


def model(**properties):
    """Return an object; nothing of it is required."""
    return {"type": "object", "properties": properties}


PATHS = {
    # A status in the middle of an answer, with a word of its own, and a list of files.
    "/v1/nested/{task_id}": asks(
        "nested",
        "Nested",
        {
            "id": ["$request.path.task_id", "$response.body#/data/task_id"],
            "status": "$response.body#/data/task_status",
            "reason": ["$response.body#/data/task_status_msg"],
            "results": ["$.data.task_result.videos[*].url"],
            "words": {"polished": "succeeded"},
        },
        parameter("task_id"),
    ),
    "/v1/nested": creates("create_nested", "nested", {"task_id": "$response.body#/id"}),
    # Two parameters, and a list of images.
    "/v1/{model}/requests/{request_id}": asks(
        "listed",
        "Listed",
        {
            "id": "$request.path.request_id",
            "status": "$response.body#/status",
            "progress": "$response.body#/done",
            "results": ["$.images[*].url", "$.image_url"],
            "kind": "image",
        },
        parameter("model"),
        parameter("request_id"),
    ),
    "/v1/listed/one": creates(
        "create_listed", "listed", {"request_id": "$response.body#/id", "model": "flux/dev"}
    ),
    "/v1/listed/two": creates(
        "create_told",
        "listed",
        {"request_id": "$response.body#/id", "model": "$response.body#/model"},
        {"$ref": "#/components/schemas/Told"},
    ),
    # Nothing to download, and an answer without an id.
    "/v1/plain": asks(
        "plain",
        "Plain",
        {"id": "$request.query.id", "status": "$response.body#/state"},
        parameter("id", "query"),
    ),
}
SCHEMAS = {
    "Created": model(id=TEXT),
    "Told": model(id={"type": "integer"}, model=TEXT),
    "Nested": model(
        code={"type": "integer"},
        data=model(
            task_id=TEXT,
            task_status=TEXT,
            task_status_msg=TEXT,
            task_result=model(videos={"type": "array", "items": model(url=TEXT)}),
        ),
    ),
    "Listed": model(
        status=TEXT,
        done={"type": "number"},
        image_url=TEXT,
        images={"type": "array", "items": model(url=TEXT)},
    ),
    "Plain": model(state=TEXT),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Let the operations of another contract be those of the client."""
    found = contracts.generated(
        tmp_path_factory, "families_api", PATHS, components={"schemas": SCHEMAS}
    )
    tables = importlib.import_module("families_api.tasks")
    models = importlib.import_module("families_api.models")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nested", "listed", "plain"):
            module = importlib.import_module(f"families_api.api.things.{name}")
            patch.setitem(sys.modules, f"chainhub_api.api.things.{name}", module)
        patch.setattr(table, "TASKS", tables.TASKS)
        patch.setattr(table, "CREATES", tables.CREATES)
        for module in (journal, notebook):
            patch.setattr(module, "models", models)
        table._find_task.cache_clear()
        yield found
        table._find_task.cache_clear()
        table.task_named.cache_clear()


@pytest.fixture
def things(package, mode, server):
    """Give the resource of a client, with its task operations."""
    resource = contracts.things(package, mode, mode.client(base_url=server.url))
    base = AsyncTaskOperation if mode.asynchronous else TaskOperation
    for name in ("nested", "listed", "plain"):
        kind = type(name, (base,), {"_task": task_named(f"things.{name}")})
        setattr(resource, name, kind(resource._runner))
    return resource


def nested(status, urls=(), **more):
    """Return an answer with the status in the middle."""
    videos = [{"url": url} for url in urls]
    data = {"task_id": "a", "task_status": status, "task_result": {"videos": videos}}
    return {"code": 0, "data": {**data, **more}}


def listed(status, urls=(), **more):
    """Return an answer with a list of images."""
    return {"status": status, "images": [{"url": url} for url in urls], **more}


def answer_with(server, http, *answers):
    """Let the server answer with these, in order."""
    server.answers = [http(200, answer) for answer in answers]


def targets(server):
    """Return the paths that were asked for."""
    return [request.split(b" ")[1].decode() for request in server.requests]


def test_a_task_with_its_status_in_the_middle(things, mode, server, http):
    """It is waited for by id, by the answer that created it, and by itself."""
    answers = [{"id": "a"}, nested("submitted"), nested("processing"), nested("Polished", [URL])]
    answer_with(server, http, *answers)
    seen = []
    created = mode(things.create_nested())
    done = mode(things.nested.wait(created, interval=PACE, on_update=seen.append))
    assert type(done).__name__ == "Nested"
    assert [found.data.task_status for found in seen] == ["submitted", "processing", "Polished"]
    assert chainhub.state_of(done) is chainhub.State.SUCCEEDED
    assert chainhub.result_urls_of(done) == [URL]
    assert mode(things.nested.wait(done)).data.task_id == "a"
    assert targets(server) == ["/v1/nested", *["/v1/nested/a"] * 4]


def test_a_task_that_fails_says_why(things, mode, server, http):
    """The reason is where the contract has it."""
    answer_with(server, http, nested("failed", task_status_msg="no cows"))
    with pytest.raises(chainhub.TaskFailed, match="no cows") as caught:
        mode(things.nested.wait("a"))
    assert chainhub.reason_of(caught.value.task) == "no cows"
    lost = mode(things.nested.wait("a", raise_on_failure=False))
    assert lost.data.task_status_msg == "no cows"


def test_results_that_are_a_list(things, mode, server, http):
    """The first place that has any URL counts, and all that are there."""
    urls = [f"{URL}.png", f"{URL}-2.png"]
    running = listed("running", done=0.5, image_url=URL)
    answer_with(server, http, running, listed("done", image_url=f" {URL} "), listed("done", urls))
    first = mode(things.listed.wait("a", model="m", interval=PACE))
    assert (chainhub.result_urls_of(first), chainhub.video_url_of(first)) == ([URL], URL)
    assert chainhub.result_urls_of(mode(things.listed.wait("a", model="m"))) == urls


def test_further_parameters_come_by_name_or_from_the_answer(things, mode, server, http):
    """A text of the contract, a place in the answer, or the caller's own, which has precedence."""
    one, two = {"id": "a"}, {"id": 7, "model": "other"}
    answer_with(server, http, one, two, *[listed("done", [URL])] * 4)
    created, told = mode(things.create_listed()), mode(things.create_told())
    mode(things.listed.wait(created))
    mode(things.listed.wait_many([told, told]))
    mode(things.listed.wait(told, model="mine"))
    mode(things.listed.wait("b", model="m"))
    paths = ["flux%2Fdev/requests/a", "other/requests/7", "mine/requests/7", "m/requests/b"]
    assert targets(server)[2:] == [f"/v1/{path}" for path in paths]


@pytest.mark.parametrize(
    ("task", "given", "error", "text"),
    [
        ("a", {}, chainhub.ConfigurationError, "things.listed needs model= besides the id"),
        ("a", {"modle": "m"}, TypeError, "unexpected keyword argument 'modle'"),
        ("", {"model": "m"}, chainhub.ConfigurationError, "must be a non-empty string"),
        (7, {"model": "m"}, chainhub.ConfigurationError, "must be a non-empty string"),
    ],
)
def test_a_parameter_that_is_missing_or_unknown(things, mode, task, given, error, text):
    """One sentence says what is wrong, before anything is sent."""
    with pytest.raises(error, match=text):
        mode(things.listed.wait(task, **given))
    with pytest.raises(error, match=text):
        mode(things.listed.wait_many([task], **given))


def test_methods_name_the_parameters_of_their_operation(things):
    """To `help` and to mocks, instead of any."""
    for name in methods._METHODS:
        assert "model" in inspect.signature(getattr(things.listed, name)).parameters
        assert "model" not in inspect.signature(getattr(things.plain, name)).parameters


def test_a_task_without_results_is_done_when_it_says_so(things, mode, server, http):
    """There is nothing to wait for after that, and nothing that could be asked for again."""
    answer_with(server, http, {"state": "running"}, {"state": "success"})
    done = mode(things.plain.wait("a", interval=PACE))
    assert done.state == "success"
    assert chainhub.result_urls_of(done) == []
    with pytest.raises(chainhub.ConfigurationError, match="must be a non-empty string"):
        mode(things.plain.wait(done))


def test_an_answer_that_is_no_task(things, mode, server, http):
    """The functions for tasks say so."""
    answer_with(server, http, {"id": "a"})
    created = mode(things.create_nested())
    with pytest.raises(chainhub.ConfigurationError, match="a Created is no task"):
        chainhub.state_of(created)


def test_one_journal_for_tasks_of_several_operations(things, mode, server, http, tmp_path):
    """A line names its operation and parameters, and is replayed for the same ones only."""
    path = tmp_path / "journal.jsonl"
    answer_with(server, http, nested("success", [URL]), *[listed("done", [URL])] * 2)
    mode(things.nested.wait_many(["a"], journal=path))
    mode(things.listed.wait_many(["a"], model="m", journal=path))
    mode(things.listed.wait_many(["a"], model="other", journal=path))
    assert len(server.requests) == 3
    assert mode(things.nested.wait_many(["a"], journal=path))["a"].replayed
    again = mode(things.listed.wait_many(["a"], model="m", journal=path))["a"]
    assert (again.replayed, chainhub.result_urls_of(again.task)) == (True, [URL])
    assert len(server.requests) == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert [(line["operation"], line.get("parameters")) for line in lines] == [
        ("things.nested", None),
        ("things.listed", ["m"]),
        ("things.listed", ["other"]),
    ]


def test_durations_are_learned_for_each_operation(things, mode, server, http):
    """Tasks of one take long, those of another do not."""
    answer_with(server, http, *[nested("running"), nested("success", [URL])] * 3)
    for _ in range(3):
        mode(things.nested.wait("a", interval=PACE))
    session = things._runner.session
    known = [durations_of(session, task_named(f"things.{name}")) for name in ("nested", "plain")]
    assert [memory.expected("a", 0.0) is None for memory in known] == [False, True]


def test_a_card_in_a_notebook(things, mode, server, http):
    """Images are shown, a signed URL is not, and the hint says whose download it is."""
    plain, signed = [f"{URL}.png", f"{URL}-2.png"], [f"{URL}.png?signature=x"]
    answer_with(server, http, listed("done", plain), listed("done", signed))
    shown = mode(things.listed.wait("a", model="m"))
    assert notebook.card(shown).count("<img") == 2
    hint = notebook.card(mode(things.listed.wait("a", model="m")))
    assert "client.things.listed.download(task, &quot;image.png&quot;)" in hint
