"""The HTTP face of the sandbox: the contract's operation, and the videos behind its URLs."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
import string

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainhub.sandbox import _error_bodies as refusals
from chainhub.sandbox._clock import Clock
from chainhub.sandbox._faults import perform
from chainhub.sandbox._links import Signer
from chainhub.sandbox._ranges import Part, select
from chainhub.sandbox._requests import RequestLog
from chainhub.sandbox._response_bodies import Moment, task_body
from chainhub.sandbox._script import Completion, Hindered, State
from chainhub.sandbox._tasks import Tasks, Told

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
_LETTERS = string.ascii_letters + string.digits
_DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>\n'


@frozen(eq=False)
class Service:
    """What the routes need: the tasks, their clock, the key, the links and the video."""

    tasks: Tasks
    clock: Clock
    signer: Signer
    key: str = field(repr=False)
    video: bytes = field(repr=False)

    async def query(self, request: Request) -> Response:
        """Answer `GET /v1/video/query` as the task's script says."""
        request_id: str = request.state.request_id
        if not _carries(request, self.key):
            return JSONResponse(refusals.bad_key(request_id), 401)
        task_id = next(iter(request.query_params.getlist("id")), "")
        if not task_id:
            return JSONResponse(refusals.missing_id(request_id), 400)
        told = self.tasks.ask(task_id)
        if told is None:
            return JSONResponse(refusals.unknown_task(), 400)
        if isinstance(told.step, State | Hindered):
            request.state.word = told.state.word
        body = task_body(self._moment(task_id, told, request))
        return perform(told.step, JSONResponse(body))

    async def media(self, request: Request) -> Response:
        """Answer a request for a task's video as its script of faults says."""
        token: str = request.path_params["token"]
        query = request.query_params
        now = self.clock.wall(self.clock.now())
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not self.signer.accepts(token, expires, signature, now=now):
            return Response(_DENIED, 403, media_type="application/xml")
        return perform(self.tasks.fetch(token), self._file(request))

    def _moment(self, task_id: str, told: Told, request: Request) -> Moment:
        since, now = self.clock.wall(told.since), self.clock.wall(self.clock.now())
        url = told.state.url if isinstance(told.state, Completion) else None
        if isinstance(told.state, Completion) and told.state.served:
            url = _origin(request) + self.signer.link(told.token, since=since, now=now)
        return Moment(task_id, told.state, url, since, told.progress)

    def _file(self, request: Request) -> Response:
        etag = f'"{hashlib.sha256(self.video).hexdigest()[:32]}"'
        headers = {"Accept-Ranges": "bytes", "ETag": etag}
        size = len(self.video)
        asked = request.headers.get("range") if request.method == "GET" else None
        part = select(asked, request.headers.get("if-range"), etag=etag, size=size)
        if part == "unsatisfiable":
            return Response(
                status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"}
            )
        if isinstance(part, Part):
            headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
            body = self.video[part.first : part.last + 1]
            return Response(body, 206, headers=headers, media_type="video/mp4")
        return Response(self.video, headers=headers, media_type="video/mp4")


@frozen(eq=False)
class Front:
    """Gives every request an id, which every answer carries, and a place in the log."""

    app: ASGIApp
    log: RequestLog

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back."""
        request_id = new_request_id(datetime.datetime.now(datetime.UTC))
        scope["state"]["request_id"] = request_id
        recorded = self.log.record(Request(scope))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
                recorded.word = scope["state"].get("word")
                header = (b"x-oneapi-request-id", request_id.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self.app(scope, receive, send_with_id)


def build(service: Service, log: RequestLog) -> ASGIApp:
    """Return the application with its routes, its error answers and its log."""
    routes = [
        Route("/v1/video/query", service.query, methods=["GET"]),
        Route("/media/{token}.mp4", service.media, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
    app.router.redirect_slashes = False
    return Front(app, log)


def new_request_id(now: datetime.datetime) -> str:
    """Return an id in the service's form: the time to the nanosecond and some letters."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{now:%Y%m%d%H%M%S%f}000{letters}"


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = refusals.no_route(request.method, request.url.path)
    return JSONResponse(body, error.status_code, headers=error.headers)


def _carries(request: Request, key: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), key.encode())
    return scheme.lower() == "bearer" and right


def _origin(request: Request) -> str:
    """Return the origin the client sees: what it calls this host, else the address it reached."""
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host):
        return f"http://{host}"
    address, port = request.scope["server"]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
