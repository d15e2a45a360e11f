"""The two clients: the generated `AuthenticatedClient` with better defaults and our HTTP layer.

Every resource is made with a transport that carries its operations out, and every plain generated
function gets its HTTP client through `get_httpx_client()` or `get_async_httpx_client()`. So every
operation, today's and future ones, has credentials, deadlines, retries and typed errors without
code of its own.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar
from urllib.parse import urlsplit

from chainhub._version import __version__
from chainhub.errors import ChainhubError, ConfigurationError, ConnectionFailedError
from chainhub_api.client import AuthenticatedClient
from chainhub_api.security import KEY
from chainhub_api.servers import SERVERS
from chainhub_api.types import UNSET, Unset
from chainhub_resources import AsyncResources, Resources

if TYPE_CHECKING:
    import ssl

    import httpx

    from chainhub._cancel import Cancel
    from chainhub._session import (
        AsyncSessionTransport,
        AttemptEvent,
        CallEvent,
        Options,
        RawResponse,
        RetryEvent,
        RetryPolicy,
        Session,
        SessionTransport,
    )

    Primitive = str | int | float | bool | None
    Params = Mapping[str, Primitive | Sequence[Primitive]]
    Span = float | httpx.Timeout | None
    Verify = bool | str | os.PathLike[str] | ssl.SSLContext

TIMEOUT = 15.0
"""Seconds for one attempt: a status answer has 300 bytes; a slower gateway is dead."""

DEADLINE = 60.0
"""Seconds for a whole call: four attempts of a gateway that answers late fit in."""

DEFAULT_LIMIT = 32 * 1024 * 1024
"""Bytes of a decompressed answer; a status answer has 300 bytes, a base64 image some millions."""

OWN_HEADERS = {
    "User-Agent": f"chainhub-python/{__version__}",
    "Accept": "application/json, */*",
    "Accept-Encoding": "gzip",
}
_VARIABLES = ("CHAINHUB_BASE_URL", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables whose values are needed here; others may contain a key or a password."""

_HEADER, _PREFIX = KEY[1:] if KEY[0] == "header" else ("Authorization", "Bearer")
P = ParamSpec("P")
T = TypeVar("T")
# Jedi takes typing.Self for the class that defines a method, and completes nothing after it.
Self = TypeVar("Self", bound="BaseClient[Any]")
KeyProvider = TypeVar("KeyProvider", bound=Callable[[], str] | Callable[[], Awaitable[str]])


def _without_frames(make: Callable[P, T]) -> Callable[P, T]:
    """Raise the errors of a function without its frames, whose locals error trackers record."""

    # A key or a password may be among any of the arguments, where it must not be.
    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> T:
        failure: ChainhubError
        try:
            return make(*args, **kwargs)
        except ChainhubError as error:
            failure = error
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):  # to load modules with
                raise
            failure = ConnectionFailedError(f"could not connect: {os.strerror(error.errno)}")
        del args, kwargs
        raise failure.with_traceback(None)

    return made


