"""Exchanges through an httpx client or transport of the user's own, such as a mock in tests.

Only its sending is used: neither its headers nor its cookies nor its authentication. Its sockets
are not ours: a limit of time holds between two reads only, and where a name leads is its affair.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import TypeVar

import httpx

from chainhub import _clock
from chainhub._transport.exchange import (
    Failure,
    FailureKind,
    Head,
    Headers,
    Limits,
    Response,
    cancel_scope,
    os_text,
    tls_failure,
)
from chainhub._transport.http1 import DECODED, Body

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

FOREIGN = (OSError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)
"""What sending may fail with; everything else is a bug in somebody's code and is not caught."""


def _request(
    method: str, url: str, headers: Headers, body: bytes, *, until: float, connect: float
) -> httpx.Request:
    """Return a request whose limits end at the instant `until` (monotonic)."""
    left = None if math.isinf(until) else max(until - _clock.monotonic(), 0.001)
    connecting = connect if left is None else min(left, connect)
    timeouts = {"connect": connecting, "read": left, "write": left, "pool": left}
    extensions = {"timeout": timeouts}
    return httpx.Request(method, url, headers=headers, content=body, extensions=extensions)


def exchange_through(
    client: httpx.Client, method: str, url: str, headers: Headers, body: bytes, limits: Limits
) -> Response:
    """Send a request through a client and return its whole response.

    Raises:
        Failure: no response came, or it cannot be used.
    """
    until, head = limits.until(), None
    request = _request(method, url, headers, body, until=until, connect=limits.connect)
    try:
        response = client.send(request, stream=True, follow_redirects=False)
        try:
            if (read := _read_already(response)) is not None:
                return read
            head = Head(response.status_code, response.headers.raw)
            collected = Body(head.headers, limits.max_body)
            for chunk in response.iter_raw():
                collected.feed(chunk)
                if _clock.monotonic() > until:
                    raise httpx.ReadTimeout("timed out")
            return Response(*head, collected.finish())
        finally:
            response.close()
    except (Failure, *FOREIGN) as error:
        failure = _failure(error, request.url.host)
    return _salvaged(head, failure)


async def aexchange_through(
    client: httpx.AsyncClient, method: str, url: str, headers: Headers, body: bytes, limits: Limits
) -> Response:
    """Send a request through an async client and return its whole response.

    Raises:
        Failure: no response came, or it cannot be used.
    """
    until, head = limits.until(), None
    request = _request(method, url, headers, body, until=until, connect=limits.connect)
    left = until - _clock.monotonic()
    try:
        async with asyncio.timeout(None if math.isinf(left) else left) as scope:
            with cancel_scope(limits.cancel, lambda: _clock.waker(scope)):
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    if (read := _read_already(response)) is not None:
                        return read
                    head = Head(response.status_code, response.headers.raw)
                    collected = Body(head.headers, limits.max_body)
                    async for chunk in response.aiter_raw():
                        collected.feed(chunk)
                    return Response(*head, collected.finish())
                finally:
                    await response.aclose()
    except (Failure, *FOREIGN) as error:
        failure = _failure(error, request.url.host)
    return _salvaged(head, failure)


def _read_already(response: httpx.Response) -> Response | None:
    """Return the response of a mock, which httpx has read and decompressed, else None."""
    if not response.is_stream_consumed:
        return None
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in DECODED]
    return Response(response.status_code, headers, response.content)


def _salvaged(head: Head | None, failure: Failure) -> Response:
    if (response := failure.response_without_body(head)) is None:
        raise failure
    return response


