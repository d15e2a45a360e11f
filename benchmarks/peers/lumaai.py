"""The lumaai package: `client.generations.get(id)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY

IMPORT = "import lumaai"
DISTRIBUTION = "lumaai"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    client = import_module("lumaai").LumaAI(auth_token=KEY, base_url=f"{url}/dream-machine/v1")
    return lambda: client.generations.get("generation1")


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    client = import_module("lumaai").AsyncLumaAI(auth_token=KEY, base_url=f"{url}/dream-machine/v1")
    return lambda: client.generations.get("generation1")


def client(url: str) -> None:
    """Create and close a client."""
    import_module("lumaai").LumaAI(auth_token=KEY).close()
