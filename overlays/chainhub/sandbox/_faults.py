"""Answers that go wrong on the way, and the steps of a script as answers.

The server puts the transport of a connection into the request's state.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chainhub.sandbox._script import Answer, Drop, Hindered, Step

_PIECES = 20


def perform(step: Step, ordinary: Response) -> Response:
    """Return the answer that a step gives, `ordinary` being the one without any fault."""
    if isinstance(step, Answer):
        return _own(step)
    if isinstance(step, Drop):
        return DroppedResponse(hard=step.hard)
    if isinstance(step, Hindered):
        return HinderedResponse(step, ordinary)
    return ordinary


def _own(step: Answer) -> Response:
    headers = dict(step.headers)
    if step.content_type is not None:
        headers["Content-Type"] = step.content_type
    return Response(step.body, status_code=step.status, headers=headers)


class DroppedResponse(Response):
    """No answer: the connection is reset, or closed in order."""

    def __init__(self, *, hard: bool) -> None:
        """Choose between a reset (hard) and an orderly close."""
        super().__init__()
        self._hard = hard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End the connection."""
        await _drop(scope, receive, hard=self._hard)


class HinderedResponse(Response):
    """Another response, sent late, in pieces over a span, or cut off."""

    def __init__(self, step: Hindered, ordinary: Response) -> None:
        """Hinder the ordinary response as the step says."""
        super().__init__()
        self._step = step
        self._ordinary = ordinary

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what the step lets through; stop at once when the client has left."""
        step, ordinary = self._step, self._ordinary
        if await _left_within(step.delay, receive):
            return
        if step.cut_at is None and step.over == 0:
            await ordinary(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": ordinary.status_code,
                "headers": ordinary.raw_headers,
            }
        )
        if step.cut_at is None:
            await _send_slowly(bytes(ordinary.body), step.over, receive, send)
        else:
            sent = bytes(ordinary.body)[: int(len(ordinary.body) * step.cut_at)]
            await send({"type": "http.response.body", "body": sent, "more_body": True})
            await _drop(scope, receive, hard=step.hard)


async def _send_slowly(body: bytes, over: float, receive: Receive, send: Send) -> None:
    size = max(1, -(-len(body) // _PIECES))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if await _left_within(over / len(pieces), receive):
            return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(scope: Scope, receive: Receive, *, hard: bool) -> None:
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
