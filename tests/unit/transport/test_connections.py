"""Connections over loopback, for threads and for asyncio: opened, kept, shared, cut off, closed."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from contextlib import suppress

import httpx
import pytest

import chainhub
from chainhub import _clock
from chainhub._transport import (
    AsyncStream,
    Failure,
    IdleConnections,
    Request,
    Route,
    SocketStream,
    StreamedExchange,
    choose_proxy,
    proxies_of,
    route_to,
)
from tests.loopback import full
from tests.unit.transport.conftest import GET, OK, Alarm, Pool, post, serving, within


def way(server, **more):
    """Return the way to a server, whose name is looked up."""
    return Route("localhost", server.port, **more)


@pytest.fixture
def found(monkeypatch):
    """Let names be found at the addresses that a test puts in here."""
    places = []
    real = socket.getaddrinfo

    def look_up(host, port, *arguments, **options):
        if host != "localhost":
            return real(host, port, *arguments, **options)
        return [entry(address, port) for address in places]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return places


def entry(address, port):
    """Return how a resolver would tell an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (address, port, 0, 0) if ":" in address else (address, port)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place


@pytest.fixture
def silent():
    """Give the port of a listener on 127.0.0.9 that takes no further connection."""
    with full("127.0.0.9") as port:
        yield port


def test_a_dead_first_address_costs_a_head_start(pool, found, silent):
    """The next one is tried beside it; neither the whole limit nor an attempt is lost."""
    found += ["127.0.0.9", "127.0.0.1"]
    with serving(answer, port=silent), within(5):
        assert pool(Route("localhost", silent)).ask(timeout=9.0, connect=9.0).body == b"ok"


def answer(connection):
    """Answer one request."""
    connection.recv(65536)
    connection.sendall(OK)


def test_an_address_that_refuses_costs_nothing(pool, found, server):
    """The last failure is told when none answers, in the system's words; nothing was sent."""
    server.answers = [OK]
    found += ["127.0.0.8", "127.0.0.9", "127.0.0.1"]
    with within(2):
        assert pool(way(server)).ask().status == 200
    server.close()
    with pytest.raises(Failure, match="Connection refused") as caught:
        pool(way(server)).ask()
    assert (caught.value.kind, caught.value.sent) == ("connect", False)


def test_silent_addresses_end_with_the_limit(pool, found, silent):
    """Several of them take no longer than their head starts and the limit."""
    for limit in ("connect", "timeout"):
        found += ["127.0.0.9"]
        with pytest.raises(Failure, match="timed out") as caught, within(2):
            # Not less: the look-up of the name, in another thread, counts too.
            pool(Route("localhost", silent)).ask(**{limit: 0.5})
        assert caught.value.kind == "connect_timeout"


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EMFILE])
def test_a_socket_that_cannot_be_opened_fails_its_address(monkeypatch, pool, found, server, number):
    """The next one is tried; if there is none, the connection has failed and may be tried again."""
    real, refused = socket.socket, []

    def opened(family=socket.AF_INET, *arguments, **options):
        if family == socket.AF_INET6 or (number == errno.EMFILE and len(refused) < 1):
            refused.append(family)
            raise OSError(number, "no")
        return real(family, *arguments, **options)

    server.answers = [OK]
    made = pool(way(server))
    found += ["::1", "127.0.0.1"]
    monkeypatch.setattr("chainhub._transport.sockets.socket.socket", opened)
    assert made.ask().body == b"ok"
    del found[1], refused[:]
    with pytest.raises(Failure) as caught:
        made.ask(fresh=True)
    assert caught.value.kind == "connect"


def test_families_take_turns(pool, found, server):
    """And an address that is told twice is tried once."""
    seen = []
    found += ["127.0.0.7", "127.0.0.7", "127.0.0.8", "::1", "127.0.0.9"]

    def check(host, port, address):
        seen.append((host, port, address))

    server.close()
    with pytest.raises(Failure):
        pool(way(server, check=check)).ask()
    hosts = ["127.0.0.7", "127.0.0.8", "::1", "127.0.0.9"]
    assert seen == [("localhost", server.port, host) for host in hosts]


def test_one_refused_address_refuses_the_host(pool, found, server):
    """Before anything is connected to."""

    def check(host, port, address):
        if address == "127.0.0.9":
            raise chainhub.AddressRefusedError("no")

    found += ["127.0.0.1", "127.0.0.9"]
    with pytest.raises(chainhub.AddressRefusedError):
        pool(way(server, check=check)).ask()
    assert server.connections == 0


