"""From what the transport raises to what is decided upon: without secrets, without frames."""

from __future__ import annotations

from chainhub._redaction import redact_text
from chainhub._session.retry import AttemptFailure
from chainhub._transport import Failure


def trouble_of(failure: Failure, secrets: tuple[str, ...]) -> AttemptFailure:
    """Return what a failed attempt means; its text may contain what a server has sent."""
    text = redact_text(failure.text, secrets)
    return AttemptFailure(failure.kind, failure.sent, text, failure.passing)
