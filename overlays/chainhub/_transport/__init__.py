"""Bytes to and from a server, each within its deadline; nothing here knows the API.

Use it like this: `route_to` returns the route to an origin (a proxy, TLS, checked addresses), a
`ConnectionPool` (or an `AsyncConnectionPool`, one per event loop) keeps connections there, and
`exchange` sends an `http1.Request` within its `Limits` and returns a `Response` or raises a
`Failure` and nothing else. `StreamedExchange` reads a large body piece by piece. One core
speaks HTTP for all of them (`http1`, over h11), and two thin streams carry its bytes.

`exchange_through` and `StreamedResponse` do the same with an httpx client of the user. These, and
the asyncio versions, are imported when they are first used: threads need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from chainhub._transport.addresses import check_url as check_url
from chainhub._transport.addresses import is_allowed as is_allowed
from chainhub._transport.addresses import is_host as is_host
from chainhub._transport.addresses import is_loopback as is_loopback
from chainhub._transport.addresses import origin_of as origin_of
from chainhub._transport.addresses import parse_url as parse_url
from chainhub._transport.addresses import refuse_private as refuse_private
from chainhub._transport.connections import ROUTING as ROUTING
from chainhub._transport.connections import Connector as Connector
from chainhub._transport.connections import IdleConnections as IdleConnections
from chainhub._transport.connections import Limits as Limits
from chainhub._transport.connections import Route as Route
from chainhub._transport.connections import cancel_scope as cancel_scope
from chainhub._transport.connections import of_system as of_system
from chainhub._transport.connections import route_to as route_to
from chainhub._transport.http1 import DECODED as DECODED
from chainhub._transport.http1 import Failure as Failure
from chainhub._transport.http1 import FailureKind as FailureKind
from chainhub._transport.http1 import Gunzip as Gunzip
from chainhub._transport.http1 import Head as Head
from chainhub._transport.http1 import Headers as Headers
from chainhub._transport.http1 import Request as Request
from chainhub._transport.http1 import Response as Response
from chainhub._transport.http1 import SecretBytes as SecretBytes
from chainhub._transport.proxies import HiddenURL as HiddenURL
from chainhub._transport.proxies import choose_proxy as choose_proxy
from chainhub._transport.proxies import proxies_of as proxies_of
from chainhub._transport.proxies import read_environment as read_environment
from chainhub._transport.sockets import ConnectionPool as ConnectionPool
from chainhub._transport.sockets import SocketStream as SocketStream
from chainhub._transport.sockets import StreamedExchange as StreamedExchange
from chainhub._transport.tls import TLSConfig as TLSConfig
from chainhub._transport.tls import read_tls_config as read_tls_config
from chainhub._transport.tls import tls_context as tls_context

if TYPE_CHECKING:
    from chainhub._transport.streams import AsyncConnectionPool as AsyncConnectionPool
    from chainhub._transport.streams import AsyncStream as AsyncStream
    from chainhub._transport.user_client import AsyncStreamedResponse as AsyncStreamedResponse
    from chainhub._transport.user_client import StreamedResponse as StreamedResponse
    from chainhub._transport.user_client import aexchange_through as aexchange_through
    from chainhub._transport.user_client import exchange_through as exchange_through

_LAZY_NAMES = {
    "AsyncConnectionPool": "streams",
    "AsyncStream": "streams",
    "AsyncStreamedResponse": "user_client",
    "StreamedResponse": "user_client",
    "aexchange_through": "user_client",
    "exchange_through": "user_client",
}


def __getattr__(name: str) -> object:
    if name in _LAZY_NAMES:
        return getattr(import_module(f"{__name__}.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
