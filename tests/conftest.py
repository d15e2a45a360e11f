"""The same world for every test: no network but loopback, nothing of the person's environment.

Subprocesses that a test starts are beyond the network guard; they get the cleaned environment.
"""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

pytest_plugins = ("tests.loopback",)

PERSONAL = ("CHAINHUB_", "COVERAGE_", "OTEL_", "SSL_CERT_", "SSLKEYLOGFILE", "NETRC")
OUTSIDE = dict(os.environ)


def pytest_sessionfinish() -> None:
    """Save what was covered while the process certainly lives.

    By itself it is saved at the interpreter's exit, and a worker that is slow to exit on a busy
    machine is killed before: then half of all coverage was missing.
    """
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
        measuring.save()


@pytest.fixture(scope="session")
def outside() -> dict[str, str]:
    """Give the environment the tests were started in, for commands that need a package index."""
    return dict(OUTSIDE)


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
