"""Every error the package raises, in one tree.

ChainhubError
├── ConfigurationError (ValueError)      something in the code or environment must be changed
│   ├── CredentialsError                 no key, or a key that cannot be sent
│   └── ClientClosedError                the client was used after close()
├── TransportError                       no answer came
│   ├── ConnectionFailedError (ConnectionError)
│   │   ├── TLSError                     the certificate or the handshake
│   │   └── ProxyError                   the proxy refused, or its address is wrong
│   ├── RequestTimeoutError (TimeoutError)   one attempt ran out of `timeout`
│   └── DeadlineError (TimeoutError)     the whole call ran out of `deadline`
├── AmbiguousOutcome                     a request that must not be repeated may have been done
├── StatusError                          the service answered with an error
│   ├── BadRequestError 400
│   ├── AuthenticationError 401
│   ├── PermissionDeniedError 403
│   │   └── QuotaExceededError           also 402, and any status whose code says so
│   ├── NotFoundError 404
│   │   └── TaskNotFoundError            also 400 with the code `task_not_exist`
│   ├── ConflictError 409
│   ├── UnprocessableError 422
│   ├── RateLimitError 429
│   ├── RedirectError 3xx
│   └── ServerError 5xx
├── ResponseError                        a good status, but not the declared answer
├── TaskError                            the task ended without a video
│   ├── TaskFailed, TaskCancelled, TaskExpired, ResultMissing
├── WaitTimeout (TimeoutError)           the task goes on, but the wait is over
├── DownloadError                        the task succeeded, but the file could not be had
│   ├── ContentRefusedError              what came is not a video
│   ├── IntegrityError                   length or checksum differ
│   ├── LinkExpiredError                 the address no longer works, a fresh one neither
│   ├── AddressRefusedError              the address points where the client will not go
│   ├── DestinationExistsError (FileExistsError)
│   └── DiskError (OSError)
└── CancelledByUser                      a `chainhub.Cancel` was set

Errors hold text and numbers only: no client, request, response or foreign exception, so that
they can be pickled, copied, logged and kept.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, cast

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from chainhub_api.models import VideoTask

    class Facts(TypedDict, total=False):
        """Name what every error may be told about the call it ended."""

        status: int | None
        code: str | None
        request_id: str | None
        method: str | None
        url: str | None
        attempts: int
        elapsed: float
        excerpt: str | None
        retry_after: float | None
        advice: str | None


__all__ = (
    "AddressRefusedError",
    "AmbiguousOutcome",
    "AuthenticationError",
    "BadRequestError",
    "CancelledByUser",
    "ChainhubError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "ContentRefusedError",
    "CredentialsError",
    "DeadlineError",
    "DestinationExistsError",
    "DiskError",
    "DownloadError",
    "IntegrityError",
    "LinkExpiredError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProxyError",
    "QuotaExceededError",
    "RateLimitError",
    "RedirectError",
    "RequestTimeoutError",
    "ResponseError",
    "ResultMissing",
    "ServerError",
    "StatusError",
    "TLSError",
    "TaskCancelled",
    "TaskError",
    "TaskExpired",
    "TaskFailed",
    "TaskNotFoundError",
    "TransportError",
    "UnprocessableError",
    "WaitTimeout",
)

LONGEST_LINE = 500
_LONGEST_MESSAGE = 1000
_LONGEST_EXCERPT = 300


# What proxies and Cloudflare send beyond the registered statuses.
_UNREGISTERED = {
    499: "Client Closed Request",
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
    525: "SSL Handshake Failed",
    526: "Invalid SSL Certificate",
    527: "Railgun Error",
    529: "Site Is Overloaded",
    530: "Origin DNS Error",
}


def named_status(status: int) -> str:
    """Return the status with its name, such as `524 A Timeout Occurred`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} {_UNREGISTERED.get(status, '')}".rstrip()


