"""Plain niquests, which has the interface of requests: a session, with its defaults.

It does not read SSL_CERT_FILE, so it is measured without TLS only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "niquests"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    session = import_module("niquests").Session()

    def send() -> object:
        response = session.get(f"{url}/v1/video/query", params={"id": TASK_ID}, headers=HEADERS)
        body: object = response.json()
        return body

    return send


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return an async function that sends one request."""
    niquests = import_module("niquests")
    # By default it keeps ten connections, and opens the others anew.
    session = niquests.AsyncSession(pool_maxsize=2000)

    async def send() -> object:
        target = f"{url}/v1/video/query"
        response = await session.get(target, params={"id": TASK_ID}, headers=HEADERS)
        body: object = response.json()
        return body

    return send
