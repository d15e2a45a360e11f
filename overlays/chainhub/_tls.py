"""Whom a TLS connection trusts: one context per kind of trust, built at the first https connection.

Building a context reads some 150 certificates; with one per client that would be most of the time
and memory a client costs. What is asked for is checked at once, the certificates are read later.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from chainhub._address import is_loopback
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

Kind = Literal["certificate", "plain", "version", "refused", "broken"]

_CHAIN_LIMIT = 20


class Trust:
    """What certificates are checked against; equal ones share a context.

    Args:
        kind: Whose certificates.
        path: Where they are.
        source: Who said so; that makes no difference between two of them.
        given: The user's own context.
    """

    __slots__ = ("given", "kind", "path", "source")

    def __init__(
        self,
        kind: Literal["bundled", "system", "file", "directory", "nothing", "given"],
        path: str = "",
        source: str = "the default",
        given: ssl.SSLContext | None = None,
    ) -> None:
        self.kind = kind
        self.path = path
        self.source = source
        self.given = given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trust) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Trust(kind={self.kind!r}, path={self.path!r}, source={self.source!r})"

    @property
    def _key(self) -> tuple[str, str, ssl.SSLContext | None]:
        return self.kind, self.path, self.given


class TLSProblem(NamedTuple):
    """Why an encrypted connection failed, for a person and for the decision to try again."""

    kind: Kind
    text: str

    @property
    def passing(self) -> bool:
        """Whether the same handshake may well succeed in a moment."""
        return self.kind == "broken"


def read_trust(
    verify: bool | str | os.PathLike[str] | ssl.SSLContext = True,
    *,
    environ: Mapping[str, str],
    host: str,
    allow_insecure: bool = False,
) -> Trust:
    """Decide what to trust, reading no certificate yet.

    Args:
        verify: True for the bundled authorities (or those of SSL_CERT_FILE, SSL_CERT_DIR),
            "system" for the operating system's, a path to a file or directory of authorities, or a
            context of one's own, also for client certificates. It is shared and set to HTTP/1.1.
            False checks nothing: only for a loopback host, or with `allow_insecure`.
        environ: The variables; empty to ignore them.
        host: The host of the base URL.
        allow_insecure: Whether an unchecked connection is wanted to any host.

    Raises:
        ConfigurationError: Not one of these, nothing there, or unchecked without permission.
    """
    trust = _trust(verify, environ)
    if not (allow_insecure or is_loopback(host) or _checks(trust)):
        raise ConfigurationError(
            "verify_ssl= would accept any certificate, so that anybody on the way could read the"
            " key: only for a loopback host, or with allow_insecure=True"
        )
    return trust


def context(trust: Trust) -> ssl.SSLContext:
    """Return the shared context of a kind of trust, building it at the first call.

    Raises:
        ConfigurationError: The certificates cannot be read.
    """
    if trust.given is not None:
        return trust.given
    with _shared.lock:
        if trust not in _shared.contexts:
            _shared.contexts[trust] = _load(trust)
        return _shared.contexts[trust]


def is_certificate_error(exc: BaseException) -> bool:
    """Tell whether an error, or one it was caused by, is about a certificate."""
    found = problem(exc, "")
    return found is not None and found.kind == "certificate"


def problem(exc: BaseException, host: str) -> TLSProblem | None:
    """Read an error of a handshake, or one it was caused by; None if it is not about TLS.

    Args:
        exc: What was raised while the connection was being encrypted.
        host: The host connected to, for the text.
    """
    import ssl

    found = _find_ssl_error(exc)
    if found is None:
        return None
    if isinstance(found, ssl.SSLCertVerificationError):
        return TLSProblem("certificate", _certificate_text(found, host))
    reason = _reason(found)
    for words, kind, text in _REASONS:
        if any(word in reason for word in words.split()):
            return TLSProblem(kind, text.format(host=host))
    shown = reason.replace("_", " ").lower() or "no reason given"
    return TLSProblem("refused", f"the TLS handshake with {host} failed: {shown}")


class _Shared:
    """The contexts of this process, and the lock that lets one thread at a time build one."""

    def __init__(self) -> None:
        self.contexts: dict[Trust, ssl.SSLContext] = {}
        self.lock = threading.Lock()

    def renew_lock(self) -> None:
        # Another thread may have held it at the fork; the contexts are as good as before.
        self.lock = threading.Lock()


_shared = _Shared()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_shared.renew_lock)


def _trust(
    verify: bool | str | os.PathLike[str] | ssl.SSLContext, environ: Mapping[str, str]
) -> Trust:
    if verify is True:
        return _trust_of_environment(environ)
    if verify is False:
        return Trust("nothing", source="the argument verify_ssl=")
    if verify == "system":
        return Trust("system", source="the argument verify_ssl=")
    if isinstance(verify, (str, os.PathLike)):
        return _trust_of_path(os.fspath(verify), "the argument verify_ssl=")
    return _trust_of_context(verify)


def _trust_of_environment(environ: Mapping[str, str]) -> Trust:
    path = environ.get("SSL_CERT_FILE", "")
    if os.path.isdir(path):
        raise ConfigurationError(f"SSL_CERT_FILE is a directory: {path!r}; SSL_CERT_DIR takes one")
    if path:
        return _trust_of_path(path, "SSL_CERT_FILE")
    path = environ.get("SSL_CERT_DIR", "")
    if not path:
        return Trust("bundled")
    if not any(os.path.isdir(part) for part in path.split(os.pathsep)):
        raise ConfigurationError(f"SSL_CERT_DIR is not a directory: {path!r}")
    return Trust("directory", path, "SSL_CERT_DIR")


def _trust_of_path(path: str, source: str) -> Trust:
    if os.path.isdir(path):
        return Trust("directory", path, source)
    if not os.path.exists(path):
        raise ConfigurationError(f"{source} names a file that does not exist: {path!r}")
    return Trust("file", path, source)


def _trust_of_context(given: object) -> Trust:
    import ssl

    if not isinstance(given, ssl.SSLContext):
        raise ConfigurationError(
            'verify_ssl= takes True, False, "system", a path or an ssl.SSLContext,'
            f" not {type(given).__name__}"
        )
    if given.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ConfigurationError("verify_ssl= was given a context made for servers")
    return Trust("given", source="the argument verify_ssl=", given=given)


def _checks(trust: Trust) -> bool:
    """Tell whether a stranger's certificate is refused; whoever checks names checks it too."""
    return trust.kind != "nothing" if trust.given is None else trust.given.check_hostname


