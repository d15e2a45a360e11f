"""The google-genai package: `client.operations.get(operation)`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from benchmarks.answers import KEY

IMPORT = "from google import genai"
DISTRIBUTION = "google-genai"


def made(url: str) -> tuple[Any, Any]:
    """Return a client and the operation that is asked about."""
    genai, types = import_module("google.genai"), import_module("google.genai.types")
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    return client, types.GenerateVideosOperation(name="models/veo-3/operations/op1")


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    client, operation = made(url)
    return lambda: client.operations.get(operation)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    # It is installed here for others, and used as soon as it is found.
    sys.modules["aiohttp"] = None  # type: ignore[assignment]
    client, operation = made(url)
    return lambda: client.aio.operations.get(operation)


def client(url: str) -> None:
    """Make and close a client."""
    import_module("google.genai").Client(api_key=KEY).close()
