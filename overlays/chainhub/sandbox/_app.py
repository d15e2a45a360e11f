"""The sandbox as an ASGI application: the contract's operations, and the videos behind its URLs."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import hmac
import re
import secrets
import socket
import string
import struct
from collections.abc import Callable, Mapping, MutableSequence
from functools import partial
from typing import Literal

from attrs import evolve, field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainhub.sandbox import _bodies as bodies
from chainhub.sandbox._bodies import Moment
from chainhub.sandbox._media import Signer, requested_range
from chainhub.sandbox._script import Answer, Completion, Drop, Hindered, Json, State, Step
from chainhub.sandbox._state import Clock, Recorded, Tasks

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
_LETTERS = string.ascii_letters + string.digits
_DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>\n'
_RECORDED_HEADERS = ("accept", "accept-encoding", "if-range", "range", "user-agent")
_PIECES = 20


@frozen
class TaskOperation:
    """An operation of the contract that says how a task is doing.

    Attributes:
        method: Its HTTP method.
        path: Its path, as Starlette writes parameters.
        place: Where the id is.
        parameter: The name of the id there.
        body: Returns the response's body.
    """

    method: str
    path: str
    place: Literal["query", "path"]
    parameter: str
    body: Callable[[Moment], Mapping[str, Json]]

    def id_in(self, request: Request) -> str | None:
        """Return the id that a request has, None if it has none."""
        if self.place == "path":
            return str(request.path_params[self.parameter])
        return next(iter(request.query_params.getlist(self.parameter)), None)


OPERATIONS = (TaskOperation("GET", "/v1/video/query", "query", "id", bodies.task_body),)


@frozen(eq=False)
class Service:
    """What the routes need: the tasks, their clock, the key, the links and the video."""

    tasks: Tasks
    clock: Clock
    signer: Signer
    key: str = field(repr=False)
    video: bytes = field(repr=False)

    async def task(self, operation: TaskOperation, request: Request) -> Response:
        """Respond about a task as its script says."""
        request_id: str = request.state.request_id
        if not self._accepts_key(request):
            return JSONResponse(bodies.bad_key(request_id), 401)
        task_id = operation.id_in(request)
        if not task_id:
            return JSONResponse(bodies.missing_id(request_id, operation.parameter), 400)
        moment = self.tasks.ask(task_id)
        if moment is None:
            return JSONResponse(bodies.unknown_task(), 400)
        if isinstance(moment.step, State | Hindered):
            request.state.word = moment.state.word
        body = operation.body(evolve(moment, url=self._url(moment, request)))
        return perform(moment.step, JSONResponse(body))

    async def media(self, request: Request) -> Response:
        """Respond to a request for a task's video as its script of faults says."""
        token: str = request.path_params["token"]
        query = request.query_params
        now = self.clock.wall(self.clock.now())
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not self.signer.accepts(token, expires, signature, now=now):
            return Response(_DENIED, 403, media_type="application/xml")
        return perform(self.tasks.fetch(token), self._file(request))

    def _accepts_key(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self.key.encode())
        return scheme.lower() == "bearer" and right

    def _url(self, moment: Moment, request: Request) -> str | None:
        if not isinstance(moment.state, Completion):
            return None
        if not moment.state.served:
            return moment.state.url
        now = self.clock.wall(self.clock.now())
        return _origin(request) + self.signer.link(moment.token, since=moment.updated, now=now)

    def _file(self, request: Request) -> Response:
        etag = f'"{hashlib.sha256(self.video).hexdigest()[:32]}"'
        headers = {"Accept-Ranges": "bytes", "ETag": etag}
        size = len(self.video)
        asked = request.headers.get("range") if request.method == "GET" else None
        part = requested_range(asked, request.headers.get("if-range"), etag=etag, size=size)
        if part is None:
            return Response(self.video, headers=headers, media_type="video/mp4")
        if not part:
            headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=416, headers=headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        body = self.video[part.start : part.stop]
        return Response(body, 206, headers=headers, media_type="video/mp4")


