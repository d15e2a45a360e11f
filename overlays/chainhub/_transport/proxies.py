"""Which proxy a request goes through: one given by argument, or the environment as httpx reads it.

A proxy that nobody asked for in this process (a variable set for
other programs) is looked at only when it is chosen, so that it cannot break what does not use it.
"""

from __future__ import annotations

import importlib.util
import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import getproxies

import h11
import httpx

from chainhub._transport.addresses import is_loopback
from chainhub._transport.exchange import Failure
from chainhub._transport.http1 import MAX_HEAD, Flow, SecretBytes
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

ARGUMENT = "the argument proxy="
_SCHEMES = ("http", "https", "socks5", "socks5h")
_DEFAULT_PORT = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SYSTEM = "the system's proxy settings"
# The lengths of user name and password travel in one byte each (RFC 1929).
_SOCKS_AUTH_LIMIT = 255


class _HiddenURL(str):
    """The URL of a proxy, which may hold a password: error trackers record locals."""

    __slots__ = ()

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
        """Show what holds no secret."""
        return f"<ProxySetting {self.shown}>"

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
        """Ask the proxy to connect to a host.

        Raises:
            Failure: it refuses, or does not speak the protocol.
        """
        return (_socks_tunnel if self.socks else _http_tunnel)(self, host, port)

    @property
    def address(self) -> str:
        """The proxy's URL, without its credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The proxy for a person to read."""
        return f"the proxy {self.address} ({self.source})"


class _Exception(NamedTuple):
    """An entry of NO_PROXY; a host may begin with `*`, and the scheme `all` is any."""

    scheme: str
    host: str
    port: int | None
    network: IPv4Network | IPv6Network | None = None

    def holds_for(self, scheme: str, host: str, port: int | None) -> bool:
        if self.network is not None:
            return _lies_in(host, self.network)
        if self.scheme not in ("all", scheme) or self.port not in (None, port):
            return False
        if not self.host.startswith("*"):
            return self.host in ("", host)
        end = self.host[1:]
        return host == end or host.endswith(end if end.startswith(".") else f".{end}")


class ProxySettings(NamedTuple):
    """Which proxy is for which scheme, and what goes directly; without any, everything does.

    Attributes:
        targets: The proxy's URL and where it was configured, by scheme; `all` is for any. Without
            a URL, requests with this scheme go directly.
        exceptions: What goes directly although there is a proxy for it.
    """

    targets: Mapping[str, tuple[str | None, str]] = MappingProxyType({})
    exceptions: tuple[_Exception, ...] = ()

    def __repr__(self) -> str:
        """Show no target, which may hold a password."""
        return f"<ProxySettings {sorted(self.targets)}>"


def read_environment() -> ProxySettings:
    """Read the proxies of the environment, or of the system where it has some and the former none.

    Raises:
        ConfigurationError: NO_PROXY has an entry that cannot be read.
    """
    found = {
        scheme: (_HiddenURL(value), _source(scheme, value))
        for scheme, value in getproxies().items()
    }
    hosts, source = found.get("no", ("", ""))
    entries = [entry.strip() for entry in hosts.split(",")]
    targets: dict[str, tuple[str | None, str]] = {}
    targets |= {scheme: found[scheme] for scheme in ("http", "https", "all") if scheme in found}
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


def read_argument(proxy: str) -> ProxySettings:
    """Send everything through one proxy, given by argument.

    Raises:
        ConfigurationError: The argument is not the URL of a proxy that can be used.
    """
    _check_socks(_parse_proxy(proxy, ARGUMENT))
    return ProxySettings({"all": (proxy, ARGUMENT)})


