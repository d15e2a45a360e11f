"""The sandbox as an ASGI application: the contract's operations, and the videos behind its URLs."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import hmac
import math
import re
import secrets
import socket
import string
import struct
from collections.abc import Callable, Mapping, MutableSequence
from functools import partial

from attrs import evolve, field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainhub.sandbox._bodies import Moment, envelope, task_body
from chainhub.sandbox._script import Answer, Completion, Drop, Hindered, Json, State, Step
from chainhub.sandbox._state import Clock, Recorded, Tasks

# What of a Host header a link may repeat: nothing that could begin another path or a user name.
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
# Numbers are bounded, so that nobody can make it compute with millions of digits.
_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_LETTERS = string.ascii_letters + string.digits
_DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>\n'
_UNKNOWN = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
# The others may hold credentials.
_RECORDED_HEADERS = ("accept", "accept-encoding", "if-range", "range", "user-agent")
_PIECES = 20  # of a slow body: more than any read takes at once, and few turns of the loop


@frozen
class TaskOperation:
    """An operation of the contract that says how a task is doing.

    Attributes:
        method: Its HTTP method.
        path: Its path, as Starlette writes parameters.
        parameter: The name of the id, in the path if it is there, else in the query.
        body: Returns the response's body.
    """

    method: str
    path: str
    parameter: str
    body: Callable[[Moment], Mapping[str, Json]]

    def id_in(self, request: Request) -> str | None:
        """Return the id that a request has, None if it has none."""
        in_path: str | None = request.path_params.get(self.parameter)
        return _first(request, self.parameter) if in_path is None else in_path


OPERATIONS = (TaskOperation("GET", "/v1/video/query", "id", task_body),)


@frozen(eq=False)
class Service:
    """What the routes need; a URL is valid for `lifetime` seconds of the clock."""

    tasks: Tasks
    clock: Clock
    key: str = field(repr=False)
    video: bytes = field(repr=False)
    lifetime: float
    secret: bytes = field(repr=False, factory=partial(secrets.token_bytes, 32))

    async def task(self, operation: TaskOperation, request: Request) -> ASGIApp:
        quoted = f" (request id: {request.state.request_id})"
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self.key.encode())
        if scheme.lower() != "bearer" or not right:
            return JSONResponse(envelope("Invalid token" + quoted), 401)
        task_id = operation.id_in(request)
        if not task_id:
            name = operation.parameter
            message = f"{name} is required{quoted}"
            return JSONResponse(envelope(message, kind="invalid_request_error", param=name), 400)
        moment = self.tasks.ask(task_id)
        if moment is None:
            return JSONResponse(_UNKNOWN, 400)
        # What is not the task's own answer has no word.
        if isinstance(moment.step, State | Hindered):
            request.state.word = moment.state.word
        body = operation.body(evolve(moment, url=self._url(moment, request)))
        return perform(moment.step, JSONResponse(body))

    async def media(self, request: Request) -> ASGIApp:
        token: str = request.path_params["token"]
        expires = request.query_params.get("expires", "")
        signature = request.query_params.get("signature", "")
        right = hmac.compare_digest(signature.encode(), self._sign(token, expires).encode())
        if not right or self.clock.wall(self.clock.now()) >= int(expires):
            return Response(_DENIED, 403, media_type="application/xml")
        return perform(self.tasks.fetch(token), self._file(request))

    def _url(self, moment: Moment, request: Request) -> str | None:
        if not isinstance(moment.state, Completion):
            return None
        if not moment.state.served:
            return moment.state.url
        # The URL stays the same until half of its life is over, so that somebody who watches a
        # finished task does not see a new one with every answer.
        half, since = self.lifetime / 2, moment.updated
        now = self.clock.wall(self.clock.now())
        expires = str(math.ceil(since + half * (2 + (now - since) // half)))
        path = f"/media/{moment.token}.mp4?expires={expires}"
        return f"{_origin(request)}{path}&signature={self._sign(moment.token, expires)}"

    def _sign(self, token: str, expires: str) -> str:
        text = f"{token}\n{expires}".encode()
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()[:40]

    def _file(self, request: Request) -> Response:
        etag, size = f'"{hashlib.sha256(self.video).hexdigest()[:32]}"', len(self.video)
        headers = {"Accept-Ranges": "bytes", "ETag": etag}
        asked = request.headers.get("range", "") if request.method == "GET" else ""
        # Another validator than the very same strong tag means the whole file (RFC 9110).
        same = request.headers.get("if-range", etag) == etag
        part = _requested_range(asked, size) if same else None
        if part is None:
            return Response(self.video, headers=headers, media_type="video/mp4")
        if not part:
            headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=416, headers=headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        body = self.video[part.start : part.stop]
        return Response(body, 206, headers=headers, media_type="video/mp4")


def build(service: Service, log: MutableSequence[Recorded]) -> ASGIApp:
    """Return the application with its routes and its error responses; requests go into `log`."""
    routes = [
        Route(one.path, partial(service.task, one), methods=[one.method]) for one in OPERATIONS
    ]
    routes.append(Route("/media/{token}.mp4", service.media, methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
    app.router.redirect_slashes = False  # the service has no route with a slash at the end

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        """Give a request an id, which its response has too, and record both."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        # The service's form: the time to the nanosecond and some letters.
        request_id = f"{datetime.datetime.now(datetime.UTC):%Y%m%d%H%M%S%f}000{letters}"
        scope["state"]["request_id"] = request_id
        request = Request(scope)
        headers = request.headers
        recorded = Recorded(
            method=request.method,
            path=request.url.path,
            task_id=_first(request, "id"),
            carried_key="authorization" in headers,
            headers={name: headers[name] for name in _RECORDED_HEADERS if name in headers},
            at=service.clock.now(),
        )
        log.append(recorded)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
                recorded.word = scope["state"].get("word")
                header = (b"x-oneapi-request-id", request_id.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        await app(scope, receive, send_with_id)

    return front


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Invalid URL ({request.method} {request.url.path[:200]})"
    body = envelope(message, kind="invalid_request_error", param="")
    return JSONResponse(body, error.status_code, headers=error.headers)


def _first(request: Request, name: str) -> str | None:
    return next(iter(request.query_params.getlist(name)), None)


def _origin(request: Request) -> str:
    """Return the origin the client sees: what it calls this host, else the address it reached."""
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host):
        return f"http://{host}"
    address, port = request.scope["server"]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _requested_range(asked: str, size: int) -> range | None:
    """Return the bytes of a file of `size` bytes that Range (RFC 9110) asks for.

    None is the whole file: for several ranges, other units and bad syntax. An empty range cannot be
    satisfied.
    """
    found = _RANGE.fullmatch(asked)
    if found is None:
        return None
    first, last = found.groups()
    if not first:  # the last bytes of the file, of this number
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last or size - 1), size - 1) + 1)


def perform(step: Step, ordinary: Response) -> ASGIApp:
    """Return the response that a step gives, `ordinary` being the one without any fault."""
    if isinstance(step, Answer):
        headers = dict(step.headers)
        if step.content_type is not None:
            headers["Content-Type"] = step.content_type
        return Response(step.body, status_code=step.status, headers=headers)
    if isinstance(step, Drop):
        return partial(_drop, hard=step.hard)
    return partial(_hinder, step, ordinary) if isinstance(step, Hindered) else ordinary


async def _hinder(
    step: Hindered, ordinary: Response, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send a response late, in pieces over some seconds, or cut off; stop when the client left."""
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
        await _drop(scope, receive, send, hard=step.hard)
        return
    size = max(1, -(-len(body) // _PIECES))
    pieces = [body[first : first + size] for first in range(0, len(body), size)]
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if await _left_within(step.over / len(pieces), receive):
            return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(scope: Scope, receive: Receive, send: Send, *, hard: bool) -> None:
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
