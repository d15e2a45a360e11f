"""The runwayml package: `client.tasks.retrieve(id)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY

IMPORT = "import runwayml"
DISTRIBUTION = "runwayml"
_ID = "17f20503-6c24-4c16-946b-35dbbce2af2f"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    client = import_module("runwayml").RunwayML(api_key=KEY, base_url=url)
    return lambda: client.tasks.retrieve(_ID)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    client = import_module("runwayml").AsyncRunwayML(api_key=KEY, base_url=url)
    return lambda: client.tasks.retrieve(_ID)


def client(url: str) -> None:
    """Create and close a client."""
    import_module("runwayml").RunwayML(api_key=KEY).close()
