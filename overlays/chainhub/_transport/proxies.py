"""Which proxy a request goes through: one given by argument, or the environment as httpx reads it.

Reading and choosing are pure. A proxy that nobody asked for in this process (a variable set for
other programs) is looked at only when it is chosen, so that it cannot break what does not use it.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from chainhub._transport.addresses import is_loopback
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from ipaddress import IPv4Network, IPv6Network

    import httpx

ARGUMENT = "the argument proxy="
_SCHEMES = ("http", "https", "socks5", "socks5h")
_DEFAULT_PORT = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SYSTEM = "the system's proxy settings"
# The lengths of user name and password travel in one byte each (RFC 1929).
_SOCKS_AUTH_LIMIT = 255


class _Hidden(bytes):
    """Bytes that do not show themselves."""

    def __repr__(self) -> str:
        return "b'…'"


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
        return [(b"Proxy-Authorization", _Hidden(b"Basic " + credentials))]

    @property
    def socks(self) -> bool:
        """Whether the proxy speaks SOCKS 5 rather than HTTP."""
        return self.scheme.startswith("socks")

    @property
    def address(self) -> str:
        """The proxy's URL, without its credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The proxy for a person to read."""
        return f"the proxy {self.address} ({self.source})"


class _Rule(NamedTuple):
    """One line of the routing table: what it matches, and the proxy's URL or None for direct."""

    scheme: str
    host: str
    port: int | None
    target: str | None
    source: str

    def __repr__(self) -> str:
        # The target may hold a password.
        return f"<_Rule {self.scheme}://{self.host}:{self.port} ({self.source})>"

    @property
    def priority(self) -> tuple[bool, int, int]:
        return self.port is None, -len(self.host), -len(self.scheme)

    def matches(self, scheme: str, host: str, port: int | None) -> bool:
        return (
            self.scheme in ("", scheme)
            and self.port in (None, port)
            and _host_matches(self.host, host)
        )


class ProxySettings(NamedTuple):
    """A routing table, the most specific rule first. An empty one sends everything directly."""

    rules: tuple[_Rule, ...] = ()


def read_environment(
    environ: Mapping[str, str] | None = None, platform: str = sys.platform
) -> ProxySettings:
    """Read the proxies of the environment, or of the system where it has some and the former none.

    Args:
        environ: The variables; this process's if not given.
        platform: As `sys.platform`; macOS and Windows have proxy settings of their own.

    Raises:
        ConfigurationError: NO_PROXY has an entry that cannot be read.
    """
    environ = os.environ if environ is None else environ
    found = _environment_variables(environ)
    if not found and platform in ("darwin", "win32"):
        found = _system_settings()
    if not any(found.get(scheme, ("", ""))[0] for scheme in ("http", "https", "all")):
        return ProxySettings()
    return ProxySettings(_sorted(_rules(found)))


def read_argument(proxy: str) -> ProxySettings:
    """Send everything through one proxy, given by argument.

    Raises:
        ConfigurationError: The argument is not the URL of a proxy that can be used.
    """
    source = ARGUMENT
    setting = _parse_proxy(proxy, source)
    _check_socks(setting)
    return ProxySettings((_Rule("", "", None, proxy, source),))


def choose_proxy(
    scheme: str, host: str, port: int | None, settings: ProxySettings
) -> ProxySetting | None:
    """Return the proxy for a request, or None if it goes directly.

    Args:
        scheme: `http` or `https`.
        host: The host as the URL has it, IPv6 with or without brackets.
        port: The port, or None for the scheme's default.
        settings: The routing table.

    Raises:
        ConfigurationError: The chosen proxy cannot be used; names the variable, shows no secret.
    """
    if not settings.rules:
        return None
    url = _parse_url(f"{scheme}://{f'[{host}]' if _bare_v6(host) else host}")
    name = host.lower() if url is None else url.host
    port = None if port == _DEFAULT_PORT.get(scheme) else port
    rule = next((rule for rule in settings.rules if rule.matches(scheme, name, port)), None)
    if rule is None or rule.target is None:
        return None
    if scheme == "http" and rule.source != ARGUMENT and is_loopback(name):
        # Unencrypted is allowed there because it does not leave this machine.
        return None
    setting = _parse_proxy(rule.target, rule.source)
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
    import httpx

    if isinstance(proxy, ProxySetting):
        url = httpx.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
        auth = None if proxy.auth is None else (proxy.auth[0].decode(), proxy.auth[1].decode())
        made = httpx.Proxy(url, auth=auth)
    else:
        made = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    if made.url.scheme != "https" or made.ssl_context is not None:
        return made
    return httpx.Proxy(made.url, auth=made.auth, headers=made.headers, ssl_context=trusted())


