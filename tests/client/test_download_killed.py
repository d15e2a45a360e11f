"""A process that downloads is killed at any moment; the next one finishes with the right bytes."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import pytest

from tests.client.video import SampleVideo, task

SCRIPT = """
    import os, sys
    import chainhub, chainhub.video

    url, dest = sys.argv[1:]
    def begun(step):
        print("begun", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            with chainhub.Client("sk-test-killed", base_url=url) as client:
                client.video.download("a", dest, if_exists=line.strip(), progress=begun)
            os._exit(0)
        print("child", child, flush=True)
        print("ended", os.waitpid(child, 0)[1], flush=True)
"""
SIZE = 1_500_000


@pytest.fixture
def slow(server):
    """Let the server send a video slowly, from wherever it is asked for."""
    sample = SampleVideo(SIZE)

    def send(connection, head):
        if b"/video/query" in head:
            connection.sendall(task(f"{server.url}/v"))
            return
        start = sample.start_of(head) or 0
        with suppress(OSError):
            connection.sendall(sample.head_for(head))
            for place in range(start, SIZE, 60_000):
                time.sleep(0.01)
                connection.sendall(sample.data[place : place + 60_000])

    server.answers = [send]
    server.sample = sample
    return server


class Nursery:
    """A process that starts downloads in children of its own, without their long start."""

    def __init__(self, url, target):
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), url, target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def run(self, if_exists, seconds=None):
        """Run a download, killed so many seconds after it began; return how it ended."""
        print(if_exists, file=self._process.stdin, flush=True)
        child = begun = None
        for word, *number in map(str.split, self._process.stdout):
            if word == "ended":
                return int(number[0])
            child = int(number[0]) if word == "child" else child
            begun = begun or word == "begun"
            if child and begun and seconds is not None:
                time.sleep(seconds)
                with suppress(ProcessLookupError):  # it was faster
                    os.kill(child, signal.SIGKILL)
                seconds = None
        pytest.fail("the nursery has ended")

    def close(self):
        """End it."""
        self._process.communicate(timeout=10)


@pytest.fixture
def nursery(slow, tmp_path):
    """Give a nursery that downloads to one target."""
    made = Nursery(slow.url, tmp_path / "v.mp4")
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
        nursery.run(replace, moments.uniform(0.0, 0.3))
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
