"""The session with the options of one client: requests of operations, and values of responses.

A resource's method calls `run`. A request without body and cookies is written here; httpx builds
all others, and is loaded for them. If the user has set a client or arguments for httpx, requests
are sent through these, with the same results.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from chainhub import _transport
from chainhub._redaction import redact_text
from chainhub._session.call import CallResult, Options, error_of
from chainhub._session.credentials import Key
from chainhub._session.operation import (
    REQUEST_ERRORS,
    UNDESCRIBED,
    Operation,
    finished_calls,
    operation_of,
    raw_response,
)
from chainhub._session.request import KeyPlace, PreparedRequest, check_headers, encoded
from chainhub._session.session import Session
from chainhub._transport import Failure, Headers, Limits, Response, of_system
from chainhub.errors import ChainhubError, ConfigurationError, UnprocessableError
from chainhub_api.security import KEY, OTHERS
from chainhub_api.servers import OWN_SERVERS, SERVERS
from chainhub_api.types import UNSET, Unset

if TYPE_CHECKING:
    import httpx


class BaseSessionTransport:
    """What both transports share: they make requests of operations, and read the responses.

    Attributes:
        settings: The arguments of the client for what is sent; `headers` have ours too.
        user_client: A client of the user's own to send with.
    """

    user_client: httpx.Client | httpx.AsyncClient | None = None
    call: Callable[..., object]
    exchange: Callable[..., Any]

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
        self._templates: dict[Operation, PreparedRequest] = {}
        simple = not self.cookies and _plain_path(session.connector.path)
        self._plain_headers = _httpx_headers(self.headers) if simple else None
        if self.httpx_args:
            _ = _transport.exchange_through  # loaded here it costs no call's deadline

    def prepare(
        self,
        operation: Operation,
        arguments: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> PreparedRequest:
        """Return the request of an operation, with the headers of this call."""
        secrets = self.session.credentials.secrets
        try:
            kwargs = operation.request(arguments)
            if OWN_SERVERS and self.session.connector.base_url == SERVERS[0]:
                # An absolute URL; the session refuses those of other hosts, and names the host.
                kwargs["url"] = OWN_SERVERS.get(operation.name or "", "") + kwargs["url"]
            request = self._write(operation, kwargs) if operation.name and not headers else None
            return request or self._build(kwargs, operation.name, headers)
        except ConfigurationError:
            raise
        except _request_errors() as error:
            number = of_system(error).errno if isinstance(error, OSError) else None
            text = redact_text(f"{type(error).__name__}: {error}", secrets())
        if number in (errno.EMFILE, errno.ENFILE):  # to load httpx with
            failure = Failure("connect", os.strerror(number))
            raise error_of(failure, secrets(), ambiguous=False, deadline_over=False)
        name = (operation.name or "request").rpartition(".")[2]
        raise ConfigurationError(f"{name} cannot be called with these arguments ({text})")

    def _build(
        self, kwargs: Mapping[str, Any], operation: str | None, headers: Mapping[str, str] | None
    ) -> PreparedRequest:
        from chainhub._session import httpx_transport

        # The user may have changed their own client since the last request.
        if self._builder is None or self.user_client is not None:
            self._builder = httpx_transport.builder_of(self)
        return httpx_transport.built(self, self._builder, kwargs, operation, headers)

    def _write(self, operation: Operation, kwargs: Mapping[str, Any]) -> PreparedRequest | None:
        """Return a request that is nothing but a method, a path and a query of texts and numbers.

        Two requests of an operation differ in path and query alone, and httpx writes a query as the
        standard library does. None if httpx must build it.
        """
        if self.user_client is not None or self._plain_headers is None or not _is_simple(kwargs):
            return None
        params = kwargs.get("params")
        query = f"?{urlencode(params)}" if params else ""
        connector = self.session.connector
        target = f"{connector.path}{kwargs['url']}{query}".encode("ascii")
        if len(target) > _LONGEST:
            return None
        template = self._templates.get(operation)
        if template is None:
            template = self._templates[operation] = PreparedRequest(
                kwargs["method"].upper(),
                connector.origin,
                target,
                [(b"Host", connector.authority.encode("ascii")), *self._plain_headers],
                self.key_place(operation.name),
                operation=operation.name,
            )
        return template.aimed_at(target)

    def key_place(self, operation: str | None) -> KeyPlace:
        """Return where an operation wants the key: the common place, unless it has its own."""
        place = KeyPlace(*OTHERS.get(operation or "", KEY))
        if place == KEY and place.where == "header":
            return KeyPlace("header", self.auth_header, self.prefix)
        return place

    def read(self, operation: Operation, result: CallResult, *, lenient: bool = False) -> object:
        """Return the value of an operation's response; raise the error of the call or of it."""
        secrets = self.session.credentials.secrets
        if isinstance(result.error, UnprocessableError) and result.response is not None:
            result.error.body = operation.documented_body(result.response, secrets())
        response = result.value()
        try:
            value = operation.parse(response, secrets(), lenient=lenient)
        except ChainhubError as error:
            result.annotate(error)
            raise
        calls = finished_calls.get()
        if calls is not None:
            calls[:] = [(result, secrets)]
        return value

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
            options = options.with_changes(timeout, deadline)
        if not isinstance(operation, Operation):
            operation = operation_of(operation, returns)
        return self.call(operation, arguments, options, headers)

    def request(self, arguments: dict[str, object], *options: Any) -> Any:  # noqa: ANN401 - as `run`
        """Send a request that the contract does not describe; `options` are those of `run`."""
        return raw_response(self.run, UNDESCRIBED, "Any", arguments, *options)

    def set_user_client(self, client: Any) -> None:  # noqa: ANN401 - of one of two classes
        """Send through a client of the user's own from now on."""
        import httpx

        sync = isinstance(self, SessionTransport)
        if isinstance(client, httpx.AsyncClient if sync else httpx.Client):
            class_name, prefix = ("Client", "") if sync else ("AsyncClient", "async_")
            raise ConfigurationError(f"set_{prefix}httpx_client takes an httpx.{class_name}")
        self.user_client = client
        _ = _transport.exchange_through

    def is_for_httpx(self) -> bool:
        """Tell whether requests go through httpx: a given client, arguments for it, or a mock."""
        return self.user_client is not None or bool(self.httpx_args) or is_mocked()


