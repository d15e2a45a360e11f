"""Downloads against a server that answers what a test says, sync and async."""

import gzip
import hashlib
import re
import socket
import threading
import time
from contextlib import suppress

import pytest

import chainhub
from tests.client.video import (
    FILE_NAME,
    TASK_ID,
    SampleVideo,
    answer,
    end,
    finished,
    header_of,
    left,
    reset,
    task,
)
from tests.faults import identities
from tests.loopback import KEY, SOON, silent


@pytest.fixture
def fetch(mode, server, cdn, tmp_path):
    """Give a function that downloads the task whose video is on the second server."""
    server.answers = [task(f"{cdn.url}/v.mp4?sig=secret")]
    quick = chainhub.RetryPolicy(base=0.001, throttled_base=0.001)
    usual = mode.client(base_url=server.url, retry=quick)

    def download(dest=None, *, timeout=None, **options):
        client = usual if timeout is None else usual.with_timeout(timeout)
        options.setdefault("allow_hosts", ["127.0.0.1"])
        wanted = options.pop("task", TASK_ID)
        dest = tmp_path / "v.mp4" if dest is None and "into" not in options else dest
        return mode(client.video.download(wanted, dest, **options))

    return download


@pytest.fixture
def comes(fetch, cdn, tmp_path):
    """Give a function that downloads what these answers bring; it returns the ranges asked for."""

    def download(data, *answers, **options):
        cdn.answers, cdn.requests = [*answers], []
        fetch(**options)
        assert (tmp_path / "v.mp4").read_bytes() == data
        return [header_of(request, "range") for request in cdn.requests]

    return download


@pytest.fixture
def sample():
    """Give a video."""
    return SampleVideo()


def test_a_video_comes_to_the_disk(fetch, cdn, server, tmp_path, sample):
    """The file has the bytes, its path is returned, nothing stands beside it."""
    cdn.answers = [sample.send]
    assert fetch() == tmp_path / "v.mp4"
    assert (tmp_path / "v.mp4").read_bytes() == sample.data
    assert left(tmp_path) == {"v.mp4"}
    assert b"/v1/video/query?id=veo3.1-fast%3A1760545785-abc" in server.requests[0]


def test_others_get_a_request_that_carries_nothing_of_ours(mode, server, cdn, tmp_path):
    """Neither key nor headers nor cookies of the client reach another origin."""
    server.answers = [task(f"{cdn.url}/v.mp4")]
    cdn.answers = [SampleVideo().send]
    options = {"headers": {"X-Mine": "private"}, "cookies": {"c": "private"}}
    client = mode.client(base_url=server.url, **options)
    mode(client.video.download(TASK_ID, tmp_path / "v", allow_hosts=["127.0.0.1"]))
    request = cdn.requests[0].lower()
    names = {line.partition(b":")[0] for line in request.split(b"\r\n")[1:]}
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}
    assert b"private" not in request
    assert header_of(cdn.requests[0], "accept-encoding") == "identity"
    assert header_of(cdn.requests[0], "user-agent").startswith("chainhub-python/")


def test_the_api_itself_gets_the_key(mode, server, tmp_path, sample):
    """On the API's own origin, which needs no permission, the key and the headers go along."""
    server.answers = [task(f"{server.url}/content"), sample.send]
    client = mode.client("sk-test-own", base_url=server.url, headers={"X-Mine": "1"})
    mode(client.video.download(TASK_ID, tmp_path / "v.mp4"))
    assert header_of(server.requests[1], "authorization") == "Bearer sk-test-own"
    assert header_of(server.requests[1], "x-mine") == "1"
    assert header_of(server.requests[1], "accept-encoding") == "identity"
    assert (tmp_path / "v.mp4").read_bytes() == sample.data


def test_an_answer_without_its_time_is_good_enough(fetch, server, cdn, tmp_path, http):
    """As it is for a wait."""
    found = {"id": TASK_ID, "status": "completed", "video_url": f"{cdn.url}/v.mp4"}
    server.answers, cdn.answers = [http(200, found)], [SampleVideo().send]
    assert fetch() == tmp_path / "v.mp4"