class BaseClient(AuthenticatedClient, Generic[KeyProvider]):
    """What both clients share: a session and its options."""

    # Not attrs classes themselves: to build them would take longer than to make all the clients of
    # a program.
    __slots__ = ("_async_transport", "_resources", "_transport")

    _resources: dict[object, Any]
    _transport: SessionTransport
    _async_transport: AsyncSessionTransport

    @_without_frames
    def __init__(
        self,
        api_key: str | KeyProvider | None = None,
        *,
        base_url: str | None = None,
        timeout: Span = TIMEOUT,
        deadline: float | None = DEADLINE,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        verify_ssl: Verify = True,
        proxy: str | None = None,
        trust_env: bool = True,
        allow_insecure: bool = False,
        max_connections: int = 100,
        max_body: int = DEFAULT_LIMIT,
        on_attempt: Callable[[AttemptEvent], None] | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        on_call: Callable[[CallEvent], None] | None = None,
        prefix: str = _PREFIX,
        auth_header_name: str = _HEADER,
        httpx_args: Mapping[str, object] | None = None,
    ) -> None:
        """Make a client; the class says what the arguments mean."""
        # A program that uses the class only in annotations loads half as much as httpx.
        from chainhub import _session, _transport

        _session.guard_logs()
        # Error trackers record the locals of every frame, this one's too.
        key_argument = api_key if api_key is None or callable(api_key) else _session.Key(api_key)
        del api_key
        proxy = None if proxy is None else _transport.HiddenURL(proxy)
        variables = dict.fromkeys(os.environ, "")
        variables |= {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        environ = variables if trust_env else {}
        attempt_timeout, connect_timeout = _session.timeouts_of(timeout)
        options = _session.Options(
            timeout=attempt_timeout,
            connect=connect_timeout,
            deadline=_session.seconds("deadline", deadline),
            retry=_session.policy(retry),
            max_body=_session.whole("max_body", max_body),
            cancel=None,
        )
        url = _session.base_url_from(base_url, variables, SERVERS, allow_insecure=allow_insecure)
        connector = _transport.Connector(
            base_url=url,
            trust=_transport.read_tls_config(
                verify_ssl,
                environ=environ,
                host=urlsplit(url).hostname or "",
                allow_insecure=allow_insecure,
            ),
            proxies=_transport.proxies_of(proxy, environ),
            max_connections=_session.whole("max_connections", max_connections),
            allow_insecure=allow_insecure,
        )
        credentials = _session.Credentials.from_sources(key_argument, environ=_session.Variables())
        observers = _session.Observers(on_attempt=on_attempt, on_retry=on_retry, on_call=on_call)
        self._configure(
            _session.Session(connector, credentials, observers),
            options,
            {
                "headers": {**OWN_HEADERS, **(headers or {})},
                "cookies": dict(cookies or {}),
                "prefix": prefix,
                "auth_header_name": auth_header_name,
                "httpx_args": dict(httpx_args or {}),
            },
        )

    def _configure(self, session: Session, options: Options, settings: dict[str, Any]) -> None:
        """Initialise the generated class and the transports with these settings."""
        from chainhub import _session

        prefix, auth_header = settings["prefix"], settings["auth_header_name"]
        if not (auth_header.isascii() and prefix.isascii() and prefix.isprintable()):
            raise ConfigurationError("prefix= and auth_header_name= take printable ASCII")
        own, name = OWN_HEADERS.items(), auth_header.lower()
        headers = settings["headers"].items()
        _session.check_headers(
            (pair for pair in headers if pair not in own or pair[0].lower() == name),
            auth_header,
        )
        AuthenticatedClient.__init__(
            self,
            base_url=session.connector.base_url,
            token="",
            raise_on_unexpected_status=True,
            **settings,
        )
        self._resources = {}
        self._transport = _session.SessionTransport(session, options, settings)
        self._async_transport = _session.AsyncSessionTransport(session, options, settings)
        _load_before_forks()
        if isinstance(self, AsyncClient):
            # Its first call may find no descriptor left to import this with.
            from chainhub._transport import AsyncConnectionPool  # noqa: F401

    @property
    def _session(self) -> Session:
        return self._transport.session

    @property
    def _options(self) -> Options:
        return self._transport.options

    def _resource(self, kind: Callable[[Any], T], /) -> T:
        # It has the transport and not the client, which without references is collected at once.
        resource: T | None = self._resources.get(kind)
        if resource is None:
            transport = self._transport if isinstance(self, Client) else self._async_transport
            resource = self._resources.setdefault(kind, kind(transport))
        return resource

    def _copy(self: Self, **changes: Any) -> Self:
        copy = object.__new__(type(self))
        options = changes.pop("options", self._options)
        copy._configure(self._session, options, {**self._transport.settings, **changes})
        copy._transport.user_client = self._transport.user_client
        copy._async_transport.user_client = self._async_transport.user_client
        return copy

    def with_options(
        self: Self,
        *,
        timeout: Span | Unset = UNSET,
        deadline: float | Unset | None = UNSET,
        retry: RetryPolicy | Unset = UNSET,
        max_body: int | Unset = UNSET,
        cancel: Cancel | Unset | None = UNSET,
    ) -> Self:
        """Return a client with other options that shares connections and credentials.

        Options that are not given do not change.

        Args:
            timeout: Seconds for one attempt, None for no limit of its own.
            deadline: Seconds for a whole call, None for no limit.
            retry: How failures are retried; `RetryPolicy.off()` for not at all.
            max_body: Bytes of an answer that are read at most, counted after inflating it.
            cancel: Ends the calls of the returned client when it is set.

        Raises:
            ConfigurationError: a time is not positive.
        """
        options = self._options.with_changes(timeout, deadline, retry, max_body, cancel)
        return self._copy(options=options)

    def with_timeout(self: Self, timeout: Span) -> Self:
        """Return a client with another `timeout` (seconds per attempt) that shares connections."""
        return self.with_options(timeout=timeout)

    @_without_frames
    def with_headers(self: Self, headers: Mapping[str, str]) -> Self:
        """Return a client with further headers that shares connections.

        Raises:
            ConfigurationError: one of them is the header that carries the key.
        """
        return self._copy(headers={**self._headers, **headers})

    def with_cookies(self: Self, cookies: Mapping[str, str]) -> Self:
        """Return a client with further cookies that shares connections."""
        return self._copy(cookies={**self._cookies, **cookies})

    def get_httpx_client(self) -> httpx.Client:
        """Return the httpx client that synchronous generated functions send through."""
        if self._client is None or self._transport.user_client is not None:
            self._client = self._transport.httpx_client()
        return self._client

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Return the httpx client that asynchronous generated functions send through."""
        if self._async_client is None or self._async_transport.user_client is not None:
            self._async_client = self._async_transport.httpx_client()
        return self._async_client

    def set_httpx_client(self: Self, client: httpx.Client) -> Self:
        """Send requests through the user's own client; errors and retries do not change."""
        self._transport.set_user_client(client)
        return self

    def set_async_httpx_client(self: Self, async_client: httpx.AsyncClient) -> Self:
        """Send requests through the user's own client; errors and retries do not change."""
        self._async_transport.set_user_client(async_client)
        return self

    # The generated class compares settings, which include neither the key nor the connections.
    def __eq__(self, other: object) -> bool:
        """Tell whether it is this very client."""
        return self is other

    def __hash__(self) -> int:  # type: ignore[override]  # theirs is None: it has no hash
        """Hash by identity, so that clients can be keys, in weak dictionaries too."""
        return object.__hash__(self)

    def __repr__(self) -> str:
        """Name the base URL and where the key is from, never the key."""
        if not hasattr(self, "_transport"):  # its construction has failed
            return f"<{type(self).__name__}>"
        state = " closed" if self._session.closed else ""
        source = self._session.credentials.source
        return f"<{type(self).__name__} {self._base_url} (key from {source}){state}>"

    def __reduce__(self) -> NoReturn:
        self._session.__reduce__()

    def __replace__(self, /, **changes: object) -> NoReturn:
        """Refuse `copy.replace`; `with_options` is the way."""
        self.__reduce__()


class Client(BaseClient[Callable[[], str]], Resources):
    """Client for the video-task service.

    Safe to share between threads; works in a forked child too, with its own connections. Close it
    with `close()` or `with`; a client that is merely dropped closes silently.

    Example:
        with chainhub.Client() as client:  # the key from CHAINHUB_API_KEY
            task = client.video.query("veo3.1-fast:1760545785-euexscdeL8")

    Args:
        api_key: The key, or a function that returns it and is asked again once after a 401.
            Without it `CHAINHUB_API_KEY`, then the key file, then the keyring is asked.
        base_url: Where the service is, without `/v1`. Without it `CHAINHUB_BASE_URL`, then the
            server of the contract.
        timeout: Seconds for one attempt, 15 by default, of which connecting may take 5. Of a
            `httpx.Timeout`, `read` bounds the attempt and `connect` connecting. None for no limit.
        deadline: Seconds for a whole call, 60 by default: attempts, backoff, reading the response.
            None for no limit. The methods that wait or download have their own.
        retry: How failures are retried; by default up to 4 attempts of what is safe to repeat.
        headers: Further headers for every request.
        cookies: Cookies for every request. The server's own cookies are not stored.
        verify_ssl: True for the bundled authorities, "system" for the operating system's, a path
            to a file or folder of them, or an `ssl.SSLContext`, also for client certificates.
        proxy: URL of a proxy for every request; without it the environment decides.
        trust_env: Whether proxies and certificates of the environment are used.
        allow_insecure: Whether the key may be sent over plain http to a host that is not this
            machine.
        max_connections: How many connections may be in use, 100 by default; further calls queue.
        max_body: Bytes of a response that are read at most, counted after inflating it; 32 MiB by
            default.
        on_attempt: Called after every attempt of a call with an `AttemptEvent`; the requests of a
            download are no calls.
        on_retry: Called before every wait for another attempt with a `RetryEvent`.
        on_call: Called at the end of every call with a `CallEvent`.
        prefix: The word before the key in its header, `Bearer` by default. Operations for which the
            contract wants the key elsewhere, or none, are sent so.
        auth_header_name: The header that carries the key, `Authorization` by default.
        httpx_args: Arguments for `httpx.Client`, such as `transport=`. With any, requests take
            httpx's usual path; deadlines then hold between two reads only.

    Raises:
        ConfigurationError: an argument or a variable cannot be used; the sentence says which.
        CredentialsError: the key is missing or invalid.
    """

    __slots__ = ()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        json: object = None,
        content: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Span | Unset = UNSET,
        deadline: float | Unset | None = UNSET,
    ) -> RawResponse[Any]:
        """Send a request that the contract does not describe, and return the whole response.

        The key, retries, limits and typed errors are those of every call. `parsed` is the JSON
        value, a string for other text, bytes for anything else, None for an empty body.

        Example:
            models = client.request("GET", "/v1/models", params={"limit": 5}).parsed

        Args:
            method: The HTTP method. A POST is not sent again if it may have been processed.
            url: The path, such as `/v1/models`; or a whole URL, if it begins as `base_url` does.
            params: Parameters for the query.
            json: The body, as a value for JSON.
            content: The body, as it is sent; `headers` can name its type.
            headers: Further headers.
            timeout: Seconds for one attempt, None for no limit; the client's if it is not given.
            deadline: Seconds for the whole call, None for no limit; the client's likewise.

        Raises:
            ConfigurationError: no request can be made of this, or it would go to another host.
            ChainhubError: any other failure.
        """
        kwargs = {"method": method, "url": url, "params": params, "json": json, "content": content}
        response: RawResponse[Any] = self._transport.request(kwargs, timeout, deadline, headers)
        return response

    def close(self) -> None:
        """Close the connections, also for the copies that share them; twice does no harm."""
        self._session.close()

    def __enter__(self: Self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *args: object, **kwargs: object) -> None:
        """Close the client."""
        self.close()


