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
from tests.faults.queries import options
from tests.faults.server import Act, Server, Stage
from tests.faults.table import (
    KEY,
    OK,
    TASK,
    Error,
    Fault,
    Shape,
    answer,
    faults,
    steps,
)
from tests.faults.test_faults import SPELLINGS, assert_presentable
from tests.loopback import SOON, Mode

EVERY = int(os.environ.get("FAULTS_EVERY", "1"))
FRAMES = bytes(range(256)) * 40
HEAD = b"\0\0\0\x10ftypmp42\0\0\0\0"
MP4 = HEAD + (len(FRAMES) + 8).to_bytes(4, "big") + b"mdat" + FRAMES
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


@attrs.frozen
class Family:
    """A task operation of the grown contract, and the form of its answers and files.

    Attributes:
        name: The operation; its tag is the first part.
        body: The answer, of the fields of a video task.
        content: The bytes of a result, and their type.
        parameters: Its parameters besides the id.
        own_file: Whether the file is the answer of an operation of the API.
    """

    name: str
    body: Callable[[Mapping[str, Any]], object]
    content: tuple[bytes, str]
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    own_file: bool = False

    def operation(self, client: Any) -> Any:
        tag, _, method = self.name.partition(".")
        return getattr(getattr(client, tag), method)

    @property
    def answers(self) -> Shape:
        return Shape(lambda fields: json.dumps(self.body(fields)).encode())

    @property
    def files(self) -> Shape:
        return Shape(lambda fields: self.content[0], self.content[1])


def nested(fields: Mapping[str, Any]) -> object:
    """Return a task with its status in the middle."""
    videos = [{"id": "1", "url": fields["video_url"]}]
    data = {"task_id": fields["id"], "task_status": "succeed", "task_result": {"videos": videos}}
    return {"code": 0, "data": data}


def result_list(fields: Mapping[str, Any]) -> object:
    """Return a task with a list of results."""
    images = [{"Url": fields["video_url"]}, {"Url": fields["video_url"]}]
    return {"RequestId": fields["id"], "Status": "FINISH", "Images": images}


def film(fields: Mapping[str, Any]) -> object:
    """Return a task whose file another operation answers with."""
    return {"id": fields["id"], "status": "screened"}


FAMILIES = (
    Family("clips.find", nested, (MP4, "video/mp4")),
    Family("pictures.pictures", result_list, (PNG, "image/png"), {"model": "m"}),
    Family("films.get", film, (MP4, "video/mp4"), own_file=True),
)


def cases(shape: str) -> list[Any]:
    """Take every fault for every family, or one of so many in turn."""
    params = []
    for offset, family in enumerate(FAMILIES):
        for number, fault in enumerate(faults(getattr(family, shape))):
            if (number + offset) % EVERY == 0:
                params.append(pytest.param(family, fault, id=f"{family.name}-{fault.name}"))
    return params


def play(
    family: Family,
    fault: Fault,
    good: Act,
    mode: Mode,
    stage: Stage,
    work: Callable[[Any, Server], Any],
) -> tuple[Any, Any]:
    """Let a fault happen once; return the value or the error, after looking at both."""
    server = Server(
        script=(*(fault.script[:1] or (good,)), good),
        accept=(*fault.accept[:1], ()) if fault.accept else (),
        late=fault.late,
        listening=fault.listening,
        stranger=(stranger := Server()),
    )
    value = error = None
    start = time.monotonic()
    with stage.serving(server, stranger):
        client = mode.client(KEY, base_url=server.url, **options(fault.client))
        try:
            value = mode(work(family.operation(client), server))
        except chainhub.ChainhubError as caught:
            error = caught
        mode.end(client)
        assert stage.run(server.quiet(SOON)) == 0
    assert time.monotonic() - start < 6 * SOON  # of limits of 5 s at most
    if error is not None:
        assert_presentable(error, "")
    # A service may put anything into the URL; the headers are ours.
    for request in stranger.requests:
        headers = request.head.partition(b"\r\n")[2]
        assert not any(spelling.encode() in headers for spelling in SPELLINGS)
    return value, error


def expected(fault: Fault, error: Any) -> bool:
    """Whether a single call may end in this error too."""
    errors = [outcome for outcome in fault.outcomes if isinstance(outcome, Error)]
    kinds = {kind for outcome in errors for kind in outcome.kinds}
    return {base.__name__ for base in type(error).__mro__} & {*kinds, "WaitTimeout"} != set()


@pytest.mark.parametrize(("family", "fault"), cases("answers"))
def test_a_wait_among_faults(
    family: Family, fault: Fault, mode: Mode, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends with the task; where asking again is of no use, with the error of a single call."""
    caplog.set_level(logging.DEBUG)
    good = steps(answer(family.answers.body(TASK)))
    limits = {"interval": 0.01, "deadline": 5.0 if fault.listening else 1.0, **family.parameters}

    def wait(operation: Any, server: Server) -> Any:
        return operation.wait(TASK["id"], **limits)

    for retries_left in reversed(range(fault.tries)):
        value, error = play(family, fault, good, mode, stage, wait)
        assert (value is None) or chainhub.state_of(value) is chainhub.State.SUCCEEDED
        assert value is not None or expected(fault, error), error
        if value is not None or fault.outcomes != OK:
            break
        assert retries_left, error
    assert KEY not in caplog.text


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
    limits = {"deadline": 2.0, "allow_hosts": ["127.0.0.1"], **family.parameters}

    def download(operation: Any, server: Server) -> Any:
        return operation.download(model_of(family, server), into=tmp_path, **limits)

    value, error = play(family, fault, steps(answer(content, kind=kind)), mode, stage, download)
    files = [path for path in tmp_path.iterdir() if path.suffix != ".part"]
    # Boxes of a video have lengths; of an image that came without one nobody knows its end.
    unknown = kind == "image/png" and fault.name == "no length, closed too early"
    good = (content, content[:-9]) if unknown else (content,)
    assert all(path.read_bytes() in good for path in files), (files, error)
    assert value is None or value in files
    assert KEY not in caplog.text


def model_of(family: Family, server: Server) -> Any:
    """Return the finished task as the operation would."""
    body = family.answers.body({**TASK, "video_url": f"{server.url}/file"})
    kinds = {"clips.find": "Clip", "pictures.pictures": "Pictures", "films.get": "Film"}
    return getattr(models, kinds[family.name]).from_dict(json.loads(body))
