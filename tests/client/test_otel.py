"""Spans of waits, downloads and attempts, and nothing of them unless asked."""

import contextlib
import subprocess
import sys
from unittest.mock import Mock

import httpx
import pytest

import chainhub
from chainhub import otel
from chainhub_api.api.video import query
from tests.client.video import SampleVideo, answer, task
from tests.loopback import KEY

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra chainhub[otel]")
PACE = 0.01
FAST = chainhub.RetryPolicy(base=0.01, throttled_base=0.01, attempts=2)


class Exported:
    """A provider of spans, and those that have ended."""

    def __init__(self):
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.exporter = InMemorySpanExporter()
        self.provider = sdk.TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self):
        """Give the spans in the order in which they ended."""
        return self.exporter.get_finished_spans()

    def named(self, name):
        """Give the spans of a name."""
        return [span for span in self.spans if span.name == name]

    def tree(self):
        """Give the names of the children of each span that has some."""
        names = {span.context.span_id: span.name for span in self.spans}
        found = {}
        for span in self.spans:
            if span.parent is not None:
                found.setdefault(names[span.parent.span_id], []).append(span.name)
        return found


@pytest.fixture
def exported():
    """Give what collects spans."""
    return Exported()


@pytest.fixture
def client(mode, server, exported):
    """Give a function that makes a client with spans."""

    def make(propagate=False, **options):
        observer = otel.spans(exported.provider, propagate=propagate)
        given = {"base_url": server.url, "retry": FAST, "on_attempt": observer, **options}
        return mode.client(**given)

    return make


def told(span):
    """Return all that a span tells, as text."""
    return f"{span.name} {span.status.description} {dict(span.attributes)} {span.events!r}" + str(
        [dict(event.attributes) for event in span.events]
    )


def test_every_attempt_is_a_span(mode, server, http, client, exported):
    """A child of the caller's span, with the conventional attributes and its own time."""
    server.answers = [http(503, b""), http()]
    mine = exported.provider.get_tracer("test").start_as_current_span("mine")
    one = client()
    with mine:
        mode(one.video.query("a"))
    first, second, mine = exported.spans
    assert (first.name, first.status.is_ok, second.status.is_ok) == ("video.query", False, True)
    assert dict(first.attributes) == {
        "http.request.method": "GET",
        "url.full": f"{server.url}/v1/video/query?id=a",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "http.response.status_code": 503,
        "error.type": "503",
    }
    assert second.attributes["http.request.resend_count"] == 1
    assert mine.start_time <= first.start_time <= first.end_time <= second.start_time
    if not mode.asynchronous:  # an asyncio.Runner has a context of its own
        assert first.parent.span_id == mine.context.span_id


def test_attempt_without_an_answer_names_its_failure(mode, server, client, exported):
    """The kind of failure is the type of error."""
    server.answers = [None]
    with pytest.raises(chainhub.ConnectionFailedError):
        mode(client().video.query("a"))
    span = exported.spans[0]
    assert span.attributes["error.type"] == "closed"
    assert "http.response.status_code" not in span.attributes


def test_attempt_that_a_slip_ends_is_a_span_too(mode, exported, client):
    """With the type of what was raised, and no text of it: it may hold anything."""

    def slip(request):
        raise ZeroDivisionError(f"secret {KEY}")

    one = client(httpx_args={"transport": httpx.MockTransport(slip)})
    with pytest.raises(ZeroDivisionError):
        mode(one.video.query("a"))
    (span,) = exported.spans
    assert span.attributes["error.type"] == "ZeroDivisionError"
    assert "secret" not in told(span)


def test_attempt_with_a_refused_key_is_a_span(mode, server, http, exported, client):
    """Although the same is asked again with the next key, at once."""
    server.answers = [http(401, b"{}"), http()]
    keys = iter(["sk-test-first-key", "sk-test-second-key"])
    one = client(api_key=lambda: next(keys))
    mode(one.video.query("a"))
    first, second = exported.spans
    assert first.attributes["http.response.status_code"] == 401
    assert second.status.is_ok


def test_plain_generated_function_has_no_name(server, exported):
    """Nobody says which operation sends: then the method is the name. Synchronous, as it is."""
    with chainhub.Client(
        KEY, base_url=server.url, on_attempt=otel.spans(exported.provider)
    ) as client:
        query.sync_detailed(client=client, id="a")
    assert [span.name for span in exported.spans] == ["GET"]


def test_a_wait_is_a_span_with_its_polls_as_children(mode, server, http, client, exported):
    """Also those that fail."""
    server.answers = [task(None, "pending"), http(503, b""), task("https://h/v.mp4")]
    mode(client().video.wait("a", interval=PACE))
    (span,) = exported.named("video.wait")
    assert exported.tree() == {"video.wait": ["video.query"] * 3}
    assert dict(span.attributes) == {
        "chainhub.task.id": "a",
        "chainhub.task.polls": 3,
        "chainhub.task.status": "completed",
    }
    assert span.status.is_unset
    assert span.start_time <= exported.spans[0].start_time


