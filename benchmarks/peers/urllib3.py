"""Plain urllib3: a pool manager, with its defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module

from benchmarks.answers import KEY, TASK_ID

DISTRIBUTION = "urllib3"


def call(url: str) -> Callable[[], object]:
    """Return a function that asks once."""
    made = import_module("urllib3").PoolManager(headers={"Authorization": f"Bearer {KEY}"})

    def ask() -> object:
        answer = made.request("GET", f"{url}/v1/video/query", fields={"id": TASK_ID})
        return json.loads(answer.data)

    return ask
