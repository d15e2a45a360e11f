"""Plain httpx: `client.get(…).json()`, with its defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

IMPORT = "import httpx"
DISTRIBUTION = "httpx"
LIBRARY = "httpx"


def call(url: str, library: str = LIBRARY) -> Callable[[], object]:
    """Return a function that asks once."""
    httpx = import_module(library)
    made = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"})

    def ask() -> object:
        answer: object = made.get("/v1/video/query", params={"id": TASK_ID}).json()
        return answer

    return ask


def acall(url: str, library: str = LIBRARY) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    httpx = import_module(library)
    made = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"})

    async def ask() -> object:
        answer: object = (await made.get("/v1/video/query", params={"id": TASK_ID})).json()
        return answer

    return ask


def client(url: str, library: str = LIBRARY) -> None:
    """Make and close a client."""
    import_module(library).Client().close()