def test_a_key_without_a_prefix_goes_bare(mode, server, tmp_path):
    """The header and the prefix are those of the client."""
    server.answers = [task(f"{server.url}/content"), SampleVideo().send]
    client = mode.client("sk-test-own", base_url=server.url, prefix="", auth_header_name="X-Key")
    mode(client.video.download(TASK_ID, tmp_path / "v.mp4"))
    assert header_of(server.requests[1], "x-key") == "sk-test-own"


def test_the_key_does_not_follow_a_redirect(mode, server, cdn, tmp_path, sample):
    """The API may redirect to another origin, but the key stays, also on the way back."""
    client = mode.client("sk-test-own", base_url=server.url)
    away = answer(302, b"", f"Location: {cdn.url}/v.mp4")
    back = answer(302, b"", f"Location: {server.url}/elsewhere")
    within = answer(307, b"", "Location: /there")
    server.answers = [task(f"{server.url}/content"), within, away, sample.send]
    cdn.answers = [back]
    mode(client.video.download(TASK_ID, tmp_path / "v.mp4", allow_hosts=["127.0.0.1"]))
    carried = [b"sk-test-own" in request for request in server.requests + cdn.requests]
    assert carried == [True, True, True, False, False]
    assert (tmp_path / "v.mp4").read_bytes() == sample.data


def test_a_task_is_not_asked_for_again(fetch, cdn, server, tmp_path):
    """A task that tells its address is not queried."""
    cdn.answers = [SampleVideo().send]
    fetch(task=finished(f"{cdn.url}/v"))
    assert server.requests == []


def test_into_names_the_file_after_the_task(fetch, cdn, tmp_path, sample):
    """The name comes from the id, whatever the server suggests."""
    name = 'Content-Disposition: attachment; filename="../../evil.mp4"'
    cdn.answers = [sample.head(len(sample.data), name) + sample.data]
    assert fetch(into=tmp_path) == tmp_path / FILE_NAME
    assert left(tmp_path) == {FILE_NAME}


@pytest.mark.parametrize("how", [reset, end])
def test_a_transfer_that_breaks_is_resumed(comes, cdn, sample, how):
    """What came is not asked for again, under the condition that the file is the same."""
    answers = [sample.until(40_000, how), sample.until(70_000, how), sample.send]
    checksum = hashlib.sha256(sample.data).hexdigest().upper()
    asked = comes(sample.data, *answers, sha256=checksum)
    assert asked == [None, "bytes=40000-", "bytes=70000-"]
    assert [header_of(request, "if-range") for request in cdn.requests] == [None, '"v1"', '"v1"']


def test_without_a_strong_etag_it_starts_over(comes):
    """Bytes of two answers are only put together if they are certainly of the same file."""
    sample = SampleVideo(etag='W/"weak"')
    assert comes(sample.data, sample.until(40_000), sample.send) == [None, None]


def test_a_file_that_changed_starts_over(comes, sample):
    """A server that sends the whole instead of a part is taken at its word."""
    new = SampleVideo(90_000, seed=2, etag='"v2"')
    assert comes(new.data, sample.until(40_000), new.send) == [None, "bytes=40000-"]


def test_a_server_that_refuses_ranges_is_not_asked_for_them(comes, sample):
    """`Accept-Ranges: none` means what it says."""
    half = sample.head(len(sample.data), "Accept-Ranges: none") + sample.data[:50_000]

    def broken(connection, head):
        connection.sendall(half)
        end(connection)

    assert comes(sample.data, broken, sample.send) == [None, None]


