"""Rare cases of the client."""

import asyncio
import errno
import gzip
import importlib
import logging
import os
import socket
import ssl
import sys
import threading
import time
import warnings
from functools import partial
from types import SimpleNamespace

import httpcore
import httpx
import pytest

import chainhub
from chainhub import _clock, otel
from chainhub._session import (
    UNDESCRIBED,
    CallResult,
    Operation,
    events,
    httpx_transport,
    is_mocked,
    operation_of,
)
from chainhub._tasks import durations_of, intervals
from chainhub._transport import Failure, Response, SocketStream, route_to
from chainhub._transport.connections import is_readable
from tests.client.video import reset
from tests.loopback import KEY, ONCE, SOON, full, until
from tests.processes import output

# For connecting too: longer than SOON, so that nothing but the switch is that quick.
LONG = httpx.Timeout(60)
PREPARED = SimpleNamespace(method="GET", url="https://api.example.com/x")


def module_of(name, made=None):
    """Return the module of an operation that makes this request, else the one it is asked for."""
    return SimpleNamespace(
        __name__=name, _get_kwargs=lambda **asked: made or asked, _parse_response=None
    )


def test_nothing_shows_the_key(mode, server):
    """Neither the client nor what it is made of has the key in its repr."""
    client = mode.client(base_url=server.url)
    mode(client.video.query("a"))
    transport = mode.transport(client)
    session = client._session
    seen = [client, transport, session, session.connector, session.budget]
    assert KEY not in repr(session.credentials)
    assert repr(session) == f"<Session {server.url}>"
    for one in seen:
        held = [getattr(one, name, None) for name in getattr(one, "__slots__", ())]
        held += list(getattr(one, "__dict__", {}).values())
        assert KEY not in repr(one)
        assert not any(KEY in repr(value) for value in held if not isinstance(value, str | tuple))


@pytest.mark.parametrize("through_httpx", [False, True])
def test_error_status_speaks_although_its_body_is_broken(mode, server, http, through_httpx):
    """On our transport and through httpx."""
    server.answers = [http(403, b"no gzip", "Content-Encoding: gzip")]
    arguments = {"httpx_args": {"http2": False}} if through_httpx else {}
    client = mode.client(base_url=server.url, **arguments)
    with pytest.raises(chainhub.PermissionDeniedError):
        mode(client.video.query("a"))


@pytest.mark.parametrize(("value", "level"), [("info", logging.INFO), ("verbose", logging.WARNING)])
def test_log_handler_is_installed_in_process(monkeypatch, value, level):
    """`CHAINHUB_LOG` takes effect with the first client, once."""
    before = list(events.logger.handlers)
    monkeypatch.setenv("CHAINHUB_LOG", value)
    try:
        events.guard_logs()
        events.guard_logs()
        added = [handler for handler in events.logger.handlers if handler not in before]
        assert [type(handler) for handler in added] == [logging.StreamHandler]
        assert events.logger.level == level
    finally:
        events.logger.handlers[:] = before
        events.logger.setLevel(logging.NOTSET)


def test_spans_without_their_package_are_a_sentence(monkeypatch):
    """The extra is named."""
    try:
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
        importlib.reload(otel)
        with pytest.raises(chainhub.ConfigurationError, match=r"chainhub\[otel\]"):
            otel.spans()
    finally:
        monkeypatch.undo()
        importlib.reload(otel)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json; charset=utf-8", b'{"a": 1}', {"a": 1}),
        ("application/problem+json", b"[1]", [1]),
        ("text/plain", "grün".encode(), "grün"),
        ("video/mp4", b"\x00\x01", b"\x00\x01"),
        (None, b"x", b"x"),
        ("application/json", b"", None),
    ],
)
def test_undeclared_answers_are_read_by_their_type(content_type, body, expected):
    """Where the contract says nothing, the answer does."""
    headers = [] if content_type is None else [(b"Content-Type", content_type.encode())]
    answer = Response(200, headers, body)
    assert UNDESCRIBED.parse(answer, ()) == expected


