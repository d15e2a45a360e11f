"""The generated functions over the plain generated client, without the layers of chainhub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = (
    "from chainhub_api.client import AuthenticatedClient; from chainhub_api.api.video import query"
)
DISTRIBUTION = "openapi-python-client"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    from chainhub_api.api.video import query
    from chainhub_api.client import AuthenticatedClient

    client = AuthenticatedClient(base_url=url, token=KEY)
    return lambda: query.sync(client=client, id=TASK_ID)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    from chainhub_api.api.video import query
    from chainhub_api.client import AuthenticatedClient

    client = AuthenticatedClient(base_url=url, token=KEY)
    return lambda: query.asyncio(client=client, id=TASK_ID)


def client(url: str) -> None:
    """Make a client with its httpx client and close it."""
    from chainhub_api.client import AuthenticatedClient

    AuthenticatedClient(base_url=url, token=KEY).get_httpx_client().close()
