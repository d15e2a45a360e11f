"""Downloads and the disk: what stands at the destination, what is left beside it."""

import errno
import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

import chainhub
from tests.client.video import FILE_NAME, TASK_ID, SampleVideo, end, header_of, left, task


@pytest.fixture
def fetch(mode, server, tmp_path):
    """Give a function that downloads a task's video from the API's own origin."""
    sample = SampleVideo()

    def answer(connection, head):
        if b"/video/query" in head:
            connection.sendall(task(f"{server.url}/content"))
        else:
            fetched.behaviour(connection, head)

    server.answers = [answer]
    quick = chainhub.RetryPolicy(base=0.001)
    client = mode.client(base_url=server.url, retry=quick)

    def fetched(dest=None, **options):
        dest = tmp_path / "v.mp4" if dest is None and "into" not in options else dest
        return mode(client.video.download(TASK_ID, dest, **options))

    fetched.sample = sample
    fetched.behaviour = sample.send
    fetched.client = client
    return fetched


def test_a_file_that_exists_is_not_touched(fetch, server, tmp_path):
    """No request is made for it."""
    (tmp_path / "v.mp4").write_bytes(b"precious")
    with pytest.raises(chainhub.DestinationExistsError, match="already exists"):
        fetch()
    with pytest.raises(FileExistsError):
        fetch()
    assert (tmp_path / "v.mp4").read_bytes() == b"precious"
    assert left(tmp_path) == {"v.mp4"}
    assert server.requests == []


def test_a_file_can_be_kept(fetch, server, tmp_path):
    """Its path is returned without a request, also through a link."""
    (tmp_path / "v.mp4").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("v.mp4")
    assert fetch(if_exists="keep") == tmp_path / "v.mp4"
    assert fetch(tmp_path / "link", if_exists="keep") == tmp_path / "link"
    assert server.requests == []
    assert left(tmp_path) == {"v.mp4", "link"}


def test_a_file_can_be_replaced(fetch, tmp_path):
    """The old one is whole until the new one is complete."""
    target = tmp_path / "v.mp4"
    target.write_bytes(b"precious")
    fetch.behaviour = fetch.sample.until(40_000)
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch(if_exists="replace")
    assert target.read_bytes() == b"precious"
    fetch.behaviour = fetch.sample.send
    seen = []
    fetch(if_exists="replace", progress=lambda step: seen.append(target.read_bytes()))
    assert set(seen) == {b"precious"}
    assert target.read_bytes() == fetch.sample.data
    assert left(tmp_path) == {"v.mp4"}


@pytest.mark.parametrize("if_exists", ["error", "replace", "keep"])
def test_a_folder_is_no_destination(fetch, server, tmp_path, if_exists):
    """The sentence says what to give instead."""
    (tmp_path / "v.mp4").mkdir()
    with pytest.raises(chainhub.DiskError, match="into=") as caught:
        fetch(if_exists=if_exists)
    assert caught.value.errno == errno.EISDIR
    assert server.requests == []
    assert left(tmp_path) == {"v.mp4"}


@pytest.mark.parametrize("if_exists", ["error", "replace", "keep"])
def test_a_link_is_not_written_through(fetch, tmp_path, if_exists):
    """Whoever made it decides what it points to, not we."""
    (tmp_path / "v.mp4").symlink_to("nowhere")
    with pytest.raises(chainhub.DownloadError, match="symbolic link"):
        fetch(if_exists=if_exists)
    assert os.readlink(tmp_path / "v.mp4") == "nowhere"
    assert left(tmp_path) == {"v.mp4"}


def test_a_pipe_is_no_destination(fetch, tmp_path):
    """Only regular files are replaced."""
    os.mkfifo(tmp_path / "v.mp4")
    with pytest.raises(chainhub.DiskError, match="not a regular file"):
        fetch(if_exists="replace")


@pytest.mark.parametrize(
    ("dest", "code"),
    [
        ("missing/v.mp4", errno.ENOENT),
        ("file/v.mp4", errno.ENOTDIR),
        ("v" * 300, errno.ENAMETOOLONG),
        ("v" * 252, errno.ENAMETOOLONG),
        ("v" * 248, errno.ENAMETOOLONG),  # there is room for `.part`, not for `.part.json`
    ],
)
def test_a_place_that_cannot_be(fetch, server, tmp_path, dest, code):
    """A clear error before any request, and nothing left."""
    (tmp_path / "file").touch()
    with pytest.raises(chainhub.DiskError, match="cannot") as caught:
        fetch(tmp_path / dest)
    assert caught.value.errno == code
    assert isinstance(caught.value, OSError)
    assert server.requests == []
    assert left(tmp_path) == {"file"}


# The superuser passes over the rights of files, so there is nothing that could be refused.
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(fetch, server, tmp_path):
    """The operating system's reason is told."""
    tmp_path.chmod(0o500)
    with pytest.raises(chainhub.DiskError, match="Permission denied"):
        fetch()
    assert server.requests == []


def test_a_missing_folder_is_named(fetch, tmp_path):
    """That of a file is not made: its path may be misspelt."""
    with pytest.raises(chainhub.DiskError, match="the folder does not exist"):
        fetch(tmp_path / "missing" / "v.mp4")
    assert left(tmp_path) == set()