def undescribed(server, http):
    """Answer a query as an operation whose answer nobody has described."""
    from chainhub_api.api.video import query

    with chainhub.Client(KEY, base_url=server.url) as client:
        return client._transport.run(query, "Any", {"id": "a"})


def test_operation_without_a_described_answer_returns_what_came(server, http):
    """And an error inside a 200 is raised there as well."""
    server.answers = [
        http(
            200, {"id": 1, "status": "x", "status_update_time": 1}, "Content-Type: application/json"
        )
    ]
    assert undescribed(server, http)["id"] == 1
    server.answers = [
        http(200, {"success": False, "message": "overloaded"}, "Content-Type: application/json")
    ]
    server.requests.clear()
    with pytest.raises(chainhub.StatusError, match="overloaded"):
        undescribed(server, http)


def test_waking_a_loop_that_is_closed_does_no_harm():
    """A switch that is set after everything is over wakes nobody."""

    async def made():
        async with asyncio.timeout(None) as scope:
            await asyncio.sleep(0)
            return _clock.waker(scope)

    asyncio.run(made())()


def test_switch_set_while_connecting_ends_the_call(mode):
    """A connect that nobody answers ends at once, sync and async."""
    cancel, set_at = chainhub.Cancel(), []

    def switch():
        set_at.append(time.monotonic())
        cancel.set()

    with full() as port:
        url = f"http://127.0.0.1:{port}"
        client = mode.client(base_url=url, retry=ONCE, timeout=LONG).with_options(cancel=cancel)
        timer = threading.Timer(0.1, switch)
        timer.start()
        with pytest.raises(chainhub.CancelledByUser):
            mode(client.video.query("a"))
        assert time.monotonic() - set_at[0] < SOON
        timer.join()


def test_large_requests_go_in_slices_within_the_limit(mode):
    """A receiver that takes nothing ends the attempt, not the program."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # its backlog connects, nobody reads
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        client = mode.client(base_url=url, timeout=0.3, retry=ONCE)
        raw = mode.httpx(client)
        began = time.monotonic()
        with pytest.raises(chainhub.AmbiguousOutcome):
            mode(raw.post("/v1/video/create", content=b"x" * 20_000_000))
        assert time.monotonic() - began < SOON


def test_compressed_answers_of_mocks_are_read_once(mode):
    """A mock's answer that httpx has inflated already is not inflated again."""
    body = gzip.compress(b'{"id":"a","status":"mocked","status_update_time":1}')

    def handler(request):
        return httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"})

    transport = httpx.MockTransport(handler)
    client = mode.client(base_url="https://api.example.com", httpx_args={"transport": transport})
    assert mode(client.video.query("a")).status == "mocked"