@pytest.mark.parametrize(
    ("outcome", "words", "passing"),
    [
        ([], "has no address", False),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "later", True),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "unknown", False),
        (OSError(errno.EMFILE, "no"), "Too many open files", False),
        (UnicodeError("label too long"), "no host name", False),
        (KeyError("a slip"), "slip", None),
    ],
)
def test_a_failed_look_up_says_why(monkeypatch, pool, server, outcome, words, passing):
    """Only a resolver that is busy may be asked again; what is no failure passes as it is."""

    def look_up(*_, **__):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(KeyError if passing is None else Failure, match=words) as caught:
        pool(way(server)).ask()
    if passing is not None:
        assert (caught.value.kind, caught.value.passing) == ("lookup", passing)


@pytest.fixture
def stuck(monkeypatch):
    """Let look-ups hang until the test is over."""
    over = threading.Event()

    def hang(*_, **__):
        over.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield over
    over.set()
    for thread in threading.enumerate():
        # One whose start a signal has interrupted may not run yet.
        if thread.name == "chainhub-lookup" and thread.is_alive():
            thread.join(5)


def test_a_look_up_ends_with_the_attempt(pool, server, stuck, cancel):
    """The resolver's thread is left behind; a cancel ends it too."""
    with pytest.raises(Failure, match="looking up 'localhost' took too long") as caught, within(2):
        pool(way(server)).ask(timeout=0.1)
    assert caught.value.kind == "connect_timeout"
    with pytest.raises(Failure, match="cancelled"), within(2):
        pool(way(server)).ask(cancel=cancel())


def test_a_look_up_without_a_thread_is_made_here(monkeypatch, pool, found, server):
    """Where no further thread can be had."""
    start, refused = threading.Thread.start, []

    def refuse(thread):
        if thread.name == "chainhub-lookup":
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    server.answers = [OK]
    found += ["127.0.0.1"]
    made = pool(way(server))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert made.ask().body == b"ok"
    assert refused == ["chainhub-lookup"]


def test_a_loop_that_is_closed_hears_of_no_look_up(monkeypatch, server, stuck):
    """Nobody waits for it there."""
    made = Pool("async", way(server))
    with pytest.raises(Failure):
        made.ask(timeout=0.05)
    made.close()


@pytest.mark.parametrize("failing", ["connect", "setsockopt"])
def test_a_slip_while_connecting_closes_the_socket(monkeypatch, pool, server, failing):
    """An interrupt in the middle leaves nothing open."""
    made = []

    class Interrupted(socket.socket):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            if "fileno" not in options:  # else the server has accepted it
                made.append(self)

    def interrupt(self, *_):
        raise SystemExit

    monkeypatch.setattr(Interrupted, failing, interrupt, raising=False)
    kept = pool(Route("127.0.0.1", server.port))
    monkeypatch.setattr("chainhub._transport.sockets.socket.socket", Interrupted)
    if kept.asynchronous and failing == "connect":
        return  # asyncio connects by itself
    with pytest.raises(SystemExit):
        kept.ask()
    assert {one.fileno() for one in made} == {-1}


@pytest.mark.parametrize("broken", [False, True])
def test_a_write_that_fails_says_how(pool, broken):
    """A peer that is gone is told from one that takes nothing; either may have got something."""
    over = threading.Event()

    def leave(connection):
        connection.recv(10)
        if not broken:
            over.wait(5)

    with serving(leave) as port:
        with pytest.raises(Failure) as caught:
            pool(Route("127.0.0.1", port)).ask(post(20_000_000), timeout=5 if broken else 0.2)
        over.set()
    assert (caught.value.kind, caught.value.sent) == ("closed" if broken else "timeout", True)


def test_an_answer_that_comes_before_the_whole_body_is_read(pool):
    """As of a server that takes no body of this size: it says so, and closes."""
    too_large = b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno"

    def refuse(connection):
        connection.recv(1000)
        connection.sendall(too_large)

    with serving(refuse) as port:
        made = pool(Route("127.0.0.1", port))
        assert made.ask(post(20_000_000)).status == 413
        made.close()


def test_a_slow_receiver_is_waited_for(pool):
    """As long as it takes something."""

    def take(connection):
        time.sleep(0.05)
        left = 5_000_000
        while left > 0:
            left -= len(connection.recv(1_000_000))
        connection.sendall(OK)

    with serving(take) as port:
        assert pool(Route("127.0.0.1", port)).ask(post(5_000_000)).body == b"ok"


def test_cancelling_before_connecting_opens_nothing(pool, server):
    """A call that is cancelled while it gets its connection makes none."""
    cancel = chainhub.Cancel()
    cancel.set()
    with pytest.raises(Failure, match="cancelled"):
        pool(Route("127.0.0.1", server.port)).ask(cancel=cancel)
    stream = SocketStream()
    stream.shut()
    with pytest.raises(Failure, match=r"cancelled|aborted"):
        stream.open(Route("127.0.0.1", server.port), time.monotonic() + 1, 1.0)
    assert stream.readable()
    assert server.requests == []


