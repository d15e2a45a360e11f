"""Many downloads at a time, sync and async."""

import asyncio
import os
import signal
import threading
import time
from contextvars import ContextVar

import pytest

import chainhub
from tests.client.video import SampleVideo, answer, end, finished, later, task, threads
from tests.loopback import KEY, SOON, silent, until

VIDEOS = {name: SampleVideo(50_000, seed=seed) for seed, name in enumerate("abcdef")}


@pytest.fixture
def videos(server):
    """Let the server know six tasks, and count the transfers at a time."""
    server.busy = server.most = 0
    server.behaviours = {}
    lock = threading.Lock()

    def behave(connection, head):
        path = head.split()[1].decode()
        if "query" in path:
            name = path[-1]
            status = "failed" if name == "x" else "completed"
            connection.sendall(task(f"{server.url}/{name}", status, task_id=name))
            return
        with lock:
            server.busy += 1
            server.most = max(server.most, server.busy)
        time.sleep(0.03)
        server.behaviours.get(path[1:], VIDEOS.get(path[1:], VIDEOS["a"]).send)(connection, head)
        with lock:
            server.busy -= 1

    server.answers = [behave]
    return server


def test_every_task_has_an_outcome(mode, videos, tmp_path):
    """One failure never loses the others; each is downloaded once, in the order given."""
    videos.behaviours["b"] = lambda connection, head: connection.sendall(answer(418))
    client = mode.client(base_url=videos.url)
    found = mode(client.video.download_many(iter("abcxadef"), into=tmp_path, parallel=3))
    assert list(found) == ["a", "b", "c", "x", "d", "e", "f"]
    for name in "acdef":
        assert found[name].result() == tmp_path / f"{name}.mp4"
        assert found[name].path.read_bytes() == VIDEOS[name].data
        assert found[name].error is None
        assert found[name].elapsed > 0
    with pytest.raises(chainhub.StatusError):
        found["b"].result()
    assert isinstance(found["x"].error, chainhub.TaskFailed)
    assert found["x"].path is None
    assert 2 <= videos.most <= 3
    assert threads() == []


def test_the_folder_is_made(mode, videos, tmp_path):
    """With those above it, by both methods."""
    client = mode.client(base_url=videos.url)
    found = mode(client.video.download_many(["a", "b"], into=tmp_path / "my" / "videos"))
    assert found["b"].result() == tmp_path / "my" / "videos" / "b.mp4"
    place = mode(client.video.download("c", into=str(tmp_path / "more")))
    assert place == tmp_path / "more" / "c.mp4"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("file", "videos is a file, not a folder"),
        ("link", "videos is a broken symbolic link, not a folder"),
        ("below", "cannot make the folder {place}/videos/below: Not a directory"),
    ],
)
def test_what_stands_in_place_of_the_folder_is_named(mode, videos, tmp_path, kind, sentence):
    """In one sentence; nothing is written."""
    place = tmp_path / "videos"
    if kind == "link":
        place.symlink_to(tmp_path / "nowhere")
    else:
        place.write_bytes(b"")
    client = mode.client(base_url=videos.url)
    into = place / "below" if kind == "below" else place
    found = mode(client.video.download_many(["a"], into=into))
    with pytest.raises(chainhub.DiskError, match=sentence.format(place=tmp_path)):
        found["a"].result()
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


def test_an_interrupted_call_goes_on(mode, videos, tmp_path):
    """With `keep`, what is there is not downloaded again."""
    client = mode.client(base_url=videos.url)
    mode(client.video.download_many(["a", "b"], into=tmp_path))
    videos.requests.clear()
    found = mode(client.video.download_many(["a", "b", "c"], into=tmp_path, if_exists="keep"))
    assert {outcome.result().name for outcome in found.values()} == {"a.mp4", "b.mp4", "c.mp4"}
    assert len(videos.requests) == 2


def test_tasks_are_taken_as_well_as_ids(mode, videos, tmp_path):
    """A task that cannot be downloaded has an outcome too."""
    client = mode.client(base_url=videos.url)
    tasks = [mode(client.video.query(name)) for name in "abx"]
    videos.requests.clear()
    found = mode(client.video.download_many(tasks, into=tmp_path))
    assert list(found) == ["a", "b", "x"]
    assert isinstance(found["x"].error, chainhub.TaskFailed)
    assert len(videos.requests) == 2


