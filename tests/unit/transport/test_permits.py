"""Waiting for a connection under asyncio: in turn, up to a deadline, and no permit is lost."""

import asyncio
import math
import time

import pytest

from chainhub._cancel import Cancel
from chainhub._transport import AsyncConnectionPool, Failure, Limits, Request

GET = Request(b"GET", b"/", [(b"Host", b"x")])


def held(step):
    """Run a step with the permits of a pool of one connection, which is in use."""

    async def run():
        pool = AsyncConnectionPool(lambda: None, 1)
        permits = pool._permits
        await permits.acquire()
        await step(pool, permits)
        permits.release()
        assert permits._free

    asyncio.run(run())


def test_those_who_wait_are_served_in_turn():
    """One for each permit that comes back."""

    async def step(pool, permits):
        served = []

        async def use(name):
            await permits.acquire()
            served.append(name)

        tasks = [asyncio.create_task(use(name)) for name in "abc"]
        await asyncio.sleep(0)
        for count in (0, 1, 2):
            assert served == list("abc"[:count])
            permits.release()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    held(step)


@pytest.mark.parametrize("after", ["deadline", "cancel", "task"])
def test_who_has_left_the_queue_takes_no_permit(after):
    """Whether time was over, a switch was set or the task was cancelled."""

    async def step(pool, permits):
        switch = Cancel()
        deadline = time.monotonic() + 0.001 if after == "deadline" else math.inf
        gone = asyncio.create_task(permits.acquire(deadline, switch))
        next_one = asyncio.create_task(permits.acquire())
        await asyncio.sleep(0)
        if after == "cancel":
            switch.set()
        elif after == "task":
            gone.cancel()
        with pytest.raises(asyncio.CancelledError if after == "task" else TimeoutError):
            await gone
        permits.release()
        await next_one

    held(step)


def test_a_permit_that_came_as_its_task_was_cancelled_is_given_on():
    """It had been set aside for it, so nobody else would get it."""

    async def step(pool, permits):
        gone = asyncio.create_task(permits.acquire())
        await asyncio.sleep(0)
        permits.release()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert permits._free
        await permits.acquire()

    held(step)


def test_a_permit_may_come_in_the_moment_of_the_deadline():
    """Then it is taken: the timer, which is due in the same turn of the loop, finds it given."""

    async def step(pool, permits):
        loop = asyncio.get_running_loop()
        problems = []
        loop.set_exception_handler(lambda _, context: problems.append(context))
        deadline = loop.time() + 0.05
        waits = asyncio.create_task(permits.acquire(deadline))
        await asyncio.sleep(0)
        loop.call_at(deadline - 0.001, permits.release)
        loop.call_soon(time.sleep, 0.06)  # so that both are due when the loop looks again
        await waits
        assert problems == []

    held(step)


def test_a_request_that_found_no_permit_was_not_sent():
    """Which its error says."""

    async def step(pool, permits):
        limits = Limits(timeout=1.0, connect=1.0, deadline=time.monotonic(), max_body=1)
        with pytest.raises(Failure, match="all connections stayed in use") as caught:
            await pool.exchange(GET, limits)
        assert (caught.value.kind, caught.value.sent) == ("timeout", False)

    held(step)
