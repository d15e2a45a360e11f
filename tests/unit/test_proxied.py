"""What fails on the way to a proxy is said of the proxy, and nothing is left open."""

import asyncio
from typing import Any

import httpcore
import pytest

from chainhub._proxied import AsyncSocksConnection, AsyncViaProxy, SocksConnection, ViaProxy

SHOWN = "the proxy socks5://proxy.example:1080 (ALL_PROXY)"
REQUEST = httpcore.Request("GET", "http://example.com/", headers={"Host": "example.com"})


class OwnKind(httpcore.ConnectError):
    """An error that says more than that there was no connection."""


class Failing(httpcore.NetworkBackend, httpcore.AsyncNetworkBackend):  # type: ignore[misc]
    """A network on which nothing can be reached; what is asked of it is kept."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[object] = []

    def connect_tcp(self, *args: object, **options: object) -> Any:
        """Keep what is asked, and fail."""
        self.asked.append((args, options))
        raise self.error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (httpcore.ConnectError("refused"), f"{SHOWN} cannot be reached: refused"),
        (httpcore.ConnectTimeout("timed out"), f"{SHOWN} cannot be reached: timed out"),
        (OwnKind("no such name"), "no such name"),
    ],
)
def test_a_proxy_that_cannot_be_reached_is_named(error: Exception, text: str) -> None:
    """The kind of failure stays, its text says that the proxy is meant."""
    backend, twin = Failing(error), Failing(error)

    async def connect() -> None:
        await AsyncViaProxy(twin, SHOWN).connect_tcp("p", 1, 2.0, "0.0.0.0", [])

    for attempt in (
        lambda: ViaProxy(backend, SHOWN).connect_tcp("p", 1, 2.0, "0.0.0.0", []),
        lambda: asyncio.run(connect()),
    ):
        with pytest.raises(type(error)) as caught:
            attempt()
        assert str(caught.value) == text
    options = {"timeout": 2.0, "local_address": "0.0.0.0", "socket_options": []}
    assert backend.asked == twin.asked == [(("p", 1), options)]


class Stream(httpcore.NetworkStream, httpcore.AsyncNetworkStream):  # type: ignore[misc]
    """A stream that only knows whether it was closed."""

    closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1


class Below:
    """A connection below that does what it is told."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome
        self.closed = 0

    def handle_request(self, request: httpcore.Request) -> object:
        """Return or raise."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def handle_async_request(self, request: httpcore.Request) -> object:
        """Return or raise."""
        return self.handle_request(request)

    def close(self) -> None:
        """Count."""
        self.closed += 1

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1

    def can_handle_request(self, origin: object) -> object:
        """Answer with the question."""
        return origin

    def is_available(self) -> str:
        """Answer with the question."""
        return "available"

    def has_expired(self) -> str:
        """Answer with the question."""
        return "expired"

    def is_idle(self) -> str:
        """Answer with the question."""
        return "idle"

    def is_closed(self) -> str:
        """Answer with the question."""
        return "closed"

    def info(self) -> str:
        """Answer with the question."""
        return "info"


def handle(mode: str, below: Below, stream: Stream | None, times: int = 1) -> Any:
    """Send requests over a SOCKS connection, and close it; return the last answer."""
    made: Any
    if mode == "sync":
        via: Any = ViaProxy(httpcore.NetworkBackend(), SHOWN)
        via.stream = stream
        made = SocksConnection(below, via, SHOWN)  # type: ignore[arg-type]
        try:
            return [made.handle_request(REQUEST) for _ in range(times)][-1]
        finally:
            made.close()
    via = AsyncViaProxy(httpcore.AsyncNetworkBackend(), SHOWN)
    via.stream = stream
    made = AsyncSocksConnection(below, via, SHOWN)  # type: ignore[arg-type]

    async def send() -> Any:
        try:
            return [await made.handle_async_request(REQUEST) for _ in range(times)][-1]
        finally:
            await made.aclose()

    return asyncio.run(send())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_connection_that_came_about_is_the_one_below(mode: str) -> None:
    """Answers pass, and closing closes the connection only."""
    below, stream = Below("answer"), Stream()
    assert handle(mode, below, stream, times=2) == "answer"
    assert (below.closed, stream.closed) == (1, 0)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("error", [AssertionError(), AttributeError("method"), "socksio"])
def test_nonsense_is_the_proxy_s(mode: str, error: Exception | str) -> None:
    """What is not SOCKS becomes an error of the proxy, without the others' behind it."""
    if isinstance(error, str):
        error = pytest.importorskip("socksio").ProtocolError("Malformed reply")
    below, stream = Below(error), Stream()
    with pytest.raises(httpcore.ProxyError, match="does not speak SOCKS 5") as caught:
        handle(mode, below, stream)
    assert str(caught.value).startswith(SHOWN)
    assert caught.value.__context__ is None
    assert (below.closed, stream.closed) == (1, 1)
    with pytest.raises(httpcore.ProxyError):
        handle(mode, below, None)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_other_failures_pass_as_they_are(mode: str) -> None:
    """A refusal in good SOCKS is httpcore's own error already."""
    below, stream = Below(httpcore.ProxyError("no")), Stream()
    with pytest.raises(httpcore.ProxyError, match=r"^no$"):
        handle(mode, below, stream)
    assert stream.closed == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_nonsense_later_is_a_slip_in_code(mode: str) -> None:
    """Once the proxy has connected, a failed assertion has nothing to do with it."""
    below = Below("answer")
    below.handle_request = iter_once(below.handle_request, AssertionError("slip"))  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="slip"):
        handle(mode, below, None, times=2)


def iter_once(first: Any, error: Exception) -> Any:
    """Return a function that works once and then fails."""
    calls: list[object] = []

    def call(request: object) -> object:
        calls.append(request)
        if len(calls) > 1:
            raise error
        return first(request)

    return call


@pytest.mark.parametrize("kind", [SocksConnection, AsyncSocksConnection])
def test_questions_are_for_the_connection_below(kind: Any) -> None:
    """State and origin are those of the connection below."""
    made = kind(Below("answer"), None, SHOWN)
    origin = httpcore.Origin(b"http", b"example.com", 80)
    assert made.can_handle_request(origin) is origin
    answers = (
        made.is_available(),
        made.has_expired(),
        made.is_idle(),
        made.is_closed(),
        made.info(),
    )
    assert answers == ("available", "expired", "idle", "closed", "info")