def test_a_wait_for_a_failed_task_is_an_error(mode, server, client, exported):
    """With the redacted text of the error."""
    body = b'{"id": "a", "status": "failed", "status_update_time": 1, "fail_reason": "'
    server.answers = [answer(200, body + f'no {KEY} https://h/v?sig=abc"}}'.encode())]
    with pytest.raises(chainhub.TaskFailed):
        mode(client().video.wait("a"))
    (span,) = exported.named("video.wait")
    assert span.attributes["error.type"] == "TaskFailed"
    assert not span.status.is_ok
    (event,) = span.events
    assert event.attributes["exception.type"] == "chainhub.errors.TaskFailed"
    assert "task a failed ('failed'): no *** https://h/v?sig=***" in span.status.description
    for each in exported.spans:
        assert KEY not in told(each)
        assert "abc" not in told(each)


def test_a_wait_without_an_answer_has_no_status(mode, server, client, exported):
    """Its polls and its error are all there is."""
    server.answers = [answer(401, b"{}")]
    with pytest.raises(chainhub.AuthenticationError):
        mode(client().video.wait("a"))
    (span,) = exported.named("video.wait")
    assert dict(span.attributes) == {
        "chainhub.task.id": "a",
        "chainhub.task.polls": 1,
        "error.type": "AuthenticationError",
    }


def test_a_watch_that_nobody_reads_on_is_no_error(mode, server, client, exported):
    """It ends when it is left."""
    server.answers = [task(None, "pending")]
    changes = client().video.watch("a", interval=PACE)

    async def first():
        async for _ in changes:
            break
        await changes.aclose()

    if mode.asynchronous:
        mode(first())
    else:
        next(changes)
        changes.close()
    (span,) = exported.named("video.wait")
    assert span.status.is_unset
    assert not span.events


def test_a_wait_for_many_is_a_span_for_each_task(mode, server, client, exported):
    """Each with its own polls as children; one asked for twice has one."""

    def behave(connection, head):
        done = b"id=c" not in head
        status = "failed" if b"id=b" in head else "completed" if done else "pending"
        connection.sendall(task("https://h/v.mp4", status, head.split()[1].decode()[-1]))

    server.answers = [behave]
    outcomes = mode(client().video.wait_many(list("abca"), interval=PACE, deadline=0.5))
    assert isinstance(outcomes["c"].error, chainhub.WaitTimeout)
    waits = {span.attributes["chainhub.task.id"]: span for span in exported.named("video.wait")}
    assert {name: span.attributes.get("error.type") for name, span in waits.items()} == {
        "a": None,
        "b": "TaskFailed",
        "c": "WaitTimeout",
    }
    for name, span in waits.items():
        polls = exported.named("video.query")
        children = [poll for poll in polls if poll.parent.span_id == span.context.span_id]
        assert len(children) == span.attributes["chainhub.task.polls"]
        assert all(s.attributes["url.full"].endswith(f"?id={name}") for s in children)


def test_a_wait_for_many_that_is_left_ends_its_spans(mode, server, client, exported):
    """What has no outcome has no error either."""
    server.answers = [task(None, "pending")]
    with pytest.raises(ZeroDivisionError):
        mode(client().video.wait_many(list("ab"), interval=PACE, on_update=lambda task: 1 / 0))
    assert {span.status.is_unset for span in exported.named("video.wait")} == {True}


def film_at(server, sample, *before):
    """Let the server answer with a task, then with its video."""
    server.answers = [task(f"{server.url}/v.mp4?sig=abc"), *before, sample.send]
    return server


def test_a_download_is_a_span_with_its_attempts_as_children(
    mode, server, client, exported, tmp_path
):
    """The poll for the address and every request for bytes; no signed address is shown."""
    sample = SampleVideo()
    film_at(server, sample, sample.until(50_000))
    mode(client().video.download("a", tmp_path / "v.mp4"))
    assert exported.tree() == {"video.download": ["video.query", "GET", "GET"]}
    (span,) = exported.named("video.download")
    assert dict(span.attributes) == {"chainhub.task.id": "a", "file.size": len(sample.data)}
    broken, whole = exported.named("GET")
    assert broken.attributes["error.type"] == "closed"
    assert whole.attributes["url.full"] == f"{server.url}/v.mp4?sig=***"
    assert whole.attributes["http.response.status_code"] == 206
    assert whole.attributes["http.request.resend_count"] == 1