@pytest.mark.parametrize(
    "wrong",
    [
        answer(416),
        answer(206, b"x" * 60_000, "Content-Range: bytes 40000-99999/100000", 'ETag: "v2"'),
        answer(206, b"x" * 6, "Content-Range: bytes 40000-99999/100000", 'ETag: "v1"'),
    ],
)
def test_a_part_that_does_not_fit_starts_over(comes, sample, wrong):
    """No byte of another part or another file gets in."""
    asked = comes(sample.data, sample.until(40_000), wrong, sample.send)
    assert asked == [None, "bytes=40000-", None]


def test_what_came_is_kept_for_the_next_call(fetch, comes, cdn, tmp_path, sample):
    """After the last try the part stays, and another call goes on from there."""
    cdn.answers = [sample.until(40_000), sample.until(40_000)]
    with pytest.raises(chainhub.ConnectionFailedError, match="the same call resumes it") as caught:
        fetch()
    assert caught.value.attempts == 4
    assert left(tmp_path) == {"v.mp4.part", "v.mp4.part.json"}
    assert comes(sample.data, sample.send) == ["bytes=40000-"]
    assert left(tmp_path) == {"v.mp4"}


def test_another_task_does_not_go_on_with_what_is_kept(fetch, comes, cdn, server, sample):
    """A part belongs to its task."""
    cdn.answers = [sample.until(40_000)]
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch()
    other = SampleVideo(seed=5)
    server.answers = [task(f"{cdn.url}/o.mp4", task_id="other")]
    assert comes(other.data, other.send, task="other") == [None]


def test_a_complete_part_is_only_confirmed(fetch, comes, cdn, tmp_path, sample):
    """A process killed before the last rename costs one byte, not the whole file."""
    cdn.answers = [sample.until(99_999)]
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch()
    with open(tmp_path / "v.mp4.part", "ab") as part:
        part.write(sample.data[-1:])
    assert comes(sample.data, sample.send) == ["bytes=99999-"]


def test_progress_starts_the_count_of_attempts_anew(comes):
    """A long file may break more often than there are attempts, if it comes on between."""
    sample = SampleVideo(6 * 1024 * 1024 + 99)
    broken = [sample.until(part * 1024 * 1024 + 9) for part in range(1, 7)]
    assert len(comes(sample.data, *broken, sample.send)) == 7


def test_the_same_mib_over_and_over_is_no_progress(fetch, cdn):
    """What cannot be resumed ends after the attempts, however much comes each time."""
    sample = SampleVideo(3 * 1024 * 1024, etag=None)
    cdn.answers = [sample.until(2 * 1024 * 1024)]
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch()
    assert len(cdn.requests) <= 5


def test_passing_failures_are_retried(comes, sample):
    """5xx, 429 and cut heads pass."""
    assert len(comes(sample.data, answer(500), answer(429), None, sample.send)) == 4


def test_retries_can_be_switched_off(mode, server, cdn, tmp_path):
    """`RetryPolicy.off()` holds for downloads too."""
    server.answers = [task(f"{cdn.url}/v.mp4")]
    client = mode.client(base_url=server.url, retry=chainhub.RetryPolicy.off())
    for wrong in (answer(500), answer(206, b"x")):
        cdn.answers, cdn.requests = [wrong], []
        with pytest.raises(chainhub.ChainhubError):
            mode(client.video.download(TASK_ID, tmp_path / "v", allow_hosts=["127.0.0.1"]))
        assert len(cdn.requests) == 1


def test_an_error_tells_what_support_asks_for(fetch, cdn):
    """Status, request id, attempts and the address without its signature."""
    cdn.answers = [answer(418, b"<html>no</html>", "X-Request-Id: r-1")]
    with pytest.raises(chainhub.StatusError) as caught:
        fetch()
    error = caught.value
    assert (error.status, error.request_id, error.attempts, error.method) == (418, "r-1", 1, "GET")
    assert error.url == f"{cdn.url}/v.mp4?sig=***"
    assert "secret" not in str(error)
    assert "not from the API" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_page_that_breaks_off_does_not_hide_its_status(fetch, cdn):
    """The status is what counts."""

    def broken(connection, head):
        connection.sendall(answer(451, b"x" * 100)[:-50])
        end(connection)

    cdn.answers = [broken]
    with pytest.raises(chainhub.StatusError, match="451"):
        fetch()