def _environment_variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Map scheme to value and variable, as `urllib.request.getproxies_environment` does.

    Any `*_proxy` in any case counts; one that ends in lower case wins, and switches off when empty.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, value in environ.items():
        if value and name.lower().endswith("_proxy"):
            found[name.lower()[:-6]] = (value, name)
    if "REQUEST_METHOD" in environ:
        # Under CGI, HTTP_PROXY is what a visitor sent as the header "Proxy:".
        found.pop("http", None)
    for name, value in environ.items():
        if name.endswith("_proxy"):
            found[name.lower()[:-6]] = (value, name)
    return {scheme: pair for scheme, pair in found.items() if pair[0]}


def _system_settings() -> dict[str, tuple[str, str]]:
    from urllib.request import getproxies

    return {scheme: (value, _SYSTEM) for scheme, value in getproxies().items()}


def _rules(found: Mapping[str, tuple[str, str]]) -> dict[str, _Rule]:
    """Return the routing table by pattern; a later rule replaces one of the same pattern."""
    rules = {}
    for scheme in ("http", "https", "all"):
        if scheme in found:
            target, source = found[scheme]
            rules[f"{scheme}://"] = _rule(f"{scheme}://", target, source)
    hosts, source = found.get("no", ("", ""))
    entries = [entry.strip() for entry in hosts.split(",")]
    if "*" in entries:
        return {}
    for entry in filter(None, entries):
        if _network(entry) is not None:
            rules[entry] = _Rule("", entry, None, None, source)
        else:
            pattern = _pattern(entry)
            rules[pattern] = _rule(pattern, None, source)
    return rules


def _sorted(rules: Mapping[str, _Rule]) -> tuple[_Rule, ...]:
    return tuple(sorted(rules.values(), key=lambda rule: rule.priority))


def _pattern(entry: str) -> str:
    """Turn an entry of NO_PROXY into httpx's pattern of URLs.

    Addresses and localhost match themselves, other names their subdomains too. IPv6 in brackets,
    which httpx stumbles over, means what it says.
    """
    if "://" in entry:
        return entry
    host, bracket, rest = entry.removeprefix("[").partition("]")
    if _is_address(host, 6):
        return f"all://[{host.partition('/')[0]}]{rest if bracket else ''}"
    if _is_address(entry, 4) or entry.lower() == "localhost":
        return f"all://{entry}"
    return f"all://*{entry}"


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """Return the network that an entry such as 10.0.0.0/8 names: httpx would see a path in it."""
    if "/" not in entry or "://" in entry:
        return None
    from ipaddress import ip_network

    try:
        return ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None


def _is_address(text: str, version: int) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(text.partition("/")[0]).version == version
    except ValueError:
        return False


def _rule(pattern: str, target: str | None, source: str) -> _Rule:
    url = _parse_url(pattern)
    if url is None:
        shown = "" if "@" in pattern else f" {ascii(pattern.removeprefix('all://*'))[:100]}"
        raise ConfigurationError(
            f"{source}: the entry{shown} is not a host, an address or a URL;"
            " entries are separated by commas"
        )
    scheme = "" if url.scheme == "all" else url.scheme
    host = "" if url.host == "*" else url.host
    return _Rule(scheme, host, url.port, target, source)


def _host_matches(pattern: str, host: str) -> bool:
    if not pattern:
        return True
    if (network := _network(pattern)) is not None:
        return _lies_in(host, network)
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    if pattern.startswith("*"):
        return host == pattern[1:] or (
            host.endswith(f".{pattern[1:]}") and len(host) > len(pattern)
        )
    return host == pattern


def _lies_in(host: str, network: IPv4Network | IPv6Network) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host) in network
    except ValueError:  # a name; whoever excludes a network names addresses
        return False


def _bare_v6(host: str) -> bool:
    return ":" in host and not host.startswith("[")


def _parse_url(text: str) -> httpx.URL | None:
    from httpx import URL, InvalidURL

    try:
        url = URL(text)
        _ = url.host  # Decoding an internationalised name may fail too.
    except (InvalidURL, ValueError):
        return None
    return url


def _parse_proxy(text: str, source: str) -> ProxySetting:
    text = text.strip()
    url = _parse_url(text if "://" in text else f"http://{text}")
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
    return _Hidden(url.username.encode()), _Hidden(url.password.encode())


def _check_socks(setting: ProxySetting) -> None:
    if setting.socks and not _has_socksio():
        from chainhub._extras import missing_extra

        subject = f"{setting.source} asks for a SOCKS proxy, which needs"
        missing = missing_extra(subject, "socksio", "socks")
        raise ConfigurationError(f"{missing}. {_way_out(setting.source)}")


def _has_socksio() -> bool:
    from importlib.util import find_spec

    return find_spec("socksio") is not None


def _way_out(source: str) -> str:
    if source.startswith("the argument"):
        return "Without the argument, the proxies of the environment apply."
    return "To use no proxy of the environment: trust_env=False."
