"""Lines through a transport or client of the user's own, such as a mock in people's tests.

Only its sending is used: neither its headers nor its cookies nor its authentication, which are
meant for the API. Without our own sockets a limit holds between two reads only, and where a name
leads is the user's affair.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from chainhub import _clock
from chainhub._media_line import Reply
from chainhub._session.httpx_clients import (
    AsyncDoor,
    is_async_patched,
    is_patched,
    read_already,
)

if TYPE_CHECKING:
    from chainhub._download.media import Headers
    from chainhub._media_line import Line
    from chainhub._session.httpx_clients import Door, Doorway

T = TypeVar("T")


def lines_of(door: Door | AsyncDoor) -> Callable[[], Line] | None:
    """Return what makes lines for a client with a transport of its user's, else None."""
    return _async_lines(door.way) if isinstance(door, AsyncDoor) else _sync_lines(door.way)


def _sync_lines(way: Doorway) -> Callable[[], Line] | None:
    transport = way.httpx_args.get("transport")
    given = way.given
    if given is None and transport is None and not is_patched():
        return None
    sender = given or httpx.Client(**_settings(way))
    return lambda: OrdinaryLine(sender)


def _async_lines(way: Doorway) -> Callable[[], Line] | None:
    transport = way.httpx_args.get("transport")
    given = way.async_given
    if given is None and transport is None and not is_async_patched():
        return None
    sender = given or httpx.AsyncClient(**_settings(way))
    loop = asyncio.get_running_loop()
    return lambda: AsyncOrdinaryLine(sender, loop)


def _settings(way: Doorway) -> dict[str, Any]:
    # A mock may let requests through to httpx's own transport.
    made = way.session.connector.httpx_settings(way.httpx_args)
    return {name: made[name] for name in ("transport", "trust_env", "verify") if name in made}


class OrdinaryLine:
    """A line through a synchronous client of httpx."""

    def __init__(self, sender: httpx.Client) -> None:
        self._sender = sender
        self._response: httpx.Response | None = None
        self._until = math.inf
        self._ended = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Reply:
        """Send a GET and return the head of the answer."""
        self._until = until
        request = ordinary_request(url, headers, until, connect)
        response = self._response = self._sender.send(
            request, stream=True, auth=None, follow_redirects=False
        )
        return reply_of(response, self._chunks(response))

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_raw():
            if self._ended or _clock.monotonic() > self._until:
                raise httpx.ReadTimeout("timed out")
            yield chunk

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""
        self._until = until

    def surplus(self, body: int) -> int:
        """Return 0: a transport does not tell."""
        return 0

    def shut(self) -> None:
        """End it at the next read: a transport cannot be woken."""
        self._ended = True

    def close(self) -> None:
        """Close the answer."""
        if self._response is not None:
            self._response.close()


class AsyncOrdinaryLine:
    """A line through an asynchronous client of httpx, which works in its loop for our thread."""

    def __init__(self, sender: httpx.AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self._sender = sender
        self._loop = loop
        self._response: httpx.Response | None = None
        self._until = math.inf
        self._stop: Callable[[], object] | None = None
        self._ended = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Reply:
        """Send a GET and return the head of the answer."""
        self._until = until
        request = ordinary_request(url, headers, until, connect)
        response = self._response = self._run(self._send(request))
        return reply_of(response, self._chunks(response))

    async def _send(self, request: httpx.Request) -> httpx.Response:
        return await self._sender.send(request, stream=True, auth=None, follow_redirects=False)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        chunks = response.aiter_raw()

        async def following() -> bytes | None:
            return await anext(chunks, None)

        while (chunk := self._run(following())) is not None:
            yield chunk

    def _run(self, work: Coroutine[None, None, T]) -> T:
        if self._ended:
            work.close()
            raise httpx.ReadTimeout("the line was shut")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._stop = future.cancel
        left = None if math.isinf(self._until) else max(self._until - _clock.monotonic(), 0.0)
        with suppress(CancelledError, TimeoutError):
            return future.result(left)
        future.cancel()
        raise httpx.ReadTimeout("timed out")

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""
        self._until = until

    def surplus(self, body: int) -> int:
        """Return 0: a transport does not tell."""
        return 0

    def shut(self) -> None:
        """Make what waits fail at once."""
        self._ended = True
        if self._stop is not None:
            self._stop()

    def close(self) -> None:
        """Have the answer closed in its loop, which may be waiting for this very thread."""
        if self._response is not None:
            asyncio.run_coroutine_threadsafe(self._response.aclose(), self._loop)


def ordinary_request(
    url: httpx.URL, headers: Headers, until: float, connect: float
) -> httpx.Request:
    """Return a request for httpx's own sending."""
    left = None if math.isinf(until) else max(until - _clock.monotonic(), 0.001)
    connecting = connect if left is None else min(left, connect)
    timeouts = {"connect": connecting, "read": left, "write": left, "pool": left}
    return httpx.Request("GET", url, headers=headers, extensions={"timeout": timeouts})


def reply_of(response: httpx.Response, chunks: Iterator[bytes]) -> Reply:
    """Return an answer of httpx, also one of a mock, which has been read already."""
    read = read_already(response)
    if read is not None:
        return Reply(read.status, [*read.headers, _length(read.body)], iter([read.body]))
    return Reply(response.status_code, response.headers.raw, chunks)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"Content-Length", b"%d" % len(body)