def test_a_long_error_page_is_not_read_to_its_end(fetch, cdn):
    """An error is as long as it needs to be."""
    cdn.answers = [answer(451, b"x" * 1_000_000)]
    with pytest.raises(chainhub.StatusError, match="451"):
        fetch()


def test_a_retry_after_that_is_too_long_is_told(fetch, cdn):
    """Nobody sleeps ten hours."""
    cdn.answers = [answer(503, b"", "Retry-After: 36000")]
    with pytest.raises(chainhub.ServerError, match="36000 s") as caught:
        fetch()
    assert caught.value.retry_after == 36000
    assert len(cdn.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_expired_address_is_asked_for_again(comes, cdn, server, sample, status):
    """The task tells a fresh one."""
    server.answers = [task(f"{cdn.url}/old"), task(f"{cdn.url}/new")]
    comes(sample.data, answer(status), sample.send)
    assert b"GET /new " in cdn.requests[1]
    assert len(server.requests) == 2


def test_an_address_that_stays_expired_is_an_error(fetch, cdn, server, tmp_path):
    """Once is enough; some servers say it with a 400."""
    cdn.answers = [
        answer(400, b"<Code>ExpiredToken</Code>"),
        answer(403, b"", "X-Request-Id: r-2"),
    ]
    with pytest.raises(chainhub.LinkExpiredError, match="403 Forbidden") as caught:
        fetch()
    assert (caught.value.status, caught.value.request_id) == (403, "r-2")
    assert len(server.requests) == len(cdn.requests) == 2
    assert left(tmp_path) == set()


def test_a_resumed_file_goes_on_at_the_fresh_address(comes, cdn, server, sample):
    """The address changes with every poll, the file does not."""
    server.answers = [task(f"{cdn.url}/old"), task(f"{cdn.url}/new")]
    asked = comes(sample.data, sample.until(40_000), answer(403), sample.send)
    assert asked[2] == "bytes=40000-"


def test_a_link_may_expire_again_after_progress(comes, cdn, server):
    """A long file may outlive several addresses."""
    sample = SampleVideo(4 * 1024 * 1024)
    server.answers = [task(f"{cdn.url}/v")]
    comes(sample.data, answer(403), sample.until(2 * 1024 * 1024), answer(403), sample.send)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("url", "status", "error"),
    [
        (None, "completed", chainhub.ResultMissing),
        (None, "pending", chainhub.ResultMissing),
        ("http://e.example/x", "failed", chainhub.TaskFailed),
        (None, "cancelled", chainhub.TaskCancelled),
        (None, "expired", chainhub.TaskExpired),
        ("/v.mp4", "completed", chainhub.AddressRefusedError),
        ("http://169.254.169.254/", "completed", chainhub.AddressRefusedError),
    ],
)
def test_a_task_without_a_usable_address(fetch, server, tmp_path, url, status, error):
    """Each has its own error, and leaves nothing behind."""
    server.answers = [task(url, status)]
    with pytest.raises(error):
        fetch()
    assert left(tmp_path) == set()


def test_an_unknown_status_with_an_address_is_tried(fetch, server, cdn, tmp_path):
    """The address is what counts then."""
    server.answers = [task(f"{cdn.url}/v", "polished")]
    cdn.answers = [SampleVideo().send]
    fetch()
    assert left(tmp_path) == {"v.mp4"}


def test_other_addresses_of_this_machine_are_refused(fetch, cdn):
    """Only the API's own scheme, host and port need no permission."""
    for allowed in ([], ["127.0.0.1:1"], ["other.example"]):
        with pytest.raises(chainhub.AddressRefusedError, match="loopback"):
            fetch(allow_hosts=allowed)
    assert cdn.requests == []


