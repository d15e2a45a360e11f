"""A sandbox whose clock stands still, and plain HTTP clients for it."""

from collections.abc import Iterator

import httpx
import pytest

from chainhub.sandbox import Sandbox

KEY = "sk-test-sandbox"
QUERY = "/v1/video/query"
PLAIN = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Give a sandbox whose clock stands still."""
    with Sandbox(key=KEY, speed=0) as instance:
        yield instance


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Give a plain HTTP client with the right key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(
        base_url=sandbox.base_url, headers=headers, trust_env=False, timeout=5
    ) as instance:
        yield instance


def ask(client: httpx.Client, task_id: str) -> httpx.Response:
    """Ask for a task once."""
    return client.get(QUERY, params={"id": task_id})


def get(sandbox: Sandbox, task_id: str) -> httpx.Response:
    """Ask for a task once, on a connection of its own."""
    headers = {"Authorization": f"Bearer {sandbox.key}"}
    return PLAIN.get(f"{sandbox.base_url}{QUERY}", params={"id": task_id}, headers=headers)
