"""Results of every kind: one or several of a task, and files that an operation answers with."""

import asyncio
import math
from unittest.mock import MagicMock

import pytest

import chainhub
from chainhub._download import (
    Download,
    DownloadOptions,
    FetchRequest,
    URLPolicy,
    download_all,
    in_thread,
    target_path,
)
from tests.client.video import SampleVideo, answer, end, header_of

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + bytes(99), b"\xff\xd8\xff\xe0" + bytes(99)
MP3, MP4 = b"ID3\x04" + bytes(99), SampleVideo(9999).data
WEBM = b"\x1aE\xdf\xa3" + bytes(99)


@pytest.fixture
def make(mode, server, tmp_path):
    """Give a function that makes a download of a client."""
    retry = chainhub.RetryPolicy(base=0.001, throttled_base=0.001)

    def made(url, *, dest=None, number=None, kind="video", through_httpx=False, **changes):
        more = {"httpx_args": {"trust_env": False}} if through_httpx else {}
        transport = mode.client(base_url=server.url, retry=retry, **more)._transport
        options = {
            "session": transport.session,
            "call": transport.options,
            "policy": URLPolicy(transport, ("127.0.0.1",)),
            "if_exists": "error",
            "max_bytes": math.inf,
            "deadline_at": math.inf,
            "cancel": None,
            "halt": chainhub.Cancel(),
        }
        into = tmp_path / "into" if dest is None else None
        request = FetchRequest(
            id="a",
            url=url,
            refresh=None,
            key=transport.session.credentials.key,
            target=target_path("a", dest, into, kind, number),
            makes_folder=dest is None,
            kind=kind,
            number=number,
        )
        return Download(DownloadOptions(**options | changes), request)

    return made


@pytest.fixture
def fetch(mode, make):
    """Give a function that downloads, in a thread if the client is async."""

    def fetched(url, *, told=None, **options):
        tell = (lambda _: None) if told is None else told.append
        if not mode.asynchronous:
            return make(url, **options).run(tell)

        async def run():
            return await in_thread(lambda: make(url, **options).run(tell), chainhub.Cancel())

        return asyncio.run(run())

    return fetched


@pytest.mark.parametrize(
    ("kind", "body", "path", "number", "name"),
    [
        ("video", MP4, "/x", None, "a.mp4"),
        ("video", WEBM, "/x.webm", None, "a.mp4"),
        ("video", WEBM, "/x.mp4", 1, "a-1.webm"),
        ("image", PNG, "/x", None, "a.png"),
        ("image", JPEG, "/x.png?sig=1", 2, "a-2.jpg"),
        ("audio", MP3, "/x", 12, "a-12.mp3"),
        ("file", MP3, "/x.bin", None, "a.mp3"),
        ("file", b"PK\x03\x04", "/x.USDZ?y=.z", 1, "a-1.usdz"),
        ("file", b"PK\x03\x04", "/x", 1, "a-1.zip"),
        ("file", b"plain text", "/x", None, "a.txt"),
        ("file", b"plain text", "/x.srt", None, "a.srt"),
        ("file", bytes(9), "/x.part", None, "a.bin"),
    ],
)
def test_a_file_gets_the_suffix_of_its_content(
    fetch, server, tmp_path, kind, body, path, number, name
):
    """Or of its URL; the one video of a task is always `.mp4`. Next time it is known again."""
    server.answers = [answer(200, body)]
    url, options, told = server.url + path, {"kind": kind, "number": number}, []
    assert fetch(url, told=told, **options) == tmp_path / "into" / name
    assert (tmp_path / "into" / name).read_bytes() == body
    assert [file.name for file in (tmp_path / "into").iterdir()] == [name]
    assert {(step.id, step.number) for step in told} == {("a", number)}
    accepted = header_of(server.requests[0], "accept")
    assert accepted.partition(",")[0] == ("*/*" if kind == "file" else f"{kind}/*")
    with pytest.raises(chainhub.DestinationExistsError):
        fetch(url, **options)
    # What a process leaves that is killed between the two names of the file.
    part = target_path("a", None, tmp_path / "into", kind, number).name + ".part"
    (tmp_path / "into" / part).hardlink_to(tmp_path / "into" / name)
    assert fetch(url, if_exists="keep", **options) == tmp_path / "into" / name
    assert [file.name for file in (tmp_path / "into").iterdir()] == [name]
    assert len(server.requests) == 1
    assert fetch(url, if_exists="replace", **options) == tmp_path / "into" / name


