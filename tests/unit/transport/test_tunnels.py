"""Proxies over loopback: tunnels by HTTP and SOCKS, and TLS in TLS, for threads and for asyncio."""

from __future__ import annotations

import base64
import importlib.util
import socket
import ssl
import struct
import threading
from contextlib import suppress
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
from chainhub._transport.exchange import tls_failure
from tests.faults import identities
from tests.faults.server import Close, Send, Server, Stage, Tunnel
from tests.faults.table import GOOD, answer
from tests.unit.transport.test_connections import pool  # noqa: F401 - a fixture

socksio = pytest.mark.skipif(importlib.util.find_spec("socksio") is None, reason="no socksio")
TRUST = TLSConfig("file", str(identities.AUTHORITY))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def through(proxy, scheme="http", host="target.example", port=80):
    """Return the way to an origin through a proxy."""
    setting = choose_proxy(scheme, host, port, proxies_of(proxy, {}))
    return route_to(scheme, host, port, proxy=setting, context=lambda: tls_context(TRUST))


class Scripted:
    """A proxy that expects and sends bytes in turn, then answers like a server."""

    def __init__(self, *steps):
        self.steps = steps
        self.seen = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                for step in self.steps:
                    self.seen += connection.recv(65536)
                    connection.sendall(step)
                connection.recv(65536)

    def close(self):
        """End it."""
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def scripted():
    """Give a function that makes proxies."""
    made = []

    def make(*steps):
        made.append(Scripted(*steps))
        return made[-1]

    yield make
    for one in made:
        one.close()


GRANTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


@socksio
@pytest.mark.parametrize("auth", ["", "user:hunter2@"])
def test_a_socks_proxy_connects(pool, scripted, auth):  # noqa: F811
    """It is asked for the host by name, with the password if there is one."""
    agreed = [b"\x05\x02", b"\x01\x00"] if auth else [b"\x05\x00"]
    proxy = scripted(*agreed, GRANTED, OK)
    made = pool(through(f"socks5://{auth}127.0.0.1:{proxy.port}"))
    assert made.ask().body == b"ok"
    made.close()
    proxy.close()
    assert b"\x0etarget.example\x00\x50GET / HTTP/1.1\r\n" in proxy.seen
    assert (b"\x04user\x07hunter2" in proxy.seen) is bool(auth)


@socksio
@pytest.mark.parametrize(
    ("steps", "auth", "words"),
    [
        ([b"\x05\xff"], "", "asks for another way to log in"),
        ([b"\x05\x02", b"\x01\x01"], "u:p@", "refuses the user name and password"),
        ([b"\x05\x00", b"\x05\x05" + GRANTED[2:]], "", "could not connect: connection refused"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "", "hung up or does not speak SOCKS 5"),
        ([b"\x05\x00", b"\x05"], "", "hung up or does not speak SOCKS 5"),
    ],
)
def test_a_socks_proxy_that_refuses_is_said(pool, scripted, steps, auth, words):  # noqa: F811
    """By name, without its password; nothing of the request was sent."""
    proxy = scripted(*steps)
    with pytest.raises(Failure, match=words) as caught:
        pool(through(f"socks5://{auth}127.0.0.1:{proxy.port}")).ask()
    assert (caught.value.kind, caught.value.sent) == ("proxy", False)
    assert f"socks5://127.0.0.1:{proxy.port}" in caught.value.text


@pytest.mark.parametrize(
    ("host", "target"), [("target.example", "target.example:443"), ("::1", "[::1]:443")]
)
def test_a_proxy_is_asked_for_a_tunnel(pool, scripted, host, target):  # noqa: F811
    """With its own credentials, and interim responses passed over; what it refuses is said."""
    refusal = b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 403 Not You\r\nContent-Length: 0\r\n\r\n"
    proxy = scripted(refusal)
    route = through(f"http://user:hunter2@127.0.0.1:{proxy.port}", "https", host, 443)
    with pytest.raises(Failure, match="403 Not You") as caught:
        pool(route).ask()
    assert (caught.value.kind, caught.value.sent) == ("proxy", False)
    proxy.close()
    credentials = base64.b64encode(b"user:hunter2")
    assert proxy.seen.startswith(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode())
    assert b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" in proxy.seen
    assert "hunter2" not in repr(route)


def test_a_proxy_without_http_is_said(pool, scripted):  # noqa: F811
    """Whatever it sends instead."""
    proxy = scripted(b"\x00\x01\x02\r\n\r\n")
    with pytest.raises(Failure, match="does not speak HTTP") as caught:
        pool(through(f"http://127.0.0.1:{proxy.port}", "https", "h", 443)).ask()
    assert caught.value.kind == "proxy"


def test_a_proxy_that_is_not_there_is_named(pool, server):  # noqa: F811
    """So that nobody looks for the fault at the service."""
    server.close()
    with pytest.raises(Failure, match=rf"127.0.0.1:{server.port} .* cannot be reached"):
        pool(through(server.url)).ask()


@pytest.fixture
def stage():
    """Give a loop for servers."""
    made = Stage()
    yield made
    made.close()


