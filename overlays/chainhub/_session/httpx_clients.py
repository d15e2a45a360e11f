"""Where generated operations meet the session: the requests they ask for, and the httpx clients.

A resource's method takes the short way: `prepare`, then `exchange_prepared`, without a single
object of httpx for a request whose like was sent before. Whoever asks for a client of httpx gets
one whose transport is the session. Where the user brought a transport, a client or arguments for
httpx, the exchange itself goes through those, with the same results.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from http.cookiejar import Cookie, DefaultCookiePolicy
from types import ModuleType
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from urllib.request import Request

import httpx

from chainhub._responses import decode_json
from chainhub._session import operation as _runner
from chainhub._session.call import CallResult, Prepared
from chainhub._session.credentials import Key
from chainhub._session.options import Observers, Options
from chainhub._session.session import Session
from chainhub._transport import DECODED, Limits, Response
from chainhub.errors import ChainhubError
from chainhub_api.types import UNSET, Unset

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


class SafeResponse(httpx.Response):
    """A response whose `json()` raises typed errors only."""

    def __init__(
        self, outcome: CallResult, request: httpx.Request, secrets: tuple[str, ...]
    ) -> None:
        answer = outcome.value()
        headers = [pair for pair in answer.headers if pair[0].lower() not in DECODED]
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
        session: Sends the calls.
        options: The choices for every call.
        auth_header: The header the key travels in.
        prefix: The word before the key, usually `Bearer`.
        headers: The user's headers, with ours.
        cookies: The user's cookies.
        httpx_args: The user's arguments for httpx; with any, requests go through httpx.

    Attributes:
        given: A client of the user's own to send with.
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
        self._kept: dict[tuple[str, str], Prepared] = {}

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

    def prepared(self, request: httpx.Request) -> Prepared:
        """Return a request in the form in which the session sends it; its body is read now."""
        request.read()
        return Prepared(request, self.auth_header, self.prefix)

    def simple(
        self,
        build_request: Callable[..., httpx.Request],
        method: str,
        url: str,
        arguments: Mapping[str, Any],
    ) -> Prepared | None:
        """Return a request of the kind generated functions ask for; None leaves it to httpx.

        Two of a kind differ in their query alone, and httpx writes a query as the standard library
        does. The first of a kind is built by httpx and compared.
        """
        if arguments.keys() != {"params"} or not _are_strings(params := arguments["params"]):
            return None
        target = f"{self.session.connector.path}{url}?{urlencode(params)}".encode("ascii")
        kept = self._kept.get((method, url))
        if kept is None:
            kept = self.prepared(build_request(method, url, params=params))
            if kept.target == target:
                self._kept[method, url] = kept
            return kept
        return kept.aimed_at(target)

    def load_user_client(self) -> None:
        """Load what few need before a call begins, whose deadline it would count against."""
        from chainhub._transport import exchange_through  # noqa: F401

    def is_for_httpx(self, given: object) -> bool:
        """Tell whether requests go through httpx: a given client, arguments for it, or a mock."""
        return given is not None or bool(self.httpx_args) or is_mocked()

    def response(self, outcome: CallResult, request: httpx.Request) -> SafeResponse:
        """Return how the call ended as a response, or raise its error."""
        return SafeResponse(outcome, request, self.session.credentials.secrets())

    def client_settings(self, given: httpx.Client | httpx.AsyncClient | None) -> dict[str, Any]:
        """Return the settings with which httpx builds requests: the given client's, or ours."""
        cookies = httpx.Cookies(dict(self.cookies) if given is None else given.cookies).jar
        cookies.set_policy(Unstored())
        return {
            "base_url": self.session.connector.base_url,
            "headers": self.headers if given is None else given.headers,
            "params": None if given is None else given.params,
            "cookies": cookies,
            "trust_env": False,
        }


def is_mocked() -> bool:
    """Tell whether something has replaced what httpx sends with, as mocks and recorders do."""
    if httpx.HTTPTransport.handle_request is not _SENDING:
        return True
    if httpx.AsyncHTTPTransport.handle_async_request is not _ASYNC_SENDING:
        return True
    # respx and vcrpy replace what lies below httpx, which it loads when a client is made.
    httpcore = sys.modules.get("httpcore")
    if httpcore is None:
        return False
    sending = httpcore.ConnectionPool.handle_request
    return not _is_its_own(sending, "httpcore", "_sync", "connection_pool.py")


def _is_its_own(function: object, *folders: str) -> bool:
    """Tell whether a function is of the library in these folders, and not of a mock."""
    code = getattr(function, "__code__", None)
    return code is not None and str(code.co_filename).endswith(os.path.join(*folders))


# Test libraries replace these to keep people's tests off the network, some before this import:
# then requests go through httpx for as long as the process lives.
_SENDING, _ASYNC_SENDING = (
    found if _is_its_own(found, "httpx", "_transports", "default.py") else None
    for found in (
        httpx.HTTPTransport.handle_request,
        httpx.AsyncHTTPTransport.handle_async_request,
    )
)