@pytest.mark.parametrize("closing", ["never", "announced", "unannounced"])
def test_connections_are_used_again(mode, videos, tmp_path, closing):
    """No more than downloads at the same time, unless the server closes them."""

    def send(connection, head):
        sample = VIDEOS[head.split()[1].decode()[1:]]
        more = ["Connection: close"] if closing == "announced" else []
        connection.sendall(sample.head(len(sample.data), *more) + sample.data)
        if closing != "never":
            end(connection)

    videos.behaviours = dict.fromkeys("abcdef", send)
    client = mode.client(base_url=videos.url)
    tasks = [finished(f"{videos.url}/{name}", name) for name in "abcdef"]
    found = mode(client.video.download_many(tasks, into=tmp_path, parallel=2))
    for name, outcome in found.items():
        assert outcome.result().read_bytes() == VIDEOS[name].data
    # A request may cross the end of its connection, which the server has not announced.
    assert len(videos.requests) == 6 or closing == "unannounced"
    assert videos.connections <= 2 if closing == "never" else videos.connections == 6
    assert all((b"onnection: close" not in request) for request in videos.requests)


def test_threads_are_used_again(mode, videos, tmp_path, monkeypatch):
    """One for each download at the same time; an event loop's call has one more."""
    started, start = [], threading.Thread.start

    def noted(thread):
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    client = mode.client(base_url=videos.url)
    mode(client.video.download_many(list("abcdef"), into=tmp_path, parallel=2))
    assert 2 <= started.count("chainhub-download") <= 3


def test_an_interrupt_while_a_thread_starts_leaves_none(videos, tmp_path, monkeypatch):
    """Nor the one that had started. Without asyncio, where no signal comes to such a thread."""
    started, start = [], threading.Thread.start

    def interrupted(thread):
        start(thread)
        if thread.name == "chainhub-download":
            started.append(thread)
            if len(started) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with chainhub.Client(KEY, base_url=videos.url) as client, pytest.raises(KeyboardInterrupt):
        client.video.download_many(list("abc"), into=tmp_path, parallel=3)
    until(lambda: not threads())


def test_each_download_has_a_context_of_its_own(mode, videos, tmp_path):
    """Though its thread has served others: what an event hook sets is not theirs."""
    held, seen = ContextVar("held", default=None), set()

    def note(event):
        seen.add((event.url[-1], held.get()))
        held.set(event.url[-1])

    client = mode.client(base_url=videos.url, on_attempt=note)
    mode(client.video.download_many(list("abcd"), into=tmp_path, parallel=1))
    assert {name for name, _ in seen} == {*"abcd"}
    assert all(before in (None, name) for name, before in seen)


def test_nothing_to_do(mode, videos, tmp_path):
    """No task, no outcome."""
    assert mode(mode.client(base_url=videos.url).video.download_many([], into=tmp_path)) == {}


def test_progress_names_its_task(mode, videos, tmp_path):
    """It is told in the caller's thread."""
    told = []

    def progress(step):
        told.append((step.id, step.fraction, threading.current_thread()))

    client = mode.client(base_url=videos.url)
    mode(client.video.download_many(["a", "b", "c"], into=tmp_path, progress=progress))
    assert {(name, 1.0, threading.current_thread()) for name in "abc"} <= set(told)


def test_an_exception_of_the_callback_ends_all(mode, videos, tmp_path):
    """It propagates, and no thread goes on."""
    for name in "bcd":
        videos.behaviours[name] = silent

    def progress(step):
        raise KeyError("mine")

    client = mode.client(base_url=videos.url)
    began = time.monotonic()
    with pytest.raises(KeyError, match="mine"):
        mode(client.video.download_many(["a", "b", "c", "d"], into=tmp_path, progress=progress))
    assert time.monotonic() - began < SOON
    assert threads() == []


def test_a_switch_ends_all(mode, videos, tmp_path):
    """At once; what is complete stays."""
    for name in "bcdef":
        videos.behaviours[name] = silent
    cancel = chainhub.Cancel()
    client = mode.client(base_url=videos.url)
    timer, set_at = later(cancel.set, (tmp_path / "a.mp4").exists)
    with pytest.raises(chainhub.CancelledByUser):
        mode(
            client.video.download_many(["a", "b", "c", "d", "e", "f"], into=tmp_path, cancel=cancel)
        )
    assert time.monotonic() - set_at[0] < SOON
    timer.join()
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}
    assert threads() == []