def test_a_name_is_judged_by_where_it_leads(fetch, server, cdn, monkeypatch):
    """A public name with a private address is refused before anything is sent."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", cdn.port))]
    lookup = socket.getaddrinfo

    def getaddrinfo(host, *rest, **more):
        return found if host == "cdn.example.com" else lookup(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    server.answers = [task(f"http://cdn.example.com:{cdn.port}/v.mp4")]
    with pytest.raises(
        chainhub.AddressRefusedError, match=r"cdn\.example\.com: its address is loop"
    ):
        fetch()
    assert cdn.connections == 0
    cdn.answers = [SampleVideo().send]
    fetch(allow_hosts=["cdn.example.com"])


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.3/", "file:///etc/passwd", "http://[", "http://a:b/", "http://u@127.0.0.1/"],
)
def test_redirects_are_judged_like_addresses(fetch, cdn, location):
    """A redirect leads nowhere an address may not lead."""
    cdn.answers = [answer(302, b"", f"Location: {location}")]
    with pytest.raises(chainhub.AddressRefusedError):
        fetch()


def test_redirects_end(fetch, cdn):
    """Five are followed, not six."""
    cdn.answers = [answer(302, b"", "Location: /again")]
    with pytest.raises(chainhub.DownloadError, match="redirects more than 5 times"):
        fetch()
    assert len(cdn.requests) == 6


def test_a_redirect_without_an_address_is_an_error(fetch, cdn):
    """There is nowhere to go."""
    cdn.answers = [answer(302)]
    with pytest.raises(chainhub.RedirectError):
        fetch()


def test_an_encrypted_video(mode, server, secure, tmp_path, sample):
    """The certificates are those the client trusts."""
    server.answers = [task(f"{secure.url}/v.mp4")]
    secure.answers = [sample.until(40_000, end), sample.send]
    options = {"allow_hosts": ["127.0.0.1"]}
    quick = chainhub.RetryPolicy(base=0.001)
    trusting = {"verify_ssl": str(identities.AUTHORITY), "retry": quick}
    client = mode.client(base_url=server.url, **trusting)
    mode(client.video.download(TASK_ID, tmp_path / "v", **options))
    assert (tmp_path / "v").read_bytes() == sample.data
    strange = mode.client(base_url=server.url)
    with pytest.raises(chainhub.TLSError):
        mode(strange.video.download(TASK_ID, tmp_path / "w", **options))


def test_a_redirect_from_https_to_http_is_refused(mode, server, secure, tmp_path):
    """What was encrypted stays so."""
    server.answers = [task(f"{secure.url}/v.mp4")]
    secure.answers = [answer(302, b"", f"Location: {server.url}/v.mp4")]
    client = mode.client(base_url=server.url, verify_ssl=str(identities.AUTHORITY))
    with pytest.raises(chainhub.AddressRefusedError, match="from https to http"):
        mode(client.video.download(TASK_ID, tmp_path / "v", allow_hosts=["127.0.0.1"]))


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>no</html>", "HTML"),
        (b"<html>" + b"x" * 100_000, "HTML"),
        (bytes(1000), "unknown format"),
    ],
)
def test_what_is_no_video_is_refused(fetch, cdn, tmp_path, body, what):
    """By its bytes, whatever the server calls it; nothing of it is written."""
    cdn.answers = [answer(200, body, "Content-Type: video/mp4")]
    with pytest.raises(chainhub.ContentRefusedError, match=what):
        fetch()
    assert left(tmp_path) == set()
    assert len(cdn.requests) == 1


def test_a_refused_text_is_shown(fetch, cdn):
    """Its words often say why."""
    cdn.answers = [answer(200, b'{"error": "no such object"}')]
    with pytest.raises(chainhub.ContentRefusedError) as caught:
        fetch()
    assert caught.value.excerpt == '{"error": "no such object"}'


def test_content_that_is_refused_takes_the_part_along(fetch, cdn, tmp_path):
    """A server that sends pages now has no use for what was kept."""
    cdn.answers = [SampleVideo().until(40_000), answer(200, b"<html>")]
    with pytest.raises(chainhub.ContentRefusedError):
        fetch()
    assert left(tmp_path) == set()


def test_a_video_that_is_too_large_is_refused(fetch, cdn, tmp_path, sample):
    """By its length if it is told, else by its bytes."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(sample.data)
    cdn.answers = [sample.send, chunked + sample.data + b"\r\n0\r\n\r\n"]
    for _ in range(2):
        with pytest.raises(chainhub.ContentRefusedError, match="larger than max_bytes=99999"):
            fetch(max_bytes=99_999)
        assert left(tmp_path) == set()
    fetch(max_bytes=None)


