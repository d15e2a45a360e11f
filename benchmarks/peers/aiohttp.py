"""Plain aiohttp, which is async only: a session, with its defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "aiohttp"


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    aiohttp = import_module("aiohttp")
    # By default it opens a hundred connections, and the others would wait for one.
    limit = aiohttp.TCPConnector(limit=0)
    made = aiohttp.ClientSession(connector=limit, headers={"Authorization": f"Bearer {KEY}"})

    async def ask() -> object:
        async with made.get(f"{url}/v1/video/query", params={"id": TASK_ID}) as answer:
            found: object = await answer.json()
            return found

    return ask