def test_a_deadline_is_an_outcome(mode, videos, tmp_path, chainhub_clock):
    """What is not there in time fails with it."""
    sample = VIDEOS["b"]

    def late(connection, head):
        connection.sendall(sample.head(len(sample.data)))
        until(lambda: (tmp_path / "a.mp4").exists() and (tmp_path / "c.mp4").exists())
        chainhub_clock.skip(100)
        connection.sendall(sample.data[:-1])
        silent(connection, head)

    videos.behaviours["b"] = late
    client = mode.client(base_url=videos.url)
    found = mode(
        client.video.download_many(["a", "b", "c"], into=tmp_path, parallel=2, deadline=60)
    )
    assert isinstance(found["b"].error, chainhub.DeadlineError)
    assert found["a"].result().exists()
    assert found["c"].result().exists()


def test_after_the_deadline_nothing_is_asked(mode, videos, tmp_path, chainhub_clock):
    """What comes too late fails without a request."""

    def tasks():
        chainhub_clock.skip(100)
        yield "a"

    client = mode.client(base_url=videos.url)
    found = mode(client.video.download_many(tasks(), into=tmp_path, deadline=60))
    assert isinstance(found["a"].error, chainhub.DeadlineError)
    assert videos.requests == []


@pytest.mark.parametrize("options", [{"parallel": 0}, {"if_exists": "?"}])
def test_arguments_are_checked(mode, videos, tmp_path, options):
    """Before any request."""
    client = mode.client(base_url=videos.url)
    with pytest.raises(chainhub.ConfigurationError):
        mode(client.video.download_many(["a"], into=tmp_path, **options))
    assert videos.requests == []


@pytest.mark.parametrize("tasks", [["a", ""], [""]])
def test_an_id_that_is_none_ends_the_call(mode, videos, tmp_path, tasks):
    """It is a slip in the caller's code."""
    client = mode.client(base_url=videos.url)
    with pytest.raises(chainhub.ConfigurationError, match="id"):
        mode(client.video.download_many(tasks, into=tmp_path))
    assert threads() == []


def test_a_place_that_is_none_ends_the_call(mode, videos):
    """So is this."""
    client = mode.client(base_url=videos.url)
    with pytest.raises(chainhub.ConfigurationError, match="destination"):
        mode(client.video.download_many(["a"], into=""))


def test_a_slip_in_the_code_is_no_outcome(mode, videos, tmp_path, monkeypatch):
    """What is no error of ours is raised as it is."""

    def slip(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("chainhub._download.Download.run", slip)
    client = mode.client(base_url=videos.url)
    with pytest.raises(ZeroDivisionError):
        mode(client.video.download_many(["a", "b"], into=tmp_path))
    assert threads() == []


def test_a_source_of_tasks_may_be_asynchronous(videos, tmp_path):
    """Such as the tasks as they are completed."""

    async def tasks():
        for name in "abca":
            await asyncio.sleep(0)
            yield name

    async def run():
        async with chainhub.AsyncClient("sk-test-many", base_url=videos.url) as client:
            return await client.video.download_many(tasks(), into=tmp_path, parallel=2)

    found = asyncio.run(run())
    assert sorted(outcome.result().name for outcome in found.values()) == [
        "a.mp4",
        "b.mp4",
        "c.mp4",
    ]


def test_ctrl_c_while_waiting_ends_all(videos, tmp_path):
    """An interrupt in the caller's thread ends the threads too."""

    def interrupt(connection, head):
        os.kill(os.getpid(), signal.SIGINT)
        silent(connection, head)

    videos.behaviours["a"] = interrupt
    client = chainhub.Client("sk-test-interrupt", base_url=videos.url)
    with pytest.raises(KeyboardInterrupt):
        client.video.download_many(["a", "b"], into=tmp_path)
    assert threads() == []
    client.close()


@pytest.mark.parametrize("last", [1, 2])
def test_a_thread_that_cannot_start_ends_the_call(mode, videos, tmp_path, monkeypatch, last):
    """One typed error; the others are ended before it is raised."""
    original, started = threading.Thread.start, []

    def start(self):
        if self.name == "chainhub-download":
            started.append(self)
            if len(started) == last:
                raise RuntimeError("can't start new thread")
        original(self)

    videos.behaviours["a"] = silent
    monkeypatch.setattr(threading.Thread, "start", start)
    client = mode.client(base_url=videos.url)
    with pytest.raises(chainhub.DownloadError, match="no thread can be started"):
        mode(client.video.download_many(["a", "b"], into=tmp_path))
    assert threads() == []


def test_an_outcome_without_anything_says_so():
    """One that was made by hand may have neither."""
    from chainhub._download import DownloadOutcome

    with pytest.raises(chainhub.DownloadError, match="there is no result"):
        DownloadOutcome("a", None, None, 0.0).result()
