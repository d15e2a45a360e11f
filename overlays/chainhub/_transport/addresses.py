"""Which hosts a URL from a response may have: public addresses only, unless allowed.

A task's answer has the URL of its video. Followed without a check, it would give the author of the
answer access to everything that this machine can reach. Decisions only: no lookup, no socket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import inet_aton, inet_ntoa
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chainhub.errors import AddressRefusedError, ConfigurationError

if TYPE_CHECKING:
    import httpx

AddressCheck = Callable[[str, int, str], None]
"""Called with host, port and numeric address before connecting; raises to refuse the address."""

_METADATA = {
    "100.100.100.200",  # Alibaba Cloud
    "168.63.129.16",  # Azure; publicly numbered, reachable only from inside
    "169.254.169.254",
    "169.254.170.2",  # Amazon ECS
    "169.254.170.23",  # Amazon EKS
    "192.0.0.192",  # Oracle Cloud
    "fd00:42::42",  # Scaleway
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fd20:ce::254",  # Google Cloud
    "fe80::a9fe:a9fe",  # OpenStack
}

# Attributes of `ipaddress` on which all versions agree.
_KINDS = (
    ("is_unspecified", "unspecified"),
    ("is_loopback", "loopback"),
    ("is_link_local", "link-local"),
    ("is_multicast", "multicast"),
    ("is_site_local", "private (site-local)"),
    ("sixtofour", "a 6to4 tunnel"),
    ("teredo", "a Teredo tunnel"),
)
# Of the IANA special-purpose registries: networks for which it has no attribute, or that it treats
# differently between Python 3.11.0 and 3.13. The first network with the address is used.
_SPECIAL = (
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared (carrier NAT)"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved for documentation"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "reserved for benchmarks"),
    ("198.51.100.0/24", "reserved for documentation"),
    ("203.0.113.0/24", "reserved for documentation"),
    ("255.255.255.255/32", "broadcast"),
    ("64:ff9b:1::/48", "private (local NAT64)"),
    ("fc00::/7", "private"),
    ("2001:db8::/32", "reserved for documentation"),
    ("3fff::/20", "reserved for documentation"),
    ("2001::/23", "reserved"),
)

# The last 32 bits of these are an IPv4 address, to which the connection really goes.
_EMBEDDING = ("::ffff:0:0/96", "64:ff9b::/96")

_Network = IPv4Network | IPv6Network

_LOCAL_NAMES = {"localhost", "localhost6", "ip6-localhost", "ip6-loopback"}
_LOCAL_SUFFIXES = (
    *(".localhost", ".localdomain", ".localdomain6", ".local", ".home", ".home.arpa", ".lan"),
    *(".internal", ".intranet", ".private", ".corp", ".svc", ".metadata.goog"),
    # Public names whose only purpose is to resolve to a private address.
    *(".localtest.me", ".lvh.me", ".nip.io", ".sslip.io"),
)
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_NEVER_IN_HOST = set(" \"%'*,/:;<=>?@[]\\^`{|}~!#$&()+")
DEFAULT_PORTS = {"http": 80, "https": 443}


def refusal(ip: str) -> str | None:
    """Return why an address is not public, or None if it is.

    Fails closed: a text that is no address is refused too. A zone (`%eth0`) is ignored.
    """
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return "not an IP address"
    if str(address) in _METADATA:
        return "a cloud metadata service"
    embedding, special = _networks()
    if any(address in network for network in embedding):
        return refusal(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    for attribute, kind in _KINDS:
        if getattr(address, attribute, None):
            return kind
    for network, name in special:
        if address in network:
            return name
    return "reserved" if address.is_reserved or not address.is_global else None


@cache
def _networks() -> tuple[list[_Network], list[tuple[_Network, str]]]:
    special = [(ip_network(text), name) for text, name in _SPECIAL]
    return [ip_network(text) for text in _EMBEDDING], special


def refuse_private(host: str, port: int, address: str) -> None:
    """Refuse to connect to an address that is not public."""
    reason = refusal(address)
    if reason is not None:
        raise AddressRefusedError(
            f"refused {host[:100]}: its address is {reason};"
            " allow the host with allow_hosts= if it is meant"
        )


def refuse_remote(host: str, port: int, address: str) -> None:
    """Refuse to connect to an address that is not this machine's, whatever the host name is."""
    if refusal(address) != "loopback":
        raise ConfigurationError(
            f"{host[:100]} does not lead to this machine, so the key would be sent unprotected;"
            " use https:// with a checked certificate, or allow_insecure=True"
        )


def literal_address(host: str) -> str | None:
    """Return the address that a host is, in its usual form, or None if it is a name.

    Reads every form that a resolver accepts: short, octal, hexadecimal and single-number IPv4,
    brackets, zones, trailing dots, percent-encoding, full-width digits.
    """
    host = _plain(host)
    with suppress(OSError, ValueError):
        if ":" in host:
            return str(IPv6Address(host.strip("[]").partition("%")[0]))
        numbers = unquote(host).strip("[]").rstrip(".")
        # The C library ignores what follows a blank.
        if re.fullmatch(r"[0-9a-zA-Z.]+", numbers):
            return inet_ntoa(inet_aton(numbers))
    return None


