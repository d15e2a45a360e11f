"""One call to the service: request, credentials, retries, deadline, event hooks.

A `Session` is what a client shares with its copies; all that is sent to the API goes through it. A
`SessionTransport` (`AsyncSessionTransport` for asyncio) is a session with the `Options` of one
client; it carries out each `Operation`, and is a transport for clients of httpx. `decide` says what
follows a failed attempt. Who fetches bytes from elsewhere takes the retry rules, the hooks and the
log from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._session.call import CallResult, error_of, request_id_of
from chainhub._session.credentials import Credentials, Key
from chainhub._session.events import (
    UNDER_WAY,
    AttemptEvent,
    CallEvent,
    Observers,
    RetryEvent,
    ainside,
    guard_logs,
    inside,
    logger,
    traced,
)
from chainhub._session.httpx_transport import AsyncSessionTransport, SessionTransport, is_mocked
from chainhub._session.key_sources import (
    KEYRING,
    ask_keyring,
    check_key,
    find_key,
    keyring_installed,
    no_key,
)
from chainhub._session.operation import (
    UNDESCRIBED,
    Operation,
    RawResponse,
    operation_of,
    raw_response,
)
from chainhub._session.options import (
    DEADLINE,
    DEFAULT_LIMIT,
    TIMEOUT,
    Options,
    policy,
    seconds,
    spans_of,
    whole,
)
from chainhub._session.request import PreparedRequest, base_url_from, check_headers
from chainhub._session.retry import (
    Retry,
    RetryBudget,
    RetryPolicy,
    Stop,
    decide,
    poll_hint_of,
    retry_after_of,
)
from chainhub._session.session import Session, running_loop

if TYPE_CHECKING:
    from chainhub._session.events import OperationSpan

__all__ = [
    "DEADLINE",
    "DEFAULT_LIMIT",
    "KEYRING",
    "TIMEOUT",
    "UNDER_WAY",
    "UNDESCRIBED",
    "AsyncSessionTransport",
    "AttemptEvent",
    "CallEvent",
    "CallResult",
    "Credentials",
    "Key",
    "Observers",
    "Operation",
    "OperationSpan",
    "Options",
    "PreparedRequest",
    "RawResponse",
    "Retry",
    "RetryBudget",
    "RetryEvent",
    "RetryPolicy",
    "Session",
    "SessionTransport",
    "Stop",
    "ainside",
    "ask_keyring",
    "base_url_from",
    "check_headers",
    "check_key",
    "decide",
    "error_of",
    "find_key",
    "guard_logs",
    "inside",
    "is_mocked",
    "keyring_installed",
    "logger",
    "no_key",
    "operation_of",
    "policy",
    "poll_hint_of",
    "raw_response",
    "request_id_of",
    "retry_after_of",
    "running_loop",
    "seconds",
    "spans_of",
    "traced",
    "whole",
]
