"""What an exchange brings: a response, or one exception for everything below HTTP.

Whoever holds a socket raises `Failure` and nothing else. The texts are for people and hold what the
operating system, OpenSSL or h11 says; they may repeat what a server sent, so whoever shows them
redacts them first.
"""

from __future__ import annotations

import os
import ssl
from typing import Literal, NamedTuple

Headers = list[tuple[bytes, bytes]]

FailureKind = Literal[
    "connect",
    "connect_timeout",
    "lookup",
    "tls",
    "proxy",
    "timeout",
    "closed",
    "truncated",
    "protocol",
    "decode",
    "too_large",
    "local",
]


class Head(NamedTuple):
    """Status and headers of a response, in the order and spelling in which they came."""

    status: int
    headers: Headers


class Response(NamedTuple):
    """A whole response, its body decompressed."""

    status: int
    headers: Headers
    body: bytes


class Failure(Exception):
    """An exchange that brought no response.

    Attributes:
        kind: What happened, in a word.
        text: One readable line.
        sent: Whether some byte of the request may have reached the server.
        passing: For a kind that is lasting as a rule ("lookup", "tls", "proxy"), that this one is
            not: a resolver that did not answer rather than a name that does not exist.
    """

    def __init__(
        self, kind: FailureKind, text: str, *, sent: bool = False, passing: bool = False
    ) -> None:
        super().__init__(text)
        self.kind: FailureKind = kind
        self.text = text
        self.sent = sent
        self.passing = passing

    def salvaged(self, head: Head | None) -> Response | None:
        """Return a response with an error status although its body failed: that says enough."""
        if head is None or 200 <= head.status < 300 or self.kind not in _OF_A_BODY:
            return None
        return Response(*head, b"")


_OF_A_BODY: tuple[FailureKind, ...] = ("decode", "too_large", "truncated", "closed", "protocol")


def os_text(error: OSError) -> str:
    """Return the operating system's own words, which Python and asyncio wrap in different ones."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return "timed out" if isinstance(error, TimeoutError) else str(error) or "broken"


def broken(error: OSError, host: str) -> Failure:
    """Return the failure of a read, a write or a handshake on a connection that was open."""
    if isinstance(error, ssl.SSLError):
        return tls_failure(error, host)
    return Failure("timeout" if isinstance(error, TimeoutError) else "closed", os_text(error))


def connecting(failure: Failure) -> Failure:
    """Return a failure as one that came before the connection was ready."""
    failure.kind = _BEFORE.get(failure.kind, failure.kind)
    return failure


_BEFORE: dict[FailureKind, FailureKind] = {"timeout": "connect_timeout", "closed": "connect"}


def tls_failure(error: ssl.SSLError, host: str) -> Failure:
    """Return the failure of an encrypted connection, in words that say what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = str(getattr(error, "verify_message", "") or "not valid").replace("\n", " ")[:200]
        text = _CERTIFICATE.get(getattr(error, "verify_code", 0), said)
        return Failure("tls", f"the certificate of {host} was refused: {text}")
    reason = _reason(error)
    for words, passing, text in _REASONS:
        if any(word in reason for word in words.split()):
            return Failure("tls", text.format(host=host), passing=passing)
    shown = reason.replace("_", " ").lower() or "no reason given"
    return Failure("tls", f"the TLS handshake with {host} failed: {shown}")


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's word for what happened; end of file has its own class and often no word."""
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return "UNEXPECTED_EOF"
    return str(getattr(error, "reason", "") or "").upper().replace(" ", "_")


_OWN_AUTHORITY = (
    "if a private certificate authority signed it, name its file with verify_ssl= or"
    ' SSL_CERT_FILE, or use verify_ssl="system"'
)
# X509_V_ERR_* of OpenSSL.
_CERTIFICATE = {
    9: "it is not valid yet; check this machine's clock",
    10: "it has expired, or this machine's clock is wrong",
    18: f"it is self-signed; {_OWN_AUTHORITY}",
    19: f"a certificate authority in its chain is not trusted; {_OWN_AUTHORITY}",
    20: f"the certificate authority that signed it is not trusted; {_OWN_AUTHORITY}",
    21: f"the certificate authority that signed it is not trusted; {_OWN_AUTHORITY}",
    23: "it has been revoked",
    62: "it is for another host name; check the base URL",
    64: "it is not valid for this IP address; use the host name in the base URL",
}
# The first row with a word that occurs in OpenSSL's reason; whether it may pass; the sentence.
_REASONS = (
    (
        "UNEXPECTED_EOF",
        True,
        "{host} closed the connection during the TLS handshake",
    ),
    (
        "BAD_RECORD_MAC DECRYPTION_FAILED",
        True,
        "{host} sent data that was corrupted in transit",
    ),
    (
        "CERTIFICATE_REQUIRED",
        False,
        "{host} requires a client certificate; pass an ssl.SSLContext that has one as verify_ssl=",
    ),
    (
        "ALERT_UNKNOWN_CA ALERT_BAD_CERTIFICATE ALERT_CERTIFICATE ALERT_UNSUPPORTED_CERTIFICATE",
        False,
        "{host} refused the client certificate, or requires one",
    ),
    (
        "PROTOCOL_VERSION UNSUPPORTED_PROTOCOL NO_PROTOCOLS INSUFFICIENT_SECURITY",
        False,
        "{host} and this Python support no common version of TLS",
    ),
    (
        "WRONG_VERSION_NUMBER HTTP_REQUEST PACKET_LENGTH RECORD_LAYER UNKNOWN_PROTOCOL",
        False,
        "{host} does not speak TLS on this port; should the URL begin with http://?",
    ),
    (
        "UNRECOGNIZED_NAME",
        False,
        "{host} does not recognise this host name; check the host in the URL",
    ),
)
