"""Starting what is measured and what it talks to, each in a process of its own, and ending it."""

from __future__ import annotations

import http.client
import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, TextIO, cast

import certifi

from benchmarks.answers import PLAIN
from benchmarks.machine import cores
from tests.faults.identities import AUTHORITY

PROJECT = Path(__file__).resolve().parent.parent
PERSONAL = (
    "CHAINHUB_",
    "COVERAGE_",
    "SSL_CERT_",
    "OPENAI_",
    "REPLICATE_",
    "FAL_",
    "GOOGLE_",
    "GEMINI_",
    "LUMA",
)
MISSING = "not installed"
AUTHORITIES = PROJECT / "build" / "benchmarks" / "authorities.pem"
"""The authorities that people have, and the one of the bench server: what loading them takes
counts."""
LONGEST = 150.0
"""Seconds a job may take; then its process is ended."""


class Failed(Exception):
    """A job gave no figures; the text says why."""


class Missing(Failed):
    """The library is not installed."""


class Overran(Failed):
    """A job took too long; its process is ended."""


@dataclass(frozen=True)
class Cores:
    """The core for clients and the core for servers; None where they cannot be chosen."""

    client: int | None = None
    server: int | None = None

    @classmethod
    def chosen(cls) -> Cores:
        """Take the first core for clients and the last one for servers."""
        usable = cores()
        return cls(usable[0], usable[-1]) if len(usable) > 1 else cls()


class Counts(NamedTuple):
    """What a server has counted since it began; what `late` is, `benchmarks.server` says."""

    connections: int
    requests: int
    cpu: float
    late: float


def environment() -> dict[str, str]:
    """Return the environment for a measured process: nobody's keys, proxies or coverage.

    Bytecode is kept there: what pip has installed has it, and our source is to have it too.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith((*PERSONAL, "PYTHONDONTWRITEBYTECODE"))
        and not name.lower().endswith("_proxy")
    }
    if not AUTHORITIES.exists():
        AUTHORITIES.parent.mkdir(parents=True, exist_ok=True)
        text = Path(certifi.where()).read_text("utf-8") + AUTHORITY.read_text("utf-8")
        AUTHORITIES.write_text(text, "utf-8")
    return {**kept, "SSL_CERT_FILE": str(AUTHORITIES)}


class Server:
    """The bench server in its process."""

    def __init__(self, latency: float, video: int, core: int | None) -> None:
        command = [sys.executable, "-m", "benchmarks.server", f"--latency={latency}"]
        command.append(f"--video={video}")
        if core is not None:
            command.append(f"--cpu={core}")
        self._process = _started(command)
        port, encrypted, media = _line(self._process, 30.0).split()
        self._port = int(port)
        self._origins = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{encrypted}"
        self.url = self.at()
        self.media = f"http://127.0.0.1:{media}"

    def at(self, shape: str = PLAIN, *, tls: bool = False) -> str:
        """Return the base URL of answers of a shape."""
        return f"{self._origins[tls]}/{shape}"

    def counts(self) -> Counts:
        """Ask the server what it has counted."""
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            line.request("GET", "/-/counts")
            return Counts(**json.loads(line.getresponse().read()))
        finally:
            line.close()

    def close(self) -> None:
        """End the process."""
        _ended(self._process)


@contextmanager
def server(latency: float = 0.0, video: int = 4096, core: int | None = None) -> Iterator[Server]:
    """Run a bench server while the block runs."""
    started = Server(latency, video, core)
    try:
        yield started
    finally:
        started.close()


def installed(peer: str) -> bool:
    """Tell whether a library is there; a process that is started for it finds the same."""
    distribution = import_module(f"benchmarks.peers.{peer}").DISTRIBUTION
    with suppress(PackageNotFoundError):
        return not distribution or bool(version(distribution))
    return False


class Worker:
    """A process that measures one library; none for one that is not installed."""

    def __init__(self, peer: str, served: Server, core: int | None) -> None:
        self.peer = peer
        place = "" if core is None else str(core)
        command = [sys.executable, "-m", "benchmarks.worker", peer, served.url, served.media, place]
        self._process = _started(command) if installed(peer) else None
        if self._process:
            _line(self._process, 30.0)

    def do(self, job: str, limit: float = LONGEST, /, **given: object) -> dict[str, float]:
        """Have a job done within `limit` seconds and return its figures.

        Raises:
            Missing: the library is not installed.
            Failed: the job failed or took too long.
        """
        self.begin(job, **given)
        return self.figures(limit)

    def begin(self, job: str, **given: object) -> None:
        """Have a job begun; `figures` waits for its end."""
        if not self._process:
            return
        order = cast("TextIO", self._process.stdin)
        order.write(json.dumps({"job": job, **given}) + "\n")
        order.flush()

    def figures(self, limit: float = LONGEST) -> dict[str, float]:
        """Return the figures of the job that was begun.

        Raises:
            Missing: the library is not installed.
            Failed: the job failed or took too long.
        """
        if not self._process:
            raise Missing(MISSING)
        figures: dict[str, float] = json.loads(_line(self._process, limit))
        if "missing" in figures:
            raise Missing(MISSING)
        if "error" in figures:
            raise Failed(str(figures["error"]))
        return figures

    def close(self) -> None:
        """End the process."""
        if self._process:
            _ended(self._process)


@contextmanager
def worker(peer: str, served: Server, core: int | None = None) -> Iterator[Worker]:
    """Run a process for a library while the block runs."""
    started = Worker(peer, served, core)
    try:
        yield started
    finally:
        started.close()


class Spent(NamedTuple):
    """What a program took from its start to its end: CPU seconds, and what it printed."""

    cpu: float
    output: str


def program(code: str, *arguments: str, core: int | None = None, path: Path | None = None) -> Spent:
    """Run a Python program in a fresh process; see `python`."""
    return python("-c", code, *arguments, core=core, path=path)


def python(*arguments: str, core: int | None = None, path: Path | None = None) -> Spent:
    """Run Python with these arguments and tell what it took, children included.

    Raises:
        Missing: it needs something that is not installed.
        Failed: it ended with an error.
    """
    settings = environment()
    if path is not None:
        settings["PYTHONPATH"] = str(path)
    # What is installed beside this Python is found by its name, as in an activated environment.
    settings["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), settings.get("PATH", "")])
    before = _children()
    done = subprocess.run(
        [*on_core(core), sys.executable, *arguments],
        cwd=PROJECT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    spent = _children() - before
    if "No module named" in done.stderr:
        raise Missing(MISSING)
    if done.returncode:
        raise Failed(done.stderr.strip().rpartition("\n")[2][:300])
    return Spent(spent, done.stdout)


def _children() -> float:
    """Return the CPU seconds of all processes this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def on_core(core: int | None) -> list[str]:
    """Return the words before a command that keep it on a core."""
    return [] if core is None else ["taskset", "-c", str(core)]


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str], limit: float) -> str:
    output = cast("TextIO", process.stdout)
    until = time.monotonic() + limit
    # A whole line is written at once, so what can be read is a line or the end.
    if not select.select([output], [], [], max(until - time.monotonic(), 0.0))[0]:
        process.kill()
        raise Overran(f"took longer than {limit:g} s")
    line = output.readline()
    if not line:
        raise Failed(f"ended with status {process.wait(10)}")
    return line


def _ended(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        cast("TextIO", process.stdin).close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    cast("TextIO", process.stdout).close()
