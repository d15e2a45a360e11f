"""Download the videos of many tasks: wait and download at the same time, survive a crash.

Usage: python asyncio_batch.py IDS FOLDER   (IDS is a file with one id per line)
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import chainhub


async def main(ids: list[str], folder: Path) -> Counter[str]:
    """Download every video; run again, it continues where it stopped."""
    counts: Counter[str] = Counter()
    four = asyncio.Semaphore(4)
    async with chainhub.AsyncClient() as client, asyncio.TaskGroup() as group:

        async def download(task: chainhub.VideoTask) -> None:
            async with four:
                try:
                    path = await client.video.download(task, into=folder, if_exists="keep")
                except chainhub.ChainhubError as error:
                    print(task.id, error)
                    counts[type(error).__name__] += 1
                else:
                    print(task.id, path.name)
                    counts["downloaded"] += 1

        outcomes = client.video.as_completed(
            ids, deadline=6 * 3600, journal=folder / "outcomes.jsonl"
        )
        async for outcome in outcomes:
            if outcome.error:
                print(outcome.id, outcome.error)
                counts[type(outcome.error).__name__] += 1
            else:
                group.create_task(download(outcome.result()))
    return counts


if __name__ == "__main__":
    everyone, target = Path(sys.argv[1]).read_text("utf-8").split(), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    print(dict(asyncio.run(main(everyone, target))))
