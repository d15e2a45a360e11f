"""A line keeps what came, and whoever waits on it is woken by bytes, by the end or by the clock."""

import asyncio
import time

import httpcore
import pytest

from chainhub._async_network import HIGH_WATER, AsyncWire, AsyncWireStream, Line


class Transport(asyncio.Transport):
    """A connection that is what a test says, and notes what is asked of it."""

    def __init__(self):
        super().__init__()
        self.told = []
        self.closing = False

    def pause_reading(self):
        self.told.append("pause")

    def resume_reading(self):
        self.told.append("resume")

    def write(self, data):
        self.told.append(data)

    def is_closing(self):
        return self.closing


def soon():
    """Leave next to no time."""
    return 0.01


def later():
    """Leave time enough."""
    return 5.0


def on_a_line(scenario):
    """Run a scenario with a line and its transport."""

    async def run():
        line, transport = Line(), Transport()
        line.connection_made(transport)
        return await scenario(line, transport)

    return asyncio.run(run())


def test_what_nobody_reads_stops_the_reading():
    """A server that sends without end fills a buffer, not the memory."""

    async def scenario(line, transport):
        line.data_received(b"x" * HIGH_WATER)
        assert transport.told == []
        line.data_received(b"y")
        line.data_received(b"z")
        first = await line.receive(HIGH_WATER, later)
        assert (len(first), transport.told) == (HIGH_WATER, ["pause"])
        assert await line.receive(10, later) == b"yz"
        assert transport.told == ["pause", "resume"]

    on_a_line(scenario)


def test_a_slow_receiver_is_waited_for():
    """Writing goes on when there is room again."""

    async def scenario(line, transport):
        line.pause_writing()
        asyncio.get_running_loop().call_soon(line.resume_writing)
        await line.send(b"a", later)
        assert transport.told == [b"a"]

    on_a_line(scenario)


def test_a_receiver_that_takes_nothing_is_not_waited_for_long():
    """Writing ends with the limit."""

    async def scenario(line, transport):
        line.pause_writing()
        with pytest.raises(httpcore.WriteTimeout):
            await line.send(b"a", soon)

    on_a_line(scenario)


def test_nothing_that_comes_is_not_waited_for_long():
    """Reading ends with the limit, and what comes too late is kept for nobody."""

    async def scenario(line, transport):
        with pytest.raises(httpcore.ReadTimeout):
            await line.receive(10, soon)
        line.data_received(b"a")
        assert line.readable()

    on_a_line(scenario)


def test_a_broken_connection_is_told_to_who_waits():
    """Reader and writer get the reason; what came before it can still be read."""

    async def scenario(line, transport):
        line.data_received(b"a")
        line.pause_writing()
        asyncio.get_running_loop().call_soon(line.connection_lost, ConnectionResetError("gone"))
        with pytest.raises(ConnectionResetError, match="gone"):
            await line.send(b"b", later)
        assert await line.receive(10, later) == b"a"
        with pytest.raises(ConnectionResetError, match="gone"):
            await line.receive(10, later)

    on_a_line(scenario)


def test_the_end_is_read_as_nothing():
    """A server that has said all says nothing more."""

    async def scenario(line, transport):
        asyncio.get_running_loop().call_soon(line.eof_received)
        assert (await line.receive(10, later), line.readable()) == (b"", True)

    on_a_line(scenario)


def test_nothing_is_written_to_a_closed_connection():
    """Who writes hears of it."""

    async def scenario(line, transport):
        transport.closing = True
        with pytest.raises(ConnectionResetError, match="closed"):
            await line.send(b"a", later)

    on_a_line(scenario)


def test_an_interruption_ends_this_wait_or_the_next():
    """A switch that is set between two waits is not missed."""

    async def scenario(line, transport):
        waiting = asyncio.ensure_future(line.receive(10, later))
        await asyncio.sleep(0)
        line.interrupt()
        line.interrupt()  # the first has been enough
        with pytest.raises(httpcore.ReadTimeout):
            await waiting
        with pytest.raises(httpcore.ReadTimeout, match="cancelled"):
            await line.receive(10, later)

    on_a_line(scenario)


def test_an_interruption_before_any_wait_ends_the_first():
    """It is kept until somebody waits."""

    async def scenario(line, transport):
        line.interrupt()
        with pytest.raises(httpcore.ReadTimeout, match="cancelled"):
            await line.receive(10, later)

    on_a_line(scenario)


def test_a_stream_tells_only_what_is_asked_of_it():
    """There is no TLS object of a plain stream, and nobody needs more."""

    async def scenario(line, transport):
        stream = AsyncWireStream(AsyncWire(), line)
        line.data_received(b"a")
        asked = ["is_readable", "ssl_object", "server_addr"]
        assert [stream.get_extra_info(info) for info in asked] == [True, None, None]

    on_a_line(scenario)


def test_a_stream_that_breaks_says_so_in_the_words_of_httpcore():
    """What asyncio raises is not for the layers above."""

    async def scenario(line, transport):
        wire = AsyncWire()
        stream = AsyncWireStream(wire, line)
        wire.begin(time.monotonic() + 0.01, 1.0, reused=False)
        line.pause_writing()
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(b"a")
        wire.begin(time.monotonic() + 5, 1.0, reused=False)
        transport.closing = True
        with pytest.raises(httpcore.WriteError, match="closed"):
            await stream.write(b"a")
        line.connection_lost(ConnectionResetError("gone"))
        with pytest.raises(httpcore.ReadError, match="gone"):
            await stream.read(10)

    on_a_line(scenario)