class StreamedResponse:
    """One request through a client of the user's own, its response read piece by piece.

    Attributes:
        surplus: How many bytes have come behind the response: httpx does not tell.
    """

    surplus = 0

    def __init__(self, client: httpx.Client | None) -> None:
        self._client = client
        self._response: httpx.Response | None = None
        self._host = ""
        self._until = math.inf
        self._ended = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET and return the head of its response.

        Raises:
            Failure: it did not come.
        """
        self._until, self._host = until, url.host
        request = _request("GET", str(url), headers, b"", until=until, connect=connect)
        response = self._response = self._run(lambda: self._send(request))
        if (read := _read_already(response)) is None:
            return Head(response.status_code, response.headers.raw)
        return Head(read.status, [*read.headers, (b"Content-Length", b"%d" % len(read.body))])

    def body(self) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises:
            Failure: it broke off.
        """
        assert self._response is not None  # it was asked for
        if (read := _read_already(self._response)) is not None:
            yield read.body
            return
        chunks = self._chunks(self._response)
        while chunk := self._run(lambda: next(chunks, b"")):
            yield chunk

    def _run(self, step: Callable[[], T]) -> T:
        if self._ended or _clock.monotonic() > self._until:
            raise Failure("timeout", "timed out", sent=True)
        try:
            return step()
        except FOREIGN as error:
            failure = _failure(error, self._host)
        raise failure

    def _send(self, request: httpx.Request) -> httpx.Response:
        assert self._client is not None
        return self._client.send(request, stream=True, auth=None, follow_redirects=False)

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        return response.iter_raw()

    def extend(self, until: float) -> None:
        """Give what follows until another instant."""
        self._until = until

    def shut(self) -> None:
        """End it at the next read: a transport cannot be woken."""
        self._ended = True

    def close(self) -> None:
        """Close the response."""
        if self._response is not None:
            self._response.close()


class AsyncStreamedResponse(StreamedResponse):
    """The same through an async client, which works in its loop for a thread of ours."""

    def __init__(
        self,
        client: Callable[[], Awaitable[httpx.AsyncClient]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(None)
        self._async_client = client
        self._loop = loop
        self._stop: Callable[[], object] | None = None

    def _send(self, request: httpx.Request) -> httpx.Response:
        async def sent() -> httpx.Response:
            client = await self._async_client()
            return await client.send(request, stream=True, auth=None, follow_redirects=False)

        return self._in_loop(sent())

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        chunks = response.aiter_raw()

        async def following() -> bytes:
            return await anext(chunks, b"")

        while chunk := self._in_loop(following()):
            yield chunk

    def _in_loop(self, work: Coroutine[None, None, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._stop = future.cancel
        if self._ended:  # meanwhile, when there was nothing to stop
            future.cancel()
        left = None if math.isinf(self._until) else max(self._until - _clock.monotonic(), 0.0)
        try:
            return future.result(left)
        except (CancelledError, TimeoutError):
            future.cancel()
        raise httpx.ReadTimeout("timed out")

    def shut(self) -> None:
        """Make whatever waits here fail at once."""
        super().shut()
        if self._stop is not None:
            self._stop()

    def close(self) -> None:
        """Have the response closed in its loop, which may be waiting for this very thread."""
        if self._response is not None:
            asyncio.run_coroutine_threadsafe(self._response.aclose(), self._loop)


def _failure(error: Exception, host: str) -> Failure:
    """Return what an exception of httpx's sending means.

    Args:
        error: What was raised.
        host: Whom the request was for.
    """
    if isinstance(error, Failure):
        error.sent = True
        return error
    text, tls = _said(error), _caused_by(error, ssl.SSLError)
    if tls is not None:
        failure = tls_failure(tls, host)
        failure.sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return failure
    kind: FailureKind = next((kind for kinds, kind in _KINDS if isinstance(error, kinds)), "local")
    if kind == "protocol" and "peer closed connection" in text:
        kind = "truncated"
    elif kind == "protocol" and "disconnected" in text:
        kind = "closed"
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Failure(kind, text, sent=not unsent)


# The first row that fits; httpx's own classes, and what may come past them.
_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], FailureKind], ...] = (
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.ConnectError, "connect"),
    ((httpx.TimeoutException, TimeoutError), "timeout"),
    (httpx.NetworkError, "closed"),
    (httpx.ProxyError, "proxy"),
    (httpx.RemoteProtocolError, "protocol"),
    (httpx.DecodingError, "decode"),
)


def _said(error: BaseException) -> str:
    """Return the operating system's words if it is the cause: asyncio's own say less."""
    cause = _caused_by(error, OSError)
    if cause is not None and cause.errno and cause.errno > 0:
        return os_text(cause)
    if "_SWITCH_UPGRADE" in str(error):  # h11 names a state of its own
        return "it switched protocols (101), which was not requested"
    return str(error) or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)


def _caused_by(error: BaseException, kind: type[E]) -> E | None:
    """Return the first of an exception and its causes that is of a kind."""
    # "Nothing to read yet" is no error, but stays in the context of whatever happens next.
    waiting = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    current: BaseException | None = error
    for _ in range(20):
        if current is None or (isinstance(current, kind) and not isinstance(current, waiting)):
            return current
        current = current.__cause__ or current.__context__
    return None
