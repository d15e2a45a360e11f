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
    """Return a function that asks once."""
    made = import_module("niquests").Session()

    def ask() -> object:
        answer = made.get(f"{url}/v1/video/query", params={"id": TASK_ID}, headers=HEADERS)
        found: object = answer.json()
        return found

    return ask


def acall(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that asks once, asynchronously."""
    niquests = import_module("niquests")
    # By default it keeps ten connections, and opens the others anew.
    made = niquests.AsyncSession(pool_maxsize=2000)

    async def ask() -> object:
        answer = await made.get(f"{url}/v1/video/query", params={"id": TASK_ID}, headers=HEADERS)
        found: object = answer.json()
        return found

    return ask
