"""One call: its options, attempts, results and the next step. It sends nothing and never sleeps.

The two loops in `session` carry out what is decided here.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from chainhub import _clock, errors
from chainhub._redaction import redact_text
from chainhub._responses import judge
from chainhub._session.events import (
    UNDER_WAY,
    AttemptEvent,
    CallEvent,
    Observers,
    RetryEvent,
    event_of,
    logger,
)
from chainhub._session.request import PreparedRequest
from chainhub._session.retry import (
    Retry,
    RetryBudget,
    RetryPolicy,
    Stop,
    decide,
    retry_after_of,
)
from chainhub._transport import Failure, Limits, Response
from chainhub.errors import (
    AmbiguousOutcome,
    CancelledByUser,
    ChainhubError,
    ConfigurationError,
    DeadlineError,
)
from chainhub_api.types import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from chainhub._cancel import Cancel
    from chainhub._session.credentials import Credentials
    from chainhub._session.events import AttemptSpan, E
    from chainhub._transport import FailureKind

    LazyFields = Mapping[str, Callable[[], object]]


CONNECT = 5.0
"""Seconds for one connect or handshake: a packet lost twice (1 + 2 s) is still waited for."""

DEFAULT_RETRY_POLICY = RetryPolicy()


class Options(NamedTuple):
    """The options of one call, times in seconds; infinite means unlimited."""

    timeout: float
    connect: float
    deadline: float
    retry: RetryPolicy
    max_body: int
    cancel: Cancel | None

    def with_changes(
        self,
        timeout: float | httpx.Timeout | Unset | None,
        deadline: float | Unset | None,
        retry: RetryPolicy | Unset = UNSET,
        max_body: int | Unset = UNSET,
        cancel: Cancel | Unset | None = UNSET,
    ) -> Options:
        """Return these options with the given ones in place of the old ones."""
        changes: dict[str, Any] = {}
        if not isinstance(timeout, Unset):
            changes["timeout"], changes["connect"] = timeouts_of(timeout)
        if not isinstance(deadline, Unset):
            changes["deadline"] = seconds("deadline", deadline)
        if not isinstance(retry, Unset):
            changes["retry"] = policy(retry)
        if not isinstance(max_body, Unset):
            changes["max_body"] = whole("max_body", max_body)
        if not isinstance(cancel, Unset):
            changes["cancel"] = switch_of(cancel)
        return self._replace(**changes)


# Each of these raises a ConfigurationError that names the argument.
def timeouts_of(timeout: float | httpx.Timeout | None) -> tuple[float, float]:
    """Return the timeouts of an attempt and of connecting: `read` and `connect` of httpx."""
    read, connect = getattr(timeout, "read", ...), getattr(timeout, "connect", ...)
    # To ask for its class would load httpx.
    if read is not ... and connect is not ...:
        return seconds("timeout.read", read), seconds("timeout.connect", connect)
    attempt_timeout = seconds("timeout", timeout)
    return attempt_timeout, min(CONNECT, attempt_timeout)


def seconds(name: str, value: object) -> float:
    """Return `value` as seconds, None as infinite."""
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{name} must be a positive number of seconds or None")
    # An integer may be larger than any float.
    return math.inf if value > sys.float_info.max else float(value)


def whole(name: str, value: object) -> int:
    """Return `value` as a count."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be a positive whole number")
    return value


def policy(retry: object) -> RetryPolicy:
    """Return the retry policy, the default one for None."""
    if retry is None:
        return DEFAULT_RETRY_POLICY
    if not isinstance(retry, RetryPolicy):
        raise ConfigurationError("retry must be a chainhub.RetryPolicy; RetryPolicy.off() for none")
    return retry


def switch_of(cancel: Cancel | None) -> Cancel | None:
    """Return the `Cancel` that ends calls, or None."""
    if cancel is not None and not hasattr(cancel, "watching"):  # to ask for its class would load it
        raise ConfigurationError("cancel must be a chainhub.Cancel")
    return cancel


class CallContext:
    """What the calls of a client and of its copies share.

    Attributes:
        under_way: The base URL and the secrets, for the log filter during a request.
        random: The source of jitter; a forked child reseeds it.
    """

    def __init__(self, base_url: str, credentials: Credentials, observers: Observers) -> None:
        self.credentials = credentials
        self.observers = observers
        self.under_way = base_url, credentials.secrets
        self.budget = RetryBudget()
        self._random = Random()
        self.random = self._random.random


