"""The google-genai package with its extra `aiohttp`, which is for the async client only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.peers import google_genai

DISTRIBUTION = "aiohttp"


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    made, operation = google_genai.made(url)
    return lambda: made.aio.operations.get(operation)
