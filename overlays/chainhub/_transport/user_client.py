"""Exchanges through an httpx client or transport of the user's own, such as a mock in tests.

Only its sending is used: neither its headers nor its cookies. Its sockets are not ours: a limit of
time holds between two reads only, and where a name leads is its affair.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import aclosing, closing
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TypeVar

import httpx

from chainhub import _clock
from chainhub._transport.connections import Limits, cancel_scope, left, of_system, os_text
from chainhub._transport.http1 import (
    DECODED,
    SWITCHED,
    Body,
    Failure,
    FailureKind,
    Head,
    Headers,
    Response,
)
from chainhub._transport.tls import tls_failure

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

# httpx lets through what the package for SOCKS proxies raises.
_SOCKS = (import_module("socksio").SOCKSError,) if find_spec("socksio") else ()
FOREIGN = (OSError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, *_SOCKS)
"""What sending may fail with; everything else is a bug in somebody's code and is not caught."""

_UNSENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.ProxyError, *_SOCKS),  # of making a tunnel
)
# The first row that fits: httpx's own classes, words of their text, and what may come past them.
_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, FailureKind], ...] = (
    (httpx.ConnectTimeout, "", "connect_timeout"),
    (httpx.ConnectError, "", "connect"),
    ((httpx.TimeoutException, TimeoutError), "", "timeout"),
    (httpx.NetworkError, "", "closed"),
    ((httpx.ProxyError, *_SOCKS), "", "proxy"),
    (httpx.RemoteProtocolError, "peer closed connection", "truncated"),
    (httpx.RemoteProtocolError, "disconnected", "closed"),
    (httpx.RemoteProtocolError, "", "protocol"),
    (httpx.DecodingError, "", "decode"),
    (httpx.StreamError, "", "truncated"),  # a hook has closed it, or read it and kept nothing
    (socket.gaierror, "", "lookup"),  # of a transport that does not speak through httpcore
    (OSError, "", "closed"),
)


def exchange_through(
    client: httpx.Client, method: str, url: str, headers: Headers, body: bytes, limits: Limits
) -> Response:
    """Send a request through a client and return its whole response, or raise a Failure."""
    until, head = limits.until(), None
    request = _request(method, url, headers, body, until=until, connect=limits.connect)
    try:
        with closing(StreamedResponse(client, httpx.USE_CLIENT_DEFAULT)) as streamed:
            response = streamed.send(request, until)
            head = _head(response)
            collected = Body(head.headers, limits.max_body)
            for chunk in streamed.body():
                collected.feed(chunk)
            return Response(*head, collected.finish())
    except (Failure, *FOREIGN) as error:
        return _failure(error, request.url.host, head).response_to(head)


async def aexchange_through(
    client: httpx.AsyncClient, method: str, url: str, headers: Headers, body: bytes, limits: Limits
) -> Response:
    """Send a request through an async client, as `exchange_through` does."""
    until, head = limits.until(), None
    request = _request(method, url, headers, body, until=until, connect=limits.connect)
    try:
        async with asyncio.timeout(left(until)) as scope:
            with cancel_scope(limits.cancel, lambda: _clock.waker(scope)):
                response = await _asend(client, request)
                async with aclosing(response):
                    head = _head(response)
                    collected = Body(head.headers, limits.max_body)
                    if response.is_stream_consumed:
                        collected.feed(response.content)
                    else:
                        async for chunk in response.aiter_raw():
                            collected.feed(chunk)
                    return Response(*head, collected.finish())
    except (Failure, *FOREIGN) as error:
        return _failure(error, request.url.host, head).response_to(head)


def _request(
    method: str, url: str, headers: Headers, body: bytes, *, until: float, connect: float
) -> httpx.Request:
    """Return a request whose limits end at the instant `until` (monotonic)."""
    rest = None if math.isinf(until) else max(until - _clock.monotonic(), 0.001)
    connecting = connect if rest is None else min(rest, connect)
    extensions = {"timeout": {"connect": connecting, "read": rest, "write": rest, "pool": rest}}
    return httpx.Request(method, url, headers=headers, content=body, extensions=extensions)


def _head(response: httpx.Response) -> Head:
    """Return the head; httpx has read and decompressed the whole response of a mock."""
    hidden = DECODED if response.is_stream_consumed else ()
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in hidden]
    return Head(response.status_code, headers)


