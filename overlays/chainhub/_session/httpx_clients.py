"""The two httpx clients that generated operations send through; their sending is ours.

Whatever a generated function asks of its client ends in `send`: from there the session takes over,
with credentials, deadlines, retries and typed errors. Where the user brought a transport, a client
or arguments for httpx, the exchange itself takes httpx's ordinary path, with the same results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import httpcore
import httpx

from chainhub import _clock
from chainhub._body import BodyError, BodyReader
from chainhub._clock import waker
from chainhub._pool import Attempt, Raw, watching, without_body
from chainhub._responses.response import decode_json
from chainhub._session import operation as _runner
from chainhub._session.call import CallResult, Prepared
from chainhub._session.options import Observers, Options
from chainhub._session.session import Session
from chainhub.errors import ChainhubError
from chainhub_api.types import UNSET, Unset

NO_LONGER_TRUE = (b"content-encoding", b"content-length", b"transfer-encoding")
"""Headers that say nothing true about a body that was inflated already."""

# Test libraries replace these methods, those of httpx or those of httpcore, to keep people's tests
# off the network; some do so before this module is imported.
_SENDING = (httpx.HTTPTransport.handle_request, httpcore.ConnectionPool.handle_request)
_ASYNC_SENDING = (
    httpx.AsyncHTTPTransport.handle_async_request,
    httpcore.AsyncConnectionPool.handle_async_request,
)


def _is_foreign(*methods: Callable[..., object]) -> bool:
    """Tell by where they were written; a wrapper may have taken over all names."""
    homes = [getattr(method, "__globals__", {}).get("__name__", "") for method in methods]
    return not all(home.startswith(("httpx.", "httpcore.")) for home in homes)


_FOREIGN_AT_IMPORT = _is_foreign(*_SENDING, *_ASYNC_SENDING)


def is_patched() -> bool:
    """Tell whether a test library answers in place of httpx or httpcore."""
    found = (httpx.HTTPTransport.handle_request, httpcore.ConnectionPool.handle_request)
    return (found != _SENDING or _FOREIGN_AT_IMPORT) and _is_foreign(*found)


def is_async_patched() -> bool:
    """Tell whether a test library answers in place of httpx or httpcore, asynchronously."""
    found = (
        httpx.AsyncHTTPTransport.handle_async_request,
        httpcore.AsyncConnectionPool.handle_async_request,
    )
    return (found != _ASYNC_SENDING or _FOREIGN_AT_IMPORT) and _is_foreign(*found)


class SafeResponse(httpx.Response):
    """An answer whose `json()` raises typed errors only."""

    def __init__(
        self, outcome: CallResult, request: httpx.Request, secrets: tuple[str, ...]
    ) -> None:
        answer = outcome.value()
        headers = [pair for pair in answer.headers if pair[0].lower() not in NO_LONGER_TRUE]
        super().__init__(answer.status, headers=headers, content=answer.body, request=request)
        self._outcome = outcome
        self._secrets = secrets

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_secrets": ()}

    def json(self, **kwargs: Any) -> Any:  # noqa: ANN401 - the signature is httpx's
        """Decode the body strictly.

        Raises:
            ResponseError: the body is no JSON.
            StatusError: the body is an error that came with a good status.
        """
        try:
            return decode_json(self._outcome.value(), secrets=self._secrets)
        except ChainhubError as error:
            failure = self._outcome.told(error)
        raise failure


class Doorway:
    """What both clients need to know.

    Args:
        session: Carries the calls out.
        options: The choices for every call.
        auth_header: The header the key travels in.
        prefix: The word before the key, usually `Bearer`.
        headers: The user's headers, with ours.
        cookies: The user's cookies.
        httpx_args: The user's arguments for httpx; with any, httpx's ordinary path is taken.

    Attributes:
        given: A client of the user's own to send through.
        async_given: The same for asyncio.
    """

    def __init__(
        self,
        *,
        session: Session,
        options: Options,
        auth_header: str,
        prefix: str,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        httpx_args: Mapping[str, Any],
    ) -> None:
        self.session = session
        self.options = options
        self.auth_header = auth_header
        self.prefix = prefix
        self.headers = headers
        self.cookies = cookies
        self.httpx_args = httpx_args
        self.given: httpx.Client | None = None
        self.async_given: httpx.AsyncClient | None = None

    def options_for(
        self,
        timeout: float | httpx.Timeout | Unset | None,
        deadline: float | Unset | None,
        headers: Mapping[str, str] | None,
    ) -> Options:
        """Return the options of one call, whose headers are looked at.

        Raises:
            ConfigurationError: one of them cannot be used.
        """
        if headers:
            from chainhub._session.headers import check_headers

            check_headers(headers.items(), self.auth_header)
        return self.options.limited(timeout, deadline)

    def simple_request(
        self,
        method: str,
        url: httpx.URL | str,
        arguments: Mapping[str, Any],
        door: httpx.Client | httpx.AsyncClient,
    ) -> httpx.Request | None:
        """Build a request of the kind generated functions ask for; None leaves it to httpx.

        httpx merges every request with the settings of its client and parses the URL three times
        for it; where nothing but query parameters is given, once is enough.
        """
        if door.cookies or door.params or not isinstance(url, str) or not url.startswith("/"):
            return None
        if not arguments.keys() <= {"params"}:
            return None
        place = f"{self.session.connector.base_url}{url}"
        return httpx.Request(method, place, headers=door.headers, **arguments)

    def response(self, outcome: CallResult, request: httpx.Request) -> SafeResponse:
        """Return how the call ended as a response, or raise its error."""
        return SafeResponse(outcome, request, self.session.credentials.secrets())

    def client_settings(self) -> dict[str, Any]:
        """Return the settings with which httpx builds requests."""
        return {
            "base_url": self.session.connector.base_url,
            "headers": self.headers,
            "cookies": self.cookies,
            "trust_env": False,
        }


def for_building(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that describe a request, without those about sending it."""
    return {name: arguments[name] for name in arguments.keys() - {"auth", "follow_redirects"}}


