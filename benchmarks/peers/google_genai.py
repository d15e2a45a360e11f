"""The google-genai package: `client.operations.get(operation)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from benchmarks.answers import KEY

IMPORT = "from google import genai"
DISTRIBUTION = "google-genai"


def _made(url: str) -> tuple[Any, Any]:
    genai, types = import_module("google.genai"), import_module("google.genai.types")
    made = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    return made, types.GenerateVideosOperation(name="models/veo-3/operations/op1")


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    made, operation = _made(url)
    return lambda: made.operations.get(operation)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    made, operation = _made(url)
    return lambda: made.aio.operations.get(operation)


def client(url: str) -> None:
    """Make and close a client."""
    import_module("google.genai").Client(api_key=KEY).close()
