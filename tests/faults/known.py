"""Faults that are known and not yet mended: the end of a test's name, and what is wrong.

A test that passes again must be taken out of here.
"""

_UNREADABLE = "an error status whose body cannot be inflated is not taken for what it is"
_ECHO = "httpcore's debug log shows a key that the server sends back"
_REFUSAL = "the async error does not say that the connection was refused or reset"
_NOT_HTTP = "bytes that are no HTTP, or half of a head, count as no answer at all"
_HANDSHAKE = "a handshake that is cut off by the clock leaves its socket open"
_HOST = "a host that is none raises another package's error"
_TYPE = "an argument of another type raises AttributeError or TypeError, or nothing"
_ID = "an id that cannot be sent raises another package's error, or is sent"
_HEADER = "a header that cannot be sent raises another package's error, or is shown"

KNOWN: dict[str, str] = {
    "error body: in an unknown coding, 401]": _UNREADABLE,
    "error body: broken gzip, 503]": _UNREADABLE,
    "-the key in a header]": _ECHO,
    "-the key in the reason]": _ECHO,
    "-the key in a broken status line]": _ECHO,
    "-the key in a broken header]": _ECHO,
    "-the key in a broken chunk]": _ECHO,
    "-the key in the body's coding]": _ECHO,
    "-the key in the request id]": _ECHO,
    "a bomb in an error]": _UNREADABLE,
    "[async-refused]": _REFUSAL,
    "[async-reset after the request always]": _REFUSAL,
    "[async-reset in the version always]": _REFUSAL,
    "[async-reset in the status line always]": _REFUSAL,
    "[async-reset in a header always]": _REFUSAL,
    "[async-reset before the empty line always]": _REFUSAL,
    "[async-reset before the body always]": _REFUSAL,
    "[async-reset in the body always]": _REFUSAL,
    "[async-reset before the last byte always]": _REFUSAL,
    "-closed in the version always]": _NOT_HTTP,
    "-closed in the status line always]": _NOT_HTTP,
    "-closed in a header always]": _NOT_HTTP,
    "-closed before the empty line always]": _NOT_HTTP,
    "-head: text]": _NOT_HTTP,
    "-head: only a body]": _NOT_HTTP,
    "-head: HTML]": _NOT_HTTP,
    "-head: SSH]": _NOT_HTTP,
    "-head: SMTP]": _NOT_HTTP,
    "-TLS: spoken to in plain text]": _NOT_HTTP,
    "[async-TLS: silence in the handshake]": _HANDSHAKE,
    "[no punycode-Client]": _HOST,
    "[no punycode-AsyncClient]": _HOST,
    "[no address-Client]": _HOST,
    "[no address-AsyncClient]": _HOST,
    "[a base URL that is a number-Client]": _TYPE,
    "[a base URL that is a number-AsyncClient]": _TYPE,
    "[a base URL that is bytes-Client]": _TYPE,
    "[a base URL that is bytes-AsyncClient]": _TYPE,
    "[a policy as text-Client]": _TYPE,
    "[a policy as text-AsyncClient]": _TYPE,
    "[a policy as a number-Client]": _TYPE,
    "[a policy as a number-AsyncClient]": _TYPE,
    "is_refused[list-sync]": _ID,
    "is_refused[list-async]": _ID,
    "is_refused[dict-sync]": _ID,
    "is_refused[dict-async]": _ID,
    "is_refused[a surrogate-sync]": _ID,
    "is_refused[a surrogate-async]": _ID,
    "is_refused[a line end-sync]": _HEADER,
    "is_refused[a line end-async]": _HEADER,
    "is_refused[a cow as name-sync]": _HEADER,
    "is_refused[a cow as name-async]": _HEADER,
    "is_refused[a cow as value-sync]": _HEADER,
    "is_refused[a cow as value-async]": _HEADER,
}


def reason(name: str) -> str | None:
    """Return what is known of a test, or None."""
    return next((why for end, why in KNOWN.items() if name.endswith(end)), None)