def test_a_name_that_was_given_is_kept(fetch, server, tmp_path):
    """Whatever is in the file."""
    server.answers = [answer(200, PNG)]
    assert fetch(f"{server.url}/x", dest=tmp_path / "v", kind="image") == tmp_path / "v"


def test_each_of_several_results_is_resumed(fetch, server, tmp_path):
    """By itself; the suffix is that of the whole file's beginning."""
    sample, url = SampleVideo(200_000), f"{server.url}/x"
    server.answers = [sample.until(100_000, end)]
    options = {"kind": "video", "number": 2}
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch(url, **options)
    names = {file.name for file in (tmp_path / "into").iterdir()}
    assert names == {"a-2.part", "a-2.part.json"}
    server.answers = [sample.send]
    server.requests.clear()
    assert fetch(url, **options) == tmp_path / "into" / "a-2.mp4"
    assert header_of(server.requests[0], "range") == "bytes=100000-"
    assert (tmp_path / "into" / "a-2.mp4").read_bytes() == sample.data


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("image", MP4, r"a video \(MP4\) instead of an image"),
        ("audio", PNG, r"an image \(PNG\) instead of audio"),
        ("file", b"<!doctype html>", r"a web page \(HTML\) instead of a file"),
        ("file", b'{"error": 1}', "JSON instead of a file"),
        ("file", b'<?xml version="1.0"?>\n<Error><Code>', "XML instead of a file"),
    ],
)
def test_another_kind_is_refused(fetch, cdn, tmp_path, kind, body, says):
    """Nothing is left of it."""
    cdn.answers = [answer(200, body)]
    with pytest.raises(chainhub.ContentRefusedError, match=says):
        fetch(f"{cdn.url}/x", kind=kind)
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "options", "says"),
    [
        (answer(200, PNG), {"max_bytes": 9}, "the image is larger than max_bytes=9"),
        (answer(302, b"", "Location: /"), {}, "the image URL redirects more than 5 times"),
        (answer(403), {}, "the image URL has expired"),
        (answer(204), {}, "the response contains no image"),
    ],
)
def test_an_error_names_the_kind(fetch, server, cdn, sent, options, says):
    """The image, not a video."""
    cdn.answers = [sent]
    with pytest.raises(chainhub.ChainhubError, match=says):
        fetch(f"{cdn.url}/x", kind="image", **options)
    with pytest.raises(chainhub.DeadlineError, match="before the image was complete"):
        fetch(f"{server.url}/x", kind="image", deadline_at=0.0)


@pytest.mark.parametrize("fails", [False, True])
def test_the_outcome_of_several_results(make, server, tmp_path, fails):
    """It names all files, also those that came before one failed."""
    server.answers = [answer(200, PNG), answer(200, b"<html>" if fails else JPEG)]
    halt = chainhub.Cancel()

    def both():
        return [make(f"{server.url}/x", kind="image", number=number) for number in (1, 2)]

    found = download_all([("a", both)], 4, halt, lambda _: None)["a"]
    first, second = tmp_path / "into" / "a-1.png", tmp_path / "into" / "a-2.jpg"
    assert found.paths == ((first,) if fails else (first, second))
    assert found.path == (None if fails else first)
    assert isinstance(found.error, chainhub.ContentRefusedError) is fails


@pytest.mark.parametrize("through_httpx", [False, True])
def test_an_operation_that_answers_with_the_file_gets_the_key(
    fetch, server, cdn, tmp_path, through_httpx
):
    """Where it redirects to does not; each attempt asks for another signed URL."""
    sample = SampleVideo(200_000)
    server.answers = [
        answer(302, b"{}", f"Location: {cdn.url}/v?sig=1", "Content-Type: application/json"),
        answer(302, b"", f"Location: {cdn.url}/v?sig=2"),
    ]
    cdn.answers = [sample.until(100_000, end), sample.send]
    url = f"{server.url}/v1/videos/a/content"
    path = fetch(url, dest=tmp_path / "v.mp4", through_httpx=through_httpx)
    assert path.read_bytes() == sample.data
    assert [header_of(head, "authorization") is not None for head in server.requests] == [True] * 2
    assert [header_of(head, "authorization") for head in cdn.requests] == [None, None]
    assert [header_of(head, "range") for head in cdn.requests] == [None, "bytes=100000-"]
    assert b"sig=2" in cdn.requests[1]