class StreamedResponse:
    """One request through a client of the user's own, its response read piece by piece."""

    surplus = 0  # how many bytes have come behind the response: httpx does not tell

    def __init__(
        self, client: httpx.Client | None, auth: httpx._client.UseClientDefault | None = None
    ) -> None:
        self._client = client
        self._auth = auth
        self._response: httpx.Response | None = None
        self._host = ""
        self._until = math.inf
        self._ended = False

    def ask(self, url: httpx.URL, headers: Headers, until: float, connect: float) -> Head:
        """Send a GET without anybody's credentials and return the head of its response."""
        request = _request("GET", str(url), headers, b"", until=until, connect=connect)
        response = self.send(request, until)
        head = _head(response)
        if response.is_stream_consumed:
            # A download needs to know when it has all of it.
            head.headers.append((b"Content-Length", b"%d" % len(response.content)))
        return head

    def send(self, request: httpx.Request, until: float) -> httpx.Response:
        """Send a request; its response must be read by `until` (monotonic)."""
        self._until, self._host = until, request.url.host
        self._response = self._run(lambda: self._send(request))
        return self._response

    def body(self) -> Iterator[bytes]:
        """Yield the body as it comes."""
        assert self._response is not None  # it was asked for
        if self._response.is_stream_consumed:
            yield self._response.content
            return
        read = self._reader(self._response)
        while chunk := self._run(read):
            yield chunk

    def _run(self, step: Callable[[], T]) -> T:
        # A transport of somebody else's may wait longer than it was told: look at the clock too.
        if self._ended or _clock.monotonic() > self._until:
            raise Failure("timeout", "timed out", sent=True)
        try:
            return step()
        except FOREIGN as error:
            raise _failure(error, self._host) from None

    def _send(self, request: httpx.Request) -> httpx.Response:
        assert self._client is not None
        try:
            return self._client.send(request, stream=True, auth=self._auth, follow_redirects=False)
        except (httpx.HTTPStatusError, RuntimeError) as error:
            return _answered(error)

    def _reader(self, response: httpx.Response) -> Callable[[], bytes]:
        return partial(next, response.iter_raw(), b"")

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
        self, client: Callable[[], Awaitable[httpx.AsyncClient]], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(None)
        self._async_client = client
        self._loop = loop
        self._stop: Callable[[], object] | None = None

    def _send(self, request: httpx.Request) -> httpx.Response:
        async def sent() -> httpx.Response:
            return await _asend(await self._async_client(), request, None)

        return self._in_loop(sent())

    def _reader(self, response: httpx.Response) -> Callable[[], bytes]:
        chunks = response.aiter_raw()

        async def following() -> bytes:
            return await anext(chunks, b"")

        return lambda: self._in_loop(following())

    def _in_loop(self, work: Coroutine[None, None, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._stop = future.cancel
        if self._ended:  # meanwhile, when there was nothing to stop
            future.cancel()
        try:
            return future.result(left(self._until))
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


async def _asend(
    client: httpx.AsyncClient,
    request: httpx.Request,
    auth: httpx._client.UseClientDefault | None = httpx.USE_CLIENT_DEFAULT,
) -> httpx.Response:
    try:
        return await client.send(request, stream=True, auth=auth, follow_redirects=False)
    except (httpx.HTTPStatusError, RuntimeError) as error:
        return _answered(error)


def _answered(error: httpx.HTTPStatusError | RuntimeError) -> httpx.Response:
    """Return the response that a hook has refused by `raise_for_status`; raise what else it is."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response
    text = str(of_system(error))
    if isinstance(error, httpx.StreamError) or ("closed" not in text and "loop" not in text):
        raise error
    raise Failure("local", f"the httpx client is closed, or of another event loop: {text}")


def _failure(error: Exception, host: str, head: Head | None = None) -> Failure:
    """Return what an exception of httpx's sending to a host means; with a head it was sent."""
    if isinstance(error, Failure):
        error.sent = error.sent or head is not None
        return error
    system, text = _cause(error, OSError), str(error)
    if system is not None:
        of_system(system)
    if (tls := _cause(error, ssl.SSLError)) is not None:
        failure = tls_failure(tls, host)
        failure.sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return failure
    if system is not None and system.errno and system.errno > 0:
        text = os_text(system)  # asyncio's own words say less
    elif "_SWITCH_UPGRADE" in text:  # h11 names a state of its own
        text = SWITCHED
    elif not text:
        text = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    fitting = (kind for kinds, words, kind in _KINDS if isinstance(error, kinds) and words in text)
    return Failure(next(fitting, "local"), text, sent=not isinstance(error, _UNSENT))


def _cause(error: BaseException, kind: type[E]) -> E | None:
    """Return the first of an exception and its causes that is of a kind."""
    # "Nothing to read yet" is no error, but stays in the context of whatever happens next.
    waiting = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    current: BaseException | None = error
    for _ in range(20):
        if current is None or (isinstance(current, kind) and not isinstance(current, waiting)):
            return current
        current = current.__cause__ or current.__context__
    return None