class Call:
    """The state of one call; budget, event hooks and source of jitter are those of the context.

    Attributes:
        next_request: The request of the next attempt, within its `limits`.
        outcome: The response or the failure of the last attempt.
    """

    outcome: Response | Failure

    def __init__(self, prepared: PreparedRequest, options: Options, context: CallContext) -> None:
        self.prepared = self.next_request = prepared
        self.options = options
        self._context = context
        self._secrets, self._observers = context.credentials.secrets, context.observers
        self._start = self._attempt_start = _clock.monotonic()
        self.limits = Limits(
            timeout=options.timeout,
            connect=options.connect,
            deadline=self._start + options.deadline,
            max_body=options.max_body,
            fresh=not prepared.idempotent,
            cancel=options.cancel,
        )
        self._span: AttemptSpan | None = None
        self._attempts = 0
        self._refreshed = False
        self._retry_cost = 0.0

    def __enter__(self) -> None:
        """Begin the next attempt, whose `outcome` is set in the block."""
        prepared, options, tracer = self.prepared, self.options, self._observers.tracer
        if options.cancel is not None and options.cancel.is_set():
            raise self._annotate(CancelledByUser("cancelled"))
        self._attempts += 1
        self._attempt_start = _clock.monotonic()
        if tracer is not None:
            number, url = self._attempts, prepared.url
            self._span = tracer.attempt(prepared.operation, prepared.method, url, number)
            self.next_request = prepared.with_headers(self._span.headers)
        # Not by a token: a coroutine may be closed in another context.
        self._outer_request = UNDER_WAY.get()
        UNDER_WAY.set(self._context.under_way)
        _clock.request_under_way(1)

    def __exit__(self, _kind: object, error: BaseException | None, _frames: object) -> bool:
        """End the attempt; a Failure is an outcome, any other exception ends the call."""
        UNDER_WAY.set(self._outer_request)
        _clock.request_under_way(-1)
        if isinstance(error, Failure):
            self.outcome = error.without_frames()
        elif error is not None and self._span is not None:
            self._span.abort(error)
        return isinstance(error, Failure)

    def next_step(self) -> CallResult | float:
        """Decide what follows an attempt: the end of the call, or the seconds until another."""
        if isinstance(self.outcome, Response) and 200 <= self.outcome.status < 300:
            # Before the hooks, each of which may end the call.
            self._context.budget.refund(self._retry_cost)
            self.report_attempt()
            return self._end(self.outcome, None)
        self.report_attempt()
        if self.limits.cancelled():
            return self._end(None, self._annotate(CancelledByUser("cancelled")))
        # After a failure below HTTP the other idle connections may be dead as well.
        self.limits.fresh = isinstance(self.outcome, Failure) or not self.prepared.idempotent
        step = decide(
            self.options.retry,
            self._context.budget,
            idempotent=self.prepared.idempotent,
            outcome=self.outcome,
            attempt=self._attempts,
            remaining=self.remaining(),
            wall=time.time(),
            now=_clock.monotonic(),
            random=self._context.random,
        )
        error = self._error(step)
        if isinstance(step, Stop):
            logger.debug("not trying again after attempt %d: %s", self._attempts, step.reason)
            return self._end(self.outcome if isinstance(self.outcome, Response) else None, error)
        self._retry_cost += step.cost
        logger.info("trying again in %.2f s: %s", step.delay, error)
        if self._observers.on_retry is not None:
            self._observers.on_retry(
                self._event(
                    RetryEvent,
                    attempt=self._attempts,
                    delay=step.delay,
                    error=error,
                    max_attempts=self.options.retry.attempts,
                    task_id=None,
                )
            )
        return step.delay

    def wants_new_key(self) -> bool:
        """Tell, once per call, whether the key was refused and should be fetched again."""
        if not isinstance(self.outcome, Response) or self.outcome.status != 401 or self._refreshed:
            return False
        self._refreshed = True  # once: a key that is refused again would be asked for without end
        return True

    def remaining(self) -> float | None:
        """Return the seconds until the deadline, None without one."""
        deadline = self.limits.deadline
        return None if deadline == math.inf else deadline - _clock.monotonic()

    def _error(self, step: Retry | Stop) -> ChainhubError:
        ambiguous = isinstance(step, Stop) and step.reason == "ambiguous"
        if isinstance(self.outcome, Failure):
            over = _clock.monotonic() >= self.limits.deadline
            error = error_of(self.outcome, self._secrets(), ambiguous=ambiguous, deadline_over=over)
        else:
            status_error = judge(self.outcome, secrets=self._secrets())
            assert status_error is not None  # judge knows an error in everything that is not 2xx
            error = status_error
            error.retry_after = retry_after_of(self.outcome, time.time())
            if ambiguous:
                facts: dict[str, Any] = {name: getattr(error, name) for name in _FACTS}
                error = AmbiguousOutcome(f"{error.message}; {_MAYBE_PROCESSED}", **facts)
        # Not after the deadline, where the text about the time left is useless.
        if isinstance(step, Stop) and step.text and not isinstance(error, DeadlineError):
            error.message = f"{error.message} ({step.text})"
        return self._annotate(error)

    def _annotate(self, error: ChainhubError) -> ChainhubError:
        error.method, error.url = self.prepared.method, self.prepared.url
        error.attempts, error.elapsed = self._attempts, _clock.monotonic() - self._start
        return error

    def _end(self, response: Response | None, error: ChainhubError | None) -> CallResult:
        elapsed = _clock.monotonic() - self._start
        if self._observers.on_call is not None:
            self._observers.on_call(
                self._event(
                    CallEvent,
                    attempts=self._attempts,
                    status=response.status if response else None,
                    error=error,
                    elapsed=elapsed,
                )
            )
        return CallResult(self.prepared, response, error, self._attempts, elapsed)

    def report_attempt(self) -> None:
        """Report an attempt to the event hooks and the log."""
        observer, is_logged = self._observers.on_attempt, logger.isEnabledFor(20)  # logging.INFO
        if observer is None and self._span is None and not is_logged:
            return
        elapsed = _clock.monotonic() - self._attempt_start
        if is_logged:
            self._log_attempt(elapsed)
            if observer is None and self._span is None:
                return
        secrets = self._secrets
        if isinstance(self.outcome, Failure):
            text = self.outcome.text
            fields: dict[str, object] = {"status": None, "trouble_kind": self.outcome.kind}
            fields["request_id"] = None
            lazy_fields: LazyFields = {"trouble": lambda: redact_text(text, secrets())}
        else:
            # An event that somebody keeps must not hold a body.
            head = Response(self.outcome.status, self.outcome.headers, b"")
            fields = {"status": self.outcome.status, "trouble_kind": None, "trouble": None}
            lazy_fields = {"request_id": lambda: request_id_of(head, secrets())}
        event = self._event(
            AttemptEvent,
            lazy_fields,
            attempt=self._attempts,
            started=time.time() - elapsed,
            elapsed=elapsed,
            **fields,
        )
        if self._span is not None:
            self._span.end(event)
        if observer is not None:
            observer(event)

    def _log_attempt(self, elapsed: float) -> None:
        # Without an event: one for the log alone would double what logging costs.
        result: object
        if isinstance(self.outcome, Failure):
            result, request_id = redact_text(self.outcome.text, self._secrets()), None
        else:
            result = self.outcome.status
            request_id = request_id_of(self.outcome, self._secrets())
        values = (self.prepared.method, self.prepared.url, result, elapsed, self._attempts)
        message = "%s %s: %s in %.3f s (attempt %d, request id %s)"
        logger.info(message, *values, request_id or "-")
        connection = "kept" if self.limits.reused else "new"
        logger.debug("attempt %d used a %s connection", self._attempts, connection)

    def _event(self, kind: type[E], lazy_fields: LazyFields | None = None, **fields: object) -> E:
        """Return an event with the fields that all events of a call have."""
        prepared = self.prepared
        return event_of(
            kind,
            {"url": lambda: prepared.url, **(lazy_fields or {})},
            method=prepared.method,
            operation=prepared.operation,
            **fields,
        )