def test_an_operation_that_sends_the_file_itself(fetch, server, tmp_path):
    """It is resumed like any other; the key goes along each time."""
    sample = SampleVideo(200_000)
    server.answers = [sample.until(100_000, end), sample.send]
    path = fetch(f"{server.url}/v1/videos/a/content", dest=tmp_path / "v.mp4")
    assert path.read_bytes() == sample.data
    assert header_of(server.requests[1], "range") == "bytes=100000-"
    assert all(header_of(head, "authorization") for head in server.requests)


NOT_READY = b'{"error": {"message": "still rendering", "code": "video_not_ready"}}'
FAILED = b'{"code": "fail_to_fetch_task", "message": "no such task", "data": null}'
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("status", "body", "lines", "error", "says"),
    [
        (400, NOT_READY, [JSON], chainhub.BadRequestError, "still rendering"),
        (409, NOT_READY, [JSON], chainhub.StatusError, "still rendering"),
        (401, b"", [], chainhub.AuthenticationError, None),
        (403, b"", [], chainhub.PermissionDeniedError, None),
        (404, b"", [], chainhub.NotFoundError, None),
        (400, b"the token has expired", [], chainhub.BadRequestError, None),
        (200, FAILED, [JSON], chainhub.StatusError, "no such task"),
        (202, b'{"status": "queued"}', [JSON], chainhub.ResponseError, "contains no video"),
        (200, b'{"status": "queued"}', [JSON], chainhub.ResponseError, "contains no video"),
        (204, b"", [], chainhub.DownloadError, "contains no video"),
        (200, b"{}", ["Content-Type: video/mp4"], chainhub.ContentRefusedError, "JSON instead"),
    ],
)
def test_what_an_operation_answers_instead_of_its_file(
    fetch, server, tmp_path, status, body, lines, error, says
):
    """It is an error of the API, at once, and not taken for a link that has expired."""
    server.answers = [answer(status, body, *lines)]
    with pytest.raises(error, match=says) as caught:
        fetch(f"{server.url}/v1/videos/a/content", dest=tmp_path / "v.mp4")
    assert "file server" not in str(caught.value)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []
    if body == NOT_READY:
        assert caught.value.code == "video_not_ready"


def test_an_operation_is_asked_again_when_that_may_help(fetch, server, tmp_path):
    """As any call is."""
    server.answers = [answer(503), answer(429), answer(200, MP4)]
    assert fetch(f"{server.url}/v1/videos/a/content", dest=tmp_path / "v").read_bytes() == MP4


@pytest.mark.parametrize("times", [1, 2])
def test_a_redirect_of_an_operation_may_expire(fetch, server, cdn, tmp_path, times):
    """Then the operation is asked for another; once, as for any link."""
    server.answers = [answer(302, b"", f"Location: {cdn.url}/v")]
    cdn.answers = [*[answer(403)] * times, answer(200, MP4)]
    url, dest = f"{server.url}/v1/videos/a/content", tmp_path / "v"
    if times == 1:
        assert fetch(url, dest=dest).read_bytes() == MP4
    else:
        with pytest.raises(chainhub.LinkExpiredError):
            fetch(url, dest=dest)
    assert len(server.requests) == 2


def test_a_download_has_the_name_of_its_operation(make, server, tmp_path, monkeypatch):
    """In the spans."""
    server.answers, tracer = [answer(200, MP4)], MagicMock()
    download = make(f"{server.url}/v", dest=tmp_path / "v", operation="kling.query.download")
    monkeypatch.setattr(download._session.observers, "tracer", tracer)
    download.run(lambda _: None)
    assert tracer.operation.call_args.args == ("kling.query.download", "a")
    event = tracer.attempt.return_value.end.call_args.args[0]
    assert event.operation == "kling.query.download"
