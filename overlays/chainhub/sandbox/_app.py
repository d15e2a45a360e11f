"""The sandbox as an ASGI application: the contract's operations, and the files behind its URLs."""

from __future__ import annotations

import asyncio
import base64
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
from urllib.parse import quote, unquote

from attrs import evolve, field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainhub.sandbox._bodies import Snapshot, created_task, task_body
from chainhub.sandbox._contract import Operation
from chainhub.sandbox._scenarios import CREATED_TASK
from chainhub.sandbox._script import Answer, Completion, Drop, Impairment, State, Step, envelope
from chainhub.sandbox._state import Clock, Recorded, Tasks

# The Host headers that a link may repeat: none that could begin another path or a user name.
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
# Numbers are bounded, so that no request makes it compute with millions of digits.
_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_LETTERS = string.ascii_letters + string.digits
_DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>\n'
_UNKNOWN = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
# Other headers may hold credentials.
_RECORDED_HEADERS = ("accept", "accept-encoding", "if-range", "range", "user-agent")
_PARAMETER = re.compile(r"\{([^}]*)\}")
# For each kind of result the extension, the media type, and a valid file.
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)
_SILENCE = (
    b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0"
    b"data\x08\0\0\0" + b"\x80" * 8
)
_FILES: Mapping[str, tuple[str, str, bytes | None]] = {
    "image": ("png", "image/png", _PNG),
    "audio": ("wav", "audio/wav", _SILENCE),
}
_VIDEO = ("mp4", "video/mp4", None)
_PIECES = 20  # of a slow body: enough for several reads, and few turns of the loop


