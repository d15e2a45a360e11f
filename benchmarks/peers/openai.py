"""The openai package: `client.videos.retrieve(id)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY

IMPORT = "import openai"
DISTRIBUTION = "openai"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    client = import_module("openai").OpenAI(api_key=KEY, base_url=f"{url}/v1")
    return lambda: client.videos.retrieve("video_1")


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    client = import_module("openai").AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1")
    return lambda: client.videos.retrieve("video_1")


def client(url: str) -> None:
    """Create and close a client."""
    import_module("openai").OpenAI(api_key=KEY).close()
