"""Names what went wrong below HTTP: foreign exceptions in, one of our own values out.

Both httpcore and httpx have the same names for the same failures, and a failure may come from
either (a transport of the user's own raises httpx's), so the names are what is looked at.
"""

from __future__ import annotations

from chainhub._body import BodyError
from chainhub._network import NameLookupError
from chainhub._redact import redact_text
from chainhub._retry import Trouble, TroubleKind
from chainhub._tls import problem

_KINDS: dict[str, TroubleKind] = {
    "ConnectTimeout": "connect_timeout",
    "ConnectError": "connect",
    "ReadTimeout": "timeout",
    "WriteTimeout": "timeout",
    "PoolTimeout": "timeout",
    "TimeoutException": "timeout",
    "ReadError": "closed",
    "WriteError": "closed",
    "CloseError": "closed",
    "NetworkError": "closed",
    "ProxyError": "proxy",
    "RemoteProtocolError": "protocol",
    "DecodingError": "decode",
}


def trouble_of(
    error: Exception, *, host: str, reached: bool, secrets: tuple[str, ...]
) -> Trouble:
    """Return what an exception of an attempt to talk to `host` means."""
    text = redact_text(str(error) or type(error).__name__, secrets)
    if isinstance(error, BodyError):
        return Trouble(error.kind, reached=True, text=text)
    if isinstance(error, NameLookupError):
        return Trouble("lookup", reached=False, text=text, passing=error.passing)
    if tls := problem(error, host):
        return Trouble("tls", reached=reached, text=tls.text, passing=tls.passing)
    kind = _kind(error)
    if kind == "protocol" and reached:
        kind = _early_end(text)
    return Trouble(kind, reached=reached and kind != "connect", text=text)


def _kind(error: Exception) -> TroubleKind:
    for parent in type(error).__mro__:
        if parent.__name__ in _KINDS:
            return _KINDS[parent.__name__]
    return "local"


def _early_end(text: str) -> TroubleKind:
    """Tell an answer that broke off from one that is no HTTP; h11 has one exception for both."""
    if "disconnected" in text:
        return "closed"
    return "truncated" if "peer closed connection" in text else "protocol"
