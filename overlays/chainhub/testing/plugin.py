"""The pytest plugin: fixtures for tests of code that uses `chainhub`.

Importing it imports nothing that a client or the sandbox needs; a test session without these
fixtures pays for none of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chainhub import AsyncClient, Client
    from chainhub.testing import Sandbox, VirtualClock


@pytest.fixture
def chainhub_clock() -> Iterator[VirtualClock]:
    """Let clients skip every sleep; `skipped` is the number of seconds."""
    from chainhub.testing import virtual_time

    with virtual_time() as clock:
        yield clock


@pytest.fixture
def chainhub_sandbox(chainhub_clock: VirtualClock) -> Iterator[Sandbox]:
    """Start a mock server on loopback; its tasks do what `task(…)` says, with the same clock."""
    from chainhub.sandbox import MissingExtraError
    from chainhub.testing import Sandbox

    sandbox = Sandbox()
    try:
        sandbox.start()
    except MissingExtraError as error:
        from chainhub._extras import missing_extra

        subject = "the fixture chainhub_sandbox needs"
        pytest.fail(missing_extra(subject, str(error.name), "testing"), pytrace=False)
    yield sandbox
    sandbox.close()


@pytest.fixture
def chainhub_client(chainhub_sandbox: Sandbox) -> Iterator[Client]:
    """Return a client of the mock server."""
    from chainhub import Client

    url = chainhub_sandbox.base_url
    with Client(chainhub_sandbox.key, base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
def chainhub_async_client(chainhub_sandbox: Sandbox) -> Iterator[AsyncClient]:
    """Return an async client of the mock server, for any event loop."""
    from chainhub import AsyncClient

    client = AsyncClient(chainhub_sandbox.key, base_url=chainhub_sandbox.base_url, trust_env=False)
    yield client
    # In the loop that the test used: asyncio.run has closed the connections; in any other loop this
    # closes them.
    client._session.close()


@pytest.fixture
def chainhub_environment(
    chainhub_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Set the environment variables that make every client use the mock server, and return them."""
    # Requests to this machine must not go through a proxy.
    no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in no_proxy.split(",") if host.strip()]
    value = ",".join(hosts if "*" in hosts else [*hosts, "127.0.0.1"])
    variables = {**chainhub_sandbox.environment, "no_proxy": value, "NO_PROXY": value}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
