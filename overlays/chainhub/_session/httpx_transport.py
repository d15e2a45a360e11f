"""Where operations and httpx meet the session: two transports of httpx, one of them for asyncio.

A resource's method calls `run`, which makes no object of httpx for a request of a kind that was
sent before. Whoever asks for a client of httpx gets one whose transport is the session. Where the
user brought a transport, a client or arguments for httpx, the exchange itself goes through those,
with the same results.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from http.cookiejar import Cookie, DefaultCookiePolicy
from types import ModuleType
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request

import httpx

from chainhub import _transport
from chainhub._redaction import redact_text
from chainhub._responses import decode_json
from chainhub._session.call import CallResult, Options
from chainhub._session.credentials import Key
from chainhub._session.operation import UNSENDABLE, Operation, finished, operation_of
from chainhub._session.request import KeyPlace, PreparedRequest, check_headers
from chainhub._session.session import Session
from chainhub._transport import DECODED, Limits, Response, of_system
from chainhub.errors import ChainhubError, ConfigurationError, UnprocessableError
from chainhub_api.security import KEY, OTHERS
from chainhub_api.servers import OWN_SERVERS, SERVERS
from chainhub_api.types import UNSET, Unset


class SafeResponse(httpx.Response):
    """A response whose `json()` raises typed errors only."""

    def __init__(self, outcome: CallResult, request: httpx.Request, secrets: Iterable[str]) -> None:
        response = outcome.value()
        headers = [pair for pair in response.headers if pair[0].lower() not in DECODED]
        super().__init__(response.status, headers=headers, content=response.body, request=request)
        self._outcome = outcome
        self._secrets = secrets

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_secrets": ()}

    def json(self, **kwargs: Any) -> Any:  # noqa: ANN401 - the signature is httpx's
        """Decode the body strictly; raise a `ResponseError`, or the error that it is."""
        try:
            return decode_json(self._outcome.value(), secrets=self._secrets)
        except ChainhubError as error:
            failure = self._outcome.annotate(error)
        raise failure


class BaseSessionTransport:
    """What both transports share: they make requests of operations, and read the answers.

    Attributes:
        settings: The arguments of the client that say what is sent; `headers` have ours too.
        given: A client of the user's own to send with.
    """

    given: httpx.Client | httpx.AsyncClient | None = None
    call: Callable[..., object]

    def __init__(self, session: Session, options: Options, settings: Mapping[str, Any]) -> None:
        self.session = session
        self.options = options
        self.settings = settings
        self.auth_header: str = settings["auth_header_name"]
        self.prefix: str = settings["prefix"]
        self.headers: Mapping[str, str] = settings["headers"]
        self.cookies: Mapping[str, str] = settings["cookies"]
        self.httpx_args: Mapping[str, Any] = settings["httpx_args"]
        self._builder: httpx.Client | None = None
        self._kept: dict[Operation, PreparedRequest] = {}
        if self.httpx_args:
            self.load_user_client()

    def client_settings(self) -> dict[str, Any]:
        """Return the settings with which httpx builds requests: the given client's, or ours."""
        given = self.given
        cookies = httpx.Cookies(dict(self.cookies) if given is None else given.cookies).jar
        cookies.set_policy(Unstored())
        return {
            "base_url": self.session.connector.base_url,
            "headers": self.headers if given is None else given.headers,
            "params": None if given is None else given.params,
            "cookies": cookies,
            "trust_env": False,
        }

    def prepare(
        self,
        operation: Operation,
        arguments: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> PreparedRequest:
        """Return the request of an operation, with the headers of this call."""
        try:
            asked = operation.request(arguments)
            if OWN_SERVERS and self.session.connector.base_url == SERVERS[0]:
                # An absolute URL; the session refuses one of another host by its name.
                asked["url"] = OWN_SERVERS.get(operation.name or "", "") + asked["url"]
            if operation.name and not headers and self.given is None and _is_simple(asked):
                return self._simple(operation, asked)
            request = self._build(asked)
            request.headers.update(headers or {})
            return self.prepared(request, operation.name)
        except ConfigurationError:
            raise
        except UNSENDABLE as error:
            text = redact_text(
                f"{type(error).__name__}: {of_system(error)}", self.session.credentials.secrets()
            )
        name = (operation.name or "request").rpartition(".")[2]
        raise ConfigurationError(f"{name} cannot be called with these arguments ({text})")

    def _build(self, asked: Mapping[str, Any]) -> httpx.Request:
        # What the user changes on a client of their own holds from the next request on.
        if self._builder is None or self.given is not None:
            # Not with this transport: it would hold itself, and the session beyond its client.
            unused = httpx.BaseTransport()
            self._builder = httpx.Client(**self.client_settings(), transport=unused)
        return self._builder.build_request(**asked)

    def _simple(self, operation: Operation, asked: Mapping[str, Any]) -> PreparedRequest:
        """Return a request that is nothing but a method, a path and a query of texts.

        Two of an operation differ in these alone, and httpx writes a query as the standard library
        does. The first one is built by httpx and compared.
        """
        params = asked.get("params")
        query = f"?{urlencode(params)}" if params else ""
        target = f"{self.session.connector.path}{asked['url']}{query}".encode("ascii")
        kept = self._kept.get(operation)
        if kept is not None:
            return kept.aimed_at(target)
        made = self.prepared(self._build(asked), operation.name)
        if made.target == target:
            self._kept[operation] = made
        return made

    def prepared(self, request: httpx.Request, operation: str | None = None) -> PreparedRequest:
        """Return a request in the form in which the session sends it; its body is read now."""
        request.read()
        return PreparedRequest(request, self._key_place(operation), operation)

    def _key_place(self, operation: str | None) -> KeyPlace:
        """Return where an operation wants the key: as most do, if the contract says nothing."""
        place = KeyPlace(*OTHERS.get(operation or "", KEY))
        if place == KEY and place.where == "header":
            return KeyPlace("header", self.auth_header, self.prefix)
        return place

    def read(self, operation: Operation, result: CallResult, *, lenient: bool = False) -> object:
        """Return what the answer to an operation holds; raise how the call or it failed."""
        secrets = self.session.credentials.secrets
        if isinstance(result.error, UnprocessableError) and result.answer is not None:
            result.error.body = operation.documented(result.answer, secrets())
        answer = result.value()
        try:
            value = operation.parse(answer, secrets(), lenient=lenient)
        except ChainhubError as error:
            failure = result.annotate(error)
        else:
            calls = finished.get()
            if calls is not None:
                calls[:] = [(result, secrets)]
            return value
        raise failure

    def run(
        self,
        operation: ModuleType | Operation,
        returns: str,
        arguments: dict[str, object],
        timeout: float | httpx.Timeout | Unset | None = UNSET,
        deadline: float | Unset | None = UNSET,
        headers: Mapping[str, str] | None = None,
        /,
    ) -> Any:  # noqa: ANN401 - the async transport returns an awaitable
        """Carry out an operation for its resource, as `call` does, with the options of one call."""
        if headers:
            check_headers(headers.items(), self.auth_header)
        options = self.options
        if timeout is not UNSET or deadline is not UNSET:
            options = options.limited(timeout, deadline)
        if not isinstance(operation, Operation):
            operation = operation_of(operation, returns)
        return self.call(operation, arguments, options, headers)

    def load_user_client(self) -> None:
        """Load what few need before a call begins, whose deadline it would count against."""
        _ = _transport.exchange_through

    def is_for_httpx(self) -> bool:
        """Tell whether requests go through httpx: a given client, arguments for it, or a mock."""
        return self.given is not None or bool(self.httpx_args) or is_mocked()


class SessionTransport(BaseSessionTransport, httpx.BaseTransport):
    """Carries out operations, and sends what an httpx client has built, through the session.

    How to authenticate, redirect and stream is decided by the session, not by arguments of httpx.
    """

    given: httpx.Client | None = None

    def call(
        self,
        operation: Operation,
        arguments: Mapping[str, object],
        options: Options,
        headers: Mapping[str, str] | None = None,
        *,
        lenient: bool = False,
    ) -> object:
        """Carry out an operation and return its declared answer, or raise a `ChainhubError`."""
        prepared = self.prepare(operation, arguments, headers)
        return self.read(operation, self.exchange(prepared, options), lenient=lenient)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the session and return its whole answer."""
        result = self.exchange(self.prepared(request), self.options)
        return SafeResponse(result, request, self.session.credentials.secrets())

    def exchange(self, prepared: PreparedRequest, options: Options) -> CallResult:
        """Send a prepared request through the session and return how the call ended."""
        through = self._through if self.is_for_httpx() else None
        return self.session.call(prepared, options, through)

    def _through(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        client = self.given or self.session.httpx_client(self.httpx_args)
        return _transport.exchange_through(client, *prepared.for_httpx(key), limits)


class AsyncSessionTransport(BaseSessionTransport, httpx.AsyncBaseTransport):
    """The same for asyncio."""

    given: httpx.AsyncClient | None = None

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, object],
        options: Options,
        headers: Mapping[str, str] | None = None,
        *,
        lenient: bool = False,
    ) -> object:
        """Carry out an operation as `SessionTransport.call` does."""
        prepared = self.prepare(operation, arguments, headers)
        return self.read(operation, await self.exchange(prepared, options), lenient=lenient)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the session and return its whole answer."""
        await request.aread()
        result = await self.exchange(self.prepared(request), self.options)
        return SafeResponse(result, request, self.session.credentials.secrets())

    async def exchange(self, prepared: PreparedRequest, options: Options) -> CallResult:
        """Send a prepared request through the session and return how the call ended."""
        through = self._through if self.is_for_httpx() else None
        return await self.session.acall(prepared, options, through)

    async def _through(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        client = self.given or await self.session.async_httpx_client(self.httpx_args)
        return await _transport.aexchange_through(client, *prepared.for_httpx(key), limits)


def is_mocked() -> bool:
    """Tell whether something has replaced what httpx sends with, as mocks and recorders do."""
    if (httpx.HTTPTransport.handle_request is not _SENDING) or (
        httpx.AsyncHTTPTransport.handle_async_request is not _ASYNC_SENDING
    ):
        return True
    # respx and vcrpy replace what lies below httpx, which it loads when a client is made.
    httpcore = sys.modules.get("httpcore")
    return httpcore is not None and not _own(
        httpcore.ConnectionPool.handle_request, "httpcore", "_sync", "connection_pool.py"
    )


def _own(function: Any, *folders: str) -> Any:  # noqa: ANN401 - whatever has been put there
    """Return a function if it is of the library in these folders, and not of a mock."""
    code = getattr(function, "__code__", None)
    own = code is not None and str(code.co_filename).endswith(os.path.join(*folders))
    return function if own else None


# Test libraries replace these to keep people's tests off the network, some before this import:
# then requests go through httpx for as long as the process lives.
_HTTPX = ("httpx", "_transports", "default.py")
_SENDING = _own(httpx.HTTPTransport.handle_request, *_HTTPX)
_ASYNC_SENDING = _own(httpx.AsyncHTTPTransport.handle_async_request, *_HTTPX)


def _is_simple(asked: Mapping[str, Any]) -> bool:
    """Tell whether a request is nothing but a method, a path and a query of texts."""
    for name, value in asked.items():  # a generator would cost more than all that follows
        if name == "params":
            for text in value.values():
                if type(text) is not str:
                    return False
        elif name == "url":
            if not value.isascii():
                return False
        elif name != "method":
            return False
    return True


class Unstored(DefaultCookiePolicy):
    """Sends the user's cookies and keeps none of the server's."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        """Refuse a cookie of the server's."""
        return False
