"""The fal-client package: `handle.status()`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from benchmarks.answers import KEY

IMPORT = "import fal_client"
DISTRIBUTION = "fal-client"


def _library_for(url: str) -> ModuleType:
    library = import_module("fal_client")
    # The host can be set by a variable, but not the scheme http.
    import_module("fal_client.client").__dict__["QUEUE_URL_FORMAT"] = f"{url}/"
    return library


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    handle = _library_for(url).SyncClient(key=KEY).get_handle("owner/video", "request1")
    return lambda: handle.status()


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    client = _library_for(url).AsyncClient(key=KEY)
    handles: list[Any] = []

    async def send() -> object:
        if not handles:
            handles.append(await client.get_handle("owner/video", "request1"))
        response: object = await handles[0].status()
        return response

    return send


def client(url: str) -> None:
    """Make a client with its httpx client, which is made late, and close it."""
    client = import_module("fal_client").SyncClient(key=KEY)
    client._client.close()
