"""Where the bytes of a video may come from, which headers are sent there, and the sockets.

Nothing of the client's session takes part. The API's own scheme, host and port get the key;
everybody else gets a request that carries nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import httpx

from chainhub._download.media import Headers
from chainhub._download.media_line import Line, OwnLine
from chainhub._transport import (
    SecretBytes,
    TLSConfig,
    check_url,
    is_allowed,
    is_loopback,
    origin_of,
    refuse_private,
    route_to,
    tls_context,
)
from chainhub._version import __version__

if TYPE_CHECKING:
    from chainhub._session import Doorway, Key
    from chainhub._transport import Connector

_NO_CREDENTIALS: Headers = [
    (b"Accept", b"video/*, application/octet-stream;q=0.9, */*;q=0.1"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
]


Address = httpx.URL


@attrs.frozen(kw_only=True)
class URLPolicy:
    """Where media may come from, and how they are reached.

    Attributes:
        connector: The API's own, for proxies, certificates and the API's origin.
        allow_hosts: Hosts allowed although they are not public.
        own_headers: Headers for the API's own origin, without the key.
        auth_header: The header that carries the key there.
        prefix: The word before the key.
        user_agent: The only header of ours for other hosts.
        secrets: What must be masked in texts that come from outside.
        ordinary: Makes lines through a transport of the user's own, if there is one.
    """

    connector: Connector
    allow_hosts: tuple[str, ...]
    own_headers: Headers = attrs.field(repr=False)
    auth_header: str
    prefix: str
    user_agent: str
    secrets: Callable[[], tuple[str, ...]] = attrs.field(repr=False)
    ordinary: Callable[[], Line] | None = None

    def checked(self, url: str, previous: str | None = None) -> httpx.URL:
        """Return an address that may be followed.

        Raises:
            AddressRefusedError: it may not.
        """
        return check_url(url, self.allow_hosts, self.connector.base_url, previous)

    def joined(self, url: httpx.URL, location: str) -> httpx.URL:
        """Return where a redirect leads.

        Raises:
            AddressRefusedError: it may not be followed.
        """
        try:
            target = str(url.join(location))
        except (httpx.InvalidURL, ValueError):
            target = ""
        return self.checked(target, previous=str(url))

    def is_own(self, url: httpx.URL) -> bool:
        """Tell whether an address is the API's own: the same scheme, host and port."""
        return self.connector.reaches(url)

    def headers(self, key: Key | None) -> Headers:
        """Return the headers of a request, with the key if it is for the API itself."""
        if key is None:
            return [(b"User-Agent", self.user_agent.encode("ascii")), *_NO_CREDENTIALS]
        ours = {name.lower() for name, _ in _NO_CREDENTIALS} | {b"host", b"range", b"if-range"}
        before = f"{self.prefix} ".encode("ascii") if self.prefix else b""
        return [
            *(pair for pair in self.own_headers if pair[0].lower() not in ours),
            *_NO_CREDENTIALS,
            (self.auth_header.encode("ascii"), SecretBytes(before + key.reveal().encode("ascii"))),
        ]

    def open(self, url: httpx.URL) -> Line:
        """Return a line to where an address is, not yet connected."""
        if self.ordinary is not None:
            return self.ordinary()
        scheme, host, port = origin_of(url)
        proxy = self.connector.proxy_for(scheme, host, port)
        allowed = is_allowed(url, self.allow_hosts, self.connector.base_url)
        # Behind a proxy the address connected to is the proxy's, which the user has named.
        return OwnLine(
            route_to(
                scheme,
                host,
                port,
                proxy=proxy,
                context=lambda: tls_context(self._trust(allowed)),
                check=None if allowed else refuse_private,
            )
        )

    def _trust(self, allowed: bool) -> TLSConfig:
        trust = self.connector.trust
        # "Accept any certificate" on this machine was not said of the world.
        local = trust.kind == "nothing" and is_loopback(self.connector.host)
        return TLSConfig("bundled") if local and not allowed else trust


def route_of(
    way: Doorway,
    allow_hosts: tuple[str, ...],
    ordinary: Callable[[], Line] | None,
) -> URLPolicy:
    """Return where media may come from for this client."""
    session = way.session
    # httpx spells headers and cookies out; the request itself is never sent.
    request = httpx.Request(
        "GET", session.connector.base_url, headers=way.headers, cookies=dict(way.cookies)
    )
    return URLPolicy(
        connector=session.connector,
        allow_hosts=allow_hosts,
        own_headers=request.headers.raw,
        auth_header=way.auth_header,
        prefix=way.prefix,
        user_agent=f"chainhub-python/{__version__}",
        secrets=session.credentials.secrets,
        ordinary=ordinary,
    )