def _plain(host: str) -> str:
    """Return a host with characters replaced that are equal in internationalised names."""
    if host.isascii():
        return host.lower()
    from unicodedata import normalize

    return normalize("NFKC", host.translate(_DOTS)).translate(_DOTS).lower()


def name_refusal(host: str) -> str | None:
    """Return why a name can be refused without a lookup, or None."""
    name = _plain(host).rstrip(".")
    if not name:
        return "empty"
    if name in _LOCAL_NAMES:
        return "loopback"
    if f".{name}".endswith(_LOCAL_SUFFIXES):
        return "a name of a private network"
    if "." not in name:
        return "a host name without a dot, as in private networks"
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return "neither a host name nor an IP address"
    return None


def host_refusal(host: str) -> str | None:
    """Return why a host, a name or an address in any form, is not public, or None if it is."""
    literal = literal_address(host)
    return name_refusal(host) if literal is None else refusal(literal)


def is_host(host: str) -> bool:
    """Tell whether a host, without brackets, has the lengths of a name (RFC 1035, 2.3.4)."""
    # The resolver, TLS and SOCKS fail with others, each in a way of its own.
    name = host.removesuffix(".")
    return len(name) < 254 and all(0 < len(label) < 64 for label in name.split("."))


def is_loopback(host: str) -> bool:
    """Tell whether a host, in any form, is this machine, without a lookup."""
    reason = host_refusal(host)
    return reason == "loopback" or f".{_plain(host).rstrip('.')}".endswith(".localhost")


def origin_of(url: httpx.URL) -> tuple[str, str, int]:
    """Return scheme, host (in ASCII) and port, with the scheme's default port filled in."""
    port = DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    return url.scheme, url.raw_host.decode("ascii"), port


def is_allowed(
    url: httpx.URL, allow_hosts: Collection[str] = (), own_origin: str | None = None
) -> bool:
    """Tell whether a URL may have a non-public address: that of the service's own base URL may.

    So may the hosts that the user allows: `host`, or `host:port` for that port only.
    """
    own_url = None if own_origin is None else _parse_cached(own_origin)
    if own_url is not None and origin_of(own_url) == origin_of(url):
        return True
    _, host, port = origin_of(url)
    for entry in allow_hosts:
        bare_v6 = entry.count(":") > 1 and not entry.startswith("[")
        # Without a scheme there is no default port, so that ":80" is not taken for "any".
        parts = _parse_cached(f"//[{entry}]" if bare_v6 else f"//{entry}")
        if parts is not None and origin_of(parts)[1] == host and parts.port in (None, port):
            return True
    return False


def check_url(
    url: str,
    allow_hosts: Collection[str] = (),
    own_origin: str | None = None,
    previous: str | None = None,
) -> httpx.URL:
    """Return a URL parsed, to be requested as it is; refuse one that must not be followed.

    `is_allowed` decides which hosts need not be public; `previous` is the URL that redirects here.

    Raises:
        AddressRefusedError: it is not http(s), has a user name or control characters, leads from
            https to http, or its host is not public. The message never has path or query.
    """
    import httpx

    parsed = None
    with suppress(httpx.InvalidURL, ValueError):
        parsed = httpx.URL(url)
    if parsed is None:
        raise AddressRefusedError("the address is not a URL that can be requested")
    scheme, host, port = origin_of(parsed)
    problem = None
    if scheme not in DEFAULT_PORTS:
        problem = "only http:// and https:// addresses are followed"
    elif "\\" in url or not url.isprintable():
        problem = "it contains characters that are not allowed in a URL"
    elif parsed.userinfo:
        problem = "it contains a user name"
    elif not 0 < port < 65536:
        problem = "its port is not between 1 and 65535"
    elif not is_host(host) or (":" not in host and not _NEVER_IN_HOST.isdisjoint(host)):
        problem = "its host is not a host name"
    elif scheme == "http" and (previous or "").lower().startswith("https:"):
        problem = "a redirect from https to http"
    elif not is_allowed(parsed, allow_hosts, own_origin) and (reason := host_refusal(host)):
        problem = f"the host is {reason}; use allow_hosts= to allow it"
    if problem is None:
        return parsed
    del parsed, url, previous
    # Scheme and host only: path and query of a signed URL work like a password.
    place = f"[{host}]" if ":" in host else host[:100]
    label = f"{scheme[:20]}://{place}" if scheme else "an address without http:// or https://"
    raise AddressRefusedError(f"refused {label}: {problem}")


def parse_url(text: str) -> httpx.URL | None:
    """Return a text as a URL, or None if it is invalid."""
    import httpx

    try:
        url = httpx.URL(text)
        _ = url.host  # decoding an internationalised name may fail too
        return url
    except (httpx.InvalidURL, ValueError):
        return None


_parse_cached = lru_cache(256)(parse_url)  # for the user's hosts: the same few for every download
