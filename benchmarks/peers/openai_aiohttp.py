"""The openai package with its extra `aiohttp`, which is for the async client only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY

DISTRIBUTION = "aiohttp"


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    openai = import_module("openai")
    sends = openai.DefaultAioHttpClient()
    made = openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", http_client=sends)
    return lambda: made.videos.retrieve("video_1")