@pytest.mark.parametrize("step", ["write", "fsync", "ftruncate", "lseek", "link", "unlink", "open"])
def test_whatever_the_disk_refuses(fetch, tmp_path, monkeypatch, step):
    """Every step may fail; each time there is one typed error and no half file."""
    original = getattr(os, step)
    if step == "ftruncate":  # a new file needs none
        (tmp_path / "v.mp4.part").write_bytes(b"old")

    def failing(first, *rest, **more):
        if step == "open" and not str(first).endswith("json"):
            return original(first, *rest, **more)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, step, failing)
    if step == "link":
        monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(chainhub.DiskError, match="Input/output error") as caught:
        fetch()
    monkeypatch.undo()
    assert caught.value.errno == errno.EIO
    assert "v.mp4" not in left(tmp_path)


def test_a_disk_without_hard_links(fetch, tmp_path, monkeypatch):
    """What came to stand there meanwhile is still not replaced by renaming."""

    def link(*_):
        raise PermissionError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", link)

    def meanwhile(connection, head):
        (tmp_path / "w.mp4").write_bytes(b"other")
        fetch.sample.send(connection, head)

    fetch.behaviour = meanwhile
    with pytest.raises(chainhub.DestinationExistsError):
        fetch(tmp_path / "w.mp4")
    assert (tmp_path / "w.mp4").read_bytes() == b"other"


def test_a_file_that_comes_to_stand_there_is_not_replaced(fetch, tmp_path):
    """The last step decides, not the first look; the work is not lost."""
    target = tmp_path / "v.mp4"

    def meanwhile(connection, head):
        target.write_bytes(b"other")
        fetch.sample.send(connection, head)

    fetch.behaviour = meanwhile
    with pytest.raises(chainhub.DestinationExistsError):
        fetch()
    assert target.read_bytes() == b"other"
    assert left(tmp_path) == {"v.mp4", "v.mp4.part", "v.mp4.part.json"}
    fetch(if_exists="replace")
    assert target.read_bytes() == fetch.sample.data


def test_two_downloads_to_one_target_do_not_mix(fetch, tmp_path):
    """The second one is told; the first one is not disturbed."""
    client = chainhub.Client("sk-test-second", base_url=fetch.client._base_url)
    errors = []

    def second(_):
        with pytest.raises(chainhub.DownloadError) as caught:
            client.video.download(TASK_ID, tmp_path / "v.mp4")
        errors.append(str(caught.value))

    fetch(progress=second)
    assert f"another download to {tmp_path / 'v.mp4'} is in progress" in errors[0]
    assert (tmp_path / "v.mp4").read_bytes() == fetch.sample.data
    assert left(tmp_path) == {"v.mp4"}
    client.close()


def test_a_download_that_lost_the_race_sees_the_file(fetch, server, tmp_path, monkeypatch):
    """Between the first look and taking hold another process may have finished."""
    from chainhub._download import disk as _filelock

    original = _filelock.lock_file

    def finished(descriptor):
        (tmp_path / "v.mp4").write_bytes(b"other")
        return original(descriptor)

    monkeypatch.setattr(_filelock, "lock_file", finished)
    assert fetch(if_exists="keep") == tmp_path / "v.mp4"
    assert server.requests == []
    assert left(tmp_path) == {"v.mp4"}


def test_a_killed_finish_is_tidied_up(fetch, server, tmp_path):
    """The file had its name already, and still the old one: that one goes."""
    (tmp_path / "v.mp4").write_bytes(b"complete")
    os.link(tmp_path / "v.mp4", tmp_path / "v.mp4.part")
    (tmp_path / "v.mp4.part.json").write_text("{}")
    assert fetch(if_exists="keep") == tmp_path / "v.mp4"
    assert left(tmp_path) == {"v.mp4"}


def test_a_part_with_another_name_is_not_written_to(fetch, tmp_path):
    """A hard link to somebody's file would be the file itself."""
    (tmp_path / "victim").write_bytes(b"victim")
    os.link(tmp_path / "victim", tmp_path / "v.mp4.part")
    fetch()
    assert (tmp_path / "victim").read_bytes() == b"victim"
    assert (tmp_path / "v.mp4").read_bytes() == fetch.sample.data


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_something_in_the_way_of_the_part(fetch, server, tmp_path, kind):
    """It is left alone and named."""
    part = tmp_path / "v.mp4.part"
    if kind == "folder":
        part.mkdir()
    else:
        os.mkfifo(part)
    before = left(tmp_path)
    with pytest.raises(chainhub.DiskError, match="not a partial download"):
        fetch()
    assert left(tmp_path) == before
    assert server.requests == []


STATE = {"id": TASK_ID, "etag": '"v1"', "length": 100_000}