class ChainhubError(Exception):
    """Stand for every error of this package: `except chainhub.ChainhubError` catches them all.

    Attributes:
        message: What happened; for an error of the service, its own words.
        advice: What to do about it, or None.
        status: The HTTP status, or None if no answer came.
        code: The service's word or number for the error, or None.
        request_id: The id to quote to the service's support, or None.
        method: The HTTP method, or None.
        url: The address without its secrets, or None.
        attempts: How many times the request was sent; 0 if it never was.
        elapsed: Seconds since the call began.
        excerpt: The beginning of the answer, at most 300 characters, keys masked, or None.
        retry_after: Seconds the service asks to wait before the next try, or None.
    """

    default_advice: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        method: str | None = None,
        url: str | None = None,
        attempts: int = 0,
        elapsed: float = 0.0,
        excerpt: str | None = None,
        retry_after: float | None = None,
        advice: str | None = None,
    ) -> None:
        """Keep the facts, cleaned of what does not belong on one line."""
        from chainhub._redaction import redact_text, redact_url  # loaded with the first error

        self.message: str = redact_text(message, limit=_LONGEST_MESSAGE)
        super().__init__(self.message)
        self.advice: str | None = advice or self.default_advice
        self.status: int | None = status
        self.code: str | None = _short(code, 100)
        self.request_id: str | None = _short(request_id, 100)
        self.method: str | None = _short(method, 20)
        self.url: str | None = None if url is None else redact_url(url)
        self.attempts: int = attempts
        self.elapsed: float = elapsed
        self.excerpt: str | None = (
            None if excerpt is None else redact_text(excerpt, limit=_LONGEST_EXCERPT)
        )
        self.retry_after: float | None = retry_after

    def __str__(self) -> str:
        """Return one line: what happened, what to do, and the facts support will ask for."""
        head = self._head()
        shown = _short(self.code, 60)
        code = f" (code {shown})" if shown and shown not in self.message else ""
        facts = self._facts()
        room = LONGEST_LINE - len(head) - len(code) - len(facts)
        return head + _sentence(self.message, code, self.advice, room) + facts

    def __repr__(self) -> str:
        """Return the class and the line, nothing else."""
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to build the error again, whatever its constructor asks for."""
        return _blank, (type(self), self.args), self._state()

    def __setstate__(self, state: dict[str, object] | None) -> None:
        """Take back the attributes, and the error that was the cause."""
        for name, value in (state or {}).items():
            setattr(self, name, value)

    def _state(self) -> dict[str, object]:
        cause = self.__cause__
        kept = {"__cause__": cause} if isinstance(cause, ChainhubError) else {}
        return {**self.__dict__, **kept}

    def _head(self) -> str:
        return "" if self.status is None else f"{named_status(self.status)}: "

    def _facts(self) -> str:
        address = " ".join(filter(None, (self.method, _short(self.url, 120))))
        number = _short(self.request_id, 64)
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        facts = (
            address,
            f"request id {number}" if number else "",
            f"retry after {self.retry_after:g} s" if self.retry_after is not None else "",
            f"{tries} in {self.elapsed:.1f} s" if self.attempts else "",
        )
        shown = "; ".join(filter(None, facts))
        return f" [{shown}]" if shown else ""


def _short(text: str | None, limit: int) -> str | None:
    from chainhub._redaction import one_line

    return None if text is None else one_line(text, limit)


def _sentence(message: str, code: str, advice: str | None, room: int) -> str:
    """Return what happened and what to do, the message cut before the advice is."""
    from chainhub._redaction import one_line

    if not advice:
        return one_line(message, room) + code
    told = one_line(message, max(room - len(advice) - 2, min(room - 2, 120)))
    return told + code + "; " + one_line(advice, room - len(told) - 2)


def _blank(kind: type[ChainhubError], args: tuple[object, ...]) -> ChainhubError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class ConfigurationError(ChainhubError, ValueError):
    """Tell that the code or the environment must be changed before anything can be sent.

    You see it when a client is built or used with a value that cannot work: a base URL that
    ends in `/v1`, a time-out below zero, an empty id. Nothing was sent. Change what the
    message names.
    """


class CredentialsError(ConfigurationError):
    """Tell that there is no key, or one that cannot be sent.

    You see it before any request. The message names the place the key was looked for or came
    from, never the key. Set `CHAINHUB_API_KEY`, pass `api_key=`, or write the key file anew.
    """


class ClientClosedError(ConfigurationError):
    """Tell that a client was used after it had been closed.

    You see it for a call after `close()` or after the `with` block has ended. Build a new
    client, or close the old one later.
    """


class TransportError(ChainhubError):
    """Tell that no complete answer came.

    You see one of its subclasses. The service may not even have been reached; asking for a
    task again is safe.
    """


class ConnectionFailedError(TransportError, ConnectionError):
    """Tell that the connection was refused, reset, closed early, or did not speak HTTP.

    You see it when the tries allowed by the retry policy all ended so. Look at the host and
    port in the message, at the network and the proxy; then try again.
    """


class TLSError(ConnectionFailedError):
    """Tell that no secure connection could be made.

    You see it when the certificate is not trusted, is for another name, or the handshake
    broke. A company's own authority is named with `SSL_CERT_FILE`; behind a proxy that opens
    connections, ask who runs it. Verification stays on.
    """


class ProxyError(ConnectionFailedError):
    """Tell that the proxy could not be used.

    You see it when the proxy of the environment (`HTTPS_PROXY`, `ALL_PROXY`) refuses, asks
    for a password, or has an address that cannot be used. Correct the variable, or name the
    host in `NO_PROXY`.
    """


class RequestTimeoutError(TransportError, TimeoutError):
    """Tell that one attempt took longer than `timeout`.

    You see it when the tries allowed all ended so. Give `timeout=` more seconds, or try again
    later.
    """


class DeadlineError(TransportError, TimeoutError):
    """Tell that the whole call took longer than `deadline`.

    You see it after the last try that could fit; the error before it is its `__cause__`. Give
    `deadline=` more seconds, or try again later.
    """


class AmbiguousOutcome(ChainhubError):
    """Tell that a request may or may not have been carried out.

    You see it when a request that costs or changes something broke after it may have reached
    the service. It is never repeated by itself. Look at the service whether it was done
    before sending it again.
    """

    default_advice: ClassVar[str | None] = "look whether it was done before sending it again"


class StatusError(ChainhubError):
    """Tell that the service answered with an error.

    You see a subclass where the status has one, else this class. `message` and `code` are the
    service's own; quote `request_id` to its support. An error that came inside a 200 keeps
    `status` 200.
    """

    def _head(self) -> str:
        if self.status is not None and 200 <= self.status <= 299:
            return f"{named_status(self.status)}, but with an error inside: "
        return super()._head()


class BadRequestError(StatusError):
    """Tell that the service did not understand the request (400).

    Asking again the same way will not help. Correct what the message names.
    """

    default_advice: ClassVar[str | None] = (
        "correct the request; asking again the same way will not help"
    )


class AuthenticationError(StatusError):
    """Tell that the service does not accept the key (401).

    The key is wrong, expired, or belongs to another gateway than the base URL. Set a valid
    one.
    """

    default_advice: ClassVar[str | None] = "check the key, and that it belongs to this base URL"


class PermissionDeniedError(StatusError):
    """Tell that the key is valid but may not do this (403), or that a firewall refused.

    The message says which: a page of Cloudflare is named as such and says nothing about the
    key. Ask the service for the right, or its operator about the block.
    """

    default_advice: ClassVar[str | None] = "ask the service whether this key may do this"


class QuotaExceededError(PermissionDeniedError):
    """Tell that the account has no quota left.

    Waiting does not help. Add quota to the account, or use another key.
    """

    default_advice: ClassVar[str | None] = (
        "add quota to the account or use another key; waiting will not help"
    )


class NotFoundError(StatusError):
    """Tell that there is nothing at this address (404).

    Mostly the base URL is wrong: the gateway has no such route. Give the base URL without a
    path such as `/v1`.
    """

    default_advice: ClassVar[str | None] = "check the base URL"


class TaskNotFoundError(NotFoundError):
    """Tell that the service knows no task of this id (404, or 400 `task_not_exist`).

    The id is misspelt, belongs to another account or gateway, is too old, or so new that it
    is not visible yet. Check it; a wait asks a few times by itself.
    """

    default_advice: ClassVar[str | None] = (
        "check the id, and that the task was created with this account"
    )


class ConflictError(StatusError):
    """Tell that the request does not fit the present state (409).

    Read the state again before deciding what to send.
    """

    default_advice: ClassVar[str | None] = "read the present state before asking again"


class UnprocessableError(StatusError):
    """Tell that the request was understood but its values are refused (422).

    Attributes:
        body: The parsed answer, if the contract documents one for 422, else None.
    """

    default_advice: ClassVar[str | None] = "correct the values the message names"

    def __init__(self, message: str, *, body: object | None = None, **facts: Unpack[Facts]) -> None:
        """Keep the documented answer beside the facts."""
        super().__init__(message, **facts)
        self.body: object | None = body


class RateLimitError(StatusError):
    """Tell that too much was asked in too short a time (429).

    You see it after the tries allowed. Wait `retry_after` seconds, or some minutes if it is
    None, and ask less often.
    """

    default_advice: ClassVar[str | None] = "wait and ask less often"


class RedirectError(StatusError):
    """Tell that the service points to another address (3xx).

    Redirects are not followed, so that the key cannot reach a stranger. If the new address is
    right, make it the base URL.
    """

    default_advice: ClassVar[str | None] = (
        "redirects are not followed; if the address is right, make it the base URL"
    )


class ServerError(StatusError):
    """Tell that the service or something before it failed (5xx).

    You see it after the tries allowed. Try again later; if it stays, quote `request_id` to
    the support.
    """

    default_advice: ClassVar[str | None] = "try again later"


class ResponseError(ChainhubError):
    """Tell that an answer with a good status is not the one the contract declares.

    You see it for HTML, an empty or broken body, a missing field or one of another type. The
    gateway differs from the contract, or something before it answered. Look at `excerpt`.

    Attributes:
        field: Where in the answer the fault is, such as `detail.items[3].status`, or None.
    """

    def __init__(self, message: str, *, field: str | None = None, **facts: Unpack[Facts]) -> None:
        """Keep the place of the fault beside the facts."""
        super().__init__(message, **facts)
        self.field: str | None = _short(field, 200)


class TaskError(ChainhubError):
    """Tell that a task ended without a video.

    Attributes:
        task: The last answer about the task.
    """

    def __init__(
        self, message: str, *, task: VideoTask | None = None, **facts: Unpack[Facts]
    ) -> None:
        """Keep the task beside the facts."""
        super().__init__(message, **facts)
        # The package always gives one; an error made by hand, as in a test, may go without.
        self.task: VideoTask = cast("VideoTask", task)


class TaskFailed(TaskError):
    """Tell that the service gave the task up.

    Waiting longer does not help. Read `reason`: a refused prompt must be changed, passing
    trouble allows a new task.

    Attributes:
        reason: Why, in the service's words, or None if it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        task: VideoTask | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        """Keep the reason beside the task."""
        from chainhub._redaction import redact_text

        super().__init__(message, task=task, **facts)
        self.reason: str | None = (
            None if reason is None else redact_text(reason, limit=_LONGEST_MESSAGE)
        )