class SessionTransport(BaseSessionTransport):
    """Carries out operations for threads."""

    user_client: httpx.Client | None = None

    def call(
        self,
        operation: Operation,
        arguments: Mapping[str, object],
        options: Options,
        headers: Mapping[str, str] | None = None,
        *,
        lenient: bool = False,
    ) -> object:
        """Carry out an operation and return its declared value, or raise a `ChainhubError`."""
        prepared = self.prepare(operation, arguments, headers)
        return self.read(operation, self.exchange(prepared, options), lenient=lenient)

    def exchange(self, prepared: PreparedRequest, options: Options) -> CallResult:
        """Send a prepared request through the session and return how the call ended."""
        exchange = self._httpx_exchange if self.is_for_httpx() else None
        return self.session.call(prepared, options, exchange)

    def httpx_client(self) -> httpx.Client:
        """Return a client of httpx that sends through the session."""
        from chainhub._session.httpx_transport import client_of

        return client_of(self)

    def _httpx_exchange(self, prepared: PreparedRequest, key: Key, limits: Limits) -> Response:
        client = self.user_client or self.session.httpx_client(self.httpx_args)
        return _transport.exchange_through(client, *prepared.for_httpx(key), limits)


class AsyncSessionTransport(BaseSessionTransport):
    """Carries out operations under asyncio."""

    user_client: httpx.AsyncClient | None = None

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

    async def exchange(self, prepared: PreparedRequest, options: Options) -> CallResult:
        """Send a prepared request through the session and return how the call ended."""
        exchange = self._httpx_exchange if self.is_for_httpx() else None
        return await self.session.acall(prepared, options, exchange)

    def httpx_client(self) -> httpx.AsyncClient:
        """Return an async client of httpx that sends through the session."""
        from chainhub._session.httpx_transport import async_client_of

        return async_client_of(self)

    async def _httpx_exchange(
        self, prepared: PreparedRequest, key: Key, limits: Limits
    ) -> Response:
        client = self.user_client or await self.session.async_httpx_client(self.httpx_args)
        return await _transport.aexchange_through(client, *prepared.for_httpx(key), limits)


