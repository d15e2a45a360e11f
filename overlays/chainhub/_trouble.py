"""Names what went wrong below HTTP: foreign exceptions in, one of our own values out.

Both httpcore and httpx have the same names for the same failures, and a failure may come from
either (a transport of the user's own raises httpx's), so the names are what is looked at.
"""

from __future__ import annotations

import os

from chainhub._body import BodyError
from chainhub._network import NameLookupError
from chainhub._redaction import redact_text
from chainhub._session.retry import AttemptFailure, FailureKind
from chainhub._tls_problem import problem

_KINDS: dict[str, FailureKind] = {
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
    error: Exception, *, host: str, reached: bool, heard: bytes, secrets: tuple[str, ...]
) -> AttemptFailure:
    """Return what an exception of an attempt to talk to `host` means.

    Args:
        error: What was raised.
        host: Whom the attempt was for.
        reached: Whether some byte of the request was sent.
        heard: The first bytes that came back, at most five.
        secrets: What must be masked.
    """
    text = redact_text(_said(error), secrets)
    if isinstance(error, BodyError):
        return AttemptFailure(error.kind, reached=True, text=text)
    if isinstance(error, NameLookupError):
        return AttemptFailure("lookup", reached=False, text=text, passing=error.passing)
    if tls := problem(error, host):
        return AttemptFailure("tls", reached=reached, text=tls.text, passing=tls.passing)
    kind = _kind(error)
    if kind == "protocol" and reached:
        kind = _early_end(text, heard)
    return AttemptFailure(kind, reached=reached and kind != "connect", text=text)


def _kind(error: Exception) -> FailureKind:
    for parent in type(error).__mro__:
        if parent.__name__ in _KINDS:
            return _KINDS[parent.__name__]
    return "local"


def _early_end(text: str, heard: bytes) -> FailureKind:
    """Tell an answer that broke off from one that is no HTTP; h11 has one exception for both."""
    if "peer closed connection" in text:
        return "truncated"
    if "disconnected" not in text:
        return "protocol"
    # h11 says the same of a head that broke off, and of text that never was one.
    if not heard:
        return "closed"
    return "truncated" if b"HTTP/".startswith(heard) else "protocol"


def _said(error: Exception) -> str:
    """Return the operating system's words if it is the cause: asyncio's own say less."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            return os.strerror(cause.errno)
        cause = cause.__cause__
    if "_SWITCH_UPGRADE" in str(error):  # h11 names a state of its own
        return "it switches protocols (101), which nobody asked for"
    return str(error) or type(error).__name__