@pytest.mark.parametrize("through_httpx", [False, True])
def test_proxy_of_the_environment_is_used_by_whole_calls(mode, server, monkeypatch, through_httpx):
    """HTTP_PROXY takes the request, `trust_env=False` lets it pass by, with httpx_args too."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    plain = {"base_url": "http://api.invalid:9", "allow_insecure": True, "retry": ONCE}
    plain["httpx_args"] = {"http2": False} if through_httpx else {}
    client = mode.client(**plain)
    assert mode(client.video.query("a")).status == "pending"
    assert server.requests[0].startswith(b"GET http://api.invalid:9/v1/video/query?id=a ")
    direct = mode.client(**plain, trust_env=False)
    with pytest.raises(chainhub.ConnectionFailedError):
        mode(direct.video.query("a"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"success": false, "message": "overloaded"}', chainhub.StatusError),
        (b"{", chainhub.ResponseError),
    ],
)
def test_described_or_not_an_error_inside_a_200_is_told_all_facts(mode, body, kind):
    """The error of an answer that nobody has described knows its call."""
    from chainhub_api.api.video import query

    headers = [(b"Content-Type", b"application/json")]
    answer = Response(200, headers, body)
    client = mode.client(base_url="http://127.0.0.1:9")
    transport = mode.transport(client)
    for operation in (operation_of(query, "Any"), operation_of(query, "VideoTask")):
        with pytest.raises(kind) as caught:
            transport.read(operation, CallResult(PREPARED, answer, None, 2, 0.5))
        assert (caught.value.attempts, caught.value.elapsed) == (2, 0.5)


def test_every_session_starts_anew_in_a_child(server, monkeypatch):
    """What is registered for forks reaches all sessions there are."""
    import weakref

    from chainhub._session import session as _session

    client = chainhub.Client(KEY, base_url=server.url)
    client.video.query("a")
    pool = client._session._pool
    monkeypatch.setattr(_session, "_sessions", weakref.WeakSet([client._session]))
    monkeypatch.setattr(_session, "_parent_connections", abandoned := [])
    _session._after_fork_in_child()
    assert client._session._pool is not pool is abandoned[0][0]
    pool.close()


def test_switch_set_during_a_handshake_ends_the_call(mode):
    """A server that accepts and never speaks TLS is left at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cancel, set_at, accepted = chainhub.Cancel(), [], []

        def accept():
            connection, _ = listener.accept()
            accepted.append(connection)
            connection.recv(65536)  # the handshake has begun
            set_at.append(time.monotonic())
            cancel.set()

        thread = threading.Thread(target=accept)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        client = mode.client(base_url=url, retry=ONCE, timeout=LONG).with_options(cancel=cancel)
        with pytest.raises(chainhub.CancelledByUser):
            mode(client.video.query("a"))
        assert time.monotonic() - set_at[0] < SOON
        thread.join(SOON)
        accepted[0].close()


def test_reset_before_the_handshake_leaves_no_socket_open(server):
    """A connection that is reset before it is wrapped is closed; Python would leave it open."""
    stream, opened = SocketStream(), []

    def meanwhile():
        opened.extend(stream._open_sockets)
        yield b"GET / HTTP/1.1\r\n\r\n"
        until(lambda: is_readable(opened[0].fileno()))

    server.answers = [lambda connection, head: reset(connection)]
    context = ssl.create_default_context
    route = route_to("https", "127.0.0.1", server.port, proxy=None, context=context)
    with pytest.raises(Failure, match="reset by peer"):
        stream.open(route._replace(steps=(meanwhile, *route.steps)), time.monotonic() + 30, 30)
    stream.close()
    assert [sock.fileno() for sock in opened] == [-1]


def test_targets_that_only_httpx_can_make(mode, server):
    """A client of one's own may add to every request, also in a wait for many."""
    client = mode.client(base_url=server.url)
    body = b'{"id": "a", "status": "failed", "status_update_time": 1}'
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)]
    own = mode.own(params={"x": "1"}, trust_env=False)
    outcomes = mode(mode.give(client, own).video.wait_many(["a b", "ü"]))
    assert [type(outcome.error) for outcome in outcomes.values()] == [chainhub.TaskFailed] * 2
    asked = {head.split(b" ")[1].partition(b"?")[2] for head in server.requests}
    assert asked == {b"x=1&id=a+b", b"x=1&id=%C3%BC"}
    mode.end(own)


class SoftTimeLimit(Exception):
    """What a signal handler raises, wherever the program is."""


def test_exception_of_a_signal_handler_passes(mode, server, monkeypatch):
    """Also one that comes while an answer is parsed: it is no fault of the answer."""
    from chainhub_api.models import VideoTask

    def interrupted(_document):
        raise SoftTimeLimit

    client = mode.client(base_url=server.url)
    monkeypatch.setattr(VideoTask, "from_dict", interrupted)
    with pytest.raises(SoftTimeLimit):
        mode(client.video.query("a"))


