"""Ending a download: from another thread, by a task's cancellation, by Ctrl-C, by an exception."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import httpx
import pytest

import chainhub
from chainhub._download.partial import Partial
from tests.client.video import TASK_ID, SampleVideo, answer, later, size, task, threads
from tests.loopback import SOON, full, silent, until


@pytest.fixture
def stalled(server):
    """Let the server send a part of a video and then nothing; tell when the other side went."""
    sample = SampleVideo(200_000)
    gone = threading.Event()

    def stall(connection, head):
        connection.sendall(sample.head(len(sample.data)) + sample.data[:100_000])
        silent(connection, head)
        gone.set()

    server.answers = [task(f"{server.url}/v"), stall]
    server.sample, server.gone = sample, gone
    return server


def test_a_switch_ends_a_transfer(mode, stalled, tmp_path):
    """At once, with everything closed and what came kept."""
    client = mode.client(base_url=stalled.url)
    cancel = chainhub.Cancel()
    timer, set_at = later(cancel.set, lambda: size(tmp_path / "v.part") == 100_000)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.download(TASK_ID, tmp_path / "v", cancel=cancel))
    assert time.monotonic() - set_at[0] < SOON
    timer.join()
    assert stalled.gone.wait(SOON)
    assert threads() == []
    assert (tmp_path / "v.part").read_bytes() == stalled.sample.data[:100_000]
    stalled.answers = [task(f"{stalled.url}/v"), stalled.sample.send]
    stalled.requests.clear()
    mode(client.video.download(TASK_ID, tmp_path / "v"))
    assert b"Range: bytes=100000-" in stalled.requests[1]


def test_the_switch_of_the_client_ends_it_too(mode, stalled, tmp_path):
    """`with_options(cancel=)` holds for downloads."""
    cancel = chainhub.Cancel()
    client = mode.client(base_url=stalled.url).with_options(cancel=cancel)
    timer, set_at = later(cancel.set)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.download(TASK_ID, tmp_path / "v"))
    assert time.monotonic() - set_at[0] < SOON
    timer.join()


@pytest.mark.parametrize("place", ["poll", "head", "pause", "page"])
def test_a_switch_ends_every_wait(mode, server, tmp_path, place):
    """Whatever is waited for: the task, the head of the answer, a retry, an error's page."""

    def page(connection, head):
        connection.sendall(answer(403, b"x" * 100)[:-50])
        silent(connection, head)

    media = {"head": silent, "pause": answer(503, b"", "Retry-After: 30"), "page": page}
    server.answers = [silent if place == "poll" else task(f"{server.url}/v"), media.get(place)]
    client = mode.client(base_url=server.url)
    cancel = chainhub.Cancel()
    timer, set_at = later(cancel.set)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.download(TASK_ID, tmp_path / "v", cancel=cancel))
    assert time.monotonic() - set_at[0] < SOON
    timer.join()
    assert threads() == []
    assert list(tmp_path.iterdir()) == []


def test_a_switch_ends_connecting(mode, server, tmp_path):
    """A host that does not answer holds nobody."""
    # Longer than SOON for connecting too, so that nothing but the switch is that quick.
    client = mode.client(base_url=server.url, timeout=httpx.Timeout(60))
    cancel = chainhub.Cancel()
    where = {"allow_hosts": ["127.0.0.1"], "cancel": cancel}
    with full() as port:
        server.answers = [task(f"http://127.0.0.1:{port}/v")]
        timer, set_at = later(cancel.set)
        with pytest.raises(chainhub.CancelledByUser):
            mode(client.video.download(TASK_ID, tmp_path / "v", **where))
        assert time.monotonic() - set_at[0] < SOON
        timer.join()


def test_a_switch_that_is_set_already(mode, server, tmp_path):
    """Nothing is sent."""
    cancel = chainhub.Cancel()
    cancel.set()
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.download(TASK_ID, tmp_path / "v", cancel=cancel))
    assert server.requests == []


