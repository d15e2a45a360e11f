"""Which proxy a request uses: that of the argument, or of the environment as httpx reads it.

A variable that was set for other programs is checked only when its proxy is chosen, so that it
cannot break requests that do not use it.
"""

from __future__ import annotations

import importlib.util
import os
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import h11

from chainhub._transport.addresses import DEFAULT_PORTS, is_host, is_loopback, parse_url
from chainhub._transport.http1 import MAX_HEAD, Failure, Flow, SecretBytes
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

ARGUMENT = "the argument proxy="
_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080}


class HiddenURL(str):
    __slots__ = ()

    # A proxy's URL may hold a password, that of a video a signature; error trackers record locals.
    def __repr__(self) -> str:
        return "'…'"


class ProxySetting(NamedTuple):
    """A proxy to connect through, and where it was configured."""

    scheme: str
    host: str
    port: int
    source: str
    auth: tuple[bytes, bytes] | None = None

    def __repr__(self) -> str:
        """Show no credentials."""
        return f"<ProxySetting {self.label}>"

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The credentials for an HTTP proxy."""
        if self.auth is None:
            return []
        credentials = b64encode(b":".join(self.auth))
        return [(b"Proxy-Authorization", SecretBytes(b"Basic " + credentials))]

    @property
    def socks(self) -> bool:
        """Whether the proxy speaks SOCKS 5 rather than HTTP."""
        return self.scheme.startswith("socks")

    def tunnel(self, host: str, port: int) -> Flow[None]:
        """Ask the proxy to connect to a host; fail if it refuses or speaks another protocol."""
        return (_socks_tunnel if self.socks else _http_tunnel)(self, host, port)

    @property
    def label(self) -> str:
        """The proxy as messages show it, without its credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {self.scheme}://{host}:{self.port} ({self.source})"


class _Exception(NamedTuple):
    """An entry of NO_PROXY; a host may begin with `*`, and the scheme `all` is any."""

    scheme: str
    host: str
    port: int | None
    network: IPv4Network | IPv6Network | None = None

    def applies_to(self, scheme: str, host: str, port: int | None) -> bool:
        if self.network is not None:
            with suppress(ValueError):  # a name; networks apply to addresses only
                return ip_address(host) in self.network
            return False
        if self.scheme not in ("all", scheme) or self.port not in (None, port):
            return False
        if not self.host.startswith("*"):
            return self.host in ("", host)
        end = self.host[1:]
        return host == end or host.endswith(end if end.startswith(".") else f".{end}")


class ProxySettings(NamedTuple):
    """The proxy of each scheme, and the hosts that need none; by default no request has one."""

    # The proxy's URL and where it was configured, by scheme or `all`; None for no proxy.
    targets: Mapping[str, tuple[str | None, str]] = MappingProxyType({})
    exceptions: tuple[_Exception, ...] = ()

    def __repr__(self) -> str:
        """Show no target, which may hold a password."""
        return f"<ProxySettings {sorted(self.targets)}>"


def read_environment() -> ProxySettings:
    """Read the proxies of the environment; if it has none, those of macOS or Windows.

    Raises:
        ConfigurationError: NO_PROXY has an entry that cannot be read.
    """
    from urllib.request import getproxies

    # No local variable may hold a password, so this is no loop.
    proxies = {
        scheme: (HiddenURL(value), _source(scheme, value)) for scheme, value in getproxies().items()
    }
    hosts, source = proxies.get("no", ("", ""))
    entries = [entry.strip() for entry in hosts.split(",")]
    targets: dict[str, tuple[str | None, str]] = {}
    targets |= {scheme: proxies[scheme] for scheme in ("http", "https", "all") if scheme in proxies}
    if "*" in entries or not any(target for target, _ in targets.values()):
        return ProxySettings()
    exceptions = []
    for entry in filter(None, entries):
        exception = _exception(entry, source)
        if exception.host or exception.port or exception.network:
            exceptions.append(exception)
        elif not (entry.endswith("*") and exception.scheme in targets):
            # "https://" takes the place of HTTPS_PROXY, "https://*" that of ALL_PROXY only.
            targets[exception.scheme] = None, source
    return ProxySettings(targets, tuple(exceptions))