@frozen(eq=False)
class Front:
    """Gives every request an id, which every response has, and records it."""

    app: ASGIApp
    clock: Clock
    log: MutableSequence[Recorded]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its response back."""
        request_id = new_request_id(datetime.datetime.now(datetime.UTC))
        scope["state"]["request_id"] = request_id
        recorded = self._recorded(Request(scope))
        self.log.append(recorded)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
                recorded.word = scope["state"].get("word")
                header = (b"x-oneapi-request-id", request_id.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self.app(scope, receive, send_with_id)

    def _recorded(self, request: Request) -> Recorded:
        headers = request.headers
        return Recorded(
            method=request.method,
            path=request.url.path,
            task_id=next(iter(request.query_params.getlist("id")), None),
            carried_key="authorization" in headers,
            headers={name: headers[name] for name in _RECORDED_HEADERS if name in headers},
            at=self.clock.now(),
        )


def build(service: Service, log: MutableSequence[Recorded]) -> ASGIApp:
    """Return the application with its routes and its error responses; requests go into `log`."""
    routes = [
        Route(one.path, partial(service.task, one), methods=[one.method]) for one in OPERATIONS
    ]
    routes.append(Route("/media/{token}.mp4", service.media, methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
    app.router.redirect_slashes = False
    return Front(app, service.clock, log)


def new_request_id(now: datetime.datetime) -> str:
    """Return an id in the service's form: the time to the nanosecond and some letters."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{now:%Y%m%d%H%M%S%f}000{letters}"


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = bodies.no_route(request.method, request.url.path)
    return JSONResponse(body, error.status_code, headers=error.headers)


def _origin(request: Request) -> str:
    """Return the origin the client sees: what it calls this host, else the address it reached."""
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host):
        return f"http://{host}"
    address, port = request.scope["server"]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def perform(step: Step, ordinary: Response) -> Response:
    """Return the response that a step gives, `ordinary` being the one without any fault."""
    if isinstance(step, Answer):
        headers = dict(step.headers)
        if step.content_type is not None:
            headers["Content-Type"] = step.content_type
        return Response(step.body, status_code=step.status, headers=headers)
    return Faulty(step, ordinary) if isinstance(step, Drop | Hindered) else ordinary


class Faulty(Response):
    """Another response that is sent late, in pieces over some seconds, cut off, or not at all."""

    def __init__(self, step: Drop | Hindered, ordinary: Response) -> None:
        """Change the ordinary response as the step says."""
        super().__init__()
        self._step = step
        self._ordinary = ordinary

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what the step lets through; stop at once when the client has left."""
        step, ordinary = self._step, self._ordinary
        if isinstance(step, Drop):
            await _drop(scope, receive, hard=step.hard)
            return
        if await _left_within(step.delay, receive):
            return
        if step.cut_at is None and step.over == 0:
            await ordinary(scope, receive, send)
            return
        start = {"status": ordinary.status_code, "headers": ordinary.raw_headers}
        await send({"type": "http.response.start", **start})
        body = bytes(ordinary.body)
        if step.cut_at is not None:
            sent = body[: int(len(body) * step.cut_at)]
            await send({"type": "http.response.body", "body": sent, "more_body": True})
            await _drop(scope, receive, hard=step.hard)
            return
        size = max(1, -(-len(body) // _PIECES))
        pieces = [body[first : first + size] for first in range(0, len(body), size)]
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if await _left_within(step.over / len(pieces), receive):
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(scope: Scope, receive: Receive, *, hard: bool) -> None:
    """End the connection, whose transport the server has put into the state of the request."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if hard:
        # With lingering switched on for no time at all, closing sends a reset.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    await _left(receive)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _left_within(seconds: float, receive: Receive) -> bool:
    """Wait for `seconds` and return whether the client has left by then."""
    if seconds == 0:
        return False
    leaving = asyncio.ensure_future(_left(receive))
    try:
        done, _ = await asyncio.wait([leaving], timeout=seconds)
    finally:
        leaving.cancel()
    return bool(done)
