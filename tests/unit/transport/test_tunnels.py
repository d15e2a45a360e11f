"""Proxies over loopback: tunnels by HTTP and SOCKS, and TLS in TLS, for threads and for asyncio."""

from __future__ import annotations

import base64
import importlib.util
import socket
import ssl
import struct
import threading
from contextlib import ExitStack, suppress
from functools import partial

import pytest

from chainhub._transport import (
    Failure,
    SocketStream,
    TLSConfig,
    choose_proxy,
    proxies_of,
    route_to,
    tls_context,
)
from chainhub._transport.tls import tls_failure
from tests.faults import identities
from tests.faults.server import Close, Send, Server, Tunnel
from tests.faults.table import GOOD, answer
from tests.unit.transport.conftest import OK, serving

socksio = pytest.mark.skipif(importlib.util.find_spec("socksio") is None, reason="no socksio")
TRUST = TLSConfig("file", str(identities.AUTHORITY))


def through(proxy, scheme="http", host="target.example", port=80):
    """Return the way to an origin through a proxy."""
    setting = choose_proxy(scheme, host, port, proxies_of(proxy, {}))
    return route_to(scheme, host, port, proxy=setting, context=lambda: tls_context(TRUST))


@pytest.fixture
def scripted():
    """Give a function that makes a proxy: it expects and sends bytes in turn; return its port."""
    with ExitStack() as listeners:

        def make(*steps):
            seen = []

            def serve(connection):
                for step in steps:
                    seen.append(connection.recv(65536))
                    connection.sendall(step)
                connection.recv(65536)

            return listeners.enter_context(serving(serve)), seen

        yield make


GRANTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


@socksio
@pytest.mark.parametrize("auth", ["", "user:hunter2@"])
def test_a_socks_proxy_connects(pool, scripted, auth):
    """It is asked for the host by name, with the password if there is one."""
    agreed = [b"\x05\x02", b"\x01\x00"] if auth else [b"\x05\x00"]
    port, seen = scripted(*agreed, GRANTED, OK)
    made = pool(through(f"socks5://{auth}127.0.0.1:{port}"))
    assert made.ask().body == b"ok"
    made.close()
    assert b"\x0etarget.example\x00\x50GET / HTTP/1.1\r\n" in b"".join(seen)
    assert (b"\x04user\x07hunter2" in b"".join(seen)) is bool(auth)


@socksio
@pytest.mark.parametrize(
    ("steps", "auth", "words"),
    [
        ([b"\x05\xff"], "", "asks for another way to log in"),
        ([b"\x05\x02", b"\x01\x01"], "u:p@", "refuses the user name and password"),
        ([b"\x05\x00", b"\x05\x05" + GRANTED[2:]], "", "could not connect: connection refused"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "", "hung up or does not speak SOCKS 5"),
        ([b"\x05\x00", b"\x05\x00\x00\x09\x00"], "", "hung up or does not speak SOCKS 5"),
    ],
)
def test_a_socks_proxy_that_refuses_is_said(pool, scripted, steps, auth, words):
    """By name, without its password; nothing of the request was sent."""
    port, _ = scripted(*steps)
    with pytest.raises(Failure, match=words) as caught:
        pool(through(f"socks5://{auth}127.0.0.1:{port}")).ask()
    assert (caught.value.kind, caught.value.sent) == ("proxy", False)
    assert caught.value.passing is (words == "could not connect: connection refused")
    assert f"socks5://127.0.0.1:{port}" in caught.value.text


@socksio
@pytest.mark.parametrize("bound", [GRANTED[3:], b"\x03\x04host\x00\x50", b"\x04" + bytes(18)])
def test_a_socks_proxy_may_reply_in_pieces(bound):
    """Byte by byte, with any kind of address; no more is read than the replies."""
    setting = choose_proxy("http", "a", 80, proxies_of("socks5://u:p@proxy.example", {}))
    flow, replies = setting.tunnel("a", 80), [*(b"\x05\x02\x01\x00\x05\x00\x00" + bound)]
    outgoing = next(flow)
    with suppress(StopIteration):
        while True:
            outgoing = flow.send(b"" if outgoing else bytes([replies.pop(0)]))
    assert replies == []