@pytest.mark.parametrize("segment", [".", ".."])
def test_dots_in_a_path_are_refused(mode, segment):
    """They would make it the path of another operation, and no encoding helps."""
    made = {"method": "delete", "url": f"/v1/videos/{segment}"}
    module = module_of("chainhub_api.api.videos.delete", made)
    client = mode.client(base_url="https://api.example.com")
    transport = mode.transport(client)
    with pytest.raises(chainhub.ConfigurationError, match=r"must not be \. or \.\."):
        transport.prepare(Operation(module, "Any"), {"id": segment})


def test_a_signal_handler_may_raise_at_any_moment(server, monkeypatch):
    """Wherever a sync call is: the error comes out as it is, and the next call has a connection.

    Python runs handlers where functions begin and where those of the interpreter end. What one
    raises while an object is finalized is dropped by Python itself.
    """
    client = chainhub.Client(KEY, base_url=server.url, max_connections=1)
    client.video.query("a")
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: dropped.append(found.exc_type))
    moments = left = 0

    class Alarm(TimeoutError):
        pass

    def interrupt(frame, event, _):
        nonlocal left
        left -= event in ("call", "c_return")
        if left == 0:
            sys.setprofile(None)
            raise Alarm("mine")

    while left <= 0:  # only a call with fewer moments leaves some
        left = moments = moments + 1
        sys.setprofile(interrupt)
        try:
            assert client.video.query("a").status == "pending"
            assert left > 0 or Alarm in dropped
        except Alarm:
            pass
        finally:
            sys.setprofile(None)
        dropped.clear()
    assert moments > 100


def test_what_was_learned_survives_a_fork(mode):
    """The lock is free in the child, whoever held it when the process was to be forked."""
    session = mode.client(base_url="http://127.0.0.1:9")._session
    learned = durations_of(session)
    learned.begin("m:1", 0.0)
    held = threading.Event()

    def hold():
        with learned._lock:
            held.set()
            time.sleep(0.1)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Python 3.12 on: there is a thread
        child = os.fork()
    if not child:
        os._exit(int(not learned._lock.acquire(blocking=False)))
    holder.join()
    assert os.waitpid(child, 0)[1] == 0
    learned._lock.acquire()
    intervals._renew_lock()  # in this process, too
    assert learned._lock.acquire(blocking=False)
    learned._lock.release()
    assert durations_of(session) is learned


@pytest.mark.parametrize("described", [True, False])
def test_requests_are_what_httpx_would_make_of_them(mode, described):
    """Made anew or after another of the same operation; all but the target is the same."""
    name = "chainhub_api.api.video.any" if described else "request"
    operation = Operation(module_of(name), "Any")
    client = mode.client(base_url="https://api.example.com/prefix")
    transport = mode.transport(client)
    model = httpx.Client(base_url="https://api.example.com/prefix")
    for asked in 2 * [
        {"method": "get", "url": "/v1/x", "params": {"id": "a b"}},
        {"method": "get", "url": "/v1/x", "params": {"id": "ü&=~*'/:", "b": ""}},
        {"method": "get", "url": "/v1/x", "params": {"id": 1}},
        {"method": "get", "url": "/v1/x", "params": {}},
        {"method": "get", "url": "/v1/x"},
        {"method": "get", "url": "/v1/x/a%3Ab%2Fc%20d/content"},
        {"method": "get", "url": "/v1/x/.../y"},
        {"method": "get", "url": "/v1/ü", "params": {"id": "1"}},
        {"method": "post", "url": "/v1/x", "json": {}},
    ]:
        made = transport.prepare(operation, asked)
        expected = model.build_request(**asked)
        assert (made.target, made.method) == (expected.url.raw_path, expected.method)


def test_a_path_that_httpx_writes_in_another_way(mode):
    """What httpx makes of the first request is compared; here each one is left to it."""
    operation = Operation(module_of("chainhub_api.api.video.any"), "Any")
    client = mode.client(base_url="https://api.example.com")
    transport = mode.transport(client)
    for _ in range(2):
        made = transport.prepare(operation, {"method": "get", "url": "/v1/a b"})
        assert made.target == b"/v1/a%20b"


