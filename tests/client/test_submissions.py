"""Tasks that are created once: what costs money is sent once, whatever happens to the process."""

import importlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

import chainhub
from chainhub.sandbox import Sandbox, cut
from chainhub_api.types import File
from tests.client import contracts
from tests.client.contracts import TEXT, parameter
from tests.loopback import until

PATHS = {
    "/v1/jobs/{id}": {
        "get": contracts.operation(
            "job",
            contracts.answers({"$ref": "#/components/schemas/Job"}),
            parameters=[parameter("id"), parameter("model", "query")],
            **{"x-task": {"id": "$request.path.id", "status": "$response.body#/status"}},
        )
    },
    "/v1/jobs": {
        "post": contracts.operation(
            "order",
            contracts.answers({"$ref": "#/components/schemas/Order"}),
            parameters=[{"name": "prompt", "in": "query", "schema": TEXT}],
        )
    },
    "/v1/other": {"post": contracts.operation("other", contracts.answers({"type": "object"}))},
}
SEVERAL = {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}
PATHS["/v1/jobs"]["get"] = contracts.operation("orders", contracts.answers(SEVERAL))
LINK = {"operationId": "job", "parameters": {"id": "$response.body#/id", "model": "m"}}
PATHS["/v1/jobs"]["post"]["responses"]["200"]["links"] = {"task": LINK}
for name, kind in (("letter", contracts.JSON), ("picture", "multipart/form-data")):
    body = {kind: {"schema": {"$ref": f"#/components/schemas/{name.capitalize()}"}}}
    answer = contracts.answers({"$ref": "#/components/schemas/Order"})
    answer["200"]["links"] = {"task": LINK}
    more = {"requestBody": {"required": True, "content": body}}
    PATHS[f"/v1/{name}s"] = {"post": contracts.operation(name, answer, **more)}