CONNECTED = Send(answer(b"", "200 Connected", length=None))


def test_a_second_answer_inside_two_layers_is_seen(pool, stage):  # noqa: F811
    """What the inner TLS holds counts as readable, so it never answers the next request."""
    twice = (Send(answer() + b""), Send(answer(b"poison")))
    service = Server(script=(twice, GOOD), tls=identities.server_context("server"))
    proxy = Server(tls=identities.server_context("server"))
    with stage.serving(service, proxy):
        proxy.script = ((CONNECTED, Tunnel(service.port)),)
        route = through(f"https://127.0.0.1:{proxy.port}", "https", "127.0.0.1", service.port)
        made = pool(route)
        made.ask()
        made.wait_for_a_rest()
        body = made.ask().body
        made.close()
    assert b"poison" not in body


def test_an_end_inside_two_layers_is_an_end(pool, stage):  # noqa: F811
    """And one that was not announced ends no body without a length."""
    head = answer(b"part", length=None)
    service = Server(script=((Send(head), Close()),), tls=identities.server_context("server"))
    proxy = Server(tls=identities.server_context("server"))
    with stage.serving(service, proxy):
        proxy.script = ((CONNECTED, Tunnel(service.port)),)
        route = through(f"https://127.0.0.1:{proxy.port}", "https", "127.0.0.1", service.port)
        with suppress(Failure):
            assert pool(route).ask().body == b"part"


@pytest.mark.parametrize("abrupt", [True, False])
def test_the_end_of_an_encrypted_body_must_be_announced(pool, abrupt):  # noqa: F811
    """Without a length nothing else tells a whole body from half of one."""
    context = identities.server_context("server")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            encrypted = context.wrap_socket(connection, server_side=True)
            encrypted.recv(65536)
            encrypted.sendall(b"HTTP/1.1 200 OK\r\n\r\nbody")
            with suppress(OSError):
                if not abrupt:
                    encrypted.settimeout(2)
                    encrypted.unwrap()
                socket.socket.shutdown(encrypted, socket.SHUT_RDWR)
            encrypted.close()

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        route = route_to("https", "127.0.0.1", port, proxy=None, context=lambda: tls_context(TRUST))
        made = pool(route)
        if abrupt:
            with pytest.raises(Failure, match="without notice"):
                made.ask()
        else:
            assert made.ask().body == b"body"
        made.close()
        thread.join(5)


def test_a_handshake_on_a_stream_that_was_shut_fails(server):
    """Nothing is left open."""
    stream = SocketStream()

    def shut():
        stream.shut()
        yield from ()

    context = partial(tls_context, TRUST)
    route = route_to("https", "127.0.0.1", server.port, proxy=None, context=context)
    with pytest.raises(Failure) as caught:
        stream.open(route._replace(steps=(shut, *route.steps)), float("inf"), 1.0)
    assert caught.value.kind in ("connect", "tls")
    stream.close()
    assert stream.readable()


def test_a_corrupted_record_is_a_failure(pool):  # noqa: F811
    """Also behind the handshake, where what comes is read like anything else."""
    context = identities.server_context("server")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            encrypted = context.wrap_socket(connection, server_side=True)
            encrypted.recv(65536)
            encrypted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody")
            socket.socket.sendall(encrypted, b"\x17\x03\x03\x00\x20" + bytes(32))
            with suppress(OSError):
                socket.socket.recv(encrypted, 100)
            encrypted.close()

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        route = route_to("https", "127.0.0.1", port, proxy=None, context=lambda: tls_context(TRUST))
        with pytest.raises(Failure, match="corrupted in transit") as caught:
            pool(route).ask()
        assert (caught.value.kind, caught.value.sent) == ("tls", True)
        assert caught.value.__context__ is None
        thread.join(5)


def test_a_refused_handshake_is_said_although_the_alert_cannot_be_sent(pool, monkeypatch):  # noqa: F811
    """The peer has sent garbage, then closed the connection: what it sent says more."""
    answered = threading.Event()

    def explain(error, host):
        answered.wait(5)
        return tls_failure(error, host)

    monkeypatch.setattr("chainhub._transport.tls.tls_failure", explain)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"\x16\x03\x03\x00\x20" + b"\xff" * 32)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            answered.set()

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        route = route_to("https", "127.0.0.1", port, proxy=None, context=lambda: tls_context(TRUST))
        with pytest.raises(Failure, match="the TLS handshake with") as caught:
            pool(route).ask()
        assert caught.value.kind == "tls"
        thread.join(5)


def test_what_a_layer_of_tls_holds_is_readable(pool):  # noqa: F811
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

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                run(connection, server.do_handshake)
                run(connection, lambda: server.read(65536))
                server.write(OK)
                server.write(OK)
                connection.sendall(outgoing.read())
                connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        route = route_to("https", "127.0.0.1", port, proxy=None, context=lambda: tls_context(TRUST))
        made = pool(route)
        assert made.ask().body == b"ok"
        (kept,) = made.inner._idle._idle
        assert kept.readable()
        assert made.inner._idle.pop() is None
        made.close()
        thread.join(5)