def test_a_client_of_httpx_is_made_once(mode):
    """Whoever asks again gets the same one."""
    client = mode.client(base_url="https://api.example.com")
    name = "get_async_httpx_client" if mode.asynchronous else "get_httpx_client"
    assert getattr(client, name)() is getattr(client, name)()


def test_an_error_that_knows_its_call_keeps_what_it_knows():
    """What a call knows is added to other errors only."""
    result = CallResult(PREPARED, Response(200, [], b""), None, 3, 1.5)
    for known, attempts in ((7, 7), (0, 3)):
        error = chainhub.ResponseError("no", attempts=known)
        result.annotate(error)
        assert error.attempts == attempts


def test_a_recorder_may_know_httpcore_alone(monkeypatch):
    """What it has replaced is seen before httpx is loaded."""
    monkeypatch.delitem(sys.modules, "httpx")
    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", lambda *_: None)
    assert is_mocked()


@pytest.mark.parametrize("name", ["httpcore", "httpx"])
def test_nothing_is_replaced_of_what_is_not_loaded(name, monkeypatch):
    """It is not loaded to find out."""
    monkeypatch.delitem(sys.modules, name, raising=False)
    assert not is_mocked()
    assert name not in sys.modules


class Wrapped:
    """A function with something around it, which says of itself what the function says."""

    def __init__(self, function):
        self.function = function

    def __getattr__(self, name):
        return getattr(self.function, name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
        (httpcore.ConnectionPool, "handle_request"),
        (httpcore.AsyncConnectionPool, "handle_async_request"),
        (httpx.Client, "_transport_for_url"),
        (httpx.AsyncClient, "_transport_for_url"),
    ],
)
def test_what_is_wrapped_is_replaced(kind, name, monkeypatch):
    """OpenTelemetry's instrumentation of httpx does so, with wrapt."""
    monkeypatch.setattr(kind, name, Wrapped(getattr(kind, name)))
    assert is_mocked()


def test_a_later_httpx_may_have_lost_what_is_private(monkeypatch):
    """What is not there is not replaced."""
    monkeypatch.delattr(httpx.Client, "_transport_for_url")
    assert not is_mocked()


LOADING = """
import sys, threading
import chainhub, httpx
from chainhub._session import is_mocked

class Asking:  # in the middle of loading
    def find_spec(name, path, target=None):
        if name == "httpcore._api":
            other.start()
            other.join(0.1)

found = []
other = threading.Thread(target=lambda: found.append(is_mocked()))
sys.meta_path.insert(0, Asking)
import httpcore
other.join()
print(found)
"""


def test_another_thread_may_be_loading_httpcore():
    """It is asked when it is there as a whole."""
    assert output(sys.executable, "-c", LOADING).strip() == "[False]"