def choose_proxy(
    scheme: str, host: str, port: int | None, settings: ProxySettings
) -> ProxySetting | None:
    """Return the proxy for a request, or None if it goes directly.

    Args:
        scheme: `http` or `https`.
        host: The host as the URL has it, IPv6 with or without brackets.
        port: The port, or None for the scheme's default.
        settings: What was configured.

    Raises:
        ConfigurationError: The chosen proxy cannot be used; names the variable, shows no secret.
    """
    target, source = settings.targets.get(scheme) or settings.targets.get("all") or (None, "")
    if target is None:
        return None
    url = _parse_url(f"{scheme}://{f'[{host}]' if _bare_v6(host) else host}")
    name = host.lower() if url is None else url.host
    port = None if port == _DEFAULT_PORT.get(scheme) else port
    if any(exception.holds_for(scheme, name, port) for exception in settings.exceptions):
        return None
    if scheme == "http" and source != ARGUMENT and is_loopback(name):
        # Unencrypted is allowed there because it does not leave this machine.
        return None
    setting = _parse_proxy(target, source)
    _check_socks(setting)
    return setting


def httpx_proxy(
    proxy: ProxySetting | httpx.Proxy | httpx.URL | str, trusted: Callable[[], ssl.SSLContext]
) -> httpx.Proxy:
    """Return a proxy as httpx's own client takes it.

    Args:
        proxy: The chosen one, or what a user gave httpx.
        trusted: Gives the TLS context for an encrypted proxy that has none of its own.
    """
    if isinstance(proxy, ProxySetting):
        url = httpx.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
        auth = None if proxy.auth is None else (proxy.auth[0].decode(), proxy.auth[1].decode())
        made = httpx.Proxy(url, auth=auth)
    else:
        made = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    if made.url.scheme != "https" or made.ssl_context is not None:
        return made
    return httpx.Proxy(made.url, auth=made.auth, headers=made.headers, ssl_context=trusted())


def _source(scheme: str, value: str) -> str:
    """Return the variable that holds what the standard library has found, to name it in errors."""
    variable = f"{scheme}_proxy"
    names = (name for name, text in os.environ.items() if text == value)
    return next((name for name in names if name.lower() == variable), _SYSTEM)


def _exception(entry: str, source: str) -> _Exception:
    """Read an entry of NO_PROXY as httpx does; networks and IPv6 in brackets are understood too.

    Addresses and localhost stand for themselves, other names for their subdomains too.
    """
    pattern = entry
    if "://" not in entry:
        with suppress(ValueError):
            numbers = entry.removeprefix("[").replace("]/", "/").removesuffix("]")
            return _Exception("all", "", None, ip_network(numbers.partition("%")[0], strict=False))
        itself = entry.startswith("[") or entry.lower() == "localhost"
        pattern = f"all://{entry}" if itself else f"all://*{entry}"
    url = _parse_url(pattern)
    if url is None:
        shown = "" if "@" in entry else f" {ascii(entry)[:100]}"
        raise ConfigurationError(
            f"{source}: the entry{shown} is not a host, an address or a URL;"
            " entries are separated by commas"
        )
    return _Exception(url.scheme, "" if url.host == "*" else url.host, url.port)


