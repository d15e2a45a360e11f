"""Fetch the videos of many tasks: wait and download at the same time, and survive a crash.

Usage: python asyncio_batch.py IDS FOLDER   (IDS is a file with an id a line)
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import chainhub


async def main(ids: list[str], folder: Path) -> Counter[str]:
    """Fetch what there is to fetch; run again, it takes up where it ended."""
    ends: Counter[str] = Counter()
    four = asyncio.Semaphore(4)
    async with chainhub.AsyncClient() as client, asyncio.TaskGroup() as group:

        async def fetch(task: chainhub.VideoTask) -> None:
            async with four:
                try:
                    path = await client.video.download(task, into=folder, if_exists="keep")
                except chainhub.ChainhubError as error:
                    print(task.id, error)
                    ends[type(error).__name__] += 1
                else:
                    print(task.id, path.name)
                    ends["fetched"] += 1

        outcomes = client.video.as_completed(
            ids, deadline=6 * 3600, journal=folder / "outcomes.jsonl"
        )
        async for outcome in outcomes:
            if outcome.error:
                print(outcome.id, outcome.error)
                ends[type(outcome.error).__name__] += 1
            else:
                group.create_task(fetch(outcome.result()))
    return ends


if __name__ == "__main__":
    everyone, target = Path(sys.argv[1]).read_text("utf-8").split(), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    print(dict(asyncio.run(main(everyone, target))))
