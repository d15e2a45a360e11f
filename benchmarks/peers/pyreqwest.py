"""Plain pyreqwest, which is written in Rust: a client, with its defaults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "pyreqwest"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    builder = import_module("pyreqwest.client").SyncClientBuilder()
    client = builder.default_headers(HEADERS).build()

    def send() -> object:
        request = client.get(f"{url}/v1/video/query").query({"id": TASK_ID}).build()
        body: object = request.send().json()
        return body

    return send


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    builder = import_module("pyreqwest.client").ClientBuilder()
    client = builder.default_headers(HEADERS).build()

    async def send() -> object:
        request = client.get(f"{url}/v1/video/query").query({"id": TASK_ID}).build()
        body: object = await (await request.send()).json()
        return body

    return send
