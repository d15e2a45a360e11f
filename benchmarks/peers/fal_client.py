"""The fal-client package: `handle.status()`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from benchmarks.answers import KEY

IMPORT = "import fal_client"
DISTRIBUTION = "fal-client"


def _directed(url: str) -> ModuleType:
    library = import_module("fal_client")
    # The host can be set by a variable, but not that it is asked without TLS.
    import_module("fal_client.client").__dict__["QUEUE_URL_FORMAT"] = f"{url}/"
    return library


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    handle = _directed(url).SyncClient(key=KEY).get_handle("owner/video", "request1")
    return lambda: handle.status()


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    made = _directed(url).AsyncClient(key=KEY)
    handles: list[Any] = []

    async def ask() -> object:
        if not handles:
            handles.append(await made.get_handle("owner/video", "request1"))
        answer: object = await handles[0].status()
        return answer

    return ask


def client(url: str) -> None:
    """Make a client with its httpx client, which is made late, and close it."""
    made = import_module("fal_client").SyncClient(key=KEY)
    made._client.close()