class TaskCancelled(TaskError):
    """Tell that somebody cancelled the task at the service.

    Create a new one if it is still wanted.
    """


class TaskExpired(TaskError):
    """Tell that the task, or its result, is too old.

    Create a new one.
    """


class ResultMissing(TaskError):
    """Tell that the task is reported as completed, but without an address of the video.

    It stayed so for a few polls. Ask again later, or quote the id to the support.
    """


class WaitTimeout(ChainhubError, TimeoutError):
    """Tell that the wait is over while the task goes on.

    Nothing is lost: wait for the same id again. The last trouble, if any, is the `__cause__`.

    Attributes:
        task_id: The id to wait for again.
        task: The last answer about the task, or None if none came.
        polls: How many times the service was asked.
    """

    default_advice: ClassVar[str | None] = "the task goes on: wait for the same id again"

    def __init__(
        self,
        message: str,
        *,
        task_id: str | None = None,
        task: VideoTask | None = None,
        polls: int = 0,
        **facts: Unpack[Facts],
    ) -> None:
        """Keep what is needed to resume."""
        super().__init__(message, **facts)
        self.task_id: str = cast("str", task_id)  # as with the task of a TaskError
        self.task: VideoTask | None = task
        self.polls: int = polls


class DownloadError(ChainhubError):
    """Tell that the video exists but could not be brought to the disk.

    You see a subclass where the cause has one. Nothing stands at the destination; a part that
    may be resumed may stand beside it.
    """


