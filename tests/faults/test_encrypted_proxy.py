"""TLS inside TLS: an https service behind a proxy that is itself reached by https."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import chainhub
from chainhub_api.models import VideoTask
from tests.client.video import BEGINNING
from tests.faults import identities
from tests.faults.queries import options, query
from tests.faults.server import Act, Close, Hang, Send, Server, Stage, Trickle, Tunnel
from tests.faults.table import GOOD, answer, task
from tests.loopback import SOON, Mode

TRUST = {"verify_ssl": str(identities.AUTHORITY)}
TASK = {"id": "a", "status": "completed", "status_update_time": 1750323167003}
CONNECTED = Send(answer(b"", "200 Connected", length=None))


@contextmanager
def tunnel(stage: Stage, target: Act) -> Iterator[tuple[Server, Server, dict[str, Any]]]:
    """Give a service, the proxy before it, and the arguments of a client for both."""
    service = Server(script=(target,), tls=identities.server_context("server"))
    proxy = Server(tls=identities.server_context("server"))
    with stage.serving(service, proxy):
        proxy.script = ((CONNECTED, Tunnel(service.port)),)
        yield service, proxy, {"base_url": service.url, "proxy": proxy.url, **TRUST}


def test_an_encrypted_proxy_tunnels(mode: Mode, stage: Stage) -> None:
    """The request arrives, and the proxy has seen nothing but where it goes."""
    with tunnel(stage, GOOD) as (service, proxy, arguments):
        result = query(mode, {**arguments, **options({})})
    assert result.value is not None, result
    assert service.requests[0].line.startswith(b"GET /v1/video/query")
    assert [request.line.split(b" ")[0] for request in proxy.requests] == [b"CONNECT"]


@pytest.mark.parametrize("act", [(Hang(),), (Trickle(answer(task() + b" " * 1000), every=0.05),)])
def test_time_limits_hold_inside(mode: Mode, act: Act, stage: Stage) -> None:
    """Neither silence nor a trickle outlasts the attempt."""
    with tunnel(stage, act) as (_, _, arguments):
        result = query(mode, {**arguments, **options({"timeout": 0.2})})
    assert isinstance(result.error, chainhub.RequestTimeoutError)
    assert result.elapsed < SOON


def test_a_tunnel_that_breaks_is_said(mode: Mode, stage: Stage) -> None:
    """A service that closes inside the tunnel is a broken connection."""
    with tunnel(stage, (Close(),)) as (_, _, arguments):
        result = query(mode, {**arguments, **options({})})
    assert isinstance(result.error, chainhub.TransportError)


def test_a_handshake_inside_that_fails_is_said(mode: Mode, stage: Stage) -> None:
    """Behind the tunnel somebody else answers, who does not speak TLS."""
    proxy = Server(tls=identities.server_context("server"))
    with stage.serving(proxy):
        proxy.script = ((CONNECTED, Send(b"HTTP/1.1 400 Bad\r\n\r\n"), Close()),)
        arguments = {"base_url": "https://127.0.0.1:9", "proxy": proxy.url, **TRUST}
        result = query(mode, {**arguments, **options({})})
    assert isinstance(result.error, chainhub.TransportError)


@pytest.mark.parametrize(
    ("identity", "words"),
    [("expired", "has expired"), ("other-name", "use the host name in the URL")],
)
def test_a_certificate_of_the_proxy_is_said_to_be_its_own(
    mode: Mode, stage: Stage, identity: str, words: str
) -> None:
    """Nobody looks for it at the service."""
    proxy = Server(tls=identities.server_context(identity))
    with stage.serving(proxy):
        arguments = {"base_url": "https://127.0.0.1:9", "proxy": proxy.url, **TRUST}
        result = query(mode, {**arguments, **options({})})
    assert isinstance(result.error, chainhub.TLSError)
    assert str(result.error).startswith(f"the proxy {proxy.url} (the argument proxy=): the cert")
    assert words in str(result.error)


def test_connections_inside_are_kept(stage: Stage) -> None:
    """Two queries travel through one tunnel."""
    with (
        tunnel(stage, GOOD) as (service, proxy, arguments),
        chainhub.Client("sk-test-tunnel-12345", **arguments) as client,
    ):
        for _ in range(2):
            client.video.query("a")
    assert (len(service.requests), proxy.connections) == (2, 1)


def test_a_video_comes_through(stage: Stage, tmp_path: Path) -> None:
    """Through both layers of TLS; its bytes are those that were sent."""
    sample = BEGINNING + random.Random(1).randbytes(700_000)
    with (
        tunnel(stage, (Send(answer(sample, kind="video/mp4")),)) as (service, proxy, arguments),
        chainhub.Client("sk-test-tunnel-12345", **arguments) as client,
    ):
        task = VideoTask.from_dict({**TASK, "video_url": f"{service.url}/film.mp4"})
        path = client.video.download(task, tmp_path / "film.mp4")
    assert path.read_bytes() == sample
    assert [request.line.split(b" ")[0] for request in proxy.requests] == [b"CONNECT"]
