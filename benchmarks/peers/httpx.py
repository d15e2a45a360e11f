"""Plain httpx: `client.get(…).json()`, with its defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

IMPORT = "import httpx"
DISTRIBUTION = "httpx"
LIBRARY = "httpx"


def call(url: str, library: str = LIBRARY) -> Callable[[], object]:
    """Return a function that sends one request."""
    httpx = import_module(library)
    client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"})

    def send() -> object:
        response: object = client.get("/v1/video/query", params={"id": TASK_ID}).json()
        return response

    return send


def acall(url: str, library: str = LIBRARY) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    httpx = import_module(library)
    client = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"})

    async def send() -> object:
        response: object = (await client.get("/v1/video/query", params={"id": TASK_ID})).json()
        return response

    return send


def client(url: str, library: str = LIBRARY) -> None:
    """Create and close a client."""
    import_module(library).Client().close()