class AsyncClient(BaseClient[Callable[[], str] | Callable[[], Awaitable[str]]], AsyncResources):
    """Client for the video-task service under asyncio; its arguments are those of `Client`.

    One client serves any number of event loops, one after the other or in different threads, with
    connections of its own for each. Close it with `aclose()` or `async with`.

    Example:
        async with chainhub.AsyncClient() as client:  # the key from CHAINHUB_API_KEY
            task = await client.video.query("veo3.1-fast:1760545785-euexscdeL8")

    Args:
        api_key: The key, or a function, plain or async, that returns it.

    Raises:
        ConfigurationError: an argument or a variable cannot be used; the sentence says which.
        CredentialsError: the key is missing or invalid.
    """

    __slots__ = ()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        json: object = None,
        content: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Span | Unset = UNSET,
        deadline: float | Unset | None = UNSET,
    ) -> RawResponse[Any]:
        """Send a request that the contract does not describe, as `Client.request` does."""
        kwargs = {"method": method, "url": url, "params": params, "json": json, "content": content}
        transport = self._async_transport
        response: RawResponse[Any] = await transport.request(kwargs, timeout, deadline, headers)
        return response

    async def aclose(self) -> None:
        """Close the connections, also for the copies that share them; twice does no harm."""
        await self._session.aclose()

    async def __aenter__(self: Self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *args: object, **kwargs: object) -> None:
        """Close the client."""
        await self.aclose()


@cache
def _load_before_forks() -> None:
    """Finish before a fork every import that calls, waits or downloads need.

    Python does not renew the locks of modules in a child: it would wait for such a module for ever.
    """

    def load() -> None:
        for name in ("_session.httpx_transport", "_tasks.loops", "_tasks.result"):
            import_module(f"chainhub.{name}")
        import_module("email.utils")  # of the first date in Retry-After
        import_module("encodings.idna")  # of the first look-up of a name
        # Resources, operations and models are loaded by the first call that needs them: to import
        # one that a thread is loading is to wait for it.
        packages = ("chainhub_api.", "chainhub_resources.")
        for name in list(sys.modules):  # in one step: another thread may be importing
            if name.startswith(packages):
                import_module(name)

    if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
        os.register_at_fork(before=load)