def proxies_of(argument: str | None, environ: Mapping[str, str]) -> ProxySettings | None:
    """Return the proxies of a client, None if no request needs one.

    With an empty `environ`, otherwise the variables of this process, the environment is not read.

    Raises:
        ConfigurationError: the argument, or NO_PROXY, cannot be used.
    """
    if argument:
        _read_proxy(argument, ARGUMENT)
        return ProxySettings({"all": (argument, ARGUMENT)})
    system = bool(environ) and sys.platform in ("darwin", "win32")
    configured = any(name.lower().endswith("_proxy") for name in environ)
    return read_environment() if system or configured else None


def choose_proxy(
    scheme: str, host: str, port: int | None, settings: ProxySettings
) -> ProxySetting | None:
    """Return the proxy for a request, or None if it needs none.

    An IPv6 address may be in brackets; None for the port is the default of the scheme.

    Raises:
        ConfigurationError: The proxy cannot be used; names the variable, shows no credentials.
    """
    target, source = settings.targets.get(scheme) or settings.targets.get("all") or (None, "")
    if target is None:
        return None
    bare_v6 = ":" in host and not host.startswith("[")
    url = parse_url(f"{scheme}://{f'[{host}]' if bare_v6 else host}")
    name = host.lower() if url is None else url.host
    port = port or _PORTS.get(scheme)
    if any(exception.applies_to(scheme, name, port) for exception in settings.exceptions):
        return None
    if scheme == "http" and source != ARGUMENT and is_loopback(name):
        # Unencrypted requests are allowed there because they do not leave this machine.
        return None
    return _read_proxy(target, source)


def httpx_proxy(
    proxy: ProxySetting | httpx.Proxy | httpx.URL | str, context: Callable[[], ssl.SSLContext]
) -> httpx.Proxy:
    """Return a proxy as httpx takes it; `context` returns that of an https proxy without one."""
    import httpx

    if isinstance(proxy, ProxySetting):
        url = httpx.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
        auth = None if proxy.auth is None else (proxy.auth[0].decode(), proxy.auth[1].decode())
        proxy = httpx.Proxy(url, auth=auth)
    elif not isinstance(proxy, httpx.Proxy):
        proxy = httpx.Proxy(proxy)
    if proxy.url.scheme != "https" or proxy.ssl_context is not None:
        return proxy
    return httpx.Proxy(proxy.url, auth=proxy.auth, headers=proxy.headers, ssl_context=context())


def _source(scheme: str, value: str) -> str:
    """Return the variable of a value that the standard library has read, for errors."""
    names = (name for name, text in os.environ.items() if text == value)
    matches = (name for name in names if name.lower() == f"{scheme}_proxy")
    return next(matches, "the system's proxy settings")


def _exception(entry: str, source: str) -> _Exception:
    """Read an entry of NO_PROXY as httpx does; networks, IPv6 in brackets and ports work too.

    Addresses and localhost match only themselves, other names their subdomains too.
    """
    pattern = entry
    if "://" not in entry:
        with suppress(ValueError):
            address = entry.removeprefix("[").replace("]/", "/").removesuffix("]")
            return _Exception("all", "", None, ip_network(address.partition("%")[0], strict=False))
        exact = entry.startswith("[") or entry.lower() == "localhost"
        pattern = f"all://{entry}" if exact else f"all://*{entry}"
    url = parse_url(pattern)
    if url is None:
        label = "" if "@" in entry else f" {ascii(entry)[:100]}"
        raise ConfigurationError(
            f"{source}: the entry{label} is not a host, an address or a URL;"
            " entries are separated by commas"
        )
    # httpx drops a port that is the default of the scheme, and then the entry matches every port.
    return _Exception(url.scheme, "" if url.host == "*" else url.host, urlsplit(pattern).port)


def _read_proxy(text: str, source: str) -> ProxySetting:
    hint = "To use no proxy of the environment: trust_env=False."
    if source == ARGUMENT:
        hint = "Without the argument, the proxies of the environment apply."
    url = parse_url(text.strip() if "://" in text else f"http://{text.strip()}")
    if (problem := _problem(url)) is not None:
        # The text itself is not shown: it may hold a password.
        raise ConfigurationError(f"{source}: {problem}. {hint}")
    assert url is not None
    auth = SecretBytes(url.username.encode()), SecretBytes(url.password.encode())
    setting = ProxySetting(
        scheme=url.scheme,
        host=url.raw_host.decode("ascii"),
        port=url.port or _PORTS[url.scheme],
        source=source,
        auth=auth if any(auth) else None,
    )
    if setting.socks and importlib.util.find_spec("socksio") is None:
        from chainhub._extras import missing_extra

        subject = f"{source} asks for a SOCKS proxy, which needs"
        raise ConfigurationError(f"{missing_extra(subject, 'socksio', 'socks')}. {hint}")
    if setting.socks:
        # The first connection may find no descriptor left to import it with.
        importlib.import_module("socksio.socks5")
    return setting


