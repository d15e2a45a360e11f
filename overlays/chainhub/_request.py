"""A request that the contract does not describe, in the form of a generated operation's module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainhub._session import AsyncRecorder, Recorder

    Primitive = str | int | float | bool | None
    Params = Mapping[str, Primitive | Sequence[Primitive]]


def sync_detailed(
    *,
    client: Recorder,
    method: str,
    url: str,
    params: Params | None = None,
    json: object = None,
    content: str | bytes | None = None,
) -> SimpleNamespace:
    """Send the request; what came is read by the runner."""
    client.get_httpx_client().request(method, url, **_given(params, json, content))
    return SimpleNamespace(parsed=None)


async def asyncio_detailed(
    *,
    client: AsyncRecorder,
    method: str,
    url: str,
    params: Params | None = None,
    json: object = None,
    content: str | bytes | None = None,
) -> SimpleNamespace:
    """Send the request; what came is read by the runner."""
    await client.get_async_httpx_client().request(method, url, **_given(params, json, content))
    return SimpleNamespace(parsed=None)


def _given(params: object, json: object, content: object) -> dict[str, Any]:
    arguments = {"params": params, "json": json, "content": content}
    return {name: value for name, value in arguments.items() if value is not None}
