"""Our own client, as it is shipped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = "from chainhub import Client"
DISTRIBUTION = "chainhub"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    import chainhub

    client = chainhub.Client(KEY, base_url=url)
    return lambda: client.video.query(TASK_ID)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    import chainhub

    client = chainhub.AsyncClient(KEY, base_url=url)
    return lambda: client.video.query(TASK_ID)


def client(url: str) -> None:
    """Make a client that is ready to send and close it."""
    import chainhub

    with chainhub.Client(KEY) as client:
        client.get_httpx_client()
