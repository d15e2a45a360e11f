"""Whom a TLS connection trusts: one context per kind of trust, built at the first https connection.

Building a context reads some 150 certificates; with one per client that would be most of the time
and memory a client costs. What is asked for is checked at once, the certificates are read later.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from chainhub._transport.addresses import is_loopback
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl


class TLSConfig:
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
        return isinstance(other, TLSConfig) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"TLSConfig(kind={self.kind!r}, path={self.path!r}, source={self.source!r})"

    @property
    def _key(self) -> tuple[str, str, ssl.SSLContext | None]:
        return self.kind, self.path, self.given


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
            "verify_ssl= would accept any certificate, so that others on the network could read the"
            " key: allowed for a loopback host only, or with allow_insecure=True"
        )
    return trust


def tls_context(trust: TLSConfig, *, shared: bool = True) -> ssl.SSLContext:
    """Return the shared context of a kind of trust, building it at the first call.

    It speaks TLS 1.2 at least; one of the user's own is returned as it is.

    Args:
        trust: What is trusted.
        shared: Whether others may use it too; if not, it is built at every call.

    Raises:
        ConfigurationError: The certificates cannot be read.
    """
    if trust.given is not None:
        trust.given.set_alpn_protocols(["http/1.1"])
        return trust.given
    if not shared:
        return _load(trust)
    with _shared.lock:
        if trust not in _shared.contexts:
            _shared.contexts[trust] = _load(trust)
        return _shared.contexts[trust]


class _Shared:
    """The contexts of this process, and the lock that lets one thread at a time build one."""

    def __init__(self) -> None:
        self.contexts: dict[TLSConfig, ssl.SSLContext] = {}
        self.lock = threading.Lock()

    def renew_lock(self) -> None:
        # Another thread may have held it at the fork; the contexts are as good as before.
        self.lock = threading.Lock()


_shared = _Shared()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_shared.renew_lock)


def _trust(
    verify: bool | str | os.PathLike[str] | ssl.SSLContext, environ: Mapping[str, str]
) -> TLSConfig:
    if verify is True:
        return _trust_of_environment(environ)
    if verify is False:
        return TLSConfig("nothing", source="the argument verify_ssl=")
    if verify == "system":
        return TLSConfig("system", source="the argument verify_ssl=")
    if isinstance(verify, (str, os.PathLike)):
        return _trust_of_path(os.fspath(verify), "the argument verify_ssl=")
    return _trust_of_context(verify)


def _trust_of_environment(environ: Mapping[str, str]) -> TLSConfig:
    path = environ.get("SSL_CERT_FILE", "")
    if os.path.isdir(path):
        raise ConfigurationError(f"SSL_CERT_FILE is a directory: {path!r}; SSL_CERT_DIR takes one")
    if path:
        return _trust_of_path(path, "SSL_CERT_FILE")
    path = environ.get("SSL_CERT_DIR", "")
    if not path:
        return TLSConfig("bundled")
    if not any(os.path.isdir(part) for part in path.split(os.pathsep)):
        raise ConfigurationError(f"SSL_CERT_DIR is not a directory: {path!r}")
    return TLSConfig("directory", path, "SSL_CERT_DIR")


def _trust_of_path(path: str, source: str) -> TLSConfig:
    if os.path.isdir(path):
        return TLSConfig("directory", path, source)
    if not os.path.exists(path):
        raise ConfigurationError(f"{source} names a file that does not exist: {path!r}")
    return TLSConfig("file", path, source)


def _trust_of_context(given: object) -> TLSConfig:
    import ssl

    if not isinstance(given, ssl.SSLContext):
        raise ConfigurationError(
            'verify_ssl= takes True, False, "system", a path or an ssl.SSLContext,'
            f" not {type(given).__name__}"
        )
    if given.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ConfigurationError("verify_ssl= was given a context made for servers")
    return TLSConfig("given", source="the argument verify_ssl=", given=given)


def _checks(trust: TLSConfig) -> bool:
    """Return whether an untrusted certificate is refused; checking host names implies it."""
    return trust.kind != "nothing" if trust.given is None else trust.given.check_hostname


def _load(trust: TLSConfig) -> ssl.SSLContext:
    import ssl

    if trust.kind == "nothing":
        return _unchecked()
    try:
        cafile, capath = _authorities(trust)
        loaded = ssl.create_default_context(cafile=cafile, capath=capath)
    except OSError as error:
        fault = error.strerror or type(error).__name__
    else:
        return _configured(loaded)
    raise ConfigurationError(
        f"{trust.source}: no certificates can be read from {trust.path!r} ({fault});"
        " it must contain CA certificates in PEM format"
    )


def _authorities(trust: TLSConfig) -> tuple[str | None, str | None]:
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
    return _configured(made)


def _configured(made: ssl.SSLContext) -> ssl.SSLContext:
    made.set_alpn_protocols(["http/1.1"])
    return at_least_tls_1_2(made)


def at_least_tls_1_2(made: ssl.SSLContext) -> ssl.SSLContext:
    """Refuse older versions: Debian's Python leaves the minimum to the system's openssl.cnf."""
    import ssl

    made.minimum_version = max(made.minimum_version, ssl.TLSVersion.TLSv1_2)
    return made
