"""The google-genai package: `client.operations.get(operation)`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from benchmarks.answers import KEY

IMPORT = "from google import genai"
DISTRIBUTION = "google-genai"


def client_and_operation(url: str) -> tuple[Any, Any]:
    """Return a client and the operation that is asked about."""
    genai, types = import_module("google.genai"), import_module("google.genai.types")
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    return client, types.GenerateVideosOperation(name="models/veo-3/operations/op1")


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    client, operation = client_and_operation(url)
    return lambda: client.operations.get(operation)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    # It is installed here for others, and used as soon as it is found.
    sys.modules["aiohttp"] = None  # type: ignore[assignment]
    client, operation = client_and_operation(url)
    return lambda: client.aio.operations.get(operation)


def client(url: str) -> None:
    """Create and close a client."""
    import_module("google.genai").Client(api_key=KEY).close()
