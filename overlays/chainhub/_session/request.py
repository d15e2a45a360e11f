"""What a call sends and where: the base URL, the user's headers, and the request they make.

`base_url_from` is the one place that decides whether a base URL may be given the key.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

from chainhub._redaction import redact_url
from chainhub._session.credentials import Key
from chainhub._session.retry import is_idempotent
from chainhub._transport import Headers, Request, SecretBytes, is_host, is_loopback, parse_url
from chainhub.errors import ConfigurationError

# RFC 9110, 5.6.2 and 5.5: anything else would fail at the first request only.
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = r"[\t\x20-\x7e\x80-\xff]*"
# httpx checks other hosts: it recognises IP addresses and punycode.
_PLAIN_HOST = r"127\.0\.0\.1|(?!.*xn--)[a-z0-9.-]*[a-z][a-z0-9.-]*"


def check_headers(headers: Iterable[tuple[str, str]], auth_header: str) -> None:
    """Refuse headers that cannot be sent, and the one that carries the key, by name alone."""
    for name, value in headers:
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise ConfigurationError(f"{ascii(name)[:60]} is not a valid header name")
        if name.lower() == auth_header.lower():
            raise ConfigurationError(
                f"the header {auth_header} carries the key; pass it as api_key= instead"
            )
        if not isinstance(value, str) or not re.fullmatch(_VALUE, value):
            raise ConfigurationError(
                f"the header {name} has a value that is not valid: "
                "line breaks, control characters or characters outside Latin-1"
            )


def encoded(headers: Mapping[str, str]) -> Headers:
    """Return checked headers in the encoding of HTTP, Latin-1."""
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


def base_url_from(
    argument: str | None,
    environ: Mapping[str, str],
    servers: tuple[str, ...],
    *,
    allow_insecure: bool,
) -> str:
    """Return the base URL to use: the argument, else `CHAINHUB_BASE_URL`, else the contract's.

    Raises:
        ConfigurationError: it is not an http(s) URL, is plain http to a host that is not loopback,
            or has user information, a query, a fragment or the operations' own `/v1` at its end;
            the sentence says why and names the source.
    """
    variable = environ.get("CHAINHUB_BASE_URL", "")
    if argument is not None:
        text, source = argument, "base_url="
    elif variable.strip():
        text, source = variable, "CHAINHUB_BASE_URL"
    elif servers:
        text, source = servers[0], "the contract's server"
    else:
        raise ConfigurationError(
            "the contract names no server: pass base_url= or set CHAINHUB_BASE_URL"
        )
    if not isinstance(text, str):
        raise ConfigurationError(f"{source}: the base URL must be a string")
    text = text.strip()  # of a variable, say, whose file ends with a line break
    try:
        parts = urlsplit(text)
        if not re.fullmatch(_PLAIN_HOST, parts.hostname or "") and parse_url(text) is None:
            raise ValueError
        problem = _problem(parts, allow_insecure)
    except ValueError:
        problem = "the base URL is not valid; it must look like https://api.example.com"
    if not text.isascii() or any(character <= " " for character in text):
        problem = "the base URL contains characters that are not allowed in a URL; look for typos"
    if problem:
        raise ConfigurationError(f"{source}: {problem}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _problem(parts: SplitResult, allow_insecure: bool) -> str | None:
    path = parts.path.rstrip("/")
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not is_host(host) or parts.port == 0:
        return "the base URL must look like https://api.example.com"
    if path.endswith("/v1"):
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path.removesuffix('/v1')}"
        return f"remove the /v1, the operations already contain it: {url}"
    if "@" in parts.netloc:
        return "the base URL contains user information; remove it and pass the key as api_key="
    if parts.query or parts.fragment:
        return "the base URL contains a query or a fragment; remove them"
    if parts.scheme == "http" and not allow_insecure and not is_loopback(host):
        return (
            f"http://{host} would send the key unencrypted; use https://, or pass "
            "allow_insecure=True if you accept that"
        )
    return None


class KeyPlace(NamedTuple):
    """Where a request carries the key, from the contract's security schemes."""

    where: str  # "header", "query", "basic" for a header with user and password, or "none"
    name: str
    prefix: str = ""


