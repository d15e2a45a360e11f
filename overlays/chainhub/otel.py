"""OpenTelemetry spans: the extra `chainhub[otel]`.

A wait and a download are a span each, named `video.wait` and `video.download`, with their attempts
as children. The attempts of other calls are children of the caller's own span, and are named after
the operation, such as `video.query`. Nothing of this is imported unless this module is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from chainhub._extras import missing_extra
from chainhub._session import AttemptEvent
from chainhub._version import __version__
from chainhub.errors import ChainhubError, ConfigurationError

try:
    import opentelemetry.trace as trace
except ImportError:
    _missing = True
else:
    _missing = False

NANOSECONDS = 1_000_000_000


class Spans:
    """Makes spans; what `spans` returns."""

    def __init__(self, provider: trace.TracerProvider | None, *, propagate: bool) -> None:
        self._tracer = trace.get_tracer("chainhub", __version__, tracer_provider=provider)
        self._propagate = propagate

    def __call__(self, event: AttemptEvent) -> None:
        """Make a span of an attempt that has ended, for hooks that forward their events."""
        start_time = int(event.started * NANOSECONDS)
        attempt = self.attempt(event.operation, event.method, event.url, event.attempt, start_time)
        attempt.end(event, start_time + int(event.elapsed * NANOSECONDS))

    def attempt(
        self, name: str | None, method: str, url: str, number: int, at: int | None = None
    ) -> _Attempt:
        """Begin the span of an attempt, now or at an instant that has passed."""
        span = self._tracer.start_span(
            name or method,
            kind=trace.SpanKind.CLIENT,
            start_time=at,
            attributes=_attributes(method, url, number),
        )
        return _Attempt(span, propagate=self._propagate)

    def operation(self, name: str, task_id: str) -> _Operation:
        """Begin the span of a wait or a download."""
        span = self._tracer.start_span(name, attributes={"chainhub.task.id": task_id[:200]})
        return _Operation(span)


def spans(provider: trace.TracerProvider | None = None, *, propagate: bool = False) -> Spans:
    """Return an observer that makes spans: `Client(on_attempt=spans())`.

    Attributes follow the semantic conventions for HTTP clients. URLs and the texts of errors are
    redacted; headers and bodies are left out.

    Args:
        provider: Where spans go; the global provider without it.
        propagate: Whether requests to the API carry the W3C headers `traceparent` and
            `tracestate`. Downloads from other hosts never do.

    Raises:
        ConfigurationError: the package opentelemetry-api is not installed.
    """
    if _missing:
        raise ConfigurationError(missing_extra("spans need", "opentelemetry-api", "otel"))
    return Spans(provider, propagate=propagate)


class _Attempt:
    def __init__(self, span: trace.Span, *, propagate: bool) -> None:
        self._span = span
        self._propagate = propagate

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        if not self._propagate:
            return []
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        context = trace.set_span_in_context(self._span)
        TraceContextTextMapPropagator().inject(carrier, context)
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in carrier.items()]

    def end(self, event: AttemptEvent, end_time: int | None = None) -> None:
        if event.status is not None:
            self._span.set_attribute("http.response.status_code", event.status)
        if event.status is None or event.status >= 400:
            self._span.set_attribute("error.type", event.trouble_kind or str(event.status))
            self._span.set_status(trace.StatusCode.ERROR, event.trouble)
        self._span.end(end_time)

    def abort(self, error: BaseException) -> None:
        _record(self._span, error)
        self._span.end()


class _Operation:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def active(self) -> AbstractContextManager[object]:
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def end(self, error: BaseException | None, facts: Mapping[str, str | int]) -> None:
        self._span.set_attributes({**facts})
        # A generator that its caller closes early is no error.
        if error is not None and not isinstance(error, GeneratorExit):
            _record(self._span, error)
        self._span.end()


def _record(span: trace.Span, error: BaseException) -> None:
    """Record an error in a span; the text only of our own errors, which is redacted."""
    kind = type(error)
    span.set_attribute("error.type", kind.__qualname__)
    facts = {"exception.type": f"{kind.__module__}.{kind.__qualname__}"}
    if isinstance(error, ChainhubError):
        facts["exception.message"] = str(error)
    span.add_event("exception", facts)
    span.set_status(trace.StatusCode.ERROR, facts.get("exception.message"))


def _attributes(method: str, url: str, attempt: int) -> dict[str, str | int]:
    parts = urlsplit(url)
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.full": url,
        "server.address": parts.hostname or "",
    }
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    if port is not None:
        attributes["server.port"] = port
    if attempt > 1:
        attributes["http.request.resend_count"] = attempt - 1
    return attributes