def test_a_download_that_fails_is_an_error(mode, server, client, exported, tmp_path):
    """Ours with its text, a callback's without."""
    film_at(server, SampleVideo(), answer(200, b"<html>log in</html>"))
    with pytest.raises(chainhub.ContentRefusedError):
        mode(client().video.download("a", tmp_path / "v.mp4"))
    film_at(server, SampleVideo())
    server.requests.clear()

    def slip(progress):
        raise ZeroDivisionError(KEY)

    with pytest.raises(ZeroDivisionError):
        mode(client().video.download("a", tmp_path / "v.mp4", progress=slip))
    first, second = exported.named("video.download")
    assert first.attributes["error.type"] == "ContentRefusedError"
    assert second.attributes["error.type"] == "ZeroDivisionError"
    assert exported.named("GET")[0].attributes["error.type"] == "ContentRefusedError"
    if not mode.asynchronous:  # else the bytes are read in a thread, which is stopped
        assert exported.named("GET")[1].attributes["error.type"] == "ZeroDivisionError"
    assert KEY not in "".join(map(told, exported.spans))


def test_file_that_is_kept_needs_no_attempt(mode, server, client, exported, tmp_path):
    """Then the span is all there is."""
    (tmp_path / "v.mp4").touch()
    mode(client().video.download("a", tmp_path / "v.mp4", if_exists="keep"))
    assert [span.name for span in exported.spans] == ["video.download"]


@pytest.mark.parametrize("through_httpx", [False, True])
def test_requests_carry_the_span_on_request(
    mode, server, client, exported, tmp_path, through_httpx
):
    """Those to the API, in place of a header of the caller's; others and downloads never."""
    arguments = {"httpx_args": {"http2": False}} if through_httpx else {}
    headers = {"Traceparent": "mine"}
    film_at(server, SampleVideo())
    one = client(propagate=True, headers=headers, **arguments)
    for _ in range(2):
        mode(one.video.query("a"))
        server.requests.clear()
    mode(one.video.download("a", tmp_path / "v.mp4"))
    asked, fetched = server.requests
    span = exported.named("video.query")[-1]
    context = span.context
    expected = f"traceparent: 00-{context.trace_id:032x}-{context.span_id:016x}-"
    lines = asked.decode().lower().split("\r\n")
    assert [line[:-2] for line in lines if line.startswith("traceparent")] == [expected]
    assert f"authorization: bearer {KEY}" in lines
    assert b"traceparent: 00" not in fetched.lower()


def test_no_request_carries_a_span_unasked(mode, server, client):
    """Not everybody who serves is to know of the caller's traces."""
    mode(client().video.query("a"))
    assert b"traceparent" not in server.requests[0].lower()


def test_events_name_their_operation(mode, server, http):
    """Those of attempts, retries and calls, and of failed polls the wait."""
    seen = []
    server.answers = [http(503, b""), http(503, b""), task("https://h/v.mp4")]
    client = mode.client(
        base_url=server.url,
        retry=FAST,
        on_attempt=seen.append,
        on_retry=seen.append,
        on_call=seen.append,
    )
    with contextlib.suppress(chainhub.ServerError):
        mode(client.video.query("a"))
    assert [event.operation for event in seen] == ["video.query"] * 4
    seen.clear()
    server.requests.clear()
    mode(client.video.wait("a", interval=PACE))
    retries = [event for event in seen if isinstance(event, chainhub.RetryEvent)]
    assert {event.operation for event in retries} == {"video.wait"}


def test_observer_that_passes_events_on_makes_spans_too(exported):
    """Made afterwards, with the time of the attempt; there is no wait they belong to."""
    event = chainhub.AttemptEvent(
        method="GET",
        url="https://api.example.com/x",
        attempt=1,
        status=200,
        trouble=None,
        trouble_kind=None,
        request_id=None,
        started=5.0,
        elapsed=2.0,
    )
    otel.spans(exported.provider)(event)
    (span,) = exported.spans
    assert (span.name, span.start_time, span.end_time) == ("GET", 5_000_000_000, 7_000_000_000)
    assert span.attributes["server.port"] == 443


def test_address_without_a_known_port_has_none():
    """An observer may be given any."""
    assert "server.port" not in otel._attributes("GET", "ftp://h/x", 1)


def test_any_other_observer_is_called_afterwards(mode, server, exported):
    """Whatever attributes it has."""
    observer = Mock()
    mode(mode.client(base_url=server.url, on_attempt=observer).video.query("a"))
    assert observer.call_count == 1
    assert exported.spans == ()


def test_missing_package_is_a_sentence():
    """It names the extra; and without the module nothing is imported."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import chainhub, chainhub._client, chainhub.otel\n"
        "try: chainhub.otel.spans()\n"
        "except chainhub.ConfigurationError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert 'pip install --index-url https://INDEX/simple/ "chainhub[otel]"' in done.stdout
    quiet = (
        "import sys, chainhub\n"
        "chainhub.Client('sk-test-0123456789')\n"
        "print(any('opentelemetry' in n for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", quiet], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False"
