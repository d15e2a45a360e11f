"""The same environment for every test: no network but loopback, no personal settings.

The network guard does not reach subprocesses; they get the cleaned environment.
"""

import gc
import importlib
import ipaddress
import os
import pkgutil
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any

import coverage
import pytest

import chainhub
import release
import tools
from requirements import environment
from tests.processes import once, output

pytest_plugins = ("tests.loopback",)

PERSONAL = ("CHAINHUB_", "COVERAGE_", "OTEL_", "SSL_CERT_", "SSLKEYLOGFILE", "NETRC")
OUTSIDE = dict(os.environ)
# Tests that take seconds each, most of it in other programs.
SLOW = ("benchmarks", "contract", "docs", "e2e", "cli/test_grown.py", "unit/tools")
# Modules that only other programs import.
NOT_IMPORTED = ("tools.trial", "chainhub.__pyinstaller.hook-chainhub")
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

_resume: Callable[[], None] | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Let coverage trace the tests only: not their collection, start and report.

    Tracing what pytest and Hypothesis do between two tests is useless, and would take as long as
    the tests. The modules are imported before, so that their own lines are seen.
    """
    global _resume
    if sys.gettrace() is None:
        return
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        for package in (chainhub, tools, release):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if module.name not in NOT_IMPORTED:
                    namespace = importlib.import_module(module.name)
                    for name in getattr(namespace, "__all__", ()):
                        getattr(namespace, name)
        _resume = partial(_trace, sys.gettrace(), threading.gettrace())
    _trace(None, None)


def _relative_path(node: pytest.Item | pytest.Collector) -> str:
    return node.path.relative_to(Path(__file__).parent).as_posix()


def _trace(here: Any, threads: Any) -> None:
    threading.settrace(threads)
    for _ in range(1000):
        # Refused while another thread is about to do it for itself.
        with suppress(RuntimeError):
            return sys.settrace(here)
        time.sleep(0.001)
    raise AssertionError("another thread does not end to set its trace function")


@contextmanager
def _tracing(node: pytest.Item | pytest.Collector) -> Iterator[None]:
    """Let coverage trace a `with` block, if the test reaches lines that other tests do not."""
    path = _relative_path(node)
    if _resume is None or path.startswith(UNMEASURED) or node.get_closest_marker("unmeasured"):
        yield
        return
    previous = sys.gettrace(), threading.gettrace()
    _resume()
    try:
        yield
    finally:
        _trace(*previous)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Trace the fixtures of a session too, which belong to no folder."""
    _skip_unavailable(item)
    with _tracing(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Trace what fixtures do after a test."""
    with _tracing(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Trace a test; of a Hypothesis test each example, not its generation."""
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    if handle is None:
        with _tracing(pyfuncitem):
            return (yield)
    test = handle.inner_test

    @wraps(test)
    def example(*arguments: object, **keywords: object) -> object:
        with _tracing(pyfuncitem):
            return test(*arguments, **keywords)

    handle.inner_test = example
    try:
        return (yield)
    finally:
        handle.inner_test = test


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the nine thousand tests, which stay until the end."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Save the coverage data while the process is certainly alive.

    By default it is saved at the interpreter's exit, and a worker that is slow to exit on a busy
    machine is killed before: then half of all coverage was missing.
    """
    measurement = coverage.Coverage.current()
    if measurement is not None:
        if _resume is not None:
            _resume()
        measurement.stop()
        measurement.save()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests: at the end, all workers share the quick ones."""
    items.sort(key=lambda item: not _relative_path(item).startswith(SLOW))


def _skip_unavailable(item: pytest.Item) -> None:
    """Skip tests that cannot run here, with the reason."""
    if item.get_closest_marker("git") and shutil.which("git") is None:
        pytest.skip("git is not here")
    if item.get_closest_marker("network") and (reason := no_index()):
        pytest.skip(f"no package index can be asked: {reason}")


@cache
def outside_world() -> dict[str, str]:
    """Return the environment in which the tests were started, with pip's index settings."""
    return environment.pip_settings.for_pip(
        environment.pip_settings.read(sys.executable, OUTSIDE), OUTSIDE
    )


@cache
def no_index() -> str | None:
    """Return the reason why pip cannot download a small package; None if it can."""
    settings = environment.pip_settings.read(sys.executable, OUTSIDE)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        options = ("--no-deps", "--retries", "0", "--timeout", "10", "--log", str(log))
        status, text = environment.capture(
            (sys.executable, "-m", "pip", "download", *options, "--dest", folder, "idna"),
            outside_world(),
        )
        if status == 0:
            return None
        return environment.not_found(text, log.read_text("utf-8"), settings) or text


@pytest.fixture(scope="session")
def outside() -> dict[str, str]:
    """Give the environment for commands that need a package index."""
    return dict(outside_world())


@pytest.fixture(scope="session")
def project() -> Path:
    """Give the folder that holds the project."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Give the folder with what is generated from `tests/golden/grown.yaml`; nobody changes it."""

    def generate(folder: Path) -> None:
        contract = project / "tests" / "golden" / "grown.yaml"
        command = (sys.executable, "-m", "tools", "generate", "--contract", contract)
        output(*command, "--into", folder / "made", cwd=project)

    return once(tmp_path_factory, "grown", generate) / "made"


@pytest.fixture(scope="session")
def sandbox_variables() -> Iterator[dict[str, str]]:
    """Start a quick sandbox and give the environment variables of its clients."""
    from chainhub.sandbox import Sandbox

    with Sandbox(port=0, speed=50) as sandbox:
        yield dict(sandbox.environment)


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
    """Restore SIGINT, which a shell ignores in processes that it starts in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Fail a test that connects to another machine, even if the code suppresses errors."""
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _guard(getattr(socket.socket, method)))
        patch.setattr(socket, "getaddrinfo", _guard_lookup(socket.getaddrinfo))
        yield


def _guard(
    connect: Callable[[socket.socket, Any], Any],
) -> Callable[[socket.socket, Any], Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            pytest.fail(f"a test tried to connect to {address[0]!r}; only loopback is allowed")
        return connect(self, address)

    return guarded


def _guard_lookup(lookup: Callable[..., Any]) -> Callable[..., Any]:
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
