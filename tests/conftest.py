"""The same world for every test: no network but loopback, nothing of the person's environment.

Subprocesses that a test starts are beyond the network guard; they get the cleaned environment.
"""

import ipaddress
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import coverage
import pytest

from requirements import environment

pytest_plugins = ("tests.loopback",)

PERSONAL = ("CHAINHUB_", "COVERAGE_", "OTEL_", "SSL_CERT_", "SSLKEYLOGFILE", "NETRC")
OUTSIDE = dict(os.environ)
# These run other programs, or lines that others reach too: following each line of theirs takes
# two thirds of their time.
UNMEASURED = (
    "benchmarks",
    "contract/test_sandbox_contract.py",
    "docs",
    "e2e",
    "faults/test_both_paths.py",
    "faults/test_faults.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Measure nothing in the process that only hands out tests."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        sys.settrace(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage follow only the tests that reach lines of their own."""
    place = item.path.relative_to(Path(__file__).parent).as_posix()
    if not place.startswith(UNMEASURED) and not item.get_closest_marker("unmeasured"):
        return (yield)
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(threads)  # type: ignore[arg-type]


def pytest_sessionfinish() -> None:
    """Save what was covered while the process certainly lives.

    By itself it is saved at the interpreter's exit, and a worker that is slow to exit on a busy
    machine is killed before: then half of all coverage was missing.
    """
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
        measuring.save()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what cannot be done here, and say why."""
    if item.get_closest_marker("git") and shutil.which("git") is None:
        pytest.skip("git is not here")
    if item.get_closest_marker("network") and (reason := no_index()):
        pytest.skip(f"no package index can be asked: {reason}")


@cache
def outside_world() -> dict[str, str]:
    """Return the environment the tests were started in, with what pip is told of indexes."""
    return environment.pip_settings.for_pip(
        environment.pip_settings.read(sys.executable, OUTSIDE), OUTSIDE
    )


@cache
def no_index() -> str | None:
    """Say why pip does not get a small package that it is configured to find; None if it does."""
    settings = environment.pip_settings.read(sys.executable, OUTSIDE)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        options = ("--no-deps", "--retries", "0", "--timeout", "10", "--log", str(log))
        status, said = environment.told(
            (sys.executable, "-m", "pip", "download", *options, "--dest", folder, "idna"),
            outside_world(),
        )
        if status == 0:
            return None
        return environment.not_found(said, log.read_text("utf-8"), settings) or said


@pytest.fixture(scope="session")
def outside() -> dict[str, str]:
    """Give the environment for commands that need a package index."""
    return dict(outside_world())


@pytest.fixture(scope="session")
def project() -> Path:
    """Give the folder that holds the project."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def sandbox_variables() -> Iterator[dict[str, str]]:
    """Start a quick sandbox and give the variables that lead a client to it."""
    from chainhub.sandbox import Sandbox

    with Sandbox(port=0, speed=50) as running:
        yield dict(running.environment)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep keys, proxies and certificates of the person who runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OUTSIDE:
            if name.upper().startswith(PERSONAL) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        # The default place of the key file lies below it.
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let processes be interrupted: a shell ignores SIGINT for all it starts in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Fail the test that reaches for another machine, even if the code swallows errors."""
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method)))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        yield


def _guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            pytest.fail(f"a test tried to connect to {address[0]!r}; only loopback is allowed")
        return connect(self, address)

    return guarded


def _guarded_lookup(lookup: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name is None or name == "localhost" or _is_address(name):
            return lookup(host, *arguments, **options)
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        pytest.fail(f"a test tried to look up {name!r}; only localhost and *.invalid are allowed")

    return guarded


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