def test_a_cancelled_queue_ends(pool, server, cancel):
    """Also one that has begun to wait; a queue ends with the deadline too."""
    made = pool(Route("127.0.0.1", server.port), 1)
    permits = made.inner._permits
    made.run(permits.acquire()) if made.asynchronous else permits.get()
    with pytest.raises(Failure, match=r"cancelled|stayed in use"):
        made.ask(cancel=cancel())
    with pytest.raises(Failure, match="stayed in use") as caught:
        made.ask(deadline=time.monotonic() + 0.05)
    assert (caught.value.kind, caught.value.sent) == ("timeout", False)


@pytest.mark.parametrize("place", ["look-up", "connect", "write", "read", "queue"])
def test_what_a_signal_handler_raises_passes_as_it_is(request, pool, silent, place):
    """Also a TimeoutError or an OSError, which a socket could have raised."""
    over = threading.Event()
    with serving(lambda connection: over.wait(5)) as port:
        route = {"look-up": Route("localhost", port), "connect": Route("127.0.0.9", silent)}
        made = pool(route.get(place, Route("127.0.0.1", port)), 1)
        if place == "look-up":
            request.getfixturevalue("stuck")
        elif place == "queue":
            permits = made.inner._permits
            made.run(permits.acquire()) if made.asynchronous else permits.get()
        request.getfixturevalue("alarm")
        with pytest.raises(Alarm, match="mine"), within(3):
            made.ask(post(20_000_000) if place == "write" else GET)
        over.set()