def test_a_length_nobody_tells(fetch, cdn, tmp_path):
    """Chunked, or until the connection closes: the file comes, and its end is reported."""
    sample = SampleVideo(etag=None)
    chunks = b"%x\r\n" % len(sample.data) + sample.data + b"\r\n0\r\n\r\n"

    def open_ended(connection, head):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + sample.data)
        end(connection)

    cdn.answers = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, open_ended]
    for _ in range(2):
        told = []
        fetch(if_exists="replace", progress=told.append)
        assert (tmp_path / "v.mp4").read_bytes() == sample.data
        assert told[0].total is None
        assert told[0].fraction is None
        assert (told[-1].done, told[-1].total, told[-1].fraction) == (100_000, 100_000, 1.0)


def test_an_open_end_in_the_middle_of_a_box_is_noticed(comes):
    """Without a length the boxes of the file tell whether it is whole."""
    whole = b"\x00\x00\x00\x10ftypmp42\x00\x00\x00\x00" + b"\x00\x01\x00\x00mdat" + bytes(65528)

    def send(size):
        def behave(connection, head):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + whole[:size])
            end(connection)

        return behave

    assert len(comes(whole, send(30_000), send(len(whole)))) == 2


@pytest.mark.parametrize("more", [1, 70_000])
def test_more_than_was_announced_is_not_trusted(fetch, cdn, tmp_path, more, sample):
    """A length that is too small would cut the file."""

    def lie(connection, head):
        connection.sendall(sample.head(len(sample.data) - more) + sample.data)

    cdn.answers = [lie]
    with pytest.raises(
        chainhub.DownloadError, match="the server sent more bytes than it had announced"
    ):
        fetch()
    assert left(tmp_path) == set()
    assert len(cdn.requests) == 4


def test_more_than_the_part_is_not_trusted(comes, sample):
    """Nor what goes beyond the length of the file."""
    head = b'HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\nETag: "v1"\r\n'
    head += b"Content-Range: bytes 40000-99999/100000\r\n\r\n%x\r\n" % 60_001
    more = head + bytes(60_001) + b"\r\n0\r\n\r\n"
    assert len(comes(sample.data, sample.until(40_000), more, sample.send)) == 3


def test_interim_answers_are_no_surplus(comes, sample):
    """A 103 before the answer is part of HTTP."""
    early = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    comes(sample.data, early + sample.head(len(sample.data)) + sample.data)


def test_a_compressed_video_is_inflated(comes, sample):
    """Nobody asked for it, but it is understood; it cannot be resumed."""
    packed = gzip.compress(sample.data)
    head = sample.head(len(packed), "Content-Encoding: gzip")

    def broken(connection, _):
        connection.sendall(head + packed[:50_000])
        end(connection)

    short = sample.head(100, "Content-Encoding: gzip") + packed[:100]
    assert comes(sample.data, broken, short, head + packed) == [None, None, None]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
def test_an_encoding_nobody_asked_for_is_refused(fetch, cdn, encoding):
    """What cannot be inflated under control is not."""
    cdn.answers = [answer(200, b"x" * 100, f"Content-Encoding: {encoding}")]
    with pytest.raises(chainhub.ContentRefusedError, match="encoded"):
        fetch()


