"""Our own client in uvloop's event loop."""

from __future__ import annotations

import asyncio
from importlib import import_module

from benchmarks.peers.chainhub import acall as acall

DISTRIBUTION = "uvloop"


def loop() -> asyncio.AbstractEventLoop:
    """Make an event loop."""
    event_loop: asyncio.AbstractEventLoop = import_module("uvloop").new_event_loop()
    return event_loop
