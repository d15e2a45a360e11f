"""Plain pyreqwest, which is written in Rust: a client, with its defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "pyreqwest"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    builder = import_module("pyreqwest.client").SyncClientBuilder()
    made = builder.default_headers(HEADERS).build()

    def ask() -> object:
        asked = made.get(f"{url}/v1/video/query").query({"id": TASK_ID}).build()
        found: object = asked.send().json()
        return found

    return ask


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    builder = import_module("pyreqwest.client").ClientBuilder()
    made = builder.default_headers(HEADERS).build()

    async def ask() -> object:
        asked = made.get(f"{url}/v1/video/query").query({"id": TASK_ID}).build()
        found: object = await (await asked.send()).json()
        return found

    return ask