def test_the_transport_has_no_other_names():
    """Those that are loaded late are as fixed as the others."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        chainhub._transport.nonsense  # noqa: B018 - looking is the test


def test_after_a_broken_connection_no_other_is_trusted(mode):
    """The idle ones may be dead as well; after a response with an error status they are good."""
    client = mode.client(base_url="http://127.0.0.1:9", retry=chainhub.RetryPolicy(base=0.001))
    transport = mode.transport(client)
    prepared = transport.prepare(UNDESCRIBED, {"method": "GET", "url": "/v1"})
    came = [Failure("closed", "reset"), Response(502, [], b""), Response(200, [], b"")]
    fresh = []

    def exchange(prepared, key, limits):
        fresh.append(limits.fresh)
        outcome = came[len(fresh) - 1]
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    async def aexchange(*arguments):
        return exchange(*arguments)

    session, options = client._session, transport.options
    if mode.asynchronous:
        ended = mode(session.acall(prepared, options, aexchange))
    else:
        ended = session.call(prepared, options, exchange)
    assert ended.value().status == 200
    assert fresh == [False, True, False]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"htp2": True}, "TypeError: .*htp2"),
        ({"proxy": "ftp://proxy.example"}, "ValueError: Unknown scheme"),
        ({"proxy": "http://[::"}, "InvalidURL: "),
        ({"mounts": {"x": None}}, "ValueError: Proxy keys"),
        ({"headers": {"X-Name": "é"}}, "UnicodeEncodeError: "),
    ],
)
def test_arguments_that_httpx_does_not_take(mode, server, arguments, said):
    """The first call says so, and what httpx says about them."""
    client = mode.client(base_url=server.url, httpx_args=arguments)
    with pytest.raises(chainhub.ConfigurationError, match=r"these httpx_args \(" + said):
        mode(client.video.query("x"))
    assert server.requests == []


def test_a_transport_of_the_other_kind_is_refused(mode, server, tmp_path):
    """By name of the class that it has to be for; for a download too."""
    other = httpx.HTTPTransport() if mode.asynchronous else httpx.AsyncHTTPTransport()
    client = mode.client(base_url=server.url, httpx_args={"transport": other})
    name = "AsyncClient" if mode.asynchronous else "Client"
    for call in (
        client.video.query,
        client.video.wait,
        partial(client.video.download, into=tmp_path),
    ):
        with pytest.raises(chainhub.ConfigurationError, match=rf"not one for httpx\.{name}\)"):
            mode(call("x"))
    assert server.requests == []


def test_no_descriptor_for_a_client_of_httpx(mode, server, monkeypatch):
    """It is a failed connection as any other, which passes."""

    def no_descriptor(*args, **kwargs):
        raise OSError(errno.EMFILE, "")

    client = mode.client(base_url=server.url, retry=ONCE, httpx_args={"http2": False})
    with monkeypatch.context() as patch:
        patch.setattr(httpx, "AsyncClient" if mode.asynchronous else "Client", no_descriptor)
        with pytest.raises(chainhub.ConnectionFailedError, match="Too many open files"):
            mode(client.video.query("x"))
    assert mode(client.video.query("x")).status == "pending"


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENFILE, chainhub.ConnectionFailedError), (errno.EIO, OSError)]
)
def test_no_descriptor_to_make_a_client_with(mode, monkeypatch, number, kind):
    """What it needs cannot be loaded; what else a disk says passes as it is."""

    def no_descriptor():
        raise OSError(number, "")

    monkeypatch.setattr("chainhub._session.guard_logs", no_descriptor)
    with pytest.raises(kind) as caught:
        mode.client(base_url="http://127.0.0.1:9")
    assert kind is OSError or str(caught.value) == f"could not connect: {os.strerror(number)}"


def test_no_descriptor_to_load_httpx_with(mode, server, http, monkeypatch):
    """It is a failed connection too; a wait asks again."""
    server.answers = [http(200, {"id": "x", "status": "failed", "status_update_time": 1})]
    client, build = mode.client(base_url=server.url, retry=ONCE, cookies={"a": "b"}), []

    def builder_of(transport, usual=httpx_transport.builder_of):
        build.append(transport)
        if len(build) < 3:
            raise OSError(errno.EMFILE, "")
        return usual(transport)

    monkeypatch.setattr(httpx_transport, "builder_of", builder_of)
    with pytest.raises(chainhub.ConnectionFailedError, match="connect: Too many open files"):
        mode(client.video.query("x"))
    with pytest.raises(chainhub.TaskFailed):
        mode(client.video.wait("x", interval=0.01))
    assert len(build) == 3


def test_a_client_of_httpx_that_cannot_serve(mode, server):
    """One that is closed, or of the other kind, is refused with what is wrong with it."""
    client, kinds = mode.client(base_url=server.url), [httpx.Client, httpx.AsyncClient]
    with pytest.raises(chainhub.ConfigurationError, match="httpx_client takes an httpx"):
        mode.give(client, kinds[not mode.asynchronous]())
    closed = kinds[mode.asynchronous]()
    mode.end(closed)
    with pytest.raises(chainhub.ConfigurationError, match="the client has been closed"):
        mode(mode.give(client, closed).video.query("x"))
    assert server.requests == []
