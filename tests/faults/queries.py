"""Queries of a server with the client, sync or async, and their results."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

import chainhub
from tests.faults.table import ID, KEY
from tests.loopback import Mode


@attrs.define
class Result:
    """The result of a call, and the seconds it took."""

    value: chainhub.VideoTask | None = None
    error: BaseException | None = None
    elapsed: float = 0.0


def options(changes: Mapping[str, object]) -> dict[str, object]:
    """Return the usual arguments of a client, with changes: few attempts, tiny delays."""
    retry = {"attempts": 2, "base": 0.01, "throttled_base": 0.01, "cap": 0.02}
    keywords = dict(changes)
    retry.update(keywords.pop("retry", {}))  # type: ignore[call-overload]
    policy = chainhub.RetryPolicy(**retry)  # type: ignore[arg-type]
    return {"timeout": 20.0, "deadline": 60.0, "retry": policy, **keywords}


def query(
    mode: Mode,
    arguments: Mapping[str, object],
    *,
    calls: int = 1,
    before: Callable[[int], object] = lambda number: None,
    identifier: Any = ID,
) -> Result:
    """Query as `query_all` does, and return the last result."""
    return query_all(mode, arguments, calls=calls, before=before, identifier=identifier)[-1]


def query_all(
    mode: Mode,
    arguments: Mapping[str, object],
    *,
    calls: int,
    before: Callable[[int], object],
    identifier: Any = ID,
) -> list[Result]:
    """Create a client, query so many times, close it; `before` gets the number of each call."""
    client = mode.client(KEY, **arguments)
    results = []
    for number in range(calls):
        before(number)
        start = time.monotonic()
        try:
            result = Result(value=mode(client.video.query(identifier)))
        except Exception as error:  # noqa: BLE001 - tests judge any error
            result = Result(error=error)
        result.elapsed = time.monotonic() - start
        results.append(result)
    mode.end(client)
    return results