class PreparedRequest:
    """A request in the form in which it is sent, built once for all attempts and polls.

    Attributes:
        method: The HTTP method, in capitals.
        origin: The URL without path and query.
        target: The path and query, as in the request line.
        operation: The operation, such as `video.query`, None if it is not known.
    """

    def __init__(
        self,
        method: str,
        origin: str,
        target: bytes,
        headers: Headers,
        key_place: KeyPlace,
        *,
        content: bytes = b"",
        operation: str | None = None,
    ) -> None:
        self.method = method
        self.idempotent = is_idempotent(method)
        self.origin = origin
        self.target = target
        self.operation = operation
        self._content = content
        self._key_place = key_place
        self._headers = _without(headers, {key_place.name.lower().encode("ascii")})
        # The request with the key of the last call; copies for other targets have the same list.
        self._request_cache: list[tuple[Key, Request]] = []

    def __getstate__(self) -> dict[str, object]:
        """Pickle the request without the key."""
        return {**self.__dict__, "_request_cache": []}

    @property
    def raw_url(self) -> str:
        """The URL with all its secrets."""
        return self.origin + self.target.decode("ascii")

    @property
    def url(self) -> str:
        """The URL, redacted."""
        return redact_url(self.raw_url, own=True)

    def aimed_at(self, target: bytes) -> PreparedRequest:
        """Return the same request for another path or query, without building it again."""
        copy = object.__new__(PreparedRequest)
        copy.__dict__.update(self.__dict__, target=target)
        return copy

    def with_headers(self, headers: Headers) -> PreparedRequest:
        """Return the same request with further headers, which replace those of the same name."""
        if not headers:
            return self
        copy = self.aimed_at(self.target)
        copy._headers = [*_without(self._headers, {name.lower() for name, _ in headers}), *headers]
        copy._request_cache = []  # its request has the old headers
        return copy

    def with_key(self, key: Key) -> Request:
        """Return the request ready to be sent; nothing else contains the key.

        Raises:
            Failure: HTTP cannot carry it.
        """
        target = self.target if self._key_place.where != "query" else self._target_with(key)
        # One read and one assignment, as other threads send copies of this request.
        for cached_key, request in self._request_cache:
            if cached_key is key:
                self._request_cache[:] = [(key, copy := request.aimed_at(target))]
                return copy
        method = self.method.encode("ascii")
        request = Request(method, target, self._headers_with(key), self._content)
        self._request_cache[:] = [(key, request)]
        return request

    def for_httpx(self, key: Key) -> tuple[str, str, Headers, bytes]:
        """Return method, URL, headers and body with a key, for a client of the user's own."""
        url = self.origin + self._target_with(key).decode("ascii")
        return self.method, url, self._headers_with(key), self._content

    def _headers_with(self, key: Key) -> Headers:
        where, name, prefix = self._key_place
        if where not in ("header", "basic"):
            return self._headers
        scheme = f"{prefix} ".encode("ascii") if prefix else b""
        secret = key.reveal().encode("ascii")
        value = SecretBytes(scheme + (b64encode(secret) if where == "basic" else secret))
        return [*self._headers, (name.encode("ascii"), value)]

    def _target_with(self, key: Key) -> bytes:
        if self._key_place.where != "query":
            return self.target
        separator = b"&" if b"?" in self.target else b"?"
        pair = urlencode({self._key_place.name: key.reveal()}).encode("ascii")
        return SecretBytes(self.target + separator + pair)


def _without(headers: Headers, names: set[bytes]) -> Headers:
    return [pair for pair in headers if pair[0].lower() not in names]
