"""What an HTML page says: its title, and whether it is from Cloudflare."""

from __future__ import annotations

import html
import re

import attrs

# Compiled when the first page comes: a good answer needs none of them.
_TITLE = r"(?is)<title[^>]{0,200}>([^<]{0,500})"
_HEADING = r"(?is)<h1[^>]{0,200}>([^<]{0,500})"
_MARKUP = r"(?i)\s*<(?:!--|(?:!doctype html|html|head|body|title|h1|center|div|p|script)\b)"
_NUMBER = (
    r"(?i)\berror(?: {0,3}code)? {0,3}:? {0,3}(?:<[^<>]{0,200}>\s{0,20}){0,4}"
    r"(1[0-9]{3}|52[0-7]|530)\b"
)
_RAY = r"(?i)\bray id: {0,3}(?:<[^<>]{0,200}>\s{0,20}){0,3}([0-9a-f]{16})\b"
_TERSE = r"(?i)\s*error code: [0-9]{3,4}\s*\Z"
# The script that hides e-mail addresses is put into the pages of others too.
_BY_CLOUDFLARE = r"(?i)cloudflare(?!-static)"
_CLOUDFLARE_CODES = {
    1000: "the host name resolves to a forbidden address",
    1003: "the host was requested by its IP address",
    1006: "this address is banned",
    1007: "this address is banned",
    1008: "this address is banned",
    1009: "this country is blocked",
    1010: "this client is blocked because of its User-Agent",
    1012: "this client is blocked",
    1015: "too many requests from this address",
    1016: "the service's origin server cannot be resolved",
    1020: "a firewall rule refused the request",
    1033: "the tunnel to the service's origin server is down",
}


@attrs.frozen
class HTMLErrorPage:
    """What is known about an HTML page.

    Attributes:
        title: Its title or first heading, or None.
        cloudflare: Whether Cloudflare wrote it.
        number: Cloudflare's number of the error, such as 1010, or None.
        ray: Cloudflare's id of the request, or None.
    """

    title: str | None
    cloudflare: bool
    number: int | None
    ray: str | None

    def sentence(self) -> str:
        """Return who answered, and with what."""
        if self.cloudflare:
            return "Cloudflare responded instead of the API" + self._why()
        return f"the response is an HTML page{f': {self.title}' if self.title else ''}"

    def _why(self) -> str:
        if self.number is not None:
            meaning = _CLOUDFLARE_CODES.get(self.number)
            return f": error {self.number}" + (f", {meaning}" if meaning else "")
        return f": {self.title}" if self.title else ""


def read_page(text: str, server: str | None = None) -> HTMLErrorPage | None:
    """Return what the page says, or None if the text is no page.

    Args:
        text: The beginning of the body.
        server: The `Server` header.
    """
    number = re.search(_NUMBER, text)
    if re.match(_MARKUP, text):
        by_cloudflare = re.search(_BY_CLOUDFLARE, text) is not None
    elif number and "cloudflare" in (server or "").lower() and re.match(_TERSE, text):
        by_cloudflare = True
    else:
        return None
    return HTMLErrorPage(
        title=_title(text),
        cloudflare=by_cloudflare,
        number=int(number[1]) if number and by_cloudflare else None,
        ray=_first(_RAY, text),
    )


def _title(text: str) -> str | None:
    title = _first(_TITLE, text) or _first(_HEADING, text)
    return None if title is None else html.unescape(title)


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1].strip() or None if found else None
