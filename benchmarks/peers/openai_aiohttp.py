"""The openai package with its extra `aiohttp`, which is for the async client only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY

DISTRIBUTION = "aiohttp"


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    openai = import_module("openai")
    http_client = openai.DefaultAioHttpClient()
    client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", http_client=http_client)
    return lambda: client.videos.retrieve("video_1")
