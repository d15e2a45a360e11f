"""A process that downloads is killed at any moment; the next one finishes with the right bytes."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress

import pytest

from tests.client.video import SampleVideo, task
from tests.loopback import SOON

SCRIPT = """
    import os, sys
    import chainhub, chainhub.video

    url, dest = sys.argv[1:]
    def download(dest, if_exists):
        with chainhub.Client("sk-test-killed", base_url=url) as client:
            client.video.download("a", dest, if_exists=if_exists)
    download(f"{dest}.first", "error")  # what this loads, no child has to load again
    os.unlink(f"{dest}.first")
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            download(dest, line.strip())
            os._exit(0)
        print("child", child, flush=True)
        print("ended", os.waitpid(child, 0)[1], flush=True)
"""
SIZE = 1_500_000


class Slow:
    """Lets a server send a video slowly, from wherever it is asked for, up to a place.

    Attributes:
        stop: Where it waits until the process has been killed.
        reached: Set when it has come there.
        killed: Set when the process has been killed.
    """

    def __init__(self, server):
        self.url = server.url
        self.requests = server.requests
        self.sample = SampleVideo(SIZE)
        self.stop = SIZE
        self.reached, self.killed = threading.Event(), threading.Event()
        server.answers = [self._send]

    def arm(self, stop):
        """Let the next download come to a place."""
        self.stop = stop
        self.reached.clear()
        self.killed.clear()

    def _send(self, connection, head):
        if b"/video/query" in head:
            connection.sendall(task(f"{self.url}/v"))
            return
        start = self.sample.start_of(head) or 0
        with suppress(OSError):
            connection.sendall(self.sample.head_for(head))
            for place in range(start, SIZE, 60_000):
                if place >= self.stop:
                    self.reached.set()
                    self.killed.wait(SOON)
                time.sleep(0.002)
                connection.sendall(self.sample.data[place : place + 60_000])
            self.reached.set()


@pytest.fixture
def slow(server):
    """Let the server send a video slowly."""
    return Slow(server)


class Nursery:
    """A process that starts downloads in children of its own, without their long start."""

    def __init__(self, slow, target):
        self._slow = slow
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), slow.url, target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self._process.stdout.readline() == "ready\n"

    def run(self, if_exists, stop=SIZE, seconds=None):
        """Run a download, killed so long after so many bytes were sent; return how it ended."""
        self._slow.arm(stop)
        print(if_exists, file=self._process.stdin, flush=True)
        for word, number in map(str.split, self._process.stdout):
            if word == "ended":
                return int(number)
            if seconds is not None:
                assert self._slow.reached.wait(SOON)
                time.sleep(seconds)
                with suppress(ProcessLookupError):  # it was faster
                    os.kill(int(number), signal.SIGKILL)
                self._slow.killed.set()
        pytest.fail("the nursery has ended")

    def close(self):
        """End it."""
        self._process.communicate(timeout=60)


@pytest.fixture
def nursery(slow, tmp_path):
    """Give a nursery that downloads to one target."""
    made = Nursery(slow, tmp_path / "v.mp4")
    yield made
    made.close()


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_random_moments(slow, nursery, tmp_path, kills):
    """Never a wrong final file, always the right one in the end, nothing left beside it."""
    moments = random.Random(kills)
    target, old = tmp_path / "v.mp4", b"the old file, whole until the new one is complete"
    finished = 0
    for turn in range(kills):
        if turn % 2 and not target.exists():
            target.write_bytes(old)
        replace = "replace" if target.exists() else "error"
        # A quarter of them in the last steps, when all bytes are there.
        nursery.run(replace, int(SIZE * moments.uniform(0.0, 1.33)), moments.uniform(0.0, 0.02))
        assert {path.name for path in tmp_path.iterdir()} <= NAMES
        if target.exists() and target.read_bytes() != old:
            assert target.read_bytes() == slow.sample.data
            finished += 1
            target.unlink()
    target.unlink(missing_ok=True)
    assert nursery.run("error") == 0
    assert target.read_bytes() == slow.sample.data
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
    assert finished < kills
    assert any(b"If-Range" in request for request in slow.requests)


NAMES = {"v.mp4", "v.mp4.part", "v.mp4.part.json"}
