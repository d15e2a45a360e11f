"""Pools of either kind behind one interface, servers of one connection, a switch set soon."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import threading
import time
import traceback
from contextlib import contextmanager, suppress

import pytest

import chainhub
from chainhub._transport import AsyncConnectionPool, ConnectionPool, Limits, Request

GET = Request(b"GET", b"/", [(b"Host", b"h")])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post(size):
    """Return a request with a body of zeros."""
    return Request(b"POST", b"/", [(b"Host", b"h"), (b"Content-Length", b"%d" % size)], bytes(size))


@contextmanager
def serving(serve, host="127.0.0.1", port=0):
    """Give the port of a listener; a function serves one connection to it in a thread."""

    def accept():
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                serve(connection)

    with socket.create_server((host, port)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # nobody may have come
        thread.join(5)


@contextmanager
def within(seconds):
    """Fail if the block takes longer."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


class Pool:
    """A pool of either kind, used in the same words."""

    def __init__(self, kind, route, most=5):
        self.asynchronous = kind == "async"
        self._closed = False
        self._runner = asyncio.Runner()
        factory = route if callable(route) else lambda: route
        self.inner = self.run(self._create(factory, most))

    async def _create(self, route, most):
        return (AsyncConnectionPool if self.asynchronous else ConnectionPool)(route, most)

    def run(self, work):
        """Return what a coroutine returns."""
        return self._runner.run(work)

    def ask(self, request=GET, **options):
        """Exchange a request within limits that end soon."""
        defaults = {"timeout": 5.0, "connect": 2.0, "deadline": math.inf, "max_body": 1_000_000}
        limits = Limits(**defaults | options)
        if self.asynchronous:
            return self.run(self.inner.exchange(request, limits))
        return self.inner.exchange(request, limits)

    def close(self):
        """Close it, and its loop."""
        if not self._closed:
            self._closed = True
            self.run(self.inner.aclose()) if self.asynchronous else self.inner.close()
            self._runner.close()

    def wait_for_a_rest(self):
        """Wait until what came behind a response has come to the idle connection, if it is one."""
        until = time.monotonic() + 5
        while time.monotonic() < until and not all(
            connection.readable() for connection in self.inner._idle._idle
        ):
            self.run(asyncio.sleep(0.005))


@pytest.fixture(params=["sync", "async"])
def pool(request):
    """Give a function that makes a pool for a route; pools are closed afterwards."""
    pools = []

    def make(route, most=5):
        pools.append(Pool(request.param, route, most))
        return pools[-1]

    yield make
    for instance in pools:
        instance.close()


@pytest.fixture
def cancel():
    """Give a function that returns a switch which will be set in a moment."""
    timers = []

    def soon():
        switch = chainhub.Cancel()
        timers.append(threading.Timer(0.1, switch.set))
        timers[-1].start()
        return switch

    yield soon
    for timer in timers:
        timer.join()


class Alarm(TimeoutError):
    """What a signal handler raises, as many limits of time do."""


@pytest.fixture
def alarm():
    """Raise an error of the test's own in a tenth of a second, wherever an exchange is then."""

    def ring(number, frame):
        # On a busy machine the exchange may not have begun, or the test be over.
        names = {caller.f_code.co_name for caller, _ in traceback.walk_stack(frame)}
        if names.isdisjoint({"ask", "exchange_through"}):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        else:
            raise Alarm("mine")

    if not hasattr(signal, "setitimer"):
        pytest.skip("no timers here")
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    yield
    signal.signal(signal.SIGALRM, signal.SIG_IGN)  # it may set the timer once more
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