@pytest.mark.parametrize(
    "state",
    [
        "",
        "no JSON",
        "[" * 5000,
        "[]",
        '{"id": "other", "etag": "\\"v1\\"", "length": 100000}',
        f'{{"id": "{TASK_ID}", "etag": "W/v1", "length": 100000}}',
        f'{{"id": "{TASK_ID}", "etag": 1, "length": 100000}}',
        f'{{"id": "{TASK_ID}", "etag": "\\"v1\\"\\r\\nX: 1", "length": 100000}}',
        f'{{"id": "{TASK_ID}", "etag": "\\"v1\\"", "length": "100000"}}',
        f'{{"id": "{TASK_ID}", "etag": "\\"v1\\"", "length": true}}',
        f'{{"id": "{TASK_ID}", "etag": "\\"v1\\"", "length": 0}}',
        f'{{"id": "{TASK_ID}", "etag": "\\"v1\\"", "length": 50}}',
        f'{{"id": "{TASK_ID}", "etag": "\\"v1\\""}}',
    ],
)
def test_a_state_that_makes_no_sense_starts_over(fetch, server, tmp_path, state):
    """Nothing of it reaches a request."""
    (tmp_path / "v.mp4.part").write_bytes(b"x" * 100)
    (tmp_path / "v.mp4.part.json").write_text(state)
    fetch()
    assert header_of(server.requests[-1], "range") is None
    assert (tmp_path / "v.mp4").read_bytes() == fetch.sample.data
    assert left(tmp_path) == {"v.mp4"}


def test_files_of_the_version_before_are_continued(mode, server, tmp_path):
    """A part with its state, and a journal, byte for byte as it wrote them.

    The journal answers for one task without a request, and the other task's part is resumed.
    """
    sample = SampleVideo()
    (tmp_path / "v.mp4.part").write_bytes(sample.data[:40_000])
    state = '{"id": "veo3.1-fast:1760545785-abc", "etag": "\\"v1\\"", "length": 100000}'
    (tmp_path / "v.mp4.part.json").write_text(state)
    finished = (
        '{"v":1,"id":"veo:1","state":"succeeded","polls":3,"elapsed":9.5,"task":{"id":"veo:1",'
        '"status":"completed","status_update_time":1750323167,'
        '"video_url":"https://cdn.example/v/1.mp4","enhanced_prompt":null}}\n'
    )
    (tmp_path / "journal").write_text(finished)
    client = mode.client(base_url=server.url)
    outcome = mode(client.video.wait_many(["veo:1"], journal=tmp_path / "journal"))["veo:1"]
    assert (outcome.replayed, outcome.polls, outcome.elapsed) == (True, 3, 9.5)
    assert outcome.result().video_url == "https://cdn.example/v/1.mp4"
    assert server.requests == []
    server.answers = [task(f"{server.url}/content"), sample.send]
    mode(client.video.download(TASK_ID, tmp_path / "v.mp4"))
    assert header_of(server.requests[1], "range") == "bytes=40000-"
    assert (tmp_path / "v.mp4").read_bytes() == sample.data
    assert left(tmp_path) == {"v.mp4", "journal"}


def test_a_part_that_was_not_used_stays(fetch, tmp_path):
    """A call that fails before anything came leaves the work of another alone."""
    fetch.behaviour = fetch.sample.until(40_000)
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch()

    def broken(connection, head):
        with suppress(OSError):
            connection.close()

    fetch.behaviour = broken
    with pytest.raises(chainhub.ConnectionFailedError):
        fetch()
    assert (tmp_path / "v.mp4.part").stat().st_size == 40_000
    assert left(tmp_path) == {"v.mp4.part", "v.mp4.part.json"}


def test_a_relative_destination_survives_a_change_of_folder(fetch, tmp_path, monkeypatch):
    """The path is resolved when the call is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    place = fetch("v.mp4", progress=lambda _: os.chdir(tmp_path / "elsewhere"))
    assert place == tmp_path / "v.mp4"
    assert place.read_bytes() == fetch.sample.data


def test_the_lock_ends_with_the_process(fetch, tmp_path):
    """Whatever was locked by one that was killed can be taken over."""
    script = (
        "import os, sys; from pathlib import Path; from chainhub._download.partial import Partial;"
        f"p = Partial(Path({str(tmp_path / 'v.mp4')!r}), 'a'); print('held', flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(chainhub.DownloadError, match="in progress"):
            fetch()
        other.kill()
    fetch()
    assert left(tmp_path) == {"v.mp4"}


def test_a_forked_child_does_not_keep_the_lock(fetch, tmp_path):
    """A fork while a download runs copies the open file, not the hold on it."""
    # The child holds the sockets too: only a shutdown ends the conversation.
    fetch.behaviour = fetch.sample.until(40_000, end)
    children = []

    def fork(_):
        if not children:
            child = os.fork()
            if not child:
                threading.Event().wait(60)
                os._exit(0)
            children.append(child)

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads
        with pytest.raises(chainhub.ConnectionFailedError):
            fetch(progress=fork)
    try:
        fetch.behaviour = fetch.sample.send
        fetch()
    finally:
        os.kill(children[0], 9)
        os.waitpid(children[0], 0)
    assert left(tmp_path) == {"v.mp4"}


def test_into_is_a_folder(fetch, tmp_path):
    """The file is named after the task."""
    assert fetch(into=str(tmp_path)) == tmp_path / FILE_NAME
