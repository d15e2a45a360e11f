"""A Celery task that downloads a video, however long it takes.

Run a worker with: celery --app celery_task worker
"""

from functools import cache
from pathlib import Path

from celery import Celery, Task

import chainhub

app = Celery("videos", broker="memory://")
app.conf.task_acks_late = True  # the tasks of a worker that dies are run again

TRANSIENT = (
    chainhub.TransportError,
    chainhub.RateLimitError,
    chainhub.ServerError,
    chainhub.WaitTimeout,
)


@cache
def client() -> chainhub.Client:
    """Return the client of this worker; each forked worker has its own connections."""
    return chainhub.Client()


@app.task(bind=True, max_retries=30)
def fetch(self: Task, task_id: str, folder: str) -> str:
    """Wait a minute, then free the worker for other tasks and retry later."""
    try:
        task = client().video.wait(task_id, deadline=60)
        path = client().video.download(task, into=Path(folder), if_exists="keep")
    except TRANSIENT as error:
        raise self.retry(exc=error, countdown=15) from None
    return str(path)
