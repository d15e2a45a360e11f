"""Operations of other contracts: tasks of other shapes, what creates them, files, and the rest."""

import base64
import json
from contextlib import suppress

import httpx
import pytest

from chainhub.sandbox import (
    Sandbox,
    SandboxError,
    answer,
    cancelled,
    completed,
    completed_without_url,
    cut,
    expired,
    failed,
    pending,
    queued,
    reset,
    state,
    status,
    video_generating,
    video_upsampling_failed,
)
from tests.unit.sandbox.conftest import KEY, PLAIN

TEXT = {"type": "string"}
USER = f"Basic {base64.b64encode(KEY.encode()).decode()}"


def fields(**properties):
    """Return the schema of an object."""
    return {"type": "object", "properties": properties}


def operation(method, path, example=None, schema=None, **more):
    """Return an operation as the contract describes it; what is in braces is a parameter."""
    named = {name.strip("{}") for name in path.split("/") if name.startswith("{")}
    given = {name.replace("-", "_"): ["path", name] for name in sorted(named)}
    known = {"in": given, "required": [*given], "body": None, "status": 200, "binary": None}
    return {"method": method, "path": path, **known, "example": example, "schema": schema, **more}


def task(parameter, status, results=(), **more):
    """Return where a task operation has what of a task."""
    roles = dict.fromkeys(("id", "reason", "code", "progress", "updated"), ())
    known = {"parameters": [], "words": {}, "content": None, "main": True, "kind": "video", **roles}
    return {**known, "parameter": parameter, "status": status, "results": results, **more}