SCHEMAS = {
    "Job": {"type": "object", "properties": {"status": TEXT}},
    "Order": {"type": "object", "properties": {"id": TEXT, "n": {"type": "integer"}}},
    "Letter": {
        "type": "object",
        "properties": {"text": TEXT, "paper size": TEXT, "at": {**TEXT, "format": "date-time"}},
    },
    "Picture": {
        "type": "object",
        "properties": {"file": {**TEXT, "format": "binary"}, "title": TEXT},
    },
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Let the client have an operation that creates a task."""
    components = {"schemas": SCHEMAS}
    with contracts.installed(tmp_path_factory, "orders_api", PATHS, components=components) as found:
        yield found


@pytest.fixture
def things(package, mode, server):
    """Give the resource of a client."""
    return contracts.things(package, mode, mode.client(base_url=server.url))


@pytest.fixture
def path(tmp_path):
    """Return where the file may be."""
    return tmp_path / "jobs.jsonl"


def test_a_key_is_submitted_once(things, mode, server, http, path):
    """In this run and in the next; the task is waited for by its submission."""
    server.answers = [http(200, {"id": "a"}), http(200, {"status": "done"})]
    with chainhub.Submissions(path) as jobs:
        first = mode(jobs.submit("1", things.order, prompt="cow"))
        assert mode(jobs.submit("1", things.order, prompt="cow", timeout=9.0)) == first
    with chainhub.Submissions(str(path)) as jobs:
        again = mode(jobs.submit("1", things.order, prompt="cow"))
        assert list(jobs) == [again] == [first]
        assert jobs.in_doubt == []
    assert (again.key, again.operation, again.id) == ("1", "things.order", "a")
    assert mode(things.job.wait(again)).status == "done"
    assert list(mode(things.job.wait_many([again]))) == ["a"]
    assert len(server.requests) == 3
    assert b"GET /v1/jobs/a?model=m " in server.requests[1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_intent_is_on_the_disk_before_the_request(things, mode, server, http, path):
    """With the time and the fingerprint of the arguments, but not the arguments themselves."""
    lines = []

    def look(connection, head):
        lines.extend(map(json.loads, path.read_text().splitlines()))
        connection.sendall(http(200, {"id": "a"}))

    server.answers = [look]
    with chainhub.Submissions(path) as jobs:
        mode(jobs.submit("1", things.order, prompt="secret cow"))
    header, intent = lines
    assert header["base_url"] == server.url
    assert (intent["key"], intent["operation"]) == ("1", "things.order")
    assert abs(intent["at"] - time.time()) < 60
    assert "cow" not in path.read_text()


DROPPED = None


ADVICE = (
    "look with client.things.orders whether the task exists; then resolve(key, id) or forget(key)"
)


@pytest.mark.parametrize(
    ("answer", "error", "in_doubt"),
    [
        (DROPPED, chainhub.AmbiguousOutcome, True),
        (500, chainhub.AmbiguousOutcome, True),
        (400, chainhub.BadRequestError, False),
        (401, chainhub.AuthenticationError, False),
        (b"<html>", chainhub.ResponseError, True),
        ({"n": 1}, chainhub.SubmissionInDoubt, True),
    ],
)
def test_what_an_error_says(things, mode, server, http, path, answer, error, in_doubt):
    """A refusal leaves no trace; what may have been processed is not sent again."""
    first = http(answer, {}) if isinstance(answer, int) else answer and http(200, answer)
    server.answers = [first, http(200, {"id": "b"})]
    with chainhub.Submissions(path) as jobs, pytest.raises(error):
        mode(jobs.submit("1", things.order))
    with chainhub.Submissions(path) as jobs:
        if not in_doubt:
            assert mode(jobs.submit("1", things.order)).id == "b"
            return
        with pytest.raises(chainhub.SubmissionInDoubt, match="'1' has no answer") as caught:
            mode(jobs.submit("1", things.order))
        (listed,) = jobs.in_doubt
    assert len(server.requests) == 1
    told = caught.value
    assert (told.key, told.operation, str(told)) == ("1", "things.order", str(listed))
    assert (told.lookup, told.advice) == (listed.lookup, listed.advice) == ("things.orders", ADVICE)
    assert re.fullmatch("[0-9a-f]{64}", told.arguments)
    assert datetime.now(UTC) - told.at < timedelta(minutes=1)


def test_a_request_that_was_not_sent_leaves_no_trace(package, mode, server, http, path):
    """Nobody listens, or the arguments cannot be sent."""
    client = mode.client(base_url="http://127.0.0.1:9", retry=chainhub.RetryPolicy.off())
    nobody = contracts.things(package, mode, client)
    with chainhub.Submissions(path) as jobs:
        with pytest.raises(chainhub.ConnectionFailedError):
            mode(jobs.submit("1", nobody.order))
        with pytest.raises(chainhub.ConfigurationError, match="lone surrogate"):
            mode(jobs.submit("1", nobody.order, prompt="\ud800"))
        assert jobs.in_doubt == []


def test_an_answer_that_does_not_fit_but_has_an_id(things, mode, server, http, path):
    """The error is raised, and the id is kept."""
    server.answers = [http(200, {"id": "a", "n": "no number"})]
    with chainhub.Submissions(path) as jobs:
        with pytest.raises(chainhub.ResponseError):
            mode(jobs.submit("1", things.order))
        assert mode(jobs.submit("1", things.order)).id == "a"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("key", "method", "prompt", "text"),
    [
        ("1", "order", "pig", "'1' was submitted before, to things.order with other arguments"),
        ("", "order", "cow", "a key is a text of 1 to 500 characters"),
        ("k" * 501, "order", "cow", "a key is a text of 1 to 500 characters"),
        (7, "order", "cow", "a key is a text of 1 to 500 characters"),
        ("2", "other", None, "things.other is not known as one"),
    ],
)
def test_what_cannot_be_submitted(things, mode, server, http, path, key, method, prompt, text):
    """It is refused before anything is sent."""
    server.answers = [http(200, {"id": "a"})]
    arguments = {} if prompt is None else {"prompt": prompt}
    with chainhub.Submissions(path) as jobs:
        mode(jobs.submit("1", things.order, prompt="cow"))
        with pytest.raises(chainhub.ConfigurationError, match=re.escape(text)):
            mode(jobs.submit(key, getattr(things, method), **arguments))
        with pytest.raises(TypeError, match="promtp"):
            mode(jobs.submit("3", things.order, promtp="cow"))
        with pytest.raises(chainhub.ConfigurationError, match="is not known as one"):
            mode(jobs.submit("3", dict, prompt="cow"))
    assert len(server.requests) == 1


ENDLESS = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ({1: 2, "a": 3}, "prompt must be a string, not a dict"),
        ("\ud800", "prompt contains a lone surrogate"),
        (ENDLESS, "prompt must be a string, not a list"),
    ],
)
def test_an_argument_that_cannot_be_sent(things, mode, path, prompt, text):
    """It is refused in a sentence, and nothing was begun."""
    with chainhub.Submissions(path) as jobs:
        with pytest.raises(chainhub.ConfigurationError, match=text):
            mode(jobs.submit("1", things.order, prompt=prompt))
        assert jobs.in_doubt == []


@pytest.mark.parametrize(
    ("method", "body", "text"),
    [
        ("letter", {"text": ENDLESS}, "the arguments of '1' cannot be compared: "),
        ("letter", {"text": b"\0"}, "letter cannot be called with these arguments"),
        ("letter", {"text": 1j}, "letter cannot be called with these arguments"),
        ("picture", {"file": File(io.RawIOBase())}, "the arguments of '1' cannot be compared: "),
    ],
)
def test_a_body_that_cannot_be_compared(things, mode, path, method, body, text):
    """It has no end, or cannot be read twice; or it can, and is refused when it is sent."""
    with chainhub.Submissions(path) as jobs:
        with pytest.raises(chainhub.ConfigurationError, match=text):
            mode(jobs.submit("1", getattr(things, method), body=body))
        assert jobs.in_doubt == []


AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "arguments", "others"),
    [
        ("letter", {"text": "cow", "paper_size": "A4"}, {"text": "cow", "paper_size": "A5"}),
        ("letter", {"text": "cow", "paper_size": "A4"}, {"text": "cow"}),
        ("letter", {"text": "cow", "paper_size": "A4", "at": AT}, {"text": "cow", "at": AT}),
        ("picture", {"file": b"cow", "title": "A4"}, {"file": b"pig", "title": "A4"}),
        ("picture", {"file": b"cow", "title": "A4"}, {"file": b"cow", "title": "A5"}),
    ],
)
def test_an_order_is_what_is_sent(
    package, things, mode, server, http, path, method, arguments, others
):
    """By its fields, as an object or as a model, it is the same; with another value it is not."""

    def given(fields):
        return {k: File(io.BytesIO(v)) if k == "file" else v for k, v in fields.items()}

    def wire(fields):
        return {k.replace("paper_", "paper "): v for k, v in given(fields).items()}

    models = importlib.import_module("chainhub_api.api.things." + method)
    model = getattr(models, method.capitalize())
    server.answers = [http(200, {"id": "a"})]
    same = [given(arguments), {"body": wire(arguments)}, {"body": given(arguments)}]
    same.append({"body": model(**given(arguments)), "headers": {"x-a": "b"}})
    with chainhub.Submissions(path) as jobs:
        submit = partial(jobs.submit, "1", getattr(things, method))
        assert [mode(submit(**one)).id for one in same] == ["a"] * 4
        with pytest.raises(chainhub.ConfigurationError, match="with other arguments"):
            mode(submit(**given(others)))
    assert len(server.requests) == 1


def test_a_doubt_that_nothing_can_look_up(things, mode, server, path):
    """The contract has no operation for it, and the message says so."""
    server.answers = [DROPPED]
    with chainhub.Submissions(path) as jobs:
        with pytest.raises(chainhub.AmbiguousOutcome):
            mode(jobs.submit("1", things.letter, text="cow"))
        (told,) = jobs.in_doubt
    assert told.lookup is None
    assert "at the service (the contract cannot look it up)" in str(told)


def test_a_doubt_is_decided_by_hand(things, mode, server, http, path):
    """With the id that was found, or by saying that there is none."""
    server.answers = [DROPPED, DROPPED, http(200, {"id": "c"})]
    with chainhub.Submissions(path) as jobs:
        for key in ("1", "2"):
            with pytest.raises(chainhub.AmbiguousOutcome):
                mode(jobs.submit(key, things.order))
        assert [error.key for error in jobs.in_doubt] == ["1", "2"]
        assert jobs.resolve("1", "a").id == "a"
        jobs.forget("2")
        assert mode(jobs.submit("1", things.order)).id == "a"
        assert mode(jobs.submit("2", things.order)).id == "c"
        for decide in (lambda: jobs.forget("1"), lambda: jobs.resolve("9", "a")):
            with pytest.raises(chainhub.ConfigurationError, match="is not in doubt"):
                decide()
        with pytest.raises(chainhub.ConfigurationError, match="must be a non-empty string"):
            jobs.resolve("1", " ")
    with chainhub.Submissions(path) as jobs:
        assert [job.id for job in jobs] == ["a", "c"]


def test_a_submission_of_another_operation_is_not_waited_for(things, mode):
    """Its id means nothing there."""
    other = chainhub.Submission("1", "video.create", "a")
    with pytest.raises(chainhub.ConfigurationError, match="must be a non-empty string"):
        mode(things.job.wait(other))


def test_the_file_is_that_of_one_account_and_process(package, things, mode, server, http, path):
    """Another key is refused, and a second use at the same time; foreign lines are passed over."""
    server.answers = [http(200, {"id": "a"})]
    with chainhub.Submissions(path) as jobs:
        mode(jobs.submit("1", things.order))
        with pytest.raises(chainhub.JournalError, match="is in use by another process"):
            chainhub.Submissions(path)
        other = contracts.things(package, mode, mode.client("sk-test-other", base_url=server.url))
        with pytest.raises(chainhub.JournalError, match="was made with another key"):
            mode(jobs.submit("2", other.order))
    lines = path.read_bytes()
    strange = [b'{"v":1,"key":7}', b'{"v":1,"key":"z","id":"a"}', b'{"v":1,"key":"z","at":-1}']
    path.write_bytes(lines + b"\n".join(strange) + b"\n")
    with chainhub.Submissions(path) as jobs:
        assert [job.key for job in jobs] == ["1"]
    path.write_bytes(b'{"v":1,"key":7}\n')
    with pytest.raises(chainhub.JournalError, match=r"the file of submissions .* in line 1"):
        chainhub.Submissions(path)


def test_a_journal_holds_no_submissions(things, mode, server, http, path):
    """Nor the other way: both refuse the other's file, and leave it as it was."""
    server.answers = [http(200, {"status": "done"}), http(200, {"id": "a"})]
    mode(things.job.wait_many(["a"], model="m", journal=path))
    content = path.read_bytes()
    with pytest.raises(chainhub.JournalError, match=r"submissions .* is a journal: use another"):
        chainhub.Submissions(path)
    assert path.read_bytes() == content
    path.unlink()
    with chainhub.Submissions(path) as jobs:
        mode(jobs.submit("1", things.order))
    content = path.read_bytes()
    with pytest.raises(chainhub.JournalError, match=r"journal .* is a file of submissions: use"):
        mode(things.job.wait_many(["a"], model="m", journal=path))
    assert path.read_bytes() == content
    assert len(server.requests) == 2


def test_one_that_is_dropped_releases_the_file(path):
    """Whoever forgets to close it can open it again."""
    for _ in range(2):
        assert list(chainhub.Submissions(path)) == []


def test_an_id_that_cannot_be_written(things, mode, server, http, path, monkeypatch):
    """The disk is full at the worst moment: the task is there, and the message names it."""
    server.answers = [http(200, {"id": "paid"})]
    whole, left = os.write, [b"header", b"intent"]

    def write(descriptor, data):
        if not data.startswith(b'{"v":1'):
            return whole(descriptor, data)
        if not left:
            raise OSError(28, "No space left on device")
        left.pop()
        return whole(descriptor, data)

    jobs = chainhub.Submissions(path)
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(chainhub.JournalError, match=r"No space left.*; the task of '1' is paid"):
        mode(jobs.submit("1", things.order))
    monkeypatch.undo()
    jobs.close()
    jobs.close()
    with chainhub.Submissions(path) as jobs:
        assert [error.key for error in jobs.in_doubt] == ["1"]


@pytest.fixture(scope="module")
def sandbox(package):
    """Start a mock server of the service, for the contract with the orders."""
    contract = Path(package.__file__).with_name("contract.json")
    with Sandbox(contract=contract) as started:
        yield started


def ordered(sandbox):
    """Return what was ordered, each as often as it was."""
    return [one.headers["user-agent"] for one in sandbox.requests if one.method == "POST"]


def test_fifty_dropped_answers(package, mode, sandbox, path):
    """No order is placed twice, and each of those without an answer is in doubt."""
    client = mode.client(sandbox.key, base_url=sandbox.base_url)
    order = contracts.things(package, mode, client).order
    keys = [f"k{number}" for number in range(200)]
    chance = random.Random(1)
    dropped = set(chance.sample(keys, 50))
    before = len(ordered(sandbox))
    for _ in range(2):
        lost = set()
        with chainhub.Submissions(path) as jobs:
            for key in keys:
                if key in dropped and key not in {error.key for error in jobs.in_doubt}:
                    sandbox.faults(cut(chance.random()), operation="things.order")
                try:
                    assert mode(jobs.submit(key, order, headers={"user-agent": key})).id
                except (chainhub.AmbiguousOutcome, chainhub.ResponseError):
                    pass
                except chainhub.SubmissionInDoubt as error:
                    lost.add(error.key)
            known = {job.key for job in jobs}
            assert {error.key for error in jobs.in_doubt} == dropped
    assert lost == dropped == set(keys) - known
    assert sorted(ordered(sandbox)[before:]) == sorted(keys)


# Plays programs in forks of itself: it has one thread, and has loaded all that they import.
PLAYER = """
import itertools, os, sys
from contextlib import suppress
from pathlib import Path

import pytest

import chainhub
from tests.client import contracts

folder, url, key, path = sys.argv[1:]
contracts.load(Path(folder), "orders_api")
package = contracts.install("orders_api", pytest.MonkeyPatch())
for _ in sys.stdin:
    child = os.fork()
    if not child:
        break
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
else:
    sys.exit()
order = package.ThingsResource(chainhub.Client(key, base_url=url)._transport).order
with chainhub.Submissions(path) as jobs:
    for number in itertools.count():
        with suppress(chainhub.SubmissionInDoubt):
            jobs.submit(f"k{number}", order, headers={"user-agent": f"k{number}"})
"""


def killed_again_and_again(package, sandbox, path, kills, seed):
    """Kill a process in the middle of its orders, start it again, and look at what was ordered."""
    chance = random.Random(seed)
    folder = os.path.dirname(os.path.dirname(package.__file__))
    before = len(sandbox.requests)
    player = subprocess.Popen(
        [sys.executable, "-c", PLAYER, folder, sandbox.base_url, sandbox.key, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with player:
        for _ in range(kills):
            seen = len(sandbox.requests)
            player.stdin.write("\n")
            player.stdin.flush()
            child = int(player.stdout.readline())
            try:
                until(lambda seen=seen: len(sandbox.requests) > seen)
                time.sleep(chance.uniform(0.0, 0.05))
            finally:
                os.kill(child, signal.SIGKILL)
                assert player.stdout.readline() == "gone\n"
        player.stdin.close()
    with chainhub.Submissions(path) as jobs:
        known, lost = {job.key for job in jobs}, {error.key for error in jobs.in_doubt}
    orders = ordered(sandbox)[before:]
    assert len(orders) == len(set(orders)) >= kills
    assert set(orders) <= known | lost
    assert known <= set(orders)
    assert len(lost) <= kills


def test_a_process_that_is_killed_orders_nothing_twice(package, sandbox, path):
    """Ten kills: at most one order for each key, and what was ordered is known or in doubt."""
    killed_again_and_again(package, sandbox, path, 10, seed=1)


@pytest.mark.slow
def test_two_hundred_kills_order_nothing_twice(package, sandbox, path):
    """The same two hundred times."""
    killed_again_and_again(package, sandbox, path, 200, seed=2)