def test_a_wrong_checksum_is_an_error(fetch, cdn, tmp_path):
    """A file that is not the expected one is not kept."""
    cdn.answers = [SampleVideo().send]
    with pytest.raises(chainhub.IntegrityError, match="SHA-256"):
        fetch(sha256="0" * 64)
    assert left(tmp_path) == set()
    assert len(cdn.requests) == 1


def test_a_wrong_checksum_of_a_resumed_file_starts_over_once(fetch, comes, cdn, tmp_path, sample):
    """What was there before may be to blame."""
    cdn.answers = [sample.until(40_000)]
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch()
    with open(tmp_path / "v.mp4.part", "r+b") as part:
        part.seek(1000)
        part.write(b"damaged")
    checksum = hashlib.sha256(sample.data).hexdigest()
    assert comes(sample.data, sample.send, sha256=checksum) == ["bytes=40000-", None]


def test_a_stalled_transfer_is_cut(comes, sample):
    """Too few bytes in `timeout` seconds are none; what came is kept and the rest asked for."""
    waiting = threading.Event()

    def trickle(connection, head):
        connection.sendall(sample.head(len(sample.data)) + sample.data[:40_000])
        for place in range(40_000, 41_200):  # a minute
            if waiting.wait(0.05):
                break
            try:
                connection.sendall(sample.data[place : place + 1])
            except OSError:
                break

    began = time.monotonic()
    asked = comes(sample.data, trickle, sample.send, timeout=0.5)
    waiting.set()
    assert time.monotonic() - began < SOON
    assert int(asked[1][6:-1]) >= 40_000


def test_a_slow_transfer_is_not_cut(mode, server, cdn, tmp_path):
    """As long as enough comes, a transfer may last longer than `timeout`."""
    sample = SampleVideo(100_000)
    server.answers = [task(f"{cdn.url}/v.mp4")]

    def slow(connection, head):
        connection.sendall(sample.head(len(sample.data)))
        for place in range(0, len(sample.data), 20_000):
            time.sleep(0.12)
            connection.sendall(sample.data[place : place + 20_000])

    cdn.answers = [slow]
    client = mode.client(base_url=server.url, timeout=0.3, retry=chainhub.RetryPolicy.off())
    options = {"allow_hosts": ["127.0.0.1"], "if_exists": "replace"}

    def comes():
        try:
            return mode(client.video.download(TASK_ID, tmp_path / "v", **options))
        except chainhub.RequestTimeoutError:
            return None

    # A busy machine is late now and then, not always.
    assert any(comes() for _ in range(5))


def test_without_any_limit_it_just_comes(mode, server, cdn, tmp_path):
    """`timeout=None` is the caller's choice."""
    server.answers = [task(f"{cdn.url}/v.mp4")]
    cdn.answers = [SampleVideo().send]
    client = mode.client(base_url=server.url, timeout=None)
    place = mode(client.video.download(TASK_ID, tmp_path / "v", allow_hosts=["127.0.0.1"]))
    assert place.exists()


def test_a_deadline_ends_it(fetch, cdn, tmp_path, chainhub_clock):
    """However steadily it comes; what came is kept."""
    sample, begun = SampleVideo(), threading.Event()

    def steady(connection, head):
        connection.sendall(sample.head(len(sample.data)) + sample.data[:40_000])
        assert begun.wait(SOON)
        chainhub_clock.skip(100)
        with suppress(OSError):
            connection.sendall(sample.data[40_000:90_000])
        silent(connection, head)

    cdn.answers = [steady]
    with pytest.raises(chainhub.DeadlineError):
        fetch(deadline=60, progress=lambda step: begun.set())
    assert left(tmp_path) == {"v.mp4.part", "v.mp4.part.json"}


def test_a_deadline_holds_for_the_poll_too(fetch, cdn, server):
    """The task must tell its address in time."""
    server.answers = [silent]
    began = time.monotonic()
    with pytest.raises(chainhub.DeadlineError):
        fetch(deadline=0.2)
    assert time.monotonic() - began < SOON


