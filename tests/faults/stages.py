"""Waits and downloads of tasks of any shape among faults; `test_stages.py` runs it.

A fault meets the first poll of a wait, or the first request of a download, and then passes.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

import chainhub
from chainhub_api import models
from tests.faults.asking import options
from tests.faults.server import Server, Stage
from tests.faults.table import (
    KEY,
    TASK,
    Error,
    Fault,
    Shape,
    Value,
    answer,
    faults,
    sent,
)
from tests.faults.test_faults import SPELLINGS, assert_presentable
from tests.loopback import SOON, Mode

EVERY = int(os.environ.get("FAULTS_EVERY", "1"))
MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


@attrs.frozen
class Family:
    """A task operation of the grown contract, and what its answers and files look like.

    Attributes:
        name: The operation; its tag is the first part.
        body: The answer, of the fields of a video task.
        content: The bytes of a result, and their type.
        parameters: What it takes besides the id.
        own_file: Whether the file is the answer of an operation of the API.
    """

    name: str
    body: Callable[[Mapping[str, Any]], object]
    content: tuple[bytes, str]
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    own_file: bool = False

    def operation(self, client: Any) -> Any:
        tag, _, own = self.name.partition(".")
        return getattr(getattr(client, tag), own)

    @property
    def answers(self) -> Shape:
        return Shape(lambda fields: json.dumps(self.body(fields)).encode())

    @property
    def files(self) -> Shape:
        return Shape(lambda fields: self.content[0], self.content[1])


def nested(fields: Mapping[str, Any]) -> object:
    """Return a task with its status in the middle."""
    videos = [{"id": "1", "url": fields["video_url"]}]
    told = {"task_id": fields["id"], "task_status": "succeed", "task_result": {"videos": videos}}
    return {"code": 0, "data": told}


def listed(fields: Mapping[str, Any]) -> object:
    """Return a task with a list of results."""
    images = [{"Url": fields["video_url"]}, {"Url": fields["video_url"]}]
    return {"RequestId": fields["id"], "Status": "FINISH", "Images": images}


def film(fields: Mapping[str, Any]) -> object:
    """Return a task whose file another operation answers with."""
    return {"id": fields["id"], "status": "screened"}


FAMILIES = (
    Family("clips.find", nested, (MP4, "video/mp4")),
    Family("pictures.pictures", listed, (PNG, "image/png"), {"model": "m"}),
    Family("films.get", film, (MP4, "video/mp4"), own_file=True),
)


def cases(shape: str) -> list[Any]:
    """Take every fault for every family, or one of so many in turn."""
    found = []
    for at, family in enumerate(FAMILIES):
        for number, fault in enumerate(faults(getattr(family, shape))):
            if (number + at) % EVERY == 0:
                found.append(pytest.param(family, fault, id=f"{family.name}-{fault.name}"))
    return found


def client_of(fault: Fault, mode: Mode, server: Server) -> Any:
    """Return a client as the fault wants it."""
    arguments = options(fault.client)
    return mode.client(KEY, base_url=server.url, **arguments)


def server_of(fault: Fault, *before: Any, after: Any) -> Server:
    """Return a server that plays the fault, and answers well afterwards."""
    accept = (*fault.accept[:1], ()) if fault.accept else ()
    script = (*before, *(fault.script[:1] or (after,)), after)
    listening = fault.listening
    return Server(
        script=script, accept=accept, late=fault.late, listening=listening, stranger=Server()
    )


def play(
    stage: Stage, server: Server, mode: Mode, client: Any, work: Callable[[], Any]
) -> tuple[Any, Any]:
    """Return the value or the error, after looking at what holds for both."""
    value = error = None
    started = time.monotonic()
    try:
        value = work()
    except chainhub.ChainhubError as caught:
        error = caught
    assert time.monotonic() - started < SOON
    mode(client.aclose() if mode.asynchronous else client.close())
    assert stage.run(server.quiet(SOON)) == 0
    if error is not None:
        assert_presentable(error, "")
    return value, error


def expected(fault: Fault, error: Any) -> bool:
    """Tell whether an error is one that a single call may end in too."""
    kinds = {kind for one in fault.outcomes if isinstance(one, Error) for kind in one.kinds}
    return {one.__name__ for one in type(error).__mro__} & {*kinds, "WaitTimeout"} != set()


@pytest.mark.parametrize(("family", "fault"), cases("answers"))
def test_a_wait_among_faults(
    family: Family, fault: Fault, mode: Mode, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends with the task; where asking again is of no use, with the error of a single call."""
    caplog.set_level(logging.DEBUG)
    good = sent(answer(family.answers.body(TASK)))
    server = server_of(fault, after=good)
    assert server.stranger is not None
    with stage.serving(server, server.stranger):
        client = client_of(fault, mode, server)
        wait = family.operation(client).wait

        def work() -> Any:
            limits = {"interval": 0.01, "deadline": 5.0 if fault.listening else 1.0}
            return mode(wait(TASK["id"], **limits, **family.parameters))

        value, error = play(stage, server, mode, client, work)
    if value is not None:
        assert chainhub.state_of(value) is chainhub.State.SUCCEEDED
    else:
        assert expected(fault, error), error
    if Value() in fault.outcomes and len(fault.outcomes) == 1:
        assert value is not None, error
    assert KEY not in caplog.text
    assert server.stranger.connections == 0


@pytest.mark.parametrize(("family", "fault"), cases("files"))
def test_a_download_among_faults(
    family: Family,
    fault: Fault,
    mode: Mode,
    stage: Stage,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It ends with the whole file, or with one clear error and no file under its name."""
    caplog.set_level(logging.DEBUG)
    content, kind = family.content
    good = sent(answer(content, kind=kind))
    server = server_of(fault, after=good)
    assert server.stranger is not None
    with stage.serving(server, server.stranger):
        client = client_of(fault, mode, server)
        task = model_of(family, server)
        download = family.operation(client).download

        def work() -> Any:
            limits = {"deadline": 5.0, "allow_hosts": ["127.0.0.1"]}
            return mode(download(task, into=tmp_path, **limits, **family.parameters))

        value, error = play(stage, server, mode, client, work)
    files = [path for path in tmp_path.iterdir() if path.suffix != ".part"]
    whole = [path.read_bytes() == content for path in files]
    assert all(whole), (files, error)
    assert bool(files) or value is None
    assert KEY not in caplog.text
    assert not any(
        spelt.encode() in one.head for one in server.stranger.requests for spelt in SPELLINGS
    )


def model_of(family: Family, server: Server) -> Any:
    """Return the finished task as the operation would."""
    body = family.answers.body({**TASK, "video_url": f"{server.url}/file"})
    kinds = {"clips.find": "Clip", "pictures.pictures": "Pictures", "films.get": "Film"}
    return getattr(models, kinds[family.name]).from_dict(json.loads(body))
