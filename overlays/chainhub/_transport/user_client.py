"""Exchanges through an httpx client or transport of the user's own, such as a mock in tests.

Only its `send` is used: neither its headers nor its cookies. Its sockets are not ours: a time limit
is checked between two reads only, and addresses are not checked.
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
from chainhub._transport.connections import Limits, cancel_scope, of_system, os_text, seconds_until
from chainhub._transport.http1 import (
    DECODED,
    SWITCHING_PROTOCOLS,
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
"""Errors of sending; every other exception is a bug in some code and is not caught."""

_UNSENT_ERRORS = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.ProxyError, *_SOCKS),  # of making a tunnel
)
# The first row that matches: httpx's own classes, words of their text, and foreign exceptions.
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
    (httpx.StreamError, "", "truncated"),  # a hook has closed it, or read it without storing it
    (socket.gaierror, "", "lookup"),  # of a transport that does not use httpcore
    (OSError, "", "closed"),
)


def exchange_through(
    client: httpx.Client, method: str, url: str, headers: Headers, body: bytes, limits: Limits
) -> Response:
    """Send a request through a client and return its whole response, or raise a Failure."""
    until, head = limits.until(), None
    request = _request(method, url, headers, body, until=until, connect=limits.connect)
    try:
        with closing(StreamedResponse(client, httpx.USE_CLIENT_DEFAULT)) as stream:
            response = stream.send(request, until)
            head = _head(response)
            content = Body(head.headers, limits.max_body)
            for chunk in stream.body():
                content.feed(chunk)
            return Response(*head, content.finish())
    except (Failure, *FOREIGN) as error:
        return _failure(error, request.url.host, head).response_to(head)


async def aexchange_through(
    client: httpx.AsyncClient, method: str, url: str, headers: Headers, body: bytes, limits: Limits
) -> Response:
    """Send a request through an async client, as `exchange_through` does."""
    until, head = limits.until(), None
    request = _request(method, url, headers, body, until=until, connect=limits.connect)
    try:
        async with asyncio.timeout(seconds_until(until)) as scope:
            with cancel_scope(limits.cancel, lambda: _clock.waker(scope)):
                response = await _asend(client, request)
                async with aclosing(response):
                    head = _head(response)
                    content = Body(head.headers, limits.max_body)
                    if response.is_stream_consumed:
                        content.feed(response.content)
                    else:
                        async for chunk in response.aiter_raw():
                            content.feed(chunk)
                    return Response(*head, content.finish())
    except (Failure, *FOREIGN) as error:
        return _failure(error, request.url.host, head).response_to(head)


def _request(
    method: str, url: str, headers: Headers, body: bytes, *, until: float, connect: float
) -> httpx.Request:
    """Return a request whose timeouts end at the instant `until` (monotonic)."""
    limit = None if math.isinf(until) else max(until - _clock.monotonic(), 0.001)
    connect = connect if limit is None else min(limit, connect)
    extensions = {"timeout": {"connect": connect, "read": limit, "write": limit, "pool": limit}}
    return httpx.Request(method, url, headers=headers, content=body, extensions=extensions)


def _head(response: httpx.Response) -> Head:
    """Return the head; httpx has read and decompressed the whole response of a mock."""
    omitted = DECODED if response.is_stream_consumed else ()
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in omitted]
    return Head(response.status_code, headers)


class StreamedResponse:
    """One request through a client of the user's own, its response read piece by piece."""

    surplus = 0  # the number of bytes received after the response: httpx does not tell

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
        """Send a GET without credentials and return the head of its response."""
        request = _request("GET", str(url), headers, b"", until=until, connect=connect)
        response = self.send(request, until)
        head = _head(response)
        if response.is_stream_consumed:
            # A download must know when it is complete.
            head.headers.append((b"Content-Length", b"%d" % len(response.content)))
        return head

    def send(self, request: httpx.Request, until: float) -> httpx.Response:
        """Send a request; its response must be read by `until` (monotonic)."""
        self._until, self._host = until, request.url.host
        self._response = self._run(lambda: self._send(request))
        return self._response

    def body(self) -> Iterator[bytes]:
        """Yield the body as it is received."""
        assert self._response is not None  # it was asked for
        if self._response.is_stream_consumed:
            yield self._response.content
            return
        read = self._reader(self._response)
        while chunk := self._run(read):
            yield chunk

    def _run(self, step: Callable[[], T]) -> T:
        # A foreign transport may wait longer than its timeouts: check the clock too.
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
            return _response_of(error)

    def _reader(self, response: httpx.Response) -> Callable[[], bytes]:
        return partial(next, response.iter_raw(), b"")

    def extend(self, until: float) -> None:
        """Set another instant for the end of what follows."""
        self._until = until

    def shut(self) -> None:
        """End it before the next read: a transport cannot be interrupted."""
        self._ended = True

    def close(self) -> None:
        """Close the response."""
        if self._response is not None:
            self._response.close()


