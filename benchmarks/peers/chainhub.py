"""Our own client, as it is shipped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = "from chainhub import Client"
DISTRIBUTION = "chainhub"


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    import chainhub

    made = chainhub.Client(KEY, base_url=url)
    return lambda: made.video.query(TASK_ID)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    import chainhub

    made = chainhub.AsyncClient(KEY, base_url=url)
    return lambda: made.video.query(TASK_ID)


def client(url: str) -> None:
    """Make a client that is ready to send and close it."""
    import chainhub

    with chainhub.Client(KEY) as made:
        made.get_httpx_client()
