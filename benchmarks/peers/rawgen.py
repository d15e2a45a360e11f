"""The generated functions over the plain generated client, without what chainhub lays over them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = (
    "from chainhub_api.client import AuthenticatedClient; from chainhub_api.api.video import query"
)
DISTRIBUTION = "openapi-python-client"


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    from chainhub_api.api.video import query
    from chainhub_api.client import AuthenticatedClient

    made = AuthenticatedClient(base_url=url, token=KEY)
    return lambda: query.sync(client=made, id=TASK_ID)


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    from chainhub_api.api.video import query
    from chainhub_api.client import AuthenticatedClient

    made = AuthenticatedClient(base_url=url, token=KEY)
    return lambda: query.asyncio(client=made, id=TASK_ID)


def client(url: str) -> None:
    """Make a client with its httpx client and close it."""
    from chainhub_api.client import AuthenticatedClient

    AuthenticatedClient(base_url=url, token=KEY).get_httpx_client().close()
