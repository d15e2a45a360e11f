"""The mock libraries that the page on testing names: waiting, downloading, creating."""

import json

import httpx
import pytest

import chainhub
from tests.client.video import SampleVideo

URL = "https://api.example.com"
QUERY, CREATE = f"{URL}/v1/video/query?id=a", f"{URL}/v1/video/create"
TASK = {"id": "a", "video_url": "https://cdn.example.com/a.mp4", "status_update_time": 1}
STATES = [TASK | {"status": status} for status in ("pending", "completed")]
ORDER = {"prompt": "a cow"}
HERE = ["127.0.0.1"]
VIDEO = SampleVideo().data


def wait_and_download(mode, client, folder):
    """Wait for the task, and download its video."""
    task = mode(client.video.wait("a", interval=0.01))
    assert mode(client.video.download(task, folder / "v", allow_hosts=HERE)).read_bytes() == VIDEO
    return task


def create(mode, client):
    """Send what costs money."""
    return json.loads(mode(client.request("POST", "/v1/video/create", json=ORDER)).content)


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx(mode, tmp_path, using):
    """It replaces what lies below httpx, or what httpx's clients send with."""
    respx = pytest.importorskip("respx")
    client = mode.client(base_url=URL)
    with respx.mock(using=using) as mock:
        mock.get(QUERY).mock(side_effect=[httpx.Response(200, json=state) for state in STATES])
        mock.get(TASK["video_url"]).respond(200, content=VIDEO)
        wait_and_download(mode, client, tmp_path)
        answers = [httpx.Response(200, json={"id": "b"}), httpx.ReadTimeout]
        created = mock.post(CREATE, json=ORDER).mock(side_effect=answers)
        assert create(mode, client) == {"id": "b"}
        with pytest.raises(chainhub.AmbiguousOutcome):
            create(mode, client)
        assert created.call_count == 2


def test_pytest_httpx(mode, tmp_path, request):
    """It replaces httpx's transports."""
    pytest.importorskip("pytest_httpx")
    mock, client = request.getfixturevalue("httpx_mock"), mode.client(base_url=URL)
    for state in STATES:
        mock.add_response(url=QUERY, json=state)
    mock.add_response(url=TASK["video_url"], content=VIDEO)
    wait_and_download(mode, client, tmp_path)
    mock.add_response(url=CREATE, method="POST", match_json=ORDER, json={"id": "b"})
    assert create(mode, client) == {"id": "b"}
    mock.add_exception(httpx.ReadTimeout("too late"), url=CREATE)
    with pytest.raises(chainhub.AmbiguousOutcome):
        create(mode, client)


def test_vcrpy(mode, server, cdn, http, tmp_path):
    """It records what a server answers, without the key if asked to, and repeats it without one."""
    vcr = pytest.importorskip("vcr")
    tasks = [state | {"video_url": f"{cdn.url}/v"} for state in STATES]
    server.answers = [http(200, json.dumps(body).encode()) for body in (*tasks, {"id": "b"})]
    cdn.answers = [http(200, VIDEO)]
    client = mode.client(base_url=server.url)
    recorder = vcr.VCR(filter_headers=["authorization"], match_on=["method", "uri", "body"])
    for folder, how in (("first", "once"), ("second", "none")):
        (tmp_path / folder).mkdir()
        with recorder.use_cassette(str(tmp_path / "calls.yaml"), record_mode=how):
            wait_and_download(mode, client, tmp_path / folder)
            assert create(mode, client) == {"id": "b"}
    assert len(server.requests) == 3
    assert b"sk-test" not in (tmp_path / "calls.yaml").read_bytes()
