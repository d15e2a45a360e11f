"""Starting and stopping the processes: one for the bench server, one for each measured library."""

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
"""The usual authorities and the bench server's: the time to load all of them is part of the
figures."""
LONGEST = 150.0
"""Seconds that a job may take; then its process is killed."""


class JobError(Exception):
    """A job has no figures; the message says why."""


class NotInstalled(JobError):
    """The library is not installed."""


class JobTimeout(JobError):
    """A job took too long; its process is killed."""


@dataclass(frozen=True)
class Cores:
    """The core for clients and the core for servers; None where they cannot be chosen."""

    client: int | None = None
    server: int | None = None

    @classmethod
    def pick(cls) -> Cores:
        """Take the first core for clients and the last one for servers."""
        usable = cores()
        return cls(usable[0], usable[-1]) if len(usable) > 1 else cls()


class Counts(NamedTuple):
    """The counts of a server since its start; for `late` see `benchmarks.server.lateness`."""

    connections: int
    requests: int
    cpu: float
    late: float


def environment() -> dict[str, str]:
    """Return the environment for a measured process: without keys, proxies and coverage.

    Bytecode is allowed there: packages that pip has installed have it, so our source has it too.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith((*PERSONAL, "PYTHONDONTWRITEBYTECODE"))
        and not name.lower().endswith("_proxy")
    }
    if not AUTHORITIES.exists():
        AUTHORITIES.parent.mkdir(parents=True, exist_ok=True)
        text = Path(certifi.where()).read_text("utf-8") + AUTHORITY.read_text("utf-8")
        AUTHORITIES.write_text(text, "utf-8")
    return {**variables, "SSL_CERT_FILE": str(AUTHORITIES)}


class Server:
    """The bench server in its process."""

    def __init__(self, latency: float, video: int, core: int | None) -> None:
        command = [sys.executable, "-m", "benchmarks.server", f"--latency={latency}"]
        command.append(f"--video={video}")
        if core is not None:
            command.append(f"--cpu={core}")
        self._process = _start(command)
        port, encrypted, media = _read_line(self._process, 30.0).split()
        self._port = int(port)
        self._origins = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{encrypted}"
        self.url = self.at()
        self.media = f"http://127.0.0.1:{media}"

    def at(self, shape: str = PLAIN, *, tls: bool = False) -> str:
        """Return the base URL of responses of a shape."""
        return f"{self._origins[tls]}/{shape}"

    def counts(self) -> Counts:
        """Query the counts of the server."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/-/counts")
            return Counts(**json.loads(connection.getresponse().read()))
        finally:
            connection.close()

    def close(self) -> None:
        """Stop the process."""
        _stop(self._process)


@contextmanager
def server(latency: float = 0.0, video: int = 4096, core: int | None = None) -> Iterator[Server]:
    """Run a bench server while the block runs."""
    instance = Server(latency, video, core)
    try:
        yield instance
    finally:
        instance.close()


def installed(peer: str) -> bool:
    """Whether a library is installed here, and so for the process that is started for it."""
    distribution = import_module(f"benchmarks.peers.{peer}").DISTRIBUTION
    with suppress(PackageNotFoundError):
        return not distribution or bool(version(distribution))
    return False


class Worker:
    """A process that measures one library; without one if the library is not installed."""

    def __init__(self, peer: str, server: Server, core: int | None) -> None:
        self.peer = peer
        cpu = "" if core is None else str(core)
        command = [sys.executable, "-m", "benchmarks.worker", peer, server.url, server.media, cpu]
        self._process = _start(command) if installed(peer) else None
        if self._process:
            _read_line(self._process, 30.0)

    def do(self, job: str, limit: float = LONGEST, /, **arguments: object) -> dict[str, float]:
        """Run a job within `limit` seconds and return its figures.

        Raises:
            Missing: the library is not installed.
            Failed: the job failed or took too long.
        """
        self.begin(job, **arguments)
        return self.figures(limit)

    def begin(self, job: str, **arguments: object) -> None:
        """Start a job; `figures` waits for its end."""
        if not self._process:
            return
        stdin = cast("TextIO", self._process.stdin)
        stdin.write(json.dumps({"job": job, **arguments}) + "\n")
        stdin.flush()

    def figures(self, limit: float = LONGEST) -> dict[str, float]:
        """Return the figures of the job that was started.

        Raises:
            Missing: the library is not installed.
            Failed: the job failed or took too long.
        """
        if not self._process:
            raise NotInstalled(MISSING)
        figures: dict[str, float] = json.loads(_read_line(self._process, limit))
        if "missing" in figures:
            raise NotInstalled(MISSING)
        if "error" in figures:
            raise JobError(str(figures["error"]))
        return figures

    def close(self) -> None:
        """Stop the process."""
        if self._process:
            _stop(self._process)


@contextmanager
def worker(peer: str, server: Server, core: int | None = None) -> Iterator[Worker]:
    """Run a process for a library while the block runs."""
    instance = Worker(peer, server, core)
    try:
        yield instance
    finally:
        instance.close()


class Usage(NamedTuple):
    """The CPU seconds and the output of a program."""

    cpu: float
    output: str


def program(code: str, *arguments: str, core: int | None = None, path: Path | None = None) -> Usage:
    """Run a Python program in a fresh process; see `python`."""
    return python("-c", code, *arguments, core=core, path=path)


def python(*arguments: str, core: int | None = None, path: Path | None = None) -> Usage:
    """Run Python with these arguments and return CPU time, children included, and output.

    Raises:
        NotInstalled: it needs something that is not installed.
        JobError: it ended with an error.
    """
    settings = environment()
    if path is not None:
        settings["PYTHONPATH"] = str(path)
    # What is installed beside this Python is found by its name, as in an activated environment.
    settings["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), settings.get("PATH", "")])
    before = _children_cpu()
    result = subprocess.run(
        [*on_core(core), sys.executable, *arguments],
        cwd=PROJECT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    cpu = _children_cpu() - before
    if "No module named" in result.stderr:
        raise NotInstalled(MISSING)
    if result.returncode:
        raise JobError(result.stderr.strip().rpartition("\n")[2][:300])
    return Usage(cpu, result.stdout)


def _children_cpu() -> float:
    """Return the CPU seconds of all ended child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def on_core(core: int | None) -> list[str]:
    """Return the prefix of a command that keeps it on a core."""
    return [] if core is None else ["taskset", "-c", str(core)]


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _read_line(process: subprocess.Popen[str], limit: float) -> str:
    output = cast("TextIO", process.stdout)
    until = time.monotonic() + limit
    # A whole line is written at once, so what can be read is a line or the end.
    if not select.select([output], [], [], max(until - time.monotonic(), 0.0))[0]:
        process.kill()
        raise JobTimeout(f"took longer than {limit:g} s")
    line = output.readline()
    if not line:
        raise JobError(f"ended with status {process.wait(10)}")
    return line


def _stop(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        cast("TextIO", process.stdin).close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    cast("TextIO", process.stdout).close()