def ordinary_request(prepared: Prepared, key: str, attempt: Attempt) -> httpx.Request:
    """Return the request with its key, for httpx's own sending."""
    until = attempt.until()
    left = None if math.isinf(until) else max(until - _clock.monotonic(), 0.001)
    connect = attempt.connect if left is None else min(left, attempt.connect)
    timeouts = {"connect": connect, "read": left, "write": left, "pool": left}
    original = prepared.request
    return httpx.Request(
        original.method,
        prepared.raw_url,
        headers=prepared.headers(key),
        stream=original.stream,
        extensions={**original.extensions, "timeout": timeouts},
    )


def read_already(response: httpx.Response) -> Raw | None:
    """Return the answer of a mock, which httpx has read and inflated, else None."""
    if not response.is_stream_consumed:
        return None
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in NO_LONGER_TRUE]
    return Raw(response.status_code, headers, response.content)


def certainly_unsent(error: Exception) -> bool:
    """Tell whether httpx failed before anything was sent."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


class Door(httpx.Client):
    """The client that synchronous generated functions get."""

    def __init__(self, way: Doorway) -> None:
        # Without a transport httpx would build a pool and a TLS context of its own.
        super().__init__(**way.client_settings(), transport=httpx.BaseTransport())
        self.way = way

    def run(
        self,
        operation: ModuleType,
        returns: str,
        arguments: dict[str, object],
        timeout: float | httpx.Timeout | Unset | None = UNSET,
        deadline: float | Unset | None = UNSET,
        headers: Mapping[str, str] | None = None,
        /,
    ) -> object:
        """Carry out an operation for its resource.

        Raises:
            ChainhubError: whatever went wrong.
        """
        options = self.way.options
        if timeout is not UNSET or deadline is not UNSET or headers:
            options = self.way.options_for(timeout, deadline, headers)
        return _runner.run(self, operation, returns, arguments, options, headers)

    def build_request(self, method: str, url: httpx.URL | str, **kwargs: Any) -> httpx.Request:
        """Build a request, with the settings of the user's own client if there is one."""
        if self.way.given is None:
            simple = self.way.simple_request(method, url, kwargs, self)
            return simple or super().build_request(method, url, **kwargs)
        return self.way.given.build_request(method, self._merge_url(url), **kwargs)

    def request(self, method: str, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        """Send a request through the session and return its whole answer."""
        return self.send(self.build_request(method, url, **for_building(kwargs)))

    def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        """Send a request through the session and return its whole answer.

        How to authenticate, redirect and stream is decided by the session, not by arguments.
        """
        return self.way.response(self.exchange(request), request)

    def exchange(self, request: httpx.Request, options: Options | None = None) -> CallResult:
        """Send a request through the session and return how the call ended."""
        return self.exchange_prepared(self.prepared(request), options or self.way.options)

    def prepared(self, request: httpx.Request) -> Prepared:
        """Return the request in the form in which the session sends it."""
        return Prepared(request, self.way.auth_header, self.way.prefix)

    def exchange_prepared(self, prepared: Prepared, options: Options) -> CallResult:
        """Send a prepared request, perhaps not for the first time."""
        ordinary = self._ordinary if self._takes_ordinary_path() else None
        return self.way.session.call(prepared, options, ordinary)

    def secrets(self) -> tuple[str, ...]:
        """Return what must be masked in texts that came from outside."""
        return self.way.session.credentials.secrets()

    @property
    def observers(self) -> Observers:
        """The callbacks for attempts and retries."""
        return self.way.session.observers

    def close(self) -> None:
        """Do nothing: connections belong to the client that this one is part of."""

    def _takes_ordinary_path(self) -> bool:
        chosen = self.way.given is not None or self.way.httpx_args
        return True if chosen else is_patched()

    def _ordinary(self, prepared: Prepared, key: str, attempt: Attempt) -> Raw:
        request = ordinary_request(prepared, key, attempt)
        attempt.reached = True
        try:
            response = self._ordinary_client().send(request, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            attempt.reached = not certainly_unsent(error)
            raise
        try:
            return read_already(response) or self._read(response, attempt)
        finally:
            response.close()

    def _ordinary_client(self) -> httpx.Client:
        return self.way.given or self.way.session.ordinary(self.way.httpx_args)

    def _read(self, response: httpx.Response, attempt: Attempt) -> Raw:
        until = attempt.until()
        try:
            reader = BodyReader(response.headers.raw, attempt.max_body)
            for chunk in response.iter_raw():
                reader.feed(chunk)
                if _clock.monotonic() > until:
                    raise httpx.ReadTimeout("timed out")
            return Raw(response.status_code, response.headers.raw, reader.finish())
        except (BodyError, httpx.NetworkError, httpx.ProtocolError):
            return without_body(response.status_code, response.headers.raw)


class AsyncDoor(httpx.AsyncClient):
    """The client that asynchronous generated functions get."""

    def __init__(self, way: Doorway) -> None:
        super().__init__(**way.client_settings(), transport=httpx.AsyncBaseTransport())
        self.way = way

    async def run(
        self,
        operation: ModuleType,
        returns: str,
        arguments: dict[str, object],
        timeout: float | httpx.Timeout | Unset | None = UNSET,
        deadline: float | Unset | None = UNSET,
        headers: Mapping[str, str] | None = None,
        /,
    ) -> object:
        """Carry out an operation for its resource, as `Door.run` does."""
        options = self.way.options
        if timeout is not UNSET or deadline is not UNSET or headers:
            options = self.way.options_for(timeout, deadline, headers)
        return await _runner.arun(self, operation, returns, arguments, options, headers)

    def build_request(self, method: str, url: httpx.URL | str, **kwargs: Any) -> httpx.Request:
        """Build a request, with the settings of the user's own client if there is one."""
        if self.way.async_given is None:
            simple = self.way.simple_request(method, url, kwargs, self)
            return simple or super().build_request(method, url, **kwargs)
        return self.way.async_given.build_request(method, self._merge_url(url), **kwargs)

    async def request(self, method: str, url: httpx.URL | str, **kwargs: Any) -> httpx.Response:
        """Send a request through the session and return its whole answer."""
        return await self.send(self.build_request(method, url, **for_building(kwargs)))

    async def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        """Send a request through the session and return its whole answer.

        How to authenticate, redirect and stream is decided by the session, not by arguments.
        """
        return self.way.response(await self.exchange(request), request)

    async def exchange(self, request: httpx.Request, options: Options | None = None) -> CallResult:
        """Send a request through the session and return how the call ended."""
        return await self.exchange_prepared(self.prepared(request), options or self.way.options)

    def prepared(self, request: httpx.Request) -> Prepared:
        """Return the request in the form in which the session sends it."""
        return Prepared(request, self.way.auth_header, self.way.prefix)

    async def exchange_prepared(self, prepared: Prepared, options: Options) -> CallResult:
        """Send a prepared request, perhaps not for the first time."""
        ordinary = self._ordinary if self._takes_ordinary_path() else None
        return await self.way.session.acall(prepared, options, ordinary)

    def secrets(self) -> tuple[str, ...]:
        """Return what must be masked in texts that came from outside."""
        return self.way.session.credentials.secrets()

    @property
    def observers(self) -> Observers:
        """The callbacks for attempts and retries."""
        return self.way.session.observers

    async def aclose(self) -> None:
        """Do nothing: connections belong to the client that this one is part of."""

    def _takes_ordinary_path(self) -> bool:
        chosen = self.way.async_given is not None or self.way.httpx_args
        return True if chosen else is_async_patched()

    async def _ordinary(self, prepared: Prepared, key: str, attempt: Attempt) -> Raw:
        import asyncio  # the door of threads needs none of it

        request = ordinary_request(prepared, key, attempt)
        attempt.reached = True
        left = attempt.until() - _clock.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as scope:
                with watching(attempt.cancel, lambda: waker(scope)):
                    return await self._exchange_ordinarily(request, attempt)
        except TimeoutError as error:
            raise httpx.ReadTimeout("timed out") from error
        except httpx.HTTPError as error:
            attempt.reached = not certainly_unsent(error)
            raise

    async def _exchange_ordinarily(self, request: httpx.Request, attempt: Attempt) -> Raw:
        client = await self._ordinary_client()
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            return read_already(response) or await self._read(response, attempt)
        finally:
            await response.aclose()

    async def _ordinary_client(self) -> httpx.AsyncClient:
        return self.way.async_given or await self.way.session.async_ordinary(self.way.httpx_args)

    async def _read(self, response: httpx.Response, attempt: Attempt) -> Raw:
        try:
            reader = BodyReader(response.headers.raw, attempt.max_body)
            async for chunk in response.aiter_raw():
                reader.feed(chunk)
            return Raw(response.status_code, response.headers.raw, reader.finish())
        except (BodyError, httpx.NetworkError, httpx.ProtocolError):
            return without_body(response.status_code, response.headers.raw)
