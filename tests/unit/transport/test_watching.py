"""Sockets that an event loop watches, and the one timer for all that wait on it."""

import asyncio
import math
import threading

import pytest

from chainhub._transport import AsyncConnectionPool, Failure, Limits, Route
from tests.loopback import SOON, silent
from tests.unit.transport.conftest import GET, OK, serving


def limits(timeout):
    """Return limits for an attempt of so many seconds."""
    return Limits(timeout=timeout, connect=5.0, deadline=math.inf, max_body=100)


def run(port, step, loop=asyncio.SelectorEventLoop):
    """Run a step with a pool on a loop of this class."""

    async def main():
        pool = AsyncConnectionPool(lambda: Route("127.0.0.1", port), 5)
        try:
            return await step(pool)
        finally:
            await pool.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main())


class Unwatching(asyncio.SelectorEventLoop):
    """A loop that watches no sockets, as the usual one of Windows."""

    def add_reader(self, *_):
        raise NotImplementedError


class Early(asyncio.SelectorEventLoop):
    """A loop that tells to read before anything has come, and again when it has."""

    def add_reader(self, sock, read, *given):
        self.call_soon(read, *given)
        return super().add_reader(sock, read, *given)


class Counting(asyncio.SelectorEventLoop):
    """A loop that counts how often it told to read."""

    told = 0
    next = asyncio.Event()

    def add_reader(self, sock, read, *given):
        def tell():
            Counting.told += 1
            Counting.next.set()
            read(*given)

        return super().add_reader(sock, tell)


@pytest.mark.parametrize("loop", [Unwatching, Early])
def test_every_loop_will_do(server, loop):
    """It may watch no sockets, or tell to read too early. What comes late is not waited for."""
    server.answers = [OK, OK, silent]

    async def step(pool):
        for _ in range(2):
            assert (await pool.exchange(GET, limits(5.0))).body == b"ok"
        with pytest.raises(Failure) as caught:
            await pool.exchange(GET, limits(0.1))
        assert caught.value.kind == "timeout"

    run(server.port, step, loop)


def test_what_nobody_waits_for_costs_nothing():
    """A loop that went on telling of it would take all the time there is."""

    def serve(connection):
        connection.recv(1000)
        connection.sendall(OK)
        more.wait(SOON)
        connection.sendall(b"more")

    more = threading.Event()

    async def step(pool):
        await pool.exchange(GET, limits(5.0))
        Counting.told, Counting.next = 0, asyncio.Event()
        more.set()
        await asyncio.wait_for(Counting.next.wait(), SOON)
        await asyncio.sleep(0.05)
        assert Counting.told == 1

    with serving(serve) as port:
        run(port, step, Counting)


def test_each_wait_ends_in_its_own_time(server):
    """The shortest may come last; then the timer is there for the others again."""
    server.answers = [silent]

    async def step(pool):
        longest, *others = (
            asyncio.ensure_future(pool.exchange(GET, limits(seconds))) for seconds in (60, 0.2, 0.1)
        )
        await asyncio.wait(others, timeout=SOON)
        for one in others:
            with pytest.raises(Failure, match="timed out"):
                one.result()
        assert not longest.done()
        longest.cancel()

    run(server.port, step)


def test_no_timer_is_left(server):
    """A loop would hold it, and what it serves, until it goes off."""
    server.answers = [OK]
    timers = []

    class Noting(asyncio.SelectorEventLoop):
        def call_at(self, *given, **context):
            timers.append(super().call_at(*given, **context))
            return timers[-1]

    async def step(pool):
        await asyncio.gather(*(pool.exchange(GET, limits(1000.0)) for _ in range(2)))
        long = [timer for timer in timers if timer.when() > asyncio.get_running_loop().time() + 500]
        assert long
        assert all(timer.cancelled() for timer in long)

    run(server.port, step, Noting)
