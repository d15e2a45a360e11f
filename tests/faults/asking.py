"""Asks a server through the client, sync or async, and keeps the result."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

import chainhub
from tests.faults.table import ID, KEY
from tests.loopback import Mode


@attrs.define
class Result:
    """What the last call led to, and the seconds it took."""

    value: chainhub.VideoTask | None = None
    error: BaseException | None = None
    elapsed: float = 0.0


def options(changes: Mapping[str, object]) -> dict[str, object]:
    """Return the usual arguments of a client, with changes: few attempts, tiny delays."""
    retry = {"attempts": 2, "base": 0.01, "throttled_base": 0.01, "cap": 0.02}
    changed = dict(changes)
    retry.update(changed.pop("retry", {}))  # type: ignore[call-overload]
    policy = chainhub.RetryPolicy(**retry)  # type: ignore[arg-type]
    return {"timeout": 20.0, "deadline": 60.0, "retry": policy, **changed}


def ask(
    mode: Mode,
    arguments: Mapping[str, object],
    *,
    calls: int = 1,
    before: Callable[[int], object] = lambda number: None,
    identifier: Any = ID,
) -> Result:
    """Query as `ask_all` does, and return the last result."""
    return ask_all(mode, arguments, calls=calls, before=before, identifier=identifier)[-1]


def ask_all(
    mode: Mode,
    arguments: Mapping[str, object],
    *,
    calls: int,
    before: Callable[[int], object],
    identifier: Any = ID,
) -> list[Result]:
    """Make a client, query so many times, close it; `before` gets the number of each call."""
    client = mode.client(KEY, **arguments)
    results = []
    for number in range(calls):
        before(number)
        started = time.monotonic()
        try:
            result = Result(value=mode(client.video.query(identifier)))
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is judged
            result = Result(error=error)
        result.elapsed = time.monotonic() - started
        results.append(result)
    mode.end(client)
    return results
