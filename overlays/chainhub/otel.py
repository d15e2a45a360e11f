"""OpenTelemetry spans, one per attempt: the extra `chainhub[otel]`.

opentelemetry is imported only by this module. The spans are children of the caller's current span.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from chainhub._extras import missing_extra
from chainhub._session.events import AttemptEvent
from chainhub._version import __version__
from chainhub.errors import ConfigurationError

try:
    import opentelemetry.trace as trace
except ImportError:
    _missing = True
else:
    _missing = False

NANOSECONDS = 1_000_000_000


def spans(provider: trace.TracerProvider | None = None) -> Callable[[AttemptEvent], None]:
    """Return an event hook that makes a span of every attempt: `Client(on_attempt=spans())`.

    Attributes follow the semantic conventions for HTTP clients. The URL is redacted, headers and
    bodies are left out, and no header is added to requests.

    Args:
        provider: The tracer provider; by default the global one.

    Raises:
        ConfigurationError: the package opentelemetry-api is not installed.
    """
    if _missing:
        raise ConfigurationError(missing_extra("spans need", "opentelemetry-api", "otel"))
    tracer = trace.get_tracer("chainhub", __version__, tracer_provider=provider)

    def observe(event: AttemptEvent) -> None:
        began = int(event.started * NANOSECONDS)
        span = tracer.start_span(
            event.method,
            kind=trace.SpanKind.CLIENT,
            start_time=began,
            attributes=_attributes(event),
        )
        if event.status is None or event.status >= 400:
            span.set_status(trace.StatusCode.ERROR, event.trouble)
        span.end(began + int(event.elapsed * NANOSECONDS))

    return observe


def _attributes(event: AttemptEvent) -> dict[str, str | int]:
    parts = urlsplit(event.url)
    attributes: dict[str, str | int] = {
        "http.request.method": event.method,
        "url.full": event.url,
        "server.address": parts.hostname or "",
    }
    if parts.port is not None:
        attributes["server.port"] = parts.port
    if event.attempt > 1:
        attributes["http.request.resend_count"] = event.attempt - 1
    if event.status is not None:
        attributes["http.response.status_code"] = event.status
    if event.status is None or event.status >= 400:
        attributes["error.type"] = event.trouble_kind or str(event.status)
    return attributes