@frozen(eq=False)
class Service:
    """What the routes need; a URL is valid for `lifetime` seconds of the clock."""

    operations: Mapping[str, Operation]
    tasks: Tasks
    clock: Clock
    key: str = field(repr=False)
    video: bytes = field(repr=False)
    lifetime: float
    secret: bytes = field(repr=False, factory=partial(secrets.token_bytes, 32))

    async def answer(self, operation: Operation, request: Request) -> ASGIApp:
        """Respond to a request for an operation of the contract."""
        state, id_note = request.state, f" (request id: {request.state.request_id})"
        state.recorded.operation = operation.name
        arguments = _arguments(operation, request)
        if operation.task is not None:
            state.recorded.task_id = arguments.get(operation.task.parameter)
        if not self._is_authorized(request, *operation.key):
            return JSONResponse(envelope("Invalid token" + id_note), 401)
        for name in operation.required:
            location, wire_name = operation.parameters[name]
            if location in ("path", "query") and not arguments.get(name):
                message, kind = f"{wire_name} is required{id_note}", "invalid_request_error"
                return JSONResponse(envelope(message, kind=kind, param=wire_name), 400)
        faults = self.tasks.faults[operation.name]
        fault = faults.popleft() if faults else None
        if isinstance(fault, Answer | Drop):
            return perform(fault, Response())
        if operation.task is not None:
            return self._task(operation, arguments[operation.task.parameter], request, fault)
        if operation.binary is not None:
            return self._content(operation, arguments, request, fault)
        body, code = operation.example, operation.status
        if operation.creates is not None:
            state.recorded.task_id, body = created_task(operation)
            script, media = self.tasks.plans.get(operation.name, (CREATED_TASK, ()))
            self.tasks.add(operation.creates, state.recorded.task_id, script, media)
        # Only what is JSON has a schema.
        if operation.schema is None and (body is None or isinstance(body, str)):
            return perform(fault, Response(body, code, media_type=body and "text/plain"))
        return perform(fault, JSONResponse(body, code))

    def _is_authorized(self, request: Request, where: str, name: str, prefix: str) -> bool:
        """Tell whether a request carries the key as its operation requires, if it requires one."""
        sent = _query_value(request, name) if where == "query" else request.headers.get(name)
        value = sent or ""
        scheme, _, key = value.partition(" ") if prefix else ("", "", value)
        expected = self.key.encode()
        expected = base64.b64encode(expected) if where == "basic" else expected
        is_right = hmac.compare_digest(key.strip().encode(), expected)
        request.state.recorded.carried_key |= is_right
        return where == "none" or (is_right and scheme.lower() == prefix.lower())

    def _task(
        self, operation: Operation, task_id: str, request: Request, fault: Step | None
    ) -> ASGIApp:
        snapshot = self.tasks.ask(operation.name, task_id)
        if snapshot is None:
            return JSONResponse(_UNKNOWN, 400)
        assert operation.task is not None
        extension, _, _ = _FILES.get(operation.task.kind, _VIDEO)
        snapshot = evolve(snapshot, link=self._link(snapshot, extension, request))
        body, word = task_body(operation, snapshot)
        # A response that is not the task's own has no word.
        if isinstance(snapshot.step, State | Impairment):
            request.state.word = word
        return perform(fault or snapshot.step, JSONResponse(body, operation.status))

    def _content(
        self, operation: Operation, arguments: dict[str, str], request: Request, step: Step | None
    ) -> ASGIApp:
        """Respond with a file: that of a finished task, if it is the result of one."""
        assert operation.binary is not None
        for task_operation in self.operations.values():
            task = task_operation.task
            if task is not None and task.content and task.content[0] == operation.name:
                request.state.recorded.task_id = task_id = arguments[task.content[1]]
                token = self.tasks.result_token(task_operation.name, task_id)
                if token is None:
                    return JSONResponse(_UNKNOWN, 400)
                if not token:
                    return JSONResponse(envelope("the task is not finished"), 400)
                step = step or self.tasks.fetch(token)
        kind = operation.binary.partition("/")[0]
        return perform(step, self._file(request, kind, operation.binary))

    async def media(self, request: Request) -> ASGIApp:
        token, _, extension = request.path_params["file"].partition(".")
        expires = request.query_params.get("expires", "")
        signature = request.query_params.get("signature", "")
        valid = hmac.compare_digest(signature.encode(), self._sign(token, expires).encode())
        if not valid or self.clock.wall(self.clock.now()) >= int(expires):
            return Response(_DENIED, 403, media_type="application/xml")
        kinds = (kind for kind, (suffix, _, _) in _FILES.items() if suffix == extension)
        step = self.tasks.fetch(token.partition("-")[0])
        return perform(step, self._file(request, next(kinds, "video")))

    def _link(
        self, snapshot: Snapshot, extension: str, request: Request
    ) -> Callable[[int], str] | None:
        """Return a function from a result's number to its URL, None if there is no result."""
        state = snapshot.state
        if not isinstance(state, Completion) or not (state.served or state.url):
            return None
        if (url := state.url) is not None:
            return lambda number: url
        # The URL stays the same for half of its lifetime, so that `watch` of a finished task does
        # not return a new one with each response.
        half, updated = self.lifetime / 2, snapshot.updated
        now = self.clock.wall(self.clock.now())
        expires = str(math.ceil(updated + half * (2 + (now - updated) // half)))
        origin = _origin(request)

        def link(number: int) -> str:
            token = snapshot.token if number == 1 else f"{snapshot.token}-{number}"
            path = f"/media/{token}.{extension}?expires={expires}"
            return f"{origin}{path}&signature={self._sign(token, expires)}"

        return link

    def _sign(self, token: str, expires: str) -> str:
        text = f"{token}\n{expires}".encode()
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()[:40]

    def _file(self, request: Request, kind: str, media_type: str | None = None) -> Response:
        _, default_type, sample = _FILES.get(kind, _VIDEO)
        media_type, data = media_type or default_type, self.video if sample is None else sample
        etag, size = f'"{hashlib.sha256(data).hexdigest()[:32]}"', len(data)
        headers = {"Accept-Ranges": "bytes", "ETag": etag}
        range_header = request.headers.get("range", "") if request.method == "GET" else ""
        # Any validator but the same strong ETag means the whole file (RFC 9110).
        same = request.headers.get("if-range", etag) == etag
        part = _requested_range(range_header, size) if same else None
        if part is None:
            return Response(data, headers=headers, media_type=media_type)
        if not part:
            headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=416, headers=headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        body = data[part.start : part.stop]
        return Response(body, 206, headers=headers, media_type=media_type)


def build(service: Service, log: MutableSequence[Recorded]) -> ASGIApp:
    """Return the application with its routes and its error responses; requests go into `log`."""
    # `/v1/video/list` is not the task "list": fixed paths go before those with parameters.
    by_path = sorted(service.operations.values(), key=lambda item: _PARAMETER.sub("{", item.path))
    routes = []
    for operation in by_path:
        # Starlette accepts only names of letters and digits.
        path = _PARAMETER.sub(lambda match: f"{{p{match.start()}}}", operation.path)
        path = quote(path, safe=string.punctuation)  # as it is sent
        routes.append(Route(path, partial(service.answer, operation), methods=[operation.method]))
    routes.append(Route("/media/{file}", service.media, methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
    app.router.redirect_slashes = False  # the service has no route with a slash at the end

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        """Give a request an id, which its response repeats, and record both."""
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        # In the format of the service: the time to the nanosecond and some letters.
        request_id = f"{datetime.datetime.now(datetime.UTC):%Y%m%d%H%M%S%f}000{letters}"
        scope["state"]["request_id"] = request_id
        request = Request(scope)
        headers = request.headers
        recorded = Recorded(
            method=request.method,
            path=request.url.path,
            task_id=_query_value(request, "id"),
            carried_key="authorization" in headers,
            headers={name: headers[name] for name in _RECORDED_HEADERS if name in headers},
            at=service.clock.now(),
        )
        log.append(recorded)
        scope["state"]["recorded"] = recorded
        # A slash that is part of an id is escaped: routes see paths as they were sent.
        scope["path"] = scope["raw_path"].decode("ascii")

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
                recorded.word = scope["state"].get("word")
                header = (b"x-oneapi-request-id", request_id.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        await app(scope, receive, send_with_id)

    return middleware


def _arguments(operation: Operation, request: Request) -> dict[str, str]:
    """Return the arguments in the path and the query by their Python names."""
    values = (unquote(value) for value in request.path_params.values())
    in_path = dict(zip(_PARAMETER.findall(operation.path), values, strict=True))
    arguments = {
        name: in_path.get(wire_name) if location == "path" else _query_value(request, wire_name)
        for name, (location, wire_name) in operation.parameters.items()
        if location in ("path", "query")
    }
    return {name: value for name, value in arguments.items() if value is not None}


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Invalid URL ({request.method} {request.url.path[:200]})"
    body = envelope(message, kind="invalid_request_error", param="")
    return JSONResponse(body, error.status_code, headers=error.headers)


def _query_value(request: Request, name: str) -> str | None:
    return next(iter(request.query_params.getlist(name)), None)


def _origin(request: Request) -> str:
    """Return the origin as the client has it: the Host header, else the address of the server."""
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host):
        return f"http://{host}"
    address, port = request.scope["server"]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _requested_range(header: str, size: int) -> range | None:
    """Return the bytes of a file of `size` bytes that Range (RFC 9110) asks for.

    None is the whole file: for several ranges, other units and bad syntax. An empty range cannot be
    satisfied.
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    first, last = match.groups()
    if not first:  # the last bytes of the file, of this number
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last or size - 1), size - 1) + 1)


def perform(step: Step | None, response: Response) -> ASGIApp:
    """Return the response for a step; `response` is the one without a fault."""
    if isinstance(step, Answer):
        headers = dict(step.headers)
        if step.content_type is not None:
            headers["Content-Type"] = step.content_type
        return Response(step.body, status_code=step.status, headers=headers)
    if isinstance(step, Drop):
        return partial(_drop, hard=step.hard)
    return partial(_impair, step, response) if isinstance(step, Impairment) else response


async def _impair(
    step: Impairment, response: Response, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send a response late, in pieces over some seconds, or cut off; stop at a disconnect."""
    if step.delay and await _disconnects_within(step.delay, receive):
        return
    if step.cut_at is None and step.over == 0:
        await response(scope, receive, send)
        return
    start = {"status": response.status_code, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    body = bytes(response.body)
    if step.cut_at is not None:
        part = body[: int(len(body) * step.cut_at)]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await _drop(scope, receive, send, hard=step.hard)
        return
    size = max(1, -(-len(body) // _PIECES))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if await _disconnects_within(step.over / len(pieces), receive):
            return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(scope: Scope, receive: Receive, send: Send, *, hard: bool) -> None:
    """End the connection, whose transport the server has put into the state of the request."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if hard:
        # With SO_LINGER of zero seconds, closing sends a reset.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    await _disconnects_within(None, receive)


async def _disconnects_within(seconds: float | None, receive: Receive) -> bool:
    """Wait for `seconds`, or for ever, and return whether the client has disconnected."""

    async def wait_for_disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    disconnect = asyncio.ensure_future(wait_for_disconnect())
    try:
        done, _ = await asyncio.wait([disconnect], timeout=seconds)
    finally:
        disconnect.cancel()
    return bool(done)
