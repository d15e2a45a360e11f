"""Plain httpx2, which has the interface of httpx."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.peers import httpx

IMPORT = "import httpx2"
DISTRIBUTION = "httpx2"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    return httpx.call(url, "httpx2")


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    return httpx.acall(url, "httpx2")


def client(url: str) -> None:
    """Create and close a client."""
    httpx.client(url, "httpx2")
