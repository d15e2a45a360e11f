"""Which downloads go through a transport or client of the user's own, such as a mock in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from chainhub._session import AsyncDoor, is_mocked
from chainhub._transport import ROUTING, AsyncStreamedResponse, StreamedResponse

if TYPE_CHECKING:
    import httpx

    from chainhub._download.media_line import Line
    from chainhub._session import Door


def lines_of(door: Door | AsyncDoor) -> Callable[[], Line] | None:
    """Return what opens connections by the route of the user's own arguments, else None."""
    way = door.way
    session, arguments = way.session, way.httpx_args
    routed = not ROUTING.isdisjoint(arguments) or is_mocked()
    if isinstance(door, AsyncDoor):
        mine = way.async_given

        async def sender() -> httpx.AsyncClient:
            return mine or await session.async_ordinary(arguments)

        if mine is None and not routed:
            return None
        loop = asyncio.get_running_loop()
        return lambda: AsyncStreamedResponse(sender, loop)
    given = way.given
    if given is None and not routed:
        return None
    return lambda: StreamedResponse(given or session.ordinary(arguments))