class ContentRefusedError(DownloadError):
    """Tell that what the address holds is not a video.

    Mostly a page that asks to log in, or an error text. Nothing of it was kept.
    """


class IntegrityError(DownloadError):
    """Tell that the bytes are not the announced ones: another length or another checksum.

    Nothing of it was kept. Download again.
    """


class LinkExpiredError(DownloadError):
    """Tell that the address of the video no longer works.

    A fresh one was asked for once and does not work either. The service has removed the
    video; create a new task.
    """


class AddressRefusedError(DownloadError):
    """Tell that the address points to a place the client will not connect to.

    That is a private network, another scheme than http(s), or a step from https to http. If
    the place is yours, name it in `allow_hosts=`.
    """


class DestinationExistsError(DownloadError, FileExistsError):
    """Tell that there is a file at the destination already.

    It was not touched. Choose another name, or `if_exists="replace"` or `"keep"`.
    """


class DiskError(DownloadError, OSError):
    """Tell that the file could not be written: no space, no right, no such folder.

    Attributes:
        errno: The number of the operating system's error, or None.
    """

    def __init__(self, message: str, *, errno: int | None = None, **facts: Unpack[Facts]) -> None:
        """Keep the number of the operating system's error."""
        super().__init__(message, **facts)
        self.errno: int | None = errno

    def _state(self) -> dict[str, object]:
        return {**super()._state(), "errno": self.errno}


class CancelledByUser(ChainhubError):
    """Tell that the call was ended by a `chainhub.Cancel`.

    A task at the service goes on; wait for its id again to get it.
    """
