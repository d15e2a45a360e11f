"""Why an encrypted connection failed, in words that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import ssl

Kind = Literal["certificate", "plain", "version", "refused", "broken"]

_CHAIN_LIMIT = 20


class TLSProblem(NamedTuple):
    """Why an encrypted connection failed, for a person and for the decision to try again."""

    kind: Kind
    text: str

    @property
    def passing(self) -> bool:
        """Whether the same handshake may well succeed in a moment."""
        return self.kind == "broken"


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