@pytest.mark.parametrize(
    ("host", "target"), [("target.example", "target.example:443"), ("::1", "[::1]:443")]
)
def test_a_proxy_is_asked_for_a_tunnel(pool, scripted, host, target):
    """With its own credentials, and interim responses passed over; what it refuses is said."""
    refusal = b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 403 Not You\r\nContent-Length: 0\r\n\r\n"
    port, seen = scripted(refusal)
    route = through(f"http://user:hunter2@127.0.0.1:{port}", "https", host, 443)
    with pytest.raises(Failure, match="403 Not You") as caught:
        pool(route).ask()
    assert (caught.value.kind, caught.value.sent) == ("proxy", False)
    credentials = base64.b64encode(b"user:hunter2")
    assert seen[0].startswith(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode())
    assert b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" in seen[0]
    assert "hunter2" not in repr(route)


@pytest.mark.parametrize(
    ("status", "passing", "words"),
    [
        ("502 Bad", True, r"answered 502 Bad$"),
        ("429", True, r"answered 429$"),
        ("407 Auth", False, "407 Auth; its URL must have a user name"),
        ("501 No", False, "answered 501 No"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_named(pool, scripted, status, passing, words):
    """With where it was configured; that it reaches nobody at present may pass."""
    port, _ = scripted(f"HTTP/1.1 {status}\r\n\r\n".encode())
    with pytest.raises(Failure, match=words) as caught:
        pool(through(f"http://127.0.0.1:{port}", "https", "h", 443)).ask()
    assert caught.value.text.startswith(f"the proxy http://127.0.0.1:{port} (the argument proxy=)")
    assert (caught.value.passing, caught.value.sent) == (passing, False)


@pytest.mark.parametrize("scheme", ["http", pytest.param("socks5", marks=socksio)])
def test_a_proxy_that_stays_silent_is_named(pool, scripted, scheme):
    """It was reached, but nobody else."""
    port, _ = scripted(b"")
    with pytest.raises(Failure, match="does not answer: timed out") as caught:
        pool(through(f"{scheme}://127.0.0.1:{port}", "https", "h", 443)).ask(timeout=0.1)
    assert caught.value.text.startswith(f"the proxy {scheme}://127.0.0.1:{port}")
    assert (caught.value.kind, caught.value.sent) == ("connect_timeout", False)


def test_a_proxy_without_http_is_said(pool, scripted):
    """Whatever it sends instead."""
    port, _ = scripted(b"\x00\x01\x02\r\n\r\n")
    with pytest.raises(Failure, match="does not speak HTTP") as caught:
        pool(through(f"http://127.0.0.1:{port}", "https", "h", 443)).ask()
    assert caught.value.kind == "proxy"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 Conn"])
def test_a_proxy_that_hangs_up_is_said(pool, sent):
    """In words of ours, whether it had begun to answer or not."""

    def reply(connection):
        connection.recv(65536)
        connection.sendall(sent)

    with (
        serving(reply) as port,
        pytest.raises(Failure, match=r"hung up before it had answered$") as caught,
    ):
        pool(through(f"http://127.0.0.1:{port}", "https", "h", 443)).ask()
    assert (caught.value.kind, caught.value.sent) == ("proxy", False)
    assert caught.value.passing


@pytest.fixture
def nested(stage):
    """Give a function that returns a route of TLS in TLS to a server with such a script."""
    with ExitStack() as servers:

        def make(*script):
            service = Server(script=script, tls=identities.server_context("server"))
            proxy = Server(tls=identities.server_context("server"))
            servers.enter_context(stage.serving(service, proxy))
            connected = Send(answer(b"", "200 Connected", length=None))
            proxy.script = ((connected, Tunnel(service.port)),)
            return through(f"https://127.0.0.1:{proxy.port}", "https", "127.0.0.1", service.port)

        yield make


def test_a_second_answer_inside_two_layers_is_seen(pool, nested):
    """What the inner TLS holds counts as readable, so it never answers the next request."""
    made = pool(nested((Send(answer() + b""), Send(answer(b"poison"))), GOOD))
    made.ask()
    made.wait_for_a_rest()
    assert b"poison" not in made.ask().body
    made.close()


def test_an_end_inside_two_layers_is_an_end(pool, nested):
    """And one that was not announced ends no body without a length."""
    with suppress(Failure):
        assert pool(nested((Send(answer(b"part", length=None)), Close()))).ask().body == b"part"


def encrypted(port):
    """Return the route to a server with TLS."""
    context = partial(tls_context, TRUST)
    return route_to("https", "127.0.0.1", port, proxy=None, context=context)


def asked(connection):
    """Agree on keys and read a request; return the server's side."""
    context = identities.server_context("server")
    ours = context.wrap_socket(connection, server_side=True)
    ours.recv(65536)
    return ours


@pytest.mark.parametrize("abrupt", [True, False])
def test_the_end_of_an_encrypted_body_must_be_announced(pool, abrupt):
    """Without a length nothing else tells a whole body from half of one."""

    def serve(connection):
        with asked(connection) as ours:
            ours.sendall(b"HTTP/1.1 200 OK\r\n\r\nbody")
            if not abrupt:
                ours.settimeout(2)
                ours.unwrap()
            socket.socket.shutdown(ours, socket.SHUT_RDWR)

    with serving(serve) as port:
        made = pool(encrypted(port))
        if abrupt:
            with pytest.raises(Failure, match="without notice"):
                made.ask()
        else:
            assert made.ask().body == b"body"
        made.close()


def test_a_handshake_on_a_stream_that_was_shut_fails(server):
    """Nothing is left open."""
    stream = SocketStream()

    def shut():
        stream.shut()
        yield from ()

    route = encrypted(server.port)
    with pytest.raises(Failure) as caught:
        stream.open(route._replace(steps=(shut, *route.steps)), float("inf"), 1.0)
    assert caught.value.kind in ("connect", "tls")
    stream.close()
    assert stream.readable()


def test_a_corrupted_record_is_a_failure(pool):
    """Also behind the handshake, where what comes is read like anything else."""

    def serve(connection):
        with asked(connection) as ours:
            ours.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody")
            socket.socket.sendall(ours, b"\x17\x03\x03\x00\x20" + bytes(32))
            socket.socket.recv(ours, 100)

    with serving(serve) as port:
        with pytest.raises(Failure, match="corrupted in transit") as caught:
            pool(encrypted(port)).ask()
        assert (caught.value.kind, caught.value.sent) == ("tls", True)
        assert caught.value.__context__ is None


def test_a_refused_handshake_is_said_although_the_alert_cannot_be_sent(pool, monkeypatch):
    """The peer has sent garbage, then closed the connection: what it sent says more."""
    answered = threading.Event()

    def explain(error, host):
        answered.wait(5)
        return tls_failure(error, host)

    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x00\x20" + b"\xff" * 32)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        answered.set()

    monkeypatch.setattr("chainhub._transport.tls.tls_failure", explain)
    with serving(serve) as port:
        with pytest.raises(Failure, match="the TLS handshake with") as caught:
            pool(encrypted(port)).ask()
        assert caught.value.kind == "tls"


def test_what_a_layer_of_tls_holds_is_readable(pool):
    """Two responses in one read: the socket is empty then, and the second one is nobody's."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = identities.server_context("server").wrap_bio(incoming, outgoing, server_side=True)

    def run(connection, step):
        while True:
            with suppress(ssl.SSLWantReadError):
                step()
                return
            connection.sendall(outgoing.read())
            incoming.write(connection.recv(65536))

    def serve(connection):
        run(connection, server.do_handshake)
        run(connection, lambda: server.read(65536))
        server.write(OK)
        server.write(OK)
        connection.sendall(outgoing.read())
        connection.recv(65536)

    with serving(serve) as port:
        made = pool(encrypted(port))
        assert made.ask().body == b"ok"
        (kept,) = made.inner._idle._idle
        assert kept.readable()
        assert made.inner._idle.pop() is None
        made.close()