def _load(trust: Trust) -> ssl.SSLContext:
    import ssl

    if trust.kind == "nothing":
        return _unchecked()
    try:
        cafile, capath = _authorities(trust)
        loaded = ssl.create_default_context(cafile=cafile, capath=capath)
    except OSError as error:
        fault = error.strerror or type(error).__name__
    else:
        loaded.set_alpn_protocols(["http/1.1"])
        return loaded
    raise ConfigurationError(
        f"{trust.source}: no certificates can be read from {trust.path!r} ({fault});"
        " it takes authorities in PEM form"
    )


def _authorities(trust: Trust) -> tuple[str | None, str | None]:
    """Return file and directory of authorities; with neither, the system's are taken."""
    if trust.kind == "bundled":
        import certifi

        return certifi.where(), None
    return (
        trust.path if trust.kind == "file" else None,
        trust.path if trust.kind == "directory" else None,
    )


def _unchecked() -> ssl.SSLContext:
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["http/1.1"])
    return made


def _find_ssl_error(exc: BaseException) -> ssl.SSLError | None:
    import ssl

    # "Nothing to read yet" is no error, but stays in the context of whatever happens next.
    waiting = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    current: BaseException | None = exc
    for _ in range(_CHAIN_LIMIT):
        if current is None:
            return None
        if isinstance(current, ssl.SSLError) and not isinstance(current, waiting):
            return current
        current = current.__cause__ or current.__context__
    return None


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's word for what happened; end of file has its own class and often no word."""
    import ssl

    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return "UNEXPECTED_EOF"
    return str(getattr(error, "reason", "") or "").upper().replace(" ", "_")


def _certificate_text(error: ssl.SSLCertVerificationError, host: str) -> str:
    code = getattr(error, "verify_code", 0)
    said = str(getattr(error, "verify_message", "") or "not valid")
    text = _CERTIFICATE.get(code, said.replace("\n", " ")[:200])
    return f"the certificate of {host} was refused: {text}"


_OWN_AUTHORITY = (
    "if a company's or one's own authority signed it, name its file with verify_ssl= or"
    ' SSL_CERT_FILE, or use verify_ssl="system"'
)
# X509_V_ERR_* of OpenSSL.
_CERTIFICATE = {
    9: "it is not valid yet; is this machine's clock right?",
    10: "it has expired, or this machine's clock is wrong",
    18: f"it is signed by itself; {_OWN_AUTHORITY}",
    19: f"an authority in its chain is not known here; {_OWN_AUTHORITY}",
    20: f"the authority that signed it is not known here; {_OWN_AUTHORITY}",
    21: f"the authority that signed it is not known here; {_OWN_AUTHORITY}",
    23: "it has been revoked",
    62: "it belongs to another host name; is the base URL right?",
    64: "it is not made for this address; use the host's name in the base URL",
}
# The first row with a word that occurs in OpenSSL's reason.
_REASONS: tuple[tuple[str, Kind, str], ...] = (
    (
        "UNEXPECTED_EOF",
        "broken",
        "{host} closed the connection during the TLS handshake",
    ),
    (
        "BAD_RECORD_MAC DECRYPTION_FAILED",
        "broken",
        "what {host} sent was damaged on the way",
    ),
    (
        "CERTIFICATE_REQUIRED",
        "certificate",
        "{host} asks for a client certificate; give a context that has one with verify_ssl=",
    ),
    (
        "ALERT_UNKNOWN_CA ALERT_BAD_CERTIFICATE ALERT_CERTIFICATE ALERT_UNSUPPORTED_CERTIFICATE",
        "certificate",
        "{host} refused the client certificate, or the lack of one",
    ),
    (
        "PROTOCOL_VERSION UNSUPPORTED_PROTOCOL NO_PROTOCOLS INSUFFICIENT_SECURITY",
        "version",
        "{host} and this Python have no version of TLS in common",
    ),
    (
        "WRONG_VERSION_NUMBER HTTP_REQUEST PACKET_LENGTH RECORD_LAYER UNKNOWN_PROTOCOL",
        "plain",
        "{host} does not speak TLS on this port; should the URL begin with http://?",
    ),
    (
        "UNRECOGNIZED_NAME",
        "refused",
        "{host} does not know itself by this name; is the host of the URL right?",
    ),
)