def _problem(url: httpx.URL | None) -> str | None:
    if url is None:
        return "not a URL such as http://proxy.example:3128"
    if url.scheme not in _PORTS:
        return f"a proxy is reached by {', '.join(_PORTS)}, not by {ascii(url.scheme)[:40]}"
    if not is_host(url.raw_host.decode("ascii")):
        return "the proxy's URL names no host"
    if url.port is not None and not 0 < url.port < 65536:
        return f"the proxy's port {url.port} is not between 1 and 65535"
    # RFC 1929 has one byte for each length.
    max_length = max(len(url.username.encode()), len(url.password.encode()))
    if url.scheme.startswith("socks") and max_length > 255:
        return "user name and password of a SOCKS proxy are limited to 255 bytes each"
    return None


# How proxies say that they cannot reach a host at present.
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


def _http_tunnel(proxy: ProxySetting, host: str, port: int) -> Flow[None]:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    headers = [(b"Host", target.encode()), (b"Accept", b"*/*"), *proxy.headers]
    request = h11.Request(method=b"CONNECT", target=target.encode(), headers=headers)
    yield SecretBytes(connection.send(request) or b"")
    passing = False
    try:
        connection.send(h11.EndOfMessage())
        while not isinstance(event := connection.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                if not (data := (yield b"")):
                    text = f"{proxy.label} hung up before it had answered"
                    raise Failure("proxy", text, passing=True)
                connection.receive_data(data)
        if 200 <= event.status_code < 300:
            return
        status = f"{event.status_code} {event.reason.decode('ascii', 'replace')}".strip()
        text = f"{proxy.label} answered {status}"
        if event.status_code == 407:
            text += "; its URL must have a user name and a password that it accepts"
        passing = event.status_code in _TRANSIENT
    except h11.RemoteProtocolError as error:
        text = f"{proxy.label} does not speak HTTP ({error})"
    raise Failure("proxy", text, passing=passing)


def _socks_tunnel(proxy: ProxySetting, host: str, port: int) -> Flow[None]:
    """Ask a SOCKS 5 proxy to connect to a host, whose name the proxy looks up."""
    from socksio import SOCKSError, socks5

    connection = socks5.SOCKS5Connection()

    def answer_to(request: object, size: Callable[[bytes], int] = lambda _: 2) -> Flow[Any]:
        connection.send(request)
        yield SecretBytes(connection.data_to_send())
        reply = b""
        while len(reply) < size(reply) and (data := (yield b"")):  # socksio takes it whole only
            reply += data
        return connection.receive_data(reply)  # or a SOCKSError

    method = socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if proxy.auth is not None:
        method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    connect, problem, passing = socks5.SOCKS5Command.CONNECT, "", False
    try:
        selection = yield from answer_to(socks5.SOCKS5AuthMethodsRequest([method]))
        if selection.method != method:
            problem = f"asks for another way to log in ({selection.method.name})"
        elif proxy.auth is not None:
            login = socks5.SOCKS5UsernamePasswordRequest(*proxy.auth)
            if not (yield from answer_to(login)).success:
                problem = "refuses the user name and password"
        if not problem:
            target = socks5.SOCKS5CommandRequest.from_address(connect, (host, port))
            reply = yield from answer_to(target, _reply_size)
            if reply.reply_code == socks5.SOCKS5ReplyCode.SUCCEEDED:
                return
            reason = reply.reply_code.name.lower().replace("_", " ")
            problem = f"could not connect: {reason}"
            # A failure, an unreachable network or host, a refused connection, or no answer.
            passing = reply.reply_code in (b"\1", b"\3", b"\4", b"\5", b"\6")
    except SOCKSError:
        problem = "hung up or does not speak SOCKS 5"
    raise Failure("proxy", f"{proxy.label} {problem}", passing=passing)


def _reply_size(reply: bytes) -> int:
    """Return how long a reply to CONNECT is that begins so (RFC 1928, section 6)."""
    if len(reply) < 5:
        return 5
    # An address of IPv4, a name with its length, an address of IPv6; all else is no reply.
    return {1: 10, 3: 7 + reply[4], 4: 22}.get(reply[3], 0)
