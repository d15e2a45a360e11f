"""Bytes to and from a server, each within its deadline; nothing here knows the API.

Use it like this: `route_to` says how to get to an origin (a proxy, TLS, checked addresses), a
`ConnectionPool` (or an `AsyncConnectionPool`, one per event loop) keeps connections there, and
`exchange` sends an `http1.Request` within its `Limits` and returns a `Response` or raises a
`Failure`, never anything foreign. `StreamedExchange` reads a large body piece by piece. One core
speaks HTTP for all of them (`http1`, over h11), and two thin streams carry its bytes.

`exchange_through` and `StreamedResponse` do the same with an httpx client of the user's own. These,
and what runs on asyncio, are loaded when first asked for: threads need none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from chainhub._transport.addresses import (
    check_url,
    is_allowed,
    is_loopback,
    origin_of,
    refuse_private,
)
from chainhub._transport.exchange import (
    Failure,
    FailureKind,
    Head,
    Headers,
    Limits,
    Response,
    cancel_scope,
    of_system,
)
from chainhub._transport.http1 import DECODED, Gunzip, Request, SecretBytes
from chainhub._transport.pools import (
    ConnectionPool,
    IdleConnections,
    StreamedExchange,
)
from chainhub._transport.proxies import choose_proxy, proxies_of, read_environment
from chainhub._transport.routes import ROUTING, Connector, Route, route_to
from chainhub._transport.sockets import SocketStream
from chainhub._transport.tls import TLSConfig, read_tls_config, tls_context

if TYPE_CHECKING:
    from chainhub._transport.streams import AsyncConnectionPool, AsyncStream
    from chainhub._transport.user_client import (
        AsyncStreamedResponse,
        StreamedResponse,
        aexchange_through,
        exchange_through,
    )

__all__ = [
    "DECODED",
    "ROUTING",
    "AsyncConnectionPool",
    "AsyncStream",
    "AsyncStreamedResponse",
    "ConnectionPool",
    "Connector",
    "Failure",
    "FailureKind",
    "Gunzip",
    "Head",
    "Headers",
    "IdleConnections",
    "Limits",
    "Request",
    "Response",
    "Route",
    "SecretBytes",
    "SocketStream",
    "StreamedExchange",
    "StreamedResponse",
    "TLSConfig",
    "aexchange_through",
    "cancel_scope",
    "check_url",
    "choose_proxy",
    "exchange_through",
    "is_allowed",
    "is_loopback",
    "of_system",
    "origin_of",
    "proxies_of",
    "read_environment",
    "read_tls_config",
    "refuse_private",
    "route_to",
    "tls_context",
]

_LATE = {
    "AsyncConnectionPool": "streams",
    "AsyncStream": "streams",
    "AsyncStreamedResponse": "user_client",
    "StreamedResponse": "user_client",
    "aexchange_through": "user_client",
    "exchange_through": "user_client",
}


def __getattr__(name: str) -> object:
    if name in _LATE:
        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