def test_a_switch_ends_the_checksum(mode, server, tmp_path, monkeypatch):
    """A long file takes a while to read; what came is kept."""
    sample = SampleVideo(300_000)
    server.answers = [task(f"{server.url}/v"), sample.send]
    cancel, digests = chainhub.Cancel(), []
    original = Partial.digest

    def digest(self, stop):
        cancel.set()
        digests.append(original(self, stop))
        return digests[-1]

    monkeypatch.setattr(Partial, "digest", digest)
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.download(TASK_ID, tmp_path / "v", cancel=cancel, sha256="0" * 64))
    assert digests == [None]
    assert {path.name for path in tmp_path.iterdir()} == {"v.part", "v.part.json"}


def test_cancelling_a_task_ends_its_download(stalled, tmp_path):
    """`asyncio.timeout`, a task group or `cancel()`: at once, with no thread left."""

    async def run():
        async with chainhub.AsyncClient("sk-test-cancel", base_url=stalled.url) as client:
            download = asyncio.create_task(client.video.download(TASK_ID, tmp_path / "v"))
            await asyncio.to_thread(until, lambda: size(tmp_path / "v.part") == 100_000)
            began = time.monotonic()
            download.cancel()
            with pytest.raises(asyncio.CancelledError):
                await download
            assert time.monotonic() - began < SOON
            assert threads() == []

    asyncio.run(run())
    assert stalled.gone.wait(SOON)
    assert (tmp_path / "v.part").stat().st_size == 100_000


def test_the_event_loop_goes_on_meanwhile(stalled, tmp_path):
    """A download does not hold the other tasks of its loop."""

    async def run():
        async with chainhub.AsyncClient("sk-test-loop", base_url=stalled.url) as client:
            download = asyncio.ensure_future(client.video.download(TASK_ID, tmp_path / "v"))
            await asyncio.to_thread(until, lambda: size(tmp_path / "v.part") == 100_000)
            assert not download.done()
            download.cancel()
            await asyncio.wait([download])

    asyncio.run(run())


def test_callbacks_may_be_asynchronous(server, tmp_path):
    """They run in the loop; what they raise ends the download."""
    sample = SampleVideo()
    server.answers = [task(f"{server.url}/v"), sample.send]
    told = []

    async def run():
        async def progress(step):
            await asyncio.sleep(0)
            told.append((step.done, threading.current_thread()))
            if fail:
                raise KeyError("mine")

        async with chainhub.AsyncClient("sk-test-async", base_url=server.url) as client:
            await client.video.download(TASK_ID, tmp_path / "v", progress=progress)

    fail = False
    asyncio.run(run())
    assert told[-1] == (len(sample.data), threading.current_thread())
    fail = True
    (tmp_path / "v").unlink()
    server.answers, server.requests = [task(f"{server.url}/v"), sample.send], []
    with pytest.raises(KeyError, match="mine"):
        asyncio.run(run())
    assert threads() == []


SCRIPT = """
    import asyncio, sys, threading, time
    import chainhub

    url, dest, mode = sys.argv[1:]
    def told(step):
        print("progress", flush=True)
    async def run():
        async with chainhub.AsyncClient("sk-test-signal", base_url=url) as client:
            await client.video.download("a", dest, progress=told)
    try:
        if mode == "async":
            asyncio.run(run())
        else:
            with chainhub.Client("sk-test-signal", base_url=url) as client:
                client.video.download("a", dest, progress=told)
    except KeyboardInterrupt:
        left = [t.name for t in threading.enumerate() if "chainhub" in t.name]
        print(f"interrupted {left} {time.monotonic()}", flush=True)
"""


def test_ctrl_c_ends_a_download(mode, stalled, tmp_path):
    """KeyboardInterrupt arrives at once; what came is kept, nothing goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), stalled.url, tmp_path / "v", mode.name],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:
        assert child.stdout.readline() == "progress\n"
        time.sleep(0.1)  # Python does not notice a signal that comes just as a loop goes to sleep
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        said = child.stdout.readline()
        assert time.monotonic() - began < SOON
        assert said.startswith("interrupted [] ")
        child.communicate(timeout=10)
    assert 0 < (tmp_path / "v.part").stat().st_size <= 100_000
    assert not (tmp_path / "v").exists()
