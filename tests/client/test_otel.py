"""Spans of attempts, and nothing of them unless asked."""

import contextlib
import subprocess
import sys

import pytest

import chainhub
from chainhub import otel

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra chainhub[otel]")


def exported(mode, server, answers):
    """Make a call and return its spans."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    server.answers = answers
    client = mode.client(
        base_url=server.url,
        retry=chainhub.RetryPolicy(base=0.01, throttled_base=0.01, attempts=2),
        on_attempt=otel.spans(provider),
    )
    mine = provider.get_tracer("test").start_as_current_span("mine")
    with mine, contextlib.suppress(chainhub.ChainhubError):
        mode(client.video.query("a"))
    return exporter.get_finished_spans()


def test_every_attempt_is_a_span(mode, server, http):
    """A child of the caller's span, with the conventional attributes and its own time."""
    first, second, mine = exported(mode, server, [http(503, b""), http()])
    assert (first.name, first.status.is_ok, second.status.is_ok) == ("GET", False, True)
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


def test_attempt_without_an_answer_names_its_trouble(mode, server):
    """The kind of trouble is the type of error."""
    span, *_ = exported(mode, server, [None])
    assert span.attributes["error.type"] == "closed"
    assert "http.response.status_code" not in span.attributes


def test_default_ports_are_left_out():
    """The scheme says them."""
    event = chainhub.AttemptEvent(
        method="GET",
        url="https://api.example.com/x",
        attempt=1,
        status=200,
        trouble=None,
        trouble_kind=None,
        request_id=None,
        started=0.0,
        elapsed=0.0,
    )
    assert "server.port" not in otel._attributes(event)


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
    quiet = "import sys, chainhub._client; print(any('opentelemetry' in n for n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", quiet], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False"
