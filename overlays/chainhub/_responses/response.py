"""A whole response, and which text its bytes are.

JSON is UTF-8 by its standard, and most pages are; so a declared charset counts only where the
bytes are not UTF-8. A wrong declaration then does no harm, a right one is honoured.
"""

from __future__ import annotations

import codecs

from chainhub._redaction import redact_url
from chainhub.errors import named_status

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Where the zero bytes of the first characters stand: a document begins with ASCII.
_ZEROS = {
    "utf-32-le": [False, True, True, True],
    "utf-32-be": [True, True, True, False],
    "utf-16-le": [False, True, False, True],
    "utf-16-be": [True, False, True, False],
}
# Python calls them text encodings, but no body is meant to be read so.
_NOT_CHARSETS = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)


class APIResponse:
    """Hold a complete answer, its body read and decompressed.

    Args:
        status: The status, any number.
        headers: Names and values as they came, in order.
        body: The body, decompressed.
        method: The method of the request.
        url: The address of the request.
    """

    __slots__ = ("body", "headers", "method", "status", "url")

    def __init__(
        self,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        method: str,
        url: str,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.method = method
        self.url = url

    def __repr__(self) -> str:
        """Return the facts that hold no secret."""
        shown = f"{self.method} {redact_url(self.url)}"
        return f"<Answer {named_status(self.status)} to {shown}, {len(self.body)} bytes>"

    def header(self, name: bytes) -> str | None:
        """Return the first header of this name, in any letter case, or None."""
        wanted = name.lower()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value.decode("latin-1")
        return None

    def charset(self) -> str | None:
        """Return the charset the answer declares, or None."""
        return charset_of(self.header(b"content-type"))


def strict_text(body: bytes, charset: str | None = None) -> str | None:
    """Return the text without a byte order mark, or None if the bytes are not text."""
    try:
        return body.decode(_encoding(body))
    except UnicodeDecodeError:
        return _decoded(body, charset, "strict")


def lenient_text(body: bytes, charset: str | None = None) -> str:
    """Return the text, with replacement characters for invalid bytes."""
    text = body.decode(_encoding(body), "replace")
    if "\ufffd" not in text[:-1]:
        return text
    return _decoded(body, charset, "replace") or text


def charset_of(content_type: str | None) -> str | None:
    """Return the charset a `Content-Type` declares, or None."""
    _, found, rest = (content_type or "").lower().partition("charset=")
    return rest.split(";")[0].strip("\"' \t") or None if found else None


def _encoding(body: bytes) -> str:
    if body[:1] < b"\x80" and 0 not in body[:4]:
        return "utf-8"
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    zeros = [byte == 0 for byte in body[:4]]
    return next((name for name, places in _ZEROS.items() if zeros == places), "utf-8")


def _decoded(body: bytes, charset: str | None, errors: str) -> str | None:
    try:
        name = codecs.lookup(charset or "").name
        return None if name in _NOT_CHARSETS else body.decode(name, errors)
    except (LookupError, ValueError):
        return None