def test_no_poll_is_sent_after_the_deadline(fetch, cdn, server, chainhub_clock):
    """An address that expires at the end is not renewed."""

    def late(connection, head):
        chainhub_clock.skip(100)
        connection.sendall(answer(403))

    cdn.answers = [late]
    with pytest.raises(chainhub.DeadlineError):
        fetch(deadline=60)
    assert len(server.requests) == 1


def test_progress_is_told(fetch, cdn):
    """Bytes done and in all, the id, and the end for certain."""
    told = []
    sample = SampleVideo(2_000_000)
    cdn.answers = [sample.send]
    fetch(progress=told.append)
    assert {step.id for step in told} == {TASK_ID}
    assert {step.total for step in told} == {2_000_000}
    done = [step.done for step in told]
    assert done == sorted(set(done))
    assert told[-1].fraction == 1.0


def test_a_small_file_is_told_once(fetch, cdn):
    """Even one that is shorter than what is looked at."""
    told = []
    cdn.answers = [SampleVideo(300).send]
    fetch(progress=told.append)
    assert [(step.done, step.total) for step in told] in ([(300, 300)], [(0, 300), (300, 300)])


@pytest.mark.parametrize("error", [KeyError("mine"), BrokenPipeError("mine"), ValueError("mine")])
def test_an_exception_of_the_callback_ends_it(fetch, cdn, tmp_path, error):
    """It propagates as it is, and what came is kept."""
    sample = SampleVideo(1_000_000)
    cdn.answers = [sample.until(700_000, lambda connection: silent(connection, b""))]

    def progress(step):
        raise error

    with pytest.raises(type(error), match="mine") as caught:
        fetch(progress=progress)
    assert caught.value is error
    assert left(tmp_path) == {"v.mp4.part", "v.mp4.part.json"}
    assert len(cdn.requests) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"if_exists": "never"},
        {"sha256": "abc"},
        {"max_bytes": 0},
        {"allow_hosts": "127.0.0.1"},
        {"allow_hosts": [1]},
        {"allow_hosts": [""]},
        {"allow_hosts": ["http://cdn.example"]},
        {"allow_hosts": ["*.cdn.example"]},
        {"deadline": 0},
        {"task": ""},
        {"into": "x", "dest": "y"},
        {"dest": ""},
        {"dest": "a\0b"},
        {"dest": "folder/"},
        {"dest": b"bytes"},
    ],
)
def test_arguments_are_checked_before_any_request(fetch, server, options):
    """What cannot work says so at once."""
    with pytest.raises(chainhub.ConfigurationError):
        fetch(**options)
    assert server.requests == []


def test_neither_place_is_refused(mode, server):
    """One of both must be given."""
    with pytest.raises(chainhub.ConfigurationError, match="dest="):
        mode(mode.client(base_url=server.url).video.download("a"))


def test_a_closed_client_downloads_nothing(mode, server, cdn, tmp_path):
    """Also if the address is known."""
    client = mode.client(base_url=server.url)
    mode.end(client)
    for wanted in ("a", finished(f"{server.url}/v")):
        with pytest.raises(chainhub.ClientClosedError):
            mode(client.video.download(wanted, tmp_path / "v"))
    assert server.requests == []
    assert left(tmp_path) == set()


def test_requests_and_retries_are_logged_without_secrets(fetch, cdn, caplog):
    """A line for each says how it ended, and shows no signed query and no key that came back."""
    caplog.set_level("INFO", "chainhub")
    broken = f"HTTP/1.1 {KEY}\r\n\r\n".encode()
    cdn.answers = [answer(500), broken, SampleVideo().until(40_000), SampleVideo().send]
    fetch()
    text = caplog.text
    assert "v.mp4: 500; trying again in" in text
    told = re.findall(r"GET http://\S+/v\.mp4\?sig=\*\*\*: (\d+) in .* s \(download\)", text)
    assert told == ["500", "200", "206"]
    assert "secret" not in text
    assert KEY not in text