class CallResult(NamedTuple):
    """How a call ended: the last response, if there was one, and the error, if it failed."""

    prepared: PreparedRequest
    response: Response | None
    error: ChainhubError | None
    attempts: int
    elapsed: float

    def value(self) -> Response:
        """Return the response or raise the error."""
        if self.error is not None:
            raise self.error
        assert self.response is not None  # a call without a response has an error
        return self.response

    def annotate(self, error: ChainhubError) -> None:
        """Add the facts of the call to an error that its response turned out to be."""
        if not error.attempts:
            error.method, error.url = self.prepared.method, self.prepared.url
            error.attempts, error.elapsed = self.attempts, self.elapsed


def error_of(
    failure: Failure, secrets: Iterable[str], *, ambiguous: bool, deadline_over: bool
) -> ChainhubError:
    """Return the error for an attempt without a response."""
    text = redact_text(failure.text, secrets)
    if ambiguous:
        return AmbiguousOutcome(f"{text}; {_MAYBE_PROCESSED}")
    if deadline_over:
        sentence = f"the deadline passed before a response arrived ({text})"
        return DeadlineError(sentence, kind=failure.kind)
    kind, sentence = _ERRORS[failure.kind]
    error = kind(sentence.format(text))
    if isinstance(error, errors.TransportError):
        error.kind = failure.kind
    return error


_FACTS = ("status", "code", "request_id", "excerpt", "retry_after")
_MAYBE_PROCESSED = "the request may already have been processed, so it was not sent again"
_ERRORS: dict[FailureKind, tuple[type[ChainhubError], str]] = {
    "connect": (errors.ConnectionFailedError, "could not connect: {}"),
    "connect_timeout": (errors.RequestTimeoutError, "the connection attempt timed out ({})"),
    "lookup": (errors.ConnectionFailedError, "could not connect: {}"),
    "tls": (errors.TLSError, "{}"),
    "proxy": (errors.ProxyError, "the proxy refused: {}"),
    "timeout": (errors.RequestTimeoutError, "no complete response within the timeout ({})"),
    "closed": (errors.ConnectionFailedError, "the connection was lost: {}"),
    "truncated": (errors.ConnectionFailedError, "the response is incomplete: {}"),
    "protocol": (errors.ConnectionFailedError, "the response is not valid HTTP: {}"),
    "decode": (errors.ResponseError, "{}"),
    "too_large": (errors.ResponseError, "{}"),
    "local": (errors.ConfigurationError, "the request cannot be sent: {}"),
}


def request_id_of(response: Response, secrets: Iterable[str]) -> str | None:
    """Return the service's id of a request, on one line and without secrets it may echo."""
    request_id = response.header(b"x-oneapi-request-id") or response.header(b"x-request-id")
    return None if request_id is None else redact_text(request_id, secrets, limit=100)