class AsyncStreamedResponse(StreamedResponse):
    """The same through an async client, which runs in its loop while a thread of ours waits."""

    def __init__(
        self, client: Callable[[], Awaitable[httpx.AsyncClient]], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(None)
        self._async_client = client
        self._loop = loop
        self._stop: Callable[[], object] | None = None

    def _send(self, request: httpx.Request) -> httpx.Response:
        async def send() -> httpx.Response:
            return await _asend(await self._async_client(), request, None)

        return self._in_loop(send())

    def _reader(self, response: httpx.Response) -> Callable[[], bytes]:
        chunks = response.aiter_raw()

        async def read() -> bytes:
            return await anext(chunks, b"")

        return lambda: self._in_loop(read())

    def _in_loop(self, coroutine: Coroutine[None, None, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._stop = future.cancel
        if self._ended:  # in the meantime, when there was nothing to stop
            future.cancel()
        try:
            return future.result(seconds_until(self._until))
        except (CancelledError, TimeoutError):
            future.cancel()
        raise httpx.ReadTimeout("timed out")

    def shut(self) -> None:
        """Make all waiting here fail at once."""
        super().shut()
        if self._stop is not None:
            self._stop()

    def close(self) -> None:
        """Have the response closed in its loop, without waiting: the loop may wait for us."""
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
        return _response_of(error)


def _response_of(error: httpx.HTTPStatusError | RuntimeError) -> httpx.Response:
    """Return the response for which a hook called `raise_for_status`; raise any other error."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response
    text = str(of_system(error))
    if isinstance(error, httpx.StreamError) or ("closed" not in text and "loop" not in text):
        raise error
    raise Failure("local", f"the httpx client is closed, or of another event loop: {text}")


def _failure(error: Exception, host: str, head: Head | None = None) -> Failure:
    """Return the failure for an exception of a request to a host; with a head it was sent."""
    if isinstance(error, Failure):
        error.sent = error.sent or head is not None
        return error
    os_error, text = _cause(error, OSError), str(error)
    if os_error is not None:
        of_system(os_error)
    if (tls_error := _cause(error, ssl.SSLError)) is not None:
        failure = tls_failure(tls_error, host)
        failure.sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return failure
    if os_error is not None and os_error.errno and os_error.errno > 0:
        text = os_text(os_error)  # asyncio's own text says less
    elif "_SWITCH_UPGRADE" in text:  # h11 names a state of its own
        text = SWITCHING_PROTOCOLS
    elif not text:
        text = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    matches = (kind for kinds, words, kind in _KINDS if isinstance(error, kinds) and words in text)
    return Failure(next(matches, "local"), text, sent=not isinstance(error, _UNSENT_ERRORS))


def _cause(error: BaseException, kind: type[E]) -> E | None:
    """Return the first of an exception and its causes that is of this class."""
    # "Nothing to read yet" is no error, but stays in the context of the next one.
    want_errors = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    current: BaseException | None = error
    for _ in range(20):
        if current is None or (isinstance(current, kind) and not isinstance(current, want_errors)):
            return current
        current = current.__cause__ or current.__context__
    return None