WORDS = ["submitted", "processing", "succeed", "failed"]
CLIP = fields(url=TEXT, id=TEXT)
NESTED = fields(
    code={"type": "integer"},
    data=fields(
        task_id=TEXT,
        task_status={"type": "string", "enum": WORDS},
        task_status_msg=TEXT,
        updated_at={"type": "integer"},
        task_result=fields(videos={"type": "array", "items": CLIP}),
    ),
)
FOUND = {
    "code": 0,
    "data": {
        "task_id": "old",
        "task_status": "failed",
        "task_status_msg": "an old reason",
        "updated_at": 1722769557708,
        "task_result": {"videos": [{"id": "clip", "url": "https://old.example/v.mp4"}]},
    },
}
LISTED = fields(
    id={"type": "integer"},
    state={"anyOf": [{"enum": ["IN_QUEUE", "RUNNING", "DONE"]}, {"type": "null"}]},
    error=fields(message=TEXT, code=TEXT),
    percent=TEXT,
    at=TEXT,
    images={"type": "array", "items": TEXT},
)
NEEDY = fields(
    id=TEXT,
    state={"enum": ["queued", "done"]},
    at={"type": "integer"},
    clip={**fields(url=TEXT, size={"type": "number"}, by=TEXT), "required": ["url", "size", "by"]},
    more={"type": "array", "nullable": True},
    odd={},
    kind={"enum": ["a", "b"]},
)
NEEDY["required"] = [*NEEDY["properties"], "unknown"]
CONTRACT = {
    "clips.find": operation(
        "GET", "/clips/{task-id}", FOUND, NESTED,
        task=task(
            "task_id", [["data", "task_status"]],
            [["data", "task_result", "videos", None, "url"]],
            id=[["data", "task_id"]], reason=[["data", "task_status_msg"]],
            updated=[["data", "updated_at"]],
        ),
    ),
    "clips.create": operation(
        "POST", "/clips", {"data": {"task_id": "old"}}, NESTED, status=201,
        create={"task": "clips.find", "id": [["data", "task_id"]], "parameters": {}},
    ),
    "pictures.find": operation(
        "GET", "/{model_name}/requests/{id}", {"at": "2026", "error": {"message": "old"}}, LISTED,
        task=task(
            "id", [["state"]], [["error", None], ["images", None]], id=[["id"]], reason=[["error"]],
            code=[["error", "code"]], progress=[["percent"]], updated=[["at"]], kind="image",
            parameters=["model_name"], words={"in_queue": "running"},
        ),
    ),
    "pictures.create": operation(
        "POST", "/{model_name}", None, LISTED,
        create={"task": "pictures.find", "id": [["id"]], "parameters": {}},
    ),
    "forms.find": operation(
        "GET", "/forms/{id}", {"other": "form"}, fields(data={**NEEDY, "nullable": True}),
        task=task("id", [["data", "state"]], [["data", "clip", "url"]], id=[["data", "id"]]),
    ),
    "files.find": operation(
        "GET", "/files/{id}", {"state": "x", "done": 0.1},
        task=task("id", [["state"]], progress=[["done"]], kind="none", id=[["own", "id"]],
                  code=[["no", "code"]], content=["files.content", "id"]),
    ),
    "files.content": operation("GET", "/files/{id}/content", binary="audio/wav"),
    "files.list": operation("GET", "/files/list", [{"id": "a"}], {"type": "array"}),
    "files.note": operation("GET", "/files/note", "some text"),
    "files.keys": operation("GET", "/ü/keys", "a", key=["header", "X-Key", ""]),
    "files.query": operation("GET", "/files/query", "a", key=["query", "key", ""]),
    "files.user": operation("GET", "/files/user", "a", key=["basic", "Authorization", "Basic"]),
    "files.open": operation("GET", "/files/open", "a", key=["none", "", ""]),
    "files.delete": operation("DELETE", "/files/{id}", status=204),
    "files.sound": operation(
        "GET", "/sounds/{id}", {"state": "x", "n": [1]},
        task=task("id", [["state"]], [["urls", 1]], progress=[["n", 0]], reason=[["why"]],
                  code=[["code"]], kind="audio"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    """Write the contract to a file."""
    file = tmp_path_factory.mktemp("contract") / "contract.json"
    file.write_text(json.dumps({"operations": CONTRACT}), "utf-8")
    return file


@pytest.fixture
def sandbox(contract):
    """Give a sandbox that plays the contract, and whose clock stands still."""
    with Sandbox(key=KEY, speed=0, contract=contract) as running:
        yield running


@pytest.fixture
def send(sandbox):
    """Give a function that sends a request."""
    headers = {"Authorization": f"Bearer {KEY}"}

    def send(path: str, method: str = "GET") -> httpx.Response:
        url = path if path.startswith("http") else f"{sandbox.base_url}{path}"
        return PLAIN.request(method, url, headers=headers)

    return send


def test_a_task_of_a_nested_shape(sandbox, send) -> None:
    """Words are those that the operation declares; what the example has of old is taken away."""
    script = (queued, video_generating, failed("unsafe"), cancelled, completed_without_url)
    task_id = sandbox.task(*script, completed(results=2), id="a/b", operation="clips.find")
    seen = [send("/clips/a%2Fb").json()["data"] for _ in range(6)]
    assert [one["task_status"] for one in seen] == [
        "submitted", "processing", "failed", "failed", "succeed", "succeed",
    ]  # fmt: skip
    assert {one["task_id"] for one in seen} == {task_id}
    reasons = ["", "", "unsafe", cancelled.reason, "", ""]
    assert [one["task_status_msg"] for one in seen] == reasons
    assert [one["task_result"]["videos"] for one in seen[:5]] == [[]] * 5
    assert seen[0]["updated_at"] > 1e12
    videos = seen[5]["task_result"]["videos"]
    assert [one["id"] for one in videos] == ["clip", "clip"]
    first, second = (send(one["url"]) for one in videos)
    assert first.content == second.content
    assert videos[0]["url"] != videos[1]["url"]
    assert first.headers["content-type"] == "video/mp4"
    assert [one.word for one in sandbox.requests][:2] == ["submitted", "processing"]
    assert {one.operation for one in sandbox.requests} == {"clips.find", None}
    # A word that nobody knows is not made into another one; one that a stage fails with is.
    odd = sandbox.task(state("odd"), video_upsampling_failed, failed(polls=1))
    words = [send(f"/clips/{odd}").json()["data"]["task_status"] for _ in range(2)]
    assert words == ["odd", "failed"]


def test_a_task_of_a_flat_shape(sandbox, send) -> None:
    """An id that is a number, a slash in the path, texts for progress and time, pictures."""
    sandbox.task(pending, failed("no", code="E1"), completed, id="7", operation="pictures.find")
    queued, bad, good = (send("/flux%2Fdev/requests/7").json() for _ in range(3))
    assert (queued["id"], queued["state"], queued["percent"]) == (7, "IN_QUEUE", "0%")
    assert queued["at"].startswith("20")
    assert (bad["error"], bad["percent"]) == ({"message": "no", "code": "E1"}, "33%")
    assert (good["state"], good["error"], good["percent"]) == ("DONE", {}, "100%")
    (url,) = good["images"]
    picture = send(url)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert sandbox.requests[0].task_id == "7"
    assert sandbox.requests[0].path == "/flux/dev/requests/7"


def test_a_shape_that_nothing_declares(sandbox, send) -> None:
    """The paths alone say where the facts stand."""
    sandbox.task(expired, completed(url="https://h/v"), id="a", operation="files.sound")
    bad, good = (send("/sounds/a").json() for _ in range(2))
    assert bad == {"state": "expired", "n": [0], "why": expired.reason}
    assert good == {"state": "completed", "n": [100], "urls": [None, "https://h/v"]}
    sandbox.task(failed(code="c"), completed, id="b", operation="files.sound")
    assert "code" in send("/sounds/b").json()
    sound = send(send("/sounds/b").json()["urls"][1])
    assert (sound.headers["content-type"], sound.content[:4]) == ("audio/wav", b"RIFF")


def test_what_is_made_has_all_that_it_requires(sandbox, send) -> None:
    """The example is of another form than the schema; clients check what they get."""
    sandbox.task(completed(url="https://h/v"), id="a", operation="forms.find")
    assert send("/forms/a").json()["data"] == {
        "id": "a",
        "state": "done",
        "at": 0,
        "clip": {"url": "https://h/v", "size": 0, "by": ""},
        "more": None,
        "odd": None,
        "kind": "a",
        "unknown": None,
    }


def test_a_task_is_known_to_the_operation_it_was_added_for(sandbox, send) -> None:
    """Or to all; the same id may be another task elsewhere."""
    sandbox.task(failed, id="x", operation="clips.find")
    sandbox.task(completed, id="x")
    sandbox.task(completed, id="y", operation="files.find")
    assert send("/clips/x").json()["data"]["task_status"] == "failed"
    assert send("/files/x").json()["state"] == "completed"
    assert send("/clips/y").json()["code"] == "task_not_exist"
    assert send("/clips/veo:completes").json()["data"]["task_status"] == "submitted"
    with pytest.raises(ValueError, match=r"'clips.create' .* task operations .*: clips.find, "):
        sandbox.task(completed, operation="clips.create")


def test_a_create_operation_starts_a_task(sandbox, send) -> None:
    """Of the operation it leads to, with a fresh id of the right kind, and a script of its own."""
    answers = [send("/clips", "POST") for _ in range(2)]
    ids = [one.json()["data"]["task_id"] for one in answers]
    assert [one.status_code for one in answers] == [201, 201]
    assert len({*ids, "old"}) == 3
    assert [one.task_id for one in sandbox.requests] == ids
    words = []
    for seconds in (0, 2, 8):
        sandbox.advance(seconds)
        words.append(send(f"/clips/{ids[0]}").json()["data"]["task_status"])
    assert words == ["submitted", "processing", "succeed"]
    sandbox.creates("FAILURE", operation="pictures.create", media=[reset])
    number = send("/flux", "POST").json()["id"]
    assert isinstance(number, int)
    assert send(f"/flux/requests/{number}").json()["error"] == {"message": failed.reason}
    for name in ("clips.find", "nonsense"):
        with pytest.raises(ValueError, match=r"create operations of the contract: clips.create, "):
            sandbox.creates(completed, operation=name)
    with pytest.raises(TypeError, match="Step 1 of the media script is not a fault: use one"):
        sandbox.creates(completed, operation="clips.create", media=[pending])


def test_faults_of_an_operation(sandbox, send) -> None:
    """Each is met by one request; after a cut the task is there all the same."""
    sandbox.faults(status(503, polls=2), reset, cut(0), operation="clips.create")
    for _ in range(4):
        with suppress(httpx.TransportError):
            send("/clips", "POST")
    assert [one.status for one in sandbox.requests] == [503, 503, None, 201]
    assert [one.task_id is None for one in sandbox.requests] == [True, True, True, False]
    assert send(f"/clips/{sandbox.requests[-1].task_id}").status_code == 200
    assert [send("/clips", "POST").status_code for _ in range(3)] == [201] * 3
    sandbox.faults(answer("[]"), cut(0.5), operation="clips.find")
    sandbox.task("pending", id="x")
    assert send("/clips/x").json() == []
    with pytest.raises(httpx.RemoteProtocolError):
        send("/clips/x")
    assert send("/clips/x").json()["data"]["task_status"] == "submitted"
    with pytest.raises(ValueError, match=r"'nonsense' is not one of the operations .*files.delete"):
        sandbox.faults(reset, operation="nonsense")
    with pytest.raises(TypeError, match="Step 2 of the faults is not a fault"):
        sandbox.faults(reset, pending, operation="clips.find")


def test_an_operation_that_responds_with_a_file(sandbox, send) -> None:
    """That of a finished task, with ranges and its own faults; of another there is none."""
    sandbox.task(pending, completed, id="x", operation="files.find", media=[status(503)])
    assert send("/files/unknown/content").json()["code"] == "task_not_exist"
    assert send("/files/x/content").status_code == 400
    assert [send("/files/x").json() for _ in range(2)] == [
        {"state": "pending", "done": 0.0, "own": {"id": "x"}},
        {"state": "completed", "done": 1.0, "own": {"id": "x"}},
    ]
    assert send("/files/x/content").status_code == 503
    whole = send("/files/x/content")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.headers["accept-ranges"] == "bytes"
    sandbox.faults(cut(0.5), operation="files.content")
    with pytest.raises(httpx.RemoteProtocolError):
        send("/files/x/content")
    assert sandbox.requests[-1].task_id == "x"
    sandbox.task(failed(code="c"), id="bad", operation="files.find")
    assert send("/files/bad").json() == {"state": "failed", "done": 0.0, "own": {"id": "bad"}}


def test_every_other_operation_responds_with_its_example(sandbox, send) -> None:
    """What is written out goes before what is filled in; without a body there is none."""
    assert send("/files/list").json() == [{"id": "a"}]
    note = send("/files/note")
    assert (note.text, note.headers["content-type"][:10]) == ("some text", "text/plain")
    gone = send("/files/a", "DELETE")
    assert (gone.status_code, gone.content) == (204, b"")
    assert PLAIN.get(f"{sandbox.base_url}/files/list").status_code == 401


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        ("/ü/keys", {"headers": {"x-key": KEY}}, {"headers": {"x-key": f"Bearer {KEY}"}}),
        ("/files/query", {"params": {"key": KEY}}, {"headers": {"x-key": KEY}}),
        ("/files/user", {"headers": {"authorization": USER}}, {"auth": ("a", "b")}),
        ("/files/open", {}, None),
        ("/files/list", {"headers": {"authorization": f"bearer {KEY}"}}, {"params": {"key": KEY}}),
    ],
)
def test_the_key_is_where_the_contract_wants_it(sandbox, path, right, wrong) -> None:
    """Anywhere else it is none."""
    url = f"{sandbox.base_url}{path}"
    assert PLAIN.get(url, **right).status_code == 200
    assert sandbox.requests[-1].carried_key is bool(right)
    if wrong is not None:
        assert PLAIN.get(url, **wrong).status_code == 401


def test_a_contract_that_is_not_there(tmp_path) -> None:
    """Is one sentence, when the sandbox starts."""
    with pytest.raises(SandboxError, match=r"^The contract .*none\.json is not there; bundle"):
        Sandbox(contract=tmp_path / "none.json").start()
