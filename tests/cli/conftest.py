"""The command line, run in this process or in one of its own, against a sandbox."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chainhub.cli import main
from chainhub.sandbox import Sandbox
from tests.loopback import unused_port

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = os.pathsep.join(str(PROJECT / root) for root in ("overlays", "generated"))
# Makes the terminal the controlling one, as a shell does, so that Ctrl-C becomes a signal.
ADOPT = (
    "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()].|[=>])")


class Ended(NamedTuple):
    """The exit status and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Read the lines of the result as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Start a quick sandbox that the commands of the test use."""
    with Sandbox(speed=50) as instance:
        for name, value in instance.environment.items():
            monkeypatch.setenv(name, value)
        yield instance


@pytest.fixture
def dead_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands of the test use a port on which nothing listens."""
    monkeypatch.setenv("CHAINHUB_BASE_URL", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("CHAINHUB_API_KEY", "sk-test-dead-address")


@pytest.fixture
def chainhub(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command in this process; its streams are no terminals."""

    def run(*words: str) -> Ended:
        code = main(words)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def standard_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[bytes], None]]:
    """Put bytes into standard input."""
    streams: list[Any] = []

    def put(data: bytes) -> None:
        file = tmp_path / f"standard-input-{len(streams)}"
        file.write_bytes(data)
        streams.append(file.open(encoding="utf-8"))
        monkeypatch.setattr(sys, "stdin", streams[-1])

    yield put
    for stream in streams:
        stream.close()


class Typed:
    """A process whose standard input and error are a terminal, and its output if wanted."""

    def __init__(
        self, words: tuple[str, ...], *, output: Any, width: int, variables: dict[str, str]
    ):
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self.before = termios.tcgetattr(slave)
        base = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ADOPT, "-m", "chainhub", *words],
            stdin=slave,
            stdout=slave if output is None else output,
            stderr=slave,
            env={**base, "TERM": "xterm-256color", "PYTHONPATH": ROOTS, **variables},
            start_new_session=True,
        )
        self.slave = slave
        self.raw = ""

    def until(self, *texts: str, seconds: float = 30.0) -> str:
        """Read until all the texts are in the output, or the process has ended."""
        end = time.monotonic() + seconds
        while not all(text in self.shown for text in texts) or not texts:
            assert time.monotonic() < end, self.shown
            ready, _, _ = select.select([self.master], [], [], 0.1)
            if ready:
                self.raw += os.read(self.master, 65536).decode("utf-8", "replace")
            elif self.process.poll() is not None:
                break
        return self.shown

    @property
    def shown(self) -> str:
        """The output so far, without escape sequences."""
        return ESCAPES.sub("", self.raw)

    def type(self, text: str) -> None:
        """Type text."""
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit code; the terminal must be as it was before."""
        self.until()
        code = self.process.wait(timeout=30)
        assert termios.tcgetattr(self.slave) == self.before
        # A hidden cursor would stay so after Ctrl-Z or a kill.
        assert "\x1b[?25l" not in self.raw
        return code

    def close(self) -> None:
        """Kill the process and close the terminal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(timeout=30)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Typed]]:
    """Start commands on a terminal of their own."""
    processes: list[Typed] = []

    def start(*words: str, output: Any = None, width: int = 100, **variables: str) -> Typed:
        processes.append(Typed(words, output=output, width=width, variables=variables))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Callable[[], str]]]:
    """Make standard error of this process a terminal; the returned function reads its output."""
    opened: list[tuple[int, Any]] = []

    def watch(width: int = 100, term: str = "xterm-256color") -> Callable[[], str]:
        master, slave = pty.openpty()
        stream = os.fdopen(slave, "w", encoding="utf-8")
        opened.append((master, stream))
        monkeypatch.setattr(sys, "stderr", stream)
        for name, value in {"TERM": term, "COLUMNS": str(width), "LINES": "24"}.items():
            monkeypatch.setenv(name, value)

        def read() -> str:
            raw = ""
            while select.select([master], [], [], 0.05)[0]:
                raw += os.read(master, 65536).decode("utf-8", "replace")
            return raw

        return read

    yield watch
    for master, stream in opened:
        stream.close()
        os.close(master)