def is_mocked() -> bool:
    """Tell whether something has replaced what httpx sends with, as mocks and recorders do.

    `send` of httpx's clients is not checked: monitoring tools replace it in all of them, and no
    call would use our own sockets any more.
    """
    # What is not loaded cannot have been replaced; another thread may still be loading it.
    if "httpx" in sys.modules:
        import httpx

        sync, asynchronous = httpx.HTTPTransport, httpx.AsyncHTTPTransport
        if not (
            _is_own(sync.handle_request, _HTTPX)
            and _is_own(asynchronous.handle_async_request, _HTTPX)
            # respx replaces these with `using="httpx"`. A later httpx may not have them.
            and _is_own(getattr(httpx.Client, _CHOOSE, sync.handle_request), _HTTPX)
            and _is_own(getattr(httpx.AsyncClient, _CHOOSE, sync.handle_request), _HTTPX)
        ):
            return True
    # respx and vcrpy replace what lies below httpx, which it loads when a client is made.
    if "httpcore" not in sys.modules:
        return False
    httpcore = import_module("httpcore")
    return not (
        _is_own(httpcore.ConnectionPool.handle_request, _HTTPCORE)
        and _is_own(httpcore.AsyncConnectionPool.handle_async_request, _HTTPCORE)
    )


def _is_own(function: object, files: tuple[str, ...]) -> bool:
    """Tell whether a function is of the library with these files, and not of a mock."""
    # By its type: a wrapper of wrapt claims to be a function, with the same code.
    return type(function) is FunctionType and function.__code__.co_filename.endswith(files)


_CHOOSE = "_transport_for_url"
_HTTPX = (os.path.join("httpx", "_transports", "default.py"), os.path.join("httpx", "_client.py"))
_HTTPCORE = tuple(
    os.path.join("httpcore", part, "connection_pool.py") for part in ("_sync", "_async")
)
_BODILESS = {"delete", "get", "head", "options"}
_LONGEST = 60_000  # httpx refuses a URL of 65,536 characters
# httpx encodes other characters, and drops segments that are dots.
_plain_path = re.compile(r"(?:/(?![./])(?:[A-Za-z0-9_.~:@-]|%[0-9A-Fa-f]{2})*)*").fullmatch


_PLAIN_TYPES = (str, int)


def _is_simple(kwargs: Mapping[str, Any]) -> bool:
    for name, value in kwargs.items():  # a generator would cost more than all that follows
        if name == "params":
            for item in value.values():  # neither a list nor a bool, which is written otherwise
                if type(item) not in _PLAIN_TYPES:
                    return False
        elif name == "url":
            if not _plain_path(value):
                return False
        elif name != "method" or value not in _BODILESS:
            return False
    return True


def _httpx_headers(headers: Mapping[str, str]) -> Headers | None:
    """Return headers as httpx sends them, with those it adds; None if httpx must build them."""
    names = {name.lower() for name in headers}
    if len(names) < len(headers) or not names.isdisjoint(("connection", "host")):
        return None
    return [(b"Connection", b"keep-alive"), *encoded(headers)]


def _request_errors() -> tuple[type[Exception], ...]:
    """Return the errors of making a request; those of httpx only if it is loaded."""
    if "httpx" not in sys.modules:
        return REQUEST_ERRORS
    import httpx

    return (*REQUEST_ERRORS, httpx.InvalidURL, httpx.StreamError)
