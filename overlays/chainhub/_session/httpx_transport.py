"""The session and httpx: requests that httpx builds, and its clients that send through the session.

This module is loaded when it is needed: a call without body, cookies or a client of the user's own
needs no httpx, which takes longer to load than all of this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Protocol
from urllib.request import Request

import httpx

from chainhub._responses import decode_json
from chainhub._session.call import CallResult
from chainhub._session.request import PreparedRequest, encoded
from chainhub._transport import DECODED, Response
from chainhub.errors import ChainhubError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub._session.call import Options
    from chainhub._session.request import KeyPlace
    from chainhub._session.session import Session


class Transport(Protocol):
    """The part of the session's transports that is used here."""

    session: Session
    options: Options
    headers: Mapping[str, str]
    cookies: Mapping[str, str]

    @property
    def user_client(self) -> httpx.Client | httpx.AsyncClient | None: ...
    @property
    def exchange(self) -> Callable[..., Any]: ...
    def key_place(self, operation: str | None) -> KeyPlace: ...


class SafeResponse(httpx.Response):
    """A response whose `json()` raises typed errors only."""

    # After an error, error trackers must find no response that is only half initialised.
    def __init__(
        self,
        response: Response,
        result: CallResult,
        request: httpx.Request,
        secrets: Iterable[str],
    ) -> None:
        # By these httpx would decompress the body a second time.
        headers = [pair for pair in response.headers if pair[0].lower() not in DECODED]
        super().__init__(response.status, headers=headers, content=response.body, request=request)
        self._result = result
        self._secrets = secrets

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_secrets": ()}

    def json(self, **kwargs: Any) -> Any:  # noqa: ANN401 - the signature is httpx's
        """Decode the body strictly; raise a `ResponseError`, or the error that the body is."""
        try:
            return decode_json(self._result.value(), secrets=self._secrets)
        except ChainhubError as error:
            self._result.annotate(error)
            raise


class HTTPXTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Sends the requests of an httpx client through the session.

    The session decides how to authenticate, redirect and stream, not the arguments of httpx.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the session and return its whole response."""
        request.read()
        transport = self._transport
        result = transport.exchange(prepared(transport, request), transport.options)
        secrets = transport.session.credentials.secrets()
        return SafeResponse(result.value(), result, request, secrets)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the session and return its whole response."""
        await request.aread()
        transport = self._transport
        result = await transport.exchange(prepared(transport, request), transport.options)
        secrets = transport.session.credentials.secrets()
        return SafeResponse(result.value(), result, request, secrets)


def client_of(transport: Transport) -> httpx.Client:
    """Return a client of httpx that sends through the session."""
    return httpx.Client(**_settings(transport), transport=HTTPXTransport(transport))


def async_client_of(transport: Transport) -> httpx.AsyncClient:
    """Return an async client of httpx that sends through the session."""
    return httpx.AsyncClient(**_settings(transport), transport=HTTPXTransport(transport))


def builder_of(transport: Transport) -> httpx.Client:
    """Return a client of httpx that builds requests, and sends none."""
    # Not with this transport: the reference cycle would keep the session longer than its client.
    return httpx.Client(**_settings(transport), transport=httpx.BaseTransport())


def _settings(transport: Transport) -> dict[str, Any]:
    """Return the settings with which httpx builds requests: the given client's, or ours."""
    client = transport.user_client
    cookies = httpx.Cookies(dict(transport.cookies) if client is None else client.cookies).jar
    cookies.set_policy(SendOnlyCookiePolicy())
    return {
        "base_url": transport.session.connector.base_url,
        "headers": encoded(transport.headers) if client is None else client.headers,
        "params": None if client is None else client.params,
        "cookies": cookies,
        "trust_env": False,  # a .netrc would add credentials of its own
    }


def built(
    transport: Transport,
    builder: httpx.Client,
    kwargs: Mapping[str, Any],
    operation: str | None,
    headers: Mapping[str, str] | None,
) -> PreparedRequest:
    """Return the request that httpx builds of these arguments, with the headers of this call."""
    request = builder.build_request(**kwargs)
    request.headers.update(encoded(headers or {}))
    request.read()  # a body may be a stream, and an attempt more than one
    return prepared(transport, request, operation)


def prepared(
    transport: Transport, request: httpx.Request, operation: str | None = None
) -> PreparedRequest:
    """Return a request, whose body was read, in the form in which the session sends it."""
    url = request.url
    return PreparedRequest(
        request.method,
        f"{url.scheme}://{url.netloc.decode('ascii')}",  # without a default port
        url.raw_path,
        request.headers.raw,
        transport.key_place(operation),
        content=request.content,
        operation=operation,
    )


class SendOnlyCookiePolicy(DefaultCookiePolicy):
    """Sends the user's cookies and keeps none of the server's."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        """Refuse a cookie of the server's."""
        return False
