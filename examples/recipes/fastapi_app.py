"""A FastAPI application that shows browsers the status of a video, and each change of it.

Run it with: uvicorn fastapi_app:app
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

import chainhub


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Keep one client, with its connections, for as long as the application runs."""
    async with chainhub.AsyncClient(deadline=10) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/videos/{task_id}")
async def state(task_id: str, request: Request) -> dict[str, str | float | None]:
    """Query once, and respond with what a browser needs to know."""
    client: chainhub.AsyncClient = request.app.state.client
    task = await client.video.query(task_id)
    return {
        "state": chainhub.state_of(task),
        "progress": chainhub.progress_of(task),
        "url": chainhub.video_url_of(task),
        "reason": chainhub.reason_of(task),
    }


@app.get("/videos/{task_id}/task")
async def whole(task_id: str, request: Request) -> dict[str, Any]:
    """Respond with the whole task as the service sent it; `to_dict` makes it valid JSON."""
    client: chainhub.AsyncClient = request.app.state.client
    return (await client.video.query(task_id)).to_dict()


@app.get("/videos/{task_id}/events")
async def events(task_id: str, request: Request) -> StreamingResponse:
    """Send an event for each change; a browser that disconnects ends the watch."""
    client: chainhub.AsyncClient = request.app.state.client

    async def lines() -> AsyncIterator[str]:
        try:
            async for task in client.video.watch(task_id, deadline=900):
                yield f"data: {chainhub.state_of(task)}\n\n"
        except chainhub.ChainhubError as error:
            yield f"event: failure\ndata: {type(error).__name__}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


@app.exception_handler(chainhub.ChainhubError)
async def failure(request: Request, error: chainhub.ChainhubError) -> JSONResponse:
    """Respond with the kind of the error, without the service's message."""
    status = 404 if isinstance(error, chainhub.TaskNotFoundError) else 502
    return JSONResponse({"error": type(error).__name__, "request": error.request_id}, status)
