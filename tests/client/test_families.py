"""Tasks of other shapes than a video: what the contract says is enough to wait for them."""

import inspect
import json

import pytest

import chainhub
from chainhub._tasks import (
    durations_of,
    methods,
    notebook,
    task_named,
)
from tests.client import contracts
from tests.client.contracts import TEXT, parameter

PACE = 0.02
PNG, JPEG = b"\x89PNG\r\n\x1a\n" + bytes(99), b"\xff\xd8\xff\xe0" + bytes(99)
MP3 = b"ID3\x04" + bytes(99)
URL = "https://cdn.example/1"
CREATED = {"$ref": "#/components/schemas/Created"}


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
            "id": ["$request.path.request_id", "$response.body#/request_id"],
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
    # A file that another operation answers with.
    "/v1/clips/{id}": asks(
        "clip",
        "Clip",
        {
            "id": ["$request.path.id", "$response.body#/id"],
            "status": "$response.body#/state",
            "kind": "audio",
            "content": "clip_content",
        },
        parameter("id"),
    ),
    "/v1/clips/{id}/content": {
        "get": contracts.operation(
            "clip_content",
            {
                "200": {
                    "description": "",
                    "content": {"audio/mpeg": {"schema": {"type": "string", "format": "binary"}}},
                }
            },
            parameters=[parameter("id")],
        )
    },
    # Nothing to download, and an answer without an id.
    "/v1/plain": asks(
        "plain",
        "Plain",
        {"id": "$request.query.id", "status": "$response.body#/state"},
        parameter("id", "query"),
    ),
}
# An answer of two forms.
PATHS["/v1/either"] = creates("create_either", "nested", {"task_id": "$response.body#/id"})
PATHS["/v1/either"]["post"]["responses"]["200"]["links"]["task_2"] = {
    "operationId": "nested",
    "parameters": {"task_id": "$response.body#/order"},
}
SCHEMAS = {
    "Created": model(id=TEXT, order=TEXT),
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
        request_id=TEXT,
        status=TEXT,
        done={"type": "number"},
        image_url=TEXT,
        images={"type": "array", "items": model(url=TEXT)},
    ),
    "Clip": model(id=TEXT, state=TEXT),
    "Plain": model(state=TEXT),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Let the operations of another contract be those of the client."""
    components = {"schemas": SCHEMAS}
    with contracts.installed(
        tmp_path_factory, "families_api", PATHS, components=components
    ) as found:
        yield found


@pytest.fixture
def things(package, mode, server):
    """Give the resource of a client."""
    return contracts.things(package, mode, mode.client(base_url=server.url))


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


def test_results_without_a_status_are_the_end(things, mode, server, http, tmp_path):
    """Some operations have a status only until there is something to fetch."""
    png = http(200, PNG, "Content-Type: image/png")
    done = {"images": [{"url": f"{server.url}/1"}]}
    answers = [listed("queued"), {"images": []}, done, done, png]
    server.answers = [one if isinstance(one, bytes) else http(200, one) for one in answers]
    found = mode(things.listed.wait("a", model="m", interval=PACE))
    assert chainhub.state_of(found) is chainhub.State.SUCCEEDED
    path = mode(things.listed.download("a", into=tmp_path, model="m"))
    assert path.read_bytes() == PNG


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


def test_a_submission_has_the_parameters_that_its_operation_says(things, mode, server, http):
    """Also one whose id somebody found by hand."""
    answer_with(server, http, listed("done", [URL]))
    mode(things.listed.wait(chainhub.Submission("1", "things.create_listed", "a")))
    assert targets(server) == ["/v1/flux%2Fdev/requests/a"]


def test_an_empty_field_hides_no_id(things, mode, server, http):
    """An answer may have the fields of another form, and nothing in them."""
    answer_with(server, http, {"id": "", "order": "a"}, nested("success", [URL]))
    mode(things.nested.wait(mode(things.create_either())))
    assert targets(server)[1:] == ["/v1/nested/a"]


@pytest.mark.parametrize("body", [{"id": ""}, {"id": None}])
def test_an_answer_that_leads_to_no_task(things, mode, server, http, body):
    """The message says whose answer it is."""
    answer_with(server, http, body, nested("success", [URL]))
    created, done = mode(things.create_nested()), mode(things.nested("a"))
    submission = chainhub.Submission("1", "things.create_told", "a")
    for given, operation, text in (
        (created, things.nested, "create_nested has no id"),
        (done, things.listed, "things.nested is about no task of things.listed"),
        (submission, things.nested, "things.create_told is about no task of things.nested"),
    ):
        with pytest.raises(chainhub.ConfigurationError, match=f"string: an answer of .*{text}"):
            mode(operation.wait(given))


@pytest.mark.parametrize(
    ("task", "given", "error", "text"),
    [
        ("a", {}, chainhub.ConfigurationError, "things.listed needs model= besides the id"),
        ("a", {"modle": "m"}, TypeError, "^a method of things.listed got .* argument 'modle'$"),
        ("a", {"timeout": 5}, TypeError, r"argument 'timeout'; client.with_options\(\) takes it$"),
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
    with pytest.raises(chainhub.ConfigurationError, match=r"an answer of things\.plain has no id"):
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
    session = things._transport.session
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


HERE = {"allow_hosts": ["127.0.0.1"]}


def test_several_results_go_into_a_folder(things, mode, server, http, tmp_path):
    """One by one, each with the suffix of its content; the first one is what is returned."""
    done = http(200, listed("done", [f"{server.url}/1", f"{server.url}/2"], request_id="a:b"))
    server.answers, told = [done, http(200, PNG), http(200, JPEG), done, http(200, PNG)], []
    first = mode(
        things.listed.download("a:b", into=tmp_path, model="m", progress=told.append, **HERE)
    )
    assert [file.name for file in sorted(tmp_path.iterdir())] == [
        first.name,
        first.name.replace("-1.png", "-2.jpg"),
    ]
    assert {progress.number for progress in told} == {1, 2}
    task = mode(things.listed.wait("a:b", model="m"))
    found = mode(things.listed.download_many([task], into=tmp_path / "b", model="m", **HERE))
    assert [path.name for path in found["a:b"].paths] == [first.name, first.name[:-5] + "2.png"]


def test_a_new_url_for_one_of_several_results(things, mode, server, http, tmp_path):
    """One that has expired is asked for again, and the one at the same place is taken."""
    old, new = ([f"{server.url}/{name}{place}" for place in (1, 2)] for name in ("old", "new"))
    server.answers = [http(200, listed("done", old)), http(200, PNG), http(403, b"Expired")]
    server.answers += [http(200, listed("done", new)), http(200, JPEG)]
    mode(things.listed.download("a", into=tmp_path, model="m", **HERE))
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["a-1.png", "a-2.jpg"]
    assert [target[:5] for target in targets(server)[1:]] == ["/old1", "/old2", "/v1/m", "/new2"]


def test_fewer_results_than_before(things, mode, server, http, tmp_path):
    """What is not there any more cannot be downloaded."""
    old = [f"{server.url}/1", f"{server.url}/2"]
    server.answers = [http(200, listed("done", old)), http(200, PNG), http(403, b"Expired")]
    server.answers += [http(200, listed("done", old[:1]))]
    with pytest.raises(chainhub.ResultMissing, match="has only 1 results now"):
        mode(things.listed.download("a", into=tmp_path, model="m", **HERE))


def test_one_result_has_the_name_of_its_task(things, mode, server, http, tmp_path):
    """With or without a folder; of a list with one, too."""
    server.answers = [http(200, listed("done", [f"{server.url}/1"])), http(200, PNG)] * 2
    for place in ({"into": tmp_path}, {"dest": tmp_path / "b.png"}):
        path = mode(things.listed.download("a", model="m", **place, **HERE))
        assert path.read_bytes() == PNG
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["a.png", "b.png"]


def test_several_results_do_not_fit_into_a_file(things, mode, server, http, tmp_path):
    """Nor do they have one checksum."""
    answer_with(server, http, listed("done", [URL, URL]))
    for place in ({"dest": tmp_path / "b.png"}, {"into": tmp_path, "sha256": "0" * 64}):
        with pytest.raises(chainhub.ConfigurationError, match="2 results: pass into=, a folder"):
            mode(things.listed.download("a", model="m", **place))


def test_a_file_that_an_operation_answers_with(things, mode, server, http, tmp_path):
    """By id at once, by a task that is finished; the operation itself has it too, with the key."""
    answer_with(server, http, {"state": "running", "id": "a"}, {"state": "success", "id": "a"})
    server.answers.append(http(200, MP3))
    running = mode(things.clip("a"))
    with pytest.raises(chainhub.ResultMissing, match="wait for it first"):
        mode(things.clip.download(running, into=tmp_path))
    done = mode(things.clip.wait(running, interval=PACE))
    assert mode(things.clip.download("a", into=tmp_path)).name == "a.mp3"
    assert mode(things.clip.download(done, into=tmp_path, if_exists="replace")).name == "a.mp3"
    path = mode(things.clip_content.download("b", into=tmp_path, deadline=9))
    assert path.read_bytes() == MP3
    assert targets(server)[2:] == ["/v1/clips/a/content"] * 2 + ["/v1/clips/b/content"]
    assert all(b"authorization: bearer" in request.lower() for request in server.requests)


def test_a_file_of_the_api_is_asked_for_as_all_else_is(package, mode, server, http, tmp_path):
    """With the headers of the client, Latin-1 included, and its cookies."""
    server.answers = [http(200, MP3)]
    client = mode.client(base_url=server.url, headers={"X-A": "\xe9"}, cookies={"b": "c"})
    things = contracts.things(package, mode, client)
    mode(things.clip_content.download("b", into=tmp_path))
    assert b"\r\nX-A: \xe9\r\n" in server.requests[0]
    assert b"\r\nCookie: b=c\r\n" in server.requests[0]


def test_what_cannot_be_downloaded(things, mode, tmp_path):
    """An operation without results says so."""
    with pytest.raises(chainhub.ConfigurationError, match=r"things\.plain has no results"):
        mode(things.plain.download("a", into=tmp_path))
