"""The replicate package: `client.predictions.get(id)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY

IMPORT = "import replicate"
DISTRIBUTION = "replicate"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    client = import_module("replicate").Client(api_token=KEY, base_url=url)
    return lambda: client.predictions.get("prediction1")


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    client = import_module("replicate").Client(api_token=KEY, base_url=url)
    return lambda: client.predictions.async_get("prediction1")


def client(url: str) -> None:
    """Make a client with its httpx client, which is made late, and close it."""
    import_module("replicate").Client(api_token=KEY)._client.close()