def test_a_signal_in_a_look_up_without_a_thread_passes_too(monkeypatch, alarm, pool, server):
    """It is no name that was not found."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    made = pool(way(server))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(Alarm, match="mine"):
        made.ask()


def test_connections_are_kept_and_left_when_they_are_old(monkeypatch, pool, server):
    """The age counts from the last exchange; a fresh one can be asked for."""
    now = [1000.0]
    monkeypatch.setattr(_clock, "monotonic", lambda: now[0])
    server.answers = [OK]
    made = pool(Route("127.0.0.1", server.port))
    for later, count in ((0, 1), (50, 1), (50, 1), (60, 2)):
        now[0] += later
        made.ask()
        assert server.connections == count
    made.ask(fresh=True)
    assert server.connections == 3
    if made.asynchronous:
        assert made.inner.idle == 2


def test_the_coldest_connections_are_closed(monkeypatch):
    """Last in, first out; what has waited too long leaves at the bottom."""
    now = [0.0]
    monkeypatch.setattr(_clock, "monotonic", lambda: now[0])
    idle = IdleConnections()
    made = [Idle() for _ in range(3)]
    for at, one in zip((0.0, 50.0, 56.0), made, strict=True):
        now[0] = at
        idle.push(one)
    assert [one.closed for one in made] == [1, 0, 0]
    made[2].dead = True
    assert idle.pop() is made[1]
    assert idle.pop() is None
    assert [one.closed for one in made] == [1, 0, 1]
    idle.push(made[1])
    idle.close()
    assert made[1].closed == 1
    late = Idle()
    idle.push(late)
    assert (late.closed, len(idle)) == (1, 0)


class Idle:
    """A connection that is what a test says."""

    def __init__(self):
        self.idle_since = 0.0
        self.http = type("Used", (), {"reusable": True})()
        self.closed = 0
        self.dead = False

    def readable(self):
        return self.dead

    def close(self):
        self.closed += 1


def test_a_push_meets_other_threads(monkeypatch):
    """One takes the connection at once, another closes everything in between."""
    idle, one = IdleConnections(), Idle()

    class Taken:
        def append(self, connection):
            idle._closed = True

        def __getitem__(self, place):
            raise IndexError

        def __len__(self):
            return 0

    idle._idle = Taken()
    idle.push(one)
    assert one.closed == 0


def test_connections_in_use_end_when_the_pool_is_closed(pool, server):
    """They are not put back."""
    made = pool(Route("127.0.0.1", server.port))
    ended = threading.Event()

    def slowly(connection, head):
        made.inner._idle.close()
        connection.sendall(OK)
        ended.set()

    server.answers = [slowly]
    assert made.ask().body == b"ok"
    assert ended.wait(5)
    assert len(made.inner._idle) == 0


def test_a_response_with_an_error_status_survives_its_body(pool, server):
    """And the connection does not."""
    server.answers = [
        b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        OK,
    ]
    made = pool(Route("127.0.0.1", server.port))
    assert made.ask().status == 500
    assert made.ask().status == 200
    assert server.connections == 2


def test_a_slip_in_an_exchange_closes_its_connection(pool, server):
    """Whatever raises it."""

    class Slip(Request):
        def send_on(self, connection):
            raise KeyError("slip")

    server.answers = [OK]
    made = pool(Route("127.0.0.1", server.port))
    made.ask()
    with pytest.raises(KeyError):
        made.ask(Slip(b"GET", b"/", [(b"Host", b"h")]))
    assert len(made.inner._idle) == 0


def streamed(server, idle=None):
    """Return an exchange that is read piece by piece, and a function that asks."""
    exchange = StreamedExchange(Route("127.0.0.1", server.port), idle)
    return exchange, lambda: exchange.ask(httpx.URL("http://h/"), [], time.monotonic() + 5, 1.0)


def test_a_body_is_read_piece_by_piece(server):
    """On a connection of its own; what comes behind it is counted, and it may be cut off."""
    server.answers = [OK + b"more"]
    exchange, ask = streamed(server)
    assert (ask().status, b"".join(exchange.body()), exchange.surplus) == (200, b"ok", 4)
    exchange.close()
    over = threading.Event()
    server.answers = [lambda connection, head: (connection.sendall(OK[:-1]), over.wait(5))]
    exchange, ask = streamed(server)
    ask()
    exchange.extend(time.monotonic() + 0.05)
    body = exchange.body()
    assert next(body) == b"o"
    with pytest.raises(Failure, match="timed out"):
        next(body)
    exchange.shut()
    exchange.close()
    over.set()


def test_a_connection_for_bodies_is_used_again(server):
    """If the whole body was read; a dead one is replaced, and one that was cut off closed."""
    idle = IdleConnections()
    server.answers = [OK, OK, OK, lambda connection, head: connection.close(), OK]
    for _ in range(3):
        exchange, ask = streamed(server, idle)
        ask()
        assert b"".join(exchange.body()) == b"ok"
        exchange.close()
        assert (server.connections, len(idle)) == (1, 1)
    exchange, ask = streamed(server, idle)
    ask()
    assert (server.connections, len(idle)) == (2, 0)
    exchange.shut()
    exchange.close()
    assert len(idle) == 0


def test_a_connection_for_bodies_may_be_cut_off_at_any_moment(server):
    """Also before it was taken: nothing is sent on it then."""
    idle = IdleConnections()
    server.answers = [OK]
    exchange, ask = streamed(server, idle)
    ask()
    assert b"".join(exchange.body()) == b"ok"
    exchange.close()
    exchange, ask = streamed(server, idle)
    exchange.shut()
    with pytest.raises(Failure):
        ask()
    exchange.close()
    assert len(server.requests) <= 2
    assert server.connections == 1


def test_a_proxy_that_forwards_is_told_the_origin():
    """IPv6 in brackets."""
    proxy = choose_proxy("http", "x.example", 80, proxies_of("http://p:1", {}))

    def no_tls():
        pytest.fail("no TLS")

    for host, prefix in (("::1", b"http://[::1]:80"), ("a.example", b"http://a.example:80")):
        route = route_to("http", host, 80, proxy=proxy, context=no_tls)
        assert (route.host, route.port, route.prefix) == ("p", 1, prefix)
    assert route_to("http", "h", 1, proxy=None, context=no_tls).steps == ()


def test_two_that_answer_at_the_same_moment(monkeypatch, pool, found, server):
    """One of them is used and the other closed."""
    monkeypatch.setattr("chainhub._transport.sockets.ATTEMPT_DELAY", 0.0)
    server.answers = [OK]
    found += ["127.0.0.1", "::1", "127.0.0.1"]
    with socket.create_server(("::1", server.port), family=socket.AF_INET6) as other:
        made = pool(way(server))
        for _ in range(5):
            with suppress(Failure):  # the silent one may have won
                assert made.ask(fresh=True, timeout=0.5).body == b"ok"
        made.close()
        other.settimeout(0.2)
        with suppress(TimeoutError):
            while True:
                connection, _ = other.accept()
                connection.settimeout(2)
                asked = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
                with connection, suppress(ConnectionError):
                    assert connection.recv(1000) in (b"", asked)


def test_a_cancel_that_comes_late(server):
    """A connection that was shut after its exchange is not handed out again."""
    server.answers = [OK]
    route, until = Route("127.0.0.1", server.port), time.monotonic() + 5
    idle = IdleConnections()

    async def scenario():
        stream = AsyncStream()
        await stream.open(route, until, 1.0)
        await stream.run(stream.http.exchange(GET, 10))
        idle.push(stream)
        assert not stream.readable()
        for _ in range(2):
            stream.shut()
            await asyncio.sleep(0)

    asyncio.run(scenario())
    assert idle.pop() is None
    stream = SocketStream()
    stream.open(route, until, 1.0)
    stream.run(stream.http.exchange(GET, 10))
    idle.push(stream)
    stream.shut()
    assert idle.pop() is None
