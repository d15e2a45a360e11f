"""The google-genai package with its extra `aiohttp`, which is for the async client only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.peers import google_genai

DISTRIBUTION = "aiohttp"


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    client, operation = google_genai.client_and_operation(url)
    return lambda: client.aio.operations.get(operation)
