"""A Celery task that brings a video to the disk, however long it takes.

Run a worker with: celery --app celery_task worker
"""

from functools import cache
from pathlib import Path

from celery import Celery, Task

import chainhub

app = Celery("videos", broker="memory://")
app.conf.task_acks_late = True  # a worker that dies gives its tasks back

PASSING = (
    chainhub.TransportError,
    chainhub.RateLimitError,
    chainhub.ServerError,
    chainhub.WaitTimeout,
)


@cache
def client() -> chainhub.Client:
    """Return the client of this worker; forked workers each have connections of their own."""
    return chainhub.Client()


@app.task(bind=True, max_retries=30)
def fetch(self: Task, task_id: str, folder: str) -> str:
    """Wait a minute, then make room for other tasks and come back later."""
    try:
        task = client().video.wait(task_id, deadline=60)
        path = client().video.download(task, into=Path(folder), if_exists="keep")
    except PASSING as error:
        raise self.retry(exc=error, countdown=15) from None
    return str(path)
