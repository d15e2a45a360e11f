"""Distribute many tasks among the workers of a pool, each with its own client.

Any `concurrent.futures.Executor` works. The one below is Dask's.

Usage: python dask_shards.py IDS FOLDER   (IDS is a file with one id per line)
"""

import sys
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from pathlib import Path

import chainhub

SHARD = 500
"""Ids in one shard: a worker waits for all of them at once, in one thread."""


def wait_for(shard: list[str], journal: str) -> dict[str, str]:
    """Wait for a shard in a worker, and return the outcome of each id as a word."""
    with chainhub.Client() as client:
        outcomes = client.video.wait_many(shard, deadline=6 * 3600, journal=journal)
    return {
        task_id: type(outcome.error).__name__ if outcome.error else "succeeded"
        for task_id, outcome in outcomes.items()
    }


def wait_everywhere(
    pool: Executor, ids: list[str], folder: Path, size: int = SHARD
) -> Iterator[tuple[str, str]]:
    """Yield ids and outcomes; a shard that is run again polls only what is not finished."""
    shards = [ids[first : first + size] for first in range(0, len(ids), size)]
    waits = [
        pool.submit(wait_for, shard, str(folder / f"shard-{number}.jsonl"))
        for number, shard in enumerate(shards)
    ]
    for finished in as_completed(waits):
        yield from finished.result().items()


if __name__ == "__main__":
    from dask.distributed import Client

    # The key reaches the workers through their environment, never through a task's arguments.
    with Client() as cluster:
        everyone = Path(sys.argv[1]).read_text("utf-8").split()
        for task_id, word in wait_everywhere(cluster.get_executor(), everyone, Path(sys.argv[2])):
            print(task_id, word)
