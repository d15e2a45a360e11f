"""Plain aiohttp, which is async only: a session, with its defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "aiohttp"


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    aiohttp = import_module("aiohttp")
    # By default it opens a hundred connections, and the others would wait for one.
    connector = aiohttp.TCPConnector(limit=0)
    session = aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {KEY}"})

    async def send() -> object:
        async with session.get(f"{url}/v1/video/query", params={"id": TASK_ID}) as response:
            body: object = await response.json()
            return body

    return send
