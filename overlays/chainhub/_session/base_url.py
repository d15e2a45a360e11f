"""Where requests go: the one place that decides whether a base URL may be given the key."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from chainhub._transport import is_loopback
from chainhub.errors import ConfigurationError


def base_url_from(
    argument: str | None,
    environ: Mapping[str, str],
    servers: tuple[str, ...],
    *,
    allow_insecure: bool,
) -> str:
    """Return the base URL to use: the argument, else `CHAINHUB_BASE_URL`, else the contract's.

    Raises:
        ConfigurationError: the URL cannot be used; the sentence says why and names the source.
    """
    if argument is not None:
        return check_base_url(argument, "base_url=", allow_insecure=allow_insecure)
    if environ.get("CHAINHUB_BASE_URL", "").strip():
        text = environ["CHAINHUB_BASE_URL"]
        return check_base_url(text, "CHAINHUB_BASE_URL", allow_insecure=allow_insecure)
    if servers:
        return check_base_url(servers[0], "the contract's server", allow_insecure=allow_insecure)
    raise ConfigurationError(
        "the contract names no server: pass base_url= or set CHAINHUB_BASE_URL"
    )


def check_base_url(text: object, source: str, *, allow_insecure: bool) -> str:
    """Return `text` without trailing slashes, or say what is wrong with it.

    Raises:
        ConfigurationError: not an http(s) URL, plain http to a host that is not loopback, user
            information, a query, a fragment, or a path that ends in the operations' own `/v1`.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"{source}: the base URL must be a string")
    problem, url = _problem(text.strip(), allow_insecure)
    if problem:
        raise ConfigurationError(f"{source}: {problem}")
    return url


def _problem(text: str, allow_insecure: bool) -> tuple[str, str]:
    from httpx import URL, InvalidURL

    if not text.isascii() or any(character <= " " for character in text):
        return (
            "the base URL contains characters that are not allowed in a URL; check it for typos",
            "",
        )
    try:
        parts = urlsplit(text)
        port = parts.port
        URL(text).host  # noqa: B018 - knows what is an address and what is punycode
    except (ValueError, InvalidURL):
        return "the base URL is not valid; it must look like https://api.example.com", ""
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "the base URL must look like https://api.example.com", ""
    path = parts.path.rstrip("/")
    if path.endswith("/v1"):
        right = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path.removesuffix('/v1')}"
        return f"remove the /v1, the operations already contain it: {right}", ""
    if problem := _extras(parts):
        return problem, ""
    if parts.scheme == "http" and not allow_insecure and not is_loopback(parts.hostname):
        return (
            f"http://{parts.hostname} would send the key unencrypted; use https://, or pass "
            "allow_insecure=True if you accept that",
            "",
        )
    return "", f"{parts.scheme}://{parts.netloc}{path}"


def _extras(parts: SplitResult) -> str:
    if "@" in parts.netloc:
        return "the base URL contains user information; remove it and pass the key as api_key="
    if parts.query or parts.fragment:
        return "the base URL contains a query or a fragment; remove them"
    return ""
