"""What an exchange may take, and what it brings: a response, or one exception for all below HTTP.

Whoever holds a socket raises `Failure` and nothing else. The texts are for people and hold what the
operating system, OpenSSL or h11 says; they may repeat what a server sent, so whoever shows them
redacts them first.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NamedTuple, TypeVar

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel

E = TypeVar("E", bound=BaseException)

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


@attrs.define(kw_only=True)
class Limits:
    """What one attempt may take."""

    timeout: float  # seconds for the attempt, from the moment a connection is handed out
    connect: float  # seconds for connecting, and for each TLS handshake
    # The instant (monotonic) at which the call ends; waiting for a connection counts here alone.
    deadline: float
    max_body: int  # bytes of a decompressed body
    fresh: bool = False  # whether a connection that has served before must not be used
    cancel: Cancel | None = None  # ends the attempt from outside
    reused: bool = False  # whether the connection that was used has served before; set by the pool

    def cancelled(self) -> bool:
        """Tell whether the attempt was ended from outside."""
        return self.cancel is not None and self.cancel.is_set()

    def until(self) -> float:
        """Return the instant at which an attempt that starts now ends."""
        return min(_clock.monotonic() + self.timeout, self.deadline)


def left(until: float) -> float:
    """Return the seconds until an instant, or raise TimeoutError."""
    # Sockets do not take an infinite limit; eleven days are as good.
    rest = min(until - _clock.monotonic(), 1_000_000.0)
    if rest <= 0:  # a socket would take 0 for "do not wait"
        raise TimeoutError("timed out")
    return rest


def cancel_scope(
    cancel: Cancel | None, waker: Callable[[], Callable[[], None]]
) -> AbstractContextManager[None]:
    """Let `cancel`, if there is one, call what `waker` returns while the block runs."""
    return nullcontext() if cancel is None else cancel.watching(waker())


class Head(NamedTuple):
    """Status and headers of a response, in the order and spelling in which they came."""

    status: int
    headers: Headers


class Response:
    """A whole response, its body decompressed.

    It may echo a key, so it does not show itself; error trackers look into tuples.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    def header(self, name: bytes) -> str | None:
        """Return the first header of this lower-case name, or None."""
        for header, value in self.headers:
            if header.lower() == name:
                return value.decode("latin-1")
        return None


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

    def __repr__(self) -> str:
        return f"<Failure {self.kind}>"

    def without_frames(self) -> Failure:
        """Return it to be kept: the frames that it came through may hold a key."""
        self.__context__ = self.__cause__ = None
        return self.with_traceback(None)

    def before_connected(self) -> Failure:
        """Return the same failure as one that came before the connection was ready."""
        if self.kind in ("timeout", "closed"):
            self.kind = "connect_timeout" if self.kind == "timeout" else "connect"
        return self

    def response_to(self, head: Head | None) -> Response:
        """Return a response whose body failed if its status is an error, else raise the failure."""
        # Such a status says enough. After a timeout the whole answer may still come.
        of_body = self.kind in ("decode", "too_large", "truncated", "closed", "protocol")
        if head is None or 200 <= head.status < 300 or not of_body:
            raise self
        return Response(*head, b"")


def os_text(error: OSError) -> str:
    """Return the operating system's own words, which Python and asyncio wrap in different ones."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return "timed out" if isinstance(error, TimeoutError) else str(error) or "broken"


def os_failure(error: OSError) -> Failure:
    """Return the failure of a read or a write on a socket."""
    kind: FailureKind = "timeout" if isinstance(of_system(error), TimeoutError) else "closed"
    return Failure(kind, os_text(error))


def of_system(error: E) -> E:
    """Return an error of a system call; raise one that a signal handler raised inside of it."""
    # An alarm is often a TimeoutError: the caller's, who may wait for it, and not the socket's.
    frame = error.__traceback__
    while frame is not None and (inner := frame.tb_next) is not None:
        # Python hands a handler the frame that it interrupts; nobody else is given it.
        for held in inner.tb_frame.f_locals.values():
            if any(one is frame.tb_frame for one in (held if isinstance(held, tuple) else (held,))):
                raise error
        frame = inner
    return error


def tls_failure(error: ssl.SSLError, host: str) -> Failure:
    """Return the failure of an encrypted connection, in words that say what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = str(getattr(error, "verify_message", "") or "not valid").replace("\n", " ")[:200]
        text = _CERTIFICATE.get(getattr(error, "verify_code", 0), said)
        return Failure("tls", f"the certificate of {host} was refused: {text}")
    reason = str(getattr(error, "reason", "") or "").upper().replace(" ", "_")
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        reason = "UNEXPECTED_EOF"  # it has classes of its own, and often no reason
    for words, text in _REASONS.items():
        if any(word in reason for word in words.split()):
            return Failure("tls", text.format(host=host), passing=words in _PASSING)
    shown = reason.replace("_", " ").lower() or "no reason given"
    return Failure("tls", f"the TLS handshake with {host} failed: {shown}")


_OWN_AUTHORITY = (
    "if a private certificate authority signed it, name its file with verify_ssl= or"
    ' SSL_CERT_FILE, or use verify_ssl="system"'
)
_UNKNOWN = f"the certificate authority that signed it is not trusted; {_OWN_AUTHORITY}"
# X509_V_ERR_* of OpenSSL.
_CERTIFICATE = {
    9: "it is not valid yet; check this machine's clock",
    10: "it has expired, or this machine's clock is wrong",
    18: f"it is self-signed; {_OWN_AUTHORITY}",
    19: f"a certificate authority in its chain is not trusted; {_OWN_AUTHORITY}",
    20: _UNKNOWN,
    21: _UNKNOWN,
    23: "it has been revoked",
    62: "it is for another host name; check the base URL",
    64: "it is not valid for this IP address; use the host name in the base URL",
}
# Words of OpenSSL's reasons, and what they mean; the first row that fits counts.
_REASONS = {
    "UNEXPECTED_EOF": "{host} closed the connection during the TLS handshake",
    "BAD_RECORD_MAC DECRYPTION_FAILED": "{host} sent data that was corrupted in transit",
    "CERTIFICATE_REQUIRED": "{host} requires a client certificate; pass an ssl.SSLContext that has"
    " one as verify_ssl=",
    "ALERT_UNKNOWN_CA ALERT_BAD_CERTIFICATE ALERT_CERTIFICATE ALERT_UNSUPPORTED_CERTIFICATE": (
        "{host} refused the client certificate, or requires one"
    ),
    "PROTOCOL_VERSION UNSUPPORTED_PROTOCOL NO_PROTOCOLS INSUFFICIENT_SECURITY": (
        "{host} and this Python support no common version of TLS"
    ),
    "WRONG_VERSION_NUMBER HTTP_REQUEST PACKET_LENGTH RECORD_LAYER UNKNOWN_PROTOCOL": (
        "{host} does not speak TLS on this port; should the URL begin with http://?"
    ),
    "UNRECOGNIZED_NAME": "{host} does not recognise this host name; check the host in the URL",
}
# Of these the network may be the cause, so the next attempt may succeed.
_PASSING = ("UNEXPECTED_EOF", "BAD_RECORD_MAC DECRYPTION_FAILED")