def _lies_in(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(host) in network
    except ValueError:  # a name; whoever excludes a network names addresses
        return False


def _bare_v6(host: str) -> bool:
    return ":" in host and not host.startswith("[")


def _parse_url(text: str) -> httpx.URL | None:
    try:
        url = httpx.URL(text)
        _ = url.host  # Decoding an internationalised name may fail too.
    except (httpx.InvalidURL, ValueError):
        return None
    return url


def _parse_proxy(text: str, source: str) -> ProxySetting:
    url = _parse_url(text.strip() if "://" in text else f"http://{text.strip()}")
    problem = "not a URL such as http://proxy.example:3128" if url is None else _problem(url)
    if url is None or problem is not None:
        # The text itself is not shown: it may hold a password.
        raise ConfigurationError(f"{source}: {problem}. {_way_out(source)}")
    return ProxySetting(
        scheme=url.scheme,
        host=url.raw_host.decode("ascii"),
        port=url.port or _DEFAULT_PORT[url.scheme],
        source=source,
        auth=_auth(url),
    )


def _problem(url: httpx.URL) -> str | None:
    if url.scheme not in _SCHEMES:
        return f"a proxy is reached by {', '.join(_SCHEMES)}, not by {ascii(url.scheme)[:40]}"
    if not url.host:
        return "the proxy's URL names no host"
    if url.port is not None and not 0 < url.port < 65536:
        return f"the proxy's port {url.port} is not between 1 and 65535"
    auth = _auth(url) or (b"", b"")
    if url.scheme.startswith("socks") and max(map(len, auth)) > _SOCKS_AUTH_LIMIT:
        return "user name and password of a SOCKS proxy are limited to 255 bytes each"
    return None


def _auth(url: httpx.URL) -> tuple[bytes, bytes] | None:
    if not (url.username or url.password):
        return None
    return SecretBytes(url.username.encode()), SecretBytes(url.password.encode())


def _check_socks(setting: ProxySetting) -> None:
    if not setting.socks:
        return
    if importlib.util.find_spec("socksio") is None:
        from chainhub._extras import missing_extra

        subject = f"{setting.source} asks for a SOCKS proxy, which needs"
        missing = missing_extra(subject, "socksio", "socks")
        raise ConfigurationError(f"{missing}. {_way_out(setting.source)}")
    # The first connection may find no descriptor left to import it with.
    importlib.import_module("socksio.socks5")


def _way_out(source: str) -> str:
    if source.startswith("the argument"):
        return "Without the argument, the proxies of the environment apply."
    return "To use no proxy of the environment: trust_env=False."


def _http_tunnel(proxy: ProxySetting, host: str, port: int) -> Flow[None]:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    headers = [(b"Host", target.encode()), (b"Accept", b"*/*"), *proxy.headers]
    request = h11.Request(method=b"CONNECT", target=target.encode(), headers=headers)
    yield SecretBytes(connection.send(request) or b"")
    try:
        connection.send(h11.EndOfMessage())
        while not isinstance(event := connection.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                connection.receive_data((yield b""))
    except h11.RemoteProtocolError as error:
        text = f"{proxy.shown} hung up or does not speak HTTP ({error})"
    else:
        if 200 <= event.status_code < 300:
            return
        text = f"{event.status_code} {event.reason.decode('ascii', 'replace')}"
    raise Failure("proxy", text)


def _socks_tunnel(proxy: ProxySetting, host: str, port: int) -> Flow[None]:
    """Ask a SOCKS 5 proxy to connect to a host; it looks the name up."""
    from socksio import SOCKSError, socks5

    connection = socks5.SOCKS5Connection()

    def answer_to(request: object) -> Flow[Any]:
        connection.send(request)
        yield SecretBytes(connection.data_to_send())
        return connection.receive_data((yield b""))  # a reply to this request, or a SOCKSError

    method = socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    if proxy.auth is not None:
        method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    connect, problem = socks5.SOCKS5Command.CONNECT, ""
    try:
        agreed = yield from answer_to(socks5.SOCKS5AuthMethodsRequest([method]))
        if agreed.method != method:
            problem = f"asks for another way to log in ({agreed.method.name})"
        elif proxy.auth is not None:
            login = socks5.SOCKS5UsernamePasswordRequest(*proxy.auth)
            if not (yield from answer_to(login)).success:
                problem = "refuses the user name and password"
        if not problem:
            target = socks5.SOCKS5CommandRequest.from_address(connect, (host, port))
            reply = yield from answer_to(target)
            if reply.reply_code == socks5.SOCKS5ReplyCode.SUCCEEDED:
                return
            words = reply.reply_code.name.lower().replace("_", " ")
            problem = f"could not connect: {words}"
    except SOCKSError:
        problem = "hung up or does not speak SOCKS 5"
    raise Failure("proxy", f"{proxy.shown} {problem}")
