"""TLS: which certificates a connection trusts, and TLS over bytes that another layer carries.

There is one context per kind of trust, built at the first https connection: building one reads some
150 certificates; with one per client that would be most of the time and memory a client costs. The
settings are checked at once, the certificates are read later.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Mapping
from errno import EMFILE, ENFILE
from functools import partial
from typing import Literal, TypeVar

import attrs

from chainhub._transport.addresses import is_loopback
from chainhub._transport.http1 import TRUNCATION, Failure, Flow
from chainhub.errors import ConfigurationError

T = TypeVar("T")

RECORD = 64 * 1024
"""Bytes that are encrypted at once."""


@attrs.frozen
class TLSConfig:
    """What certificates are checked against; equal configurations share a context."""

    kind: Literal["bundled", "system", "file", "directory", "nothing", "context"]
    path: str = ""
    source: str = attrs.field(default="the default", eq=False)
    context: ssl.SSLContext | None = attrs.field(default=None, repr=False)


def read_tls_config(
    verify: bool | str | os.PathLike[str] | ssl.SSLContext = True,
    *,
    environ: Mapping[str, str],
    host: str,
    allow_insecure: bool = False,
) -> TLSConfig:
    """Decide what to trust, reading no certificate yet.

    Args:
        verify: True for the bundled authorities (or those of SSL_CERT_FILE, SSL_CERT_DIR),
            "system" for the operating system's, a path to a file or directory of authorities, or
            an SSLContext, also for client certificates. It is shared and set to HTTP/1.1.
            False checks nothing: only for a loopback host, or with `allow_insecure`.
        environ: The environment variables; empty to ignore them.
        host: The host of the base URL.
        allow_insecure: Whether an unchecked connection is allowed to any host.

    Raises:
        ConfigurationError: `verify` is none of these, a path does not exist, or an unchecked
            connection is not allowed.
    """
    source = "the argument verify_ssl="
    if verify is True:
        config = _environment_config(environ)
    elif verify is False:
        config = TLSConfig("nothing", source=source)
    elif verify == "system":
        config = TLSConfig("system", source=source)
    elif isinstance(verify, (str, os.PathLike)):
        config = _path_config(os.fspath(verify), source)
    elif not isinstance(verify, ssl.SSLContext):
        raise ConfigurationError(
            'verify_ssl= takes True, False, "system", a path or an ssl.SSLContext,'
            f" not {type(verify).__name__}"
        )
    elif verify.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ConfigurationError("verify_ssl= was given a context made for servers")
    else:
        config = TLSConfig("context", source=source, context=verify)
    # Checking host names implies that an untrusted certificate is refused.
    checked = config.kind != "nothing" if config.context is None else config.context.check_hostname
    if not (allow_insecure or is_loopback(host) or checked):
        raise ConfigurationError(
            "verify_ssl= would accept any certificate, so that others on the network could read the"
            " key: allowed for a loopback host only, or with allow_insecure=True"
        )
    return config


def _environment_config(environ: Mapping[str, str]) -> TLSConfig:
    file, directory = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
    if os.path.isdir(file):
        raise ConfigurationError(f"SSL_CERT_FILE is a directory: {file!r}; SSL_CERT_DIR takes one")
    if file:
        return _path_config(file, "SSL_CERT_FILE")
    if not directory:
        return TLSConfig("bundled")
    if not any(os.path.isdir(part) for part in directory.split(os.pathsep)):
        raise ConfigurationError(f"SSL_CERT_DIR is not a directory: {directory!r}")
    return TLSConfig("directory", directory, "SSL_CERT_DIR")


def _path_config(path: str, source: str) -> TLSConfig:
    if os.path.isdir(path):
        return TLSConfig("directory", path, source)
    if not os.path.exists(path):
        raise ConfigurationError(f"{source} names a file that does not exist: {path!r}")
    return TLSConfig("file", path, source)


_contexts: dict[TLSConfig, ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


def _renew_lock() -> None:
    global _contexts_lock
    _contexts_lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    # Another thread may have held it at the fork; the contexts stay valid.
    os.register_at_fork(after_in_child=_renew_lock)


def tls_context(config: TLSConfig, *, shared: bool = True) -> ssl.SSLContext:
    """Return the context of a kind of trust; with `shared=False` a new one for the caller alone.

    It requires TLS 1.2 at least; a context of the user is returned as it is.

    Raises:
        ConfigurationError: The certificates cannot be read.
        Failure: Too many files are open at present.
    """
    if config.context is not None:
        config.context.set_alpn_protocols(["http/1.1"])
        return config.context
    if not shared:
        return _build(config)
    # Many threads often start at the same time, and building takes 20 ms of CPU.
    with _contexts_lock:
        if config not in _contexts:
            _contexts[config] = _build(config)
        return _contexts[config]


def _build(config: TLSConfig) -> ssl.SSLContext:
    path = certifi_path() if config.kind == "bundled" else config.path
    try:
        if config.kind == "nothing":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif config.kind == "directory":
            context = ssl.create_default_context(capath=path)
        else:  # without a path the system's
            context = ssl.create_default_context(cafile=path or None)
        context.set_alpn_protocols(["http/1.1"])
        return hardened(context)
    except OSError as error:
        reason, number = error.strerror or type(error).__name__, error.errno
        filename = error.filename  # of SSLKEYLOGFILE only: OpenSSL reads the others by itself
    if number in (EMFILE, ENFILE):
        raise Failure("connect", f"no certificates can be read: {reason}")
    if filename is not None:
        raise ConfigurationError(f"SSLKEYLOGFILE: {filename!r} cannot be written ({reason})")
    raise ConfigurationError(
        f"{config.source}: no certificates can be read from {path!r} ({reason});"
        " it must contain CA certificates in PEM format"
    )


def certifi_path() -> str:
    """Return the file of the bundled authorities."""
    import certifi  # http needs none; a `Connector` for https imports it early

    return certifi.where()


def hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    """Set what Python 3.11.2, as Debian builds it, does not.

    It leaves the minimum version to the system's openssl.cnf, and takes a connection that is cut
    off for one that ended with close_notify.
    """
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # OpenSSL 3 has it
    return context


class TLSLayer:
    """TLS over bytes that another layer carries; one over another is TLS in TLS.

    Threads and event loops use the same: not every loop can put asyncio's own TLS over TLS, and
    none distinguishes an end with close_notify from one without.
    """

    def __init__(self, context: ssl.SSLContext, hostname: str) -> None:
        self.failure: Failure | None = None  # of a step of OpenSSL
        self._hostname = hostname
        # OpenSSL reads and writes these two buffers; the bytes between them and a socket are ours.
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    @property
    def holds_bytes(self) -> bool:
        """Whether it has received bytes that were not read yet."""
        return bool(self._incoming.pending or self._tls.pending())

    def handshake(self) -> Flow[None]:
        """Do the TLS handshake."""
        return self._run(self._tls.do_handshake)

    def encrypted(self, flow: Flow[T]) -> Flow[T]:
        """Return a flow whose bytes are encrypted by this layer."""
        try:
            outgoing = next(flow)
            while True:
                view, incoming = memoryview(outgoing), b""
                while view:
                    piece = partial(self._tls.write, view[:RECORD])
                    view = view[(yield from self._run(piece)) :]
                if not outgoing:
                    incoming = yield from self._run(self._read)
                outgoing = flow.send(incoming)
        except StopIteration as end:
            result: T = end.value
        return result

    def _read(self) -> bytes:
        try:
            return self._tls.read(RECORD)
        except ssl.SSLError as error:
            # Python 3.11.2 has the reason only, not the class.
            if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":
                return TRUNCATION
            raise

    def _run(self, step: Callable[[], T]) -> Flow[T]:
        """Return what a step of OpenSSL returns, once it has the bytes that it needs."""
        # OpenSSL never waits: it raises if it needs more bytes, and the step is called again.
        while True:
            waiting = False
            try:
                result = step()
            except ssl.SSLWantReadError:
                waiting = True
            except ssl.SSLError as error:
                self.failure = tls_failure(error, self._hostname)
            if self._outgoing.pending:
                yield self._outgoing.read()
            if self.failure is not None:
                raise self.failure
            if not waiting:
                return result
            data = yield b""
            self._incoming.write(data) if data else self._incoming.write_eof()


def tls_failure(error: ssl.SSLError, host: str) -> Failure:
    """Return the failure of an encrypted connection, in words that say what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = str(getattr(error, "verify_message", "") or "not valid").replace("\n", " ")[:200]
        text = _CERTIFICATE.get(getattr(error, "verify_code", 0), message)
        return Failure("tls", f"the certificate of {host} was refused: {text}")
    reason = str(getattr(error, "reason", "") or "").upper().replace(" ", "_")
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        reason = "UNEXPECTED_EOF"  # it has classes of its own, and often no reason
    for words, text in _REASONS.items():
        if any(word in reason for word in words.split()):
            return Failure("tls", text.format(host=host), passing=words in _TRANSIENT)
    detail = reason.replace("_", " ").lower() or "no reason given"
    return Failure("tls", f"the TLS handshake with {host} failed: {detail}")


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
    62: "it is for another host name; check the host in the URL",
    64: "it is not valid for this IP address; use the host name in the URL",
}
# Words of OpenSSL's reasons, and what they mean; the first row that matches is used.
_REASONS = {
    "UNEXPECTED_EOF": "{host} closed the connection during the TLS handshake",
    "BAD_RECORD_MAC DECRYPTION_FAILED": "{host} sent data that was corrupted in transit",
    "CERTIFICATE_REQUIRED": "{host} requires a client certificate; pass an ssl.SSLContext that has"
    " one as verify_ssl=",
    "ALERT_UNKNOWN_CA ALERT_BAD_CERTIFICATE ALERT_CERTIFICATE ALERT_UNSUPPORTED_CERTIFICATE": (
        "{host} refused the client certificate, or requires one"
    ),
    "ALERT_HANDSHAKE_FAILURE": (
        "{host} refused the TLS handshake: it and this Python have no cipher in common, or it"
        " requires a client certificate; pass an ssl.SSLContext that has one as verify_ssl="
    ),
    "PROTOCOL_VERSION UNSUPPORTED_PROTOCOL NO_PROTOCOLS INSUFFICIENT_SECURITY": (
        "{host} and this Python support no common version of TLS"
    ),
    "WRONG_VERSION_NUMBER HTTP_REQUEST PACKET_LENGTH RECORD_LAYER UNKNOWN_PROTOCOL": (
        "{host} does not speak TLS on this port; should the URL begin with http://?"
    ),
    "UNRECOGNIZED_NAME": "{host} does not recognise this host name; check the host in the URL",
}
# The network may be the cause of these, so the next attempt may succeed.
_TRANSIENT = ("UNEXPECTED_EOF", "BAD_RECORD_MAC DECRYPTION_FAILED")
