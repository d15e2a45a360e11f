"""Wait for more tasks than one process should: the ids in shards, one rate for all workers.

Any `concurrent.futures` executor will do: a process pool on one machine, or the one of a Dask
cluster over many. Each shard makes one client and calls `wait_many` once. The workers share a rate
through a number and a lock that the executor's library has already: before it sends, a
worker books an instant. Without a shared rate, each worker learns its own from responses 429.

The key comes from CHAINHUB_API_KEY in the workers' environment, so that it is in no pickle. Clocks
of several machines must agree, or the rate is exceeded for as long as they differ.

Run: `python examples/sharded.py` runs it against the sandbox with two processes,
`python examples/sharded.py dask` with a Dask cluster of two workers (needs `distributed`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import NamedTuple, Protocol

import httpx

import chainhub
from chainhub.sandbox import Sandbox, completed

WORKERS = 2
SPEED = 50.0


class Number(Protocol):
    """A number that all workers share: of a multiprocessing manager, or a Dask `Variable`."""

    def get(self) -> float:
        """Return it."""
        ...

    def set(self, value: float, /) -> object:
        """Change it."""
        ...


class Rate(NamedTuple):
    """So many requests a second for all workers together.

    Attributes:
        gap: Seconds between two requests.
        free_at: The next instant that is free, in seconds since 1970.
        lock: Held while an instant is booked.
    """

    gap: float
    free_at: Number
    lock: AbstractContextManager[object]

    def book(self, now: float) -> float:
        """Book the next free instant and return the seconds until it."""
        with self.lock:
            at = max(self.free_at.get(), now)
            self.free_at.set(at + self.gap)
        return at - now


class RateTransport(httpx.BaseTransport):
    """Sends each request at the instant that was booked for it."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(keepalive_expiry=55.0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for the booked instant, then send."""
        time.sleep(self._rate.book(time.time()))
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def wait_for_shard(ids: Sequence[str], rate: Rate | None) -> dict[str, chainhub.Outcome]:
    """Wait for one shard, in a worker; outcomes and their errors can be pickled."""
    if rate is None:
        with chainhub.Client() as client:
            return client.video.wait_many(ids)
    # Dask's number and lock bind themselves to the worker of the thread that uses them first.
    time.sleep(rate.book(time.time()))
    transport = RateTransport(rate)
    with transport, chainhub.Client(httpx_args={"transport": transport}) as client:
        return client.video.wait_many(ids)


def wait_sharded(
    executor: Executor, ids: Sequence[str], rate: Rate | None = None, shards: int = WORKERS
) -> dict[str, chainhub.Outcome]:
    """Wait for all ids on the workers of an executor; outcomes in the order of the ids."""
    parts = [ids[first::shards] for first in range(shards)]
    futures = [executor.submit(wait_for_shard, part, rate) for part in parts if part]
    outcomes: dict[str, chainhub.Outcome] = {}
    for future in futures:
        outcomes |= future.result()
    return {task_id: outcomes[task_id] for task_id in ids}


@contextmanager
def processes(gap: float) -> Generator[tuple[Executor, Rate]]:
    """Give a pool of processes and a rate that they share."""
    # Not forked: a process with threads must not be.
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(WORKERS, context) as pool:
        yield pool, Rate(gap, manager.Value("d", 0.0), manager.Lock())


@contextmanager
def dask_cluster(gap: float) -> Generator[tuple[Executor, Rate]]:
    """Give the executor of a cluster on this machine and a rate that its workers share."""
    distributed = import_module("distributed")
    settings = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        free_at = distributed.Variable("free_at")
        free_at.set(0.0)
        yield client.get_executor(), Rate(gap, free_at, distributed.Lock("rate"))


def main(kind: str = "processes", tasks: int = 12, gap: float = 0.05) -> None:
    """Run it against the sandbox and print the result."""
    with Sandbox(speed=SPEED) as sandbox:
        os.environ.update(sandbox.environment)
        ids = [sandbox.add([completed]) for _ in range(tasks)]
        pool = dask_cluster if kind == "dask" else processes
        with pool(gap) as (executor, rate):
            outcomes = wait_sharded(executor, ids, rate)
        succeeded = sum(outcome.error is None for outcome in outcomes.values())
        instants = [request.at / SPEED for request in sandbox.requests]
    most = max(sum(first <= at < first + 1 for at in instants) for first in instants)
    print(
        f"{succeeded} of {tasks} videos are there; "
        f"{len(instants)} requests, never more than {most} in a second."
    )


if __name__ == "__main__":
    main("dask" if "dask" in sys.argv[1:] else "processes")
