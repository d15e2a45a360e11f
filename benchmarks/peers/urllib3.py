"""Plain urllib3: a pool manager, with its defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "urllib3"


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    pool = import_module("urllib3").PoolManager(headers={"Authorization": f"Bearer {KEY}"})

    def send() -> object:
        response = pool.request("GET", f"{url}/v1/video/query", fields={"id": TASK_ID})
        return json.loads(response.data)

    return send