def _are_strings(params: Mapping[str, object]) -> bool:
    for value in params.values():  # a generator would cost more than all that follows
        if type(value) is not str:
            return False
    return bool(params)


class SessionTransport(httpx.BaseTransport):
    """Sends what an httpx client has built through the session, and raises typed errors.

    How to authenticate, redirect and stream is decided by the session, not by arguments.

    Args:
        way: What both clients need to know.
    """

    def __init__(self, way: Doorway) -> None:
        self._way = way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the session and return its whole answer."""
        return self._way.response(self.exchange(self._way.prepared(request)), request)

    def exchange(self, prepared: Prepared, options: Options | None = None) -> CallResult:
        """Send a prepared request through the session and return how the call ended."""
        through = self._through if self._way.is_for_httpx(self._way.given) else None
        return self._way.session.call(prepared, options or self._way.options, through)

    def _through(self, prepared: Prepared, key: Key, limits: Limits) -> Response:
        from chainhub._transport import exchange_through  # few have a client of their own

        client = self._way.given or self._way.session.ordinary(self._way.httpx_args)
        return exchange_through(client, *prepared.spelt(key), limits)


class AsyncSessionTransport(httpx.AsyncBaseTransport):
    """The same for asyncio."""

    def __init__(self, way: Doorway) -> None:
        self._way = way

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the session and return its whole answer."""
        await request.aread()
        return self._way.response(await self.exchange(self._way.prepared(request)), request)

    async def exchange(self, prepared: Prepared, options: Options | None = None) -> CallResult:
        """Send a prepared request through the session and return how the call ended."""
        through = self._through if self._way.is_for_httpx(self._way.async_given) else None
        return await self._way.session.acall(prepared, options or self._way.options, through)

    async def _through(self, prepared: Prepared, key: Key, limits: Limits) -> Response:
        from chainhub._transport import aexchange_through  # few have a client of their own

        client = self._way.async_given or await self._way.session.async_ordinary(
            self._way.httpx_args
        )
        return await aexchange_through(client, *prepared.spelt(key), limits)


class Unstored(DefaultCookiePolicy):
    """Sends the user's cookies and keeps none of the server's."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        """Refuse a cookie of the server's."""
        return False


class BaseDoor(Generic[C]):
    """What both clients share: they build requests.

    Args:
        way: What both clients need to know.
    """

    def __init__(self, way: Doorway) -> None:
        self.way = way
        self._client: C | None = None
        if way.httpx_args:
            way.load_user_client()

    def _given(self) -> C | None:
        """Return the client of the user's own, with whose settings requests are built."""
        raise NotImplementedError  # pragma: no cover - both kinds have their own

    def _make_client(self) -> C:
        raise NotImplementedError  # pragma: no cover - both kinds have their own

    def client(self) -> C:
        """Return the httpx client for plain generated functions."""
        # What the user changes on a client of their own holds from the next request on.
        if self._client is None or self._given() is not None:
            self._client = self._make_client()
        return self._client

    def prepare(self, method: str, url: str, **kwargs: Any) -> Prepared:
        """Return the request a generated function asks for, ready for `exchange_prepared`."""
        simple = None
        if self._given() is None:
            simple = self.way.simple(self.build_request, method, url, kwargs)
        return simple or self.way.prepared(self.build_request(method, url, **kwargs))

    def build_request(self, method: str, url: str, **kwargs: Any) -> httpx.Request:
        """Build a request with the settings of the client."""
        return self.client().build_request(method, url, **kwargs)

    def prepared(self, request: httpx.Request) -> Prepared:
        """Return the request in the form in which the session sends it."""
        return self.way.prepared(request)

    def secrets(self) -> tuple[str, ...]:
        """Return what must be masked in texts that came from outside."""
        return self.way.session.credentials.secrets()

    @property
    def observers(self) -> Observers:
        """The callbacks for attempts and retries."""
        return self.way.session.observers


class Door(BaseDoor[httpx.Client]):
    """What sync operations send through."""

    def __init__(self, way: Doorway) -> None:
        super().__init__(way)
        self._transport = SessionTransport(way)
        self.exchange_prepared = self._transport.exchange

    def _given(self) -> httpx.Client | None:
        return self.way.given

    def _make_client(self) -> httpx.Client:
        settings = self.way.client_settings(self.way.given)
        return httpx.Client(**settings, transport=self._transport)

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


class AsyncDoor(BaseDoor[httpx.AsyncClient]):
    """What async operations send through."""

    def __init__(self, way: Doorway) -> None:
        super().__init__(way)
        self._transport = AsyncSessionTransport(way)
        self.exchange_prepared = self._transport.exchange

    def _given(self) -> httpx.AsyncClient | None:
        return self.way.async_given

    def _make_client(self) -> httpx.AsyncClient:
        settings = self.way.client_settings(self.way.async_given)
        return httpx.AsyncClient(**settings, transport=self._transport)

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
