"""All errors of the package, as one class tree.

ChainhubError
├── ConfigurationError (ValueError)      something in the code or environment must be changed
│   ├── CredentialsError                 the key is missing or invalid
│   └── ClientClosedError                the client was used after close()
├── TransportError                       there is no response
│   ├── ConnectionFailedError (ConnectionError)
│   │   ├── TLSError                     the certificate or the handshake
│   │   └── ProxyError                   the proxy refused, or its address is wrong
│   ├── RequestTimeoutError (TimeoutError)   an attempt took longer than `timeout`
│   └── DeadlineError (TimeoutError)     the call took longer than `deadline`
├── AmbiguousOutcome                     the request may already have been processed
├── SubmissionInDoubt                    a submission with this key may have been processed
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
├── ResponseError                        status 2xx, but not the declared response
├── TaskError                            the task ended without a video
│   ├── TaskFailed, TaskCancelled, TaskExpired, ResultMissing
├── WaitTimeout (TimeoutError)           the deadline passed, the task keeps running
├── DownloadError                        the task succeeded, the download failed
│   ├── ContentRefusedError              the response is not a video
│   ├── IntegrityError                   length or checksum differ
│   ├── LinkExpiredError                 the URL has expired, and so has a new one
│   ├── AddressRefusedError              the URL points to a private address
│   ├── DestinationExistsError (FileExistsError)
│   └── DiskError (OSError)
└── CancelledByUser                      a `chainhub.Cancel` was set

Errors hold text and numbers only: no client, request, response or foreign exception, so that
they can be pickled, copied, logged and kept.
"""

from __future__ import annotations

import copyreg
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, cast

from chainhub._redaction import one_line, redact_text, redact_url

if TYPE_CHECKING:
    from datetime import datetime
    from typing import TypedDict, Unpack

    from chainhub_api.tasks import AnyTask

    class Facts(TypedDict, total=False):
        """Facts that an error may have about its call."""

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
    """Base class of all errors of this package: `except chainhub.ChainhubError` catches all.

    Attributes:
        message: What happened; for an error of the service, its own message.
        advice: What to do, or None.
        status: The HTTP status, or None if there was no response.
        code: The service's error code, or None.
        request_id: The id to quote to the service's support, or None.
        method: The HTTP method, or None.
        url: The URL, redacted, or None.
        attempts: How many times the request was sent; 0 if it was not.
        elapsed: Seconds since the call began.
        excerpt: The beginning of the response, at most 300 characters, keys masked, or None.
        retry_after: Seconds to wait before the next attempt, from the service, or None.
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
        self.excerpt: str | None = _masked(excerpt, _LONGEST_EXCERPT)
        self.retry_after: float | None = retry_after

    def __str__(self) -> str:
        """Return one line: what happened, what to do, and the facts that support asks for."""
        head, facts = self._head(), self._facts()
        code = _short(self.code, 60)
        suffix = f" (code {code})" if code and code not in self.message else ""
        room = LONGEST_LINE - len(head) - len(suffix) - len(facts)
        if not self.advice:
            return head + one_line(self.message, room) + suffix + facts
        # The message is cut before the advice is.
        message = one_line(self.message, max(room - len(self.advice) - 2, min(room - 2, 120)))
        return f"{head}{message}{suffix}; {one_line(self.advice, room - len(message) - 2)}{facts}"

    def _summary(self) -> str:
        """Return what happened, without what to do and the facts of the call."""
        return self._head() + self.message

    def __repr__(self) -> str:
        """Return the class and the line, nothing else."""
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to build the error again without its constructor."""
        return copyreg.__newobj__, (type(self),), self._state()  # type: ignore[attr-defined]

    def _state(self) -> dict[str, object]:
        """Return what unpickling restores: attributes, arguments, and a cause that is ours."""
        cause = {"__cause__": self.__cause__} if isinstance(self.__cause__, ChainhubError) else {}
        return {**self.__dict__, "args": self.args, **cause}

    def _head(self) -> str:
        return "" if self.status is None else f"{named_status(self.status)}: "

    def _facts(self) -> str:
        request = " ".join(filter(None, (self.method, _short(self.url, 120))))
        request_id = _short(self.request_id, 64)
        attempts = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        facts = (
            request,
            f"request id {request_id}" if request_id else "",
            f"retry after {self.retry_after:g} s" if self.retry_after is not None else "",
            f"{attempts} in {self.elapsed:.1f} s" if self.attempts else "",
        )
        text = "; ".join(filter(None, facts))
        return f" [{text}]" if text else ""


def _short(text: str | None, limit: int) -> str | None:
    return None if text is None else one_line(text, limit)


def _masked(text: str | None, limit: int) -> str | None:
    return None if text is None else redact_text(text, limit=limit)


class ConfigurationError(ChainhubError, ValueError):
    """An argument or an environment variable is invalid; nothing was sent.

    For example a base URL that ends in `/v1`, a timeout below zero, an empty id. Change what the
    message names.
    """


class CredentialsError(ConfigurationError):
    """The key is missing or invalid; nothing was sent.

    The message names where the key came from, never the key. Set `CHAINHUB_API_KEY`, pass
    `api_key=`, or write the key file again.
    """


class ClientClosedError(ConfigurationError):
    """The client was used after `close()`, or after its `with` block.

    Create a new client, or close the old one later.
    """


class TransportError(ChainhubError):
    """There was no complete response; base class of the network errors.

    The service may not have been reached. To query a task again is safe.

    Attributes:
        kind: What failed, in one word: "connect", "connect_timeout", "lookup", "tls", "proxy",
            "timeout", "closed", "truncated" or "protocol"; None if it is not known.
    """

    def __init__(self, message: str, *, kind: str | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(message, **facts)
        self.kind: str | None = kind


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection was refused, reset or closed early, or the response is not HTTP.

    It is raised after the last retry. Check host and port in the message, the network and the
    proxy; then try again.
    """


class TLSError(ConnectionFailedError):
    """No secure connection could be established.

    The certificate is not trusted or is for another name, or the handshake failed. Set a
    company's certificate authority with `SSL_CERT_FILE` or `verify_ssl=`. If a proxy inspects TLS
    connections, ask its operator. Verification stays on.
    """


class ProxyError(ConnectionFailedError):
    """The proxy could not be used.

    The proxy of the environment (`HTTPS_PROXY`, `ALL_PROXY`) refused, requires a password, or has
    an invalid URL. Correct the environment variable, or add the host to `NO_PROXY`.
    """


class RequestTimeoutError(TransportError, TimeoutError):
    """An attempt took longer than `timeout`.

    It is raised after the last retry. Increase `timeout=`, or try again later.
    """


class DeadlineError(TransportError, TimeoutError):
    """The whole call, with its retries, took longer than `deadline`.

    The error before it is its `__cause__`. Increase `deadline=`, or try again later.
    """


class AmbiguousOutcome(ChainhubError):
    """The request may already have been processed.

    A request that is not idempotent failed after it may have reached the service. It is not
    retried. Check at the service whether it was processed before you send it again.
    """

    default_advice: ClassVar[str | None] = "check whether it was processed before sending it again"


class SubmissionInDoubt(ChainhubError):
    """A submission has no answer: whether the service has it is not known.

    A request that may cost money was begun, and the process ended or the connection failed before
    the answer arrived. It is never sent again automatically. Look at the service whether the task
    exists, then call `Submissions.resolve` with its id, or `Submissions.forget`.

    Attributes:
        key: The key of the submission.
        operation: The operation, such as `video.create`.
        arguments: The SHA-256 of the arguments.
        at: When it was begun, in UTC.
        lookup: The operation of the contract that may know its task, such as `video.list`, or None.
    """

    default_advice: ClassVar[str | None] = (
        "look at the service whether the task exists; then resolve(key, id) or forget(key)"
    )

    def __init__(
        self,
        message: str,
        *,
        key: str = "",
        operation: str = "",
        arguments: str = "",
        at: datetime | None = None,
        lookup: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.key = key
        self.operation = operation
        self.arguments = arguments
        self.at = at
        self.lookup = lookup


class StatusError(ChainhubError):
    """The service answered with an error status.

    Many status codes have a subclass; the others raise this class. `message` and `code` are the
    service's own; quote `request_id` to its support. An error inside a response with status 200
    keeps `status` 200.

    Attributes:
        body: The parsed response, if its status is 2xx or the contract documents one for 422, else
            None.
        task_id: The id found in it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        body: object | None = None,
        task_id: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.body: object | None = body
        self.task_id: str | None = task_id

    def _head(self) -> str:
        if self.status is not None and 200 <= self.status <= 299:
            return f"{named_status(self.status)}, but the body is an error: "
        return super()._head()


class BadRequestError(StatusError):
    """The request is invalid (400).

    A retry does not help. Correct what the message names.
    """

    default_advice: ClassVar[str | None] = (
        "correct the request; retrying it unchanged will not help"
    )


class AuthenticationError(StatusError):
    """The service does not accept the key (401).

    The key is wrong, expired, or belongs to another gateway than the base URL. Set a valid
    one.
    """

    default_advice: ClassVar[str | None] = "check the key, and that it belongs to this base URL"


class PermissionDeniedError(StatusError):
    """The key is valid but may not do this (403), or a firewall refused the request.

    The message says which: it names Cloudflare if that answered. Ask the service for the
    permission, or its operator about the firewall.
    """

    default_advice: ClassVar[str | None] = "check the permissions of the key with the service"


class QuotaExceededError(PermissionDeniedError):
    """The account has no quota left.

    Waiting does not help. Add quota to the account, or use another key.
    """

    default_advice: ClassVar[str | None] = (
        "add quota to the account or use another key; waiting will not help"
    )


class NotFoundError(StatusError):
    """The gateway has no such endpoint (404).

    Usually the base URL is wrong: it must not end in `/v1`.
    """

    default_advice: ClassVar[str | None] = "check the base URL"


class TaskNotFoundError(NotFoundError):
    """There is no task with this id (404, or 400 `task_not_exist`).

    The id is wrong, belongs to another account or gateway, is too old, or is so new that it is
    not visible yet. Check it; a wait retries a few times.
    """

    default_advice: ClassVar[str | None] = (
        "check the id, and that the task was created with this account"
    )


class ConflictError(StatusError):
    """The request conflicts with the current state (409).

    Query the state again before you decide what to send.
    """

    default_advice: ClassVar[str | None] = "read the current state before trying again"


class UnprocessableError(StatusError):
    """Values in the request are invalid (422).

    `body` is the model that the contract documents for 422, if it does.
    """

    default_advice: ClassVar[str | None] = "correct the values that the message names"


class RateLimitError(StatusError):
    """The rate limit was exceeded (429).

    It is raised after the last retry. Wait `retry_after` seconds, or some minutes if it is None,
    and send fewer requests.
    """

    default_advice: ClassVar[str | None] = "wait, and send fewer requests"


class RedirectError(StatusError):
    """The service redirects to another URL (3xx).

    Redirects are not followed, so that the key is not sent elsewhere. If the new URL is right,
    use it as the base URL.
    """

    default_advice: ClassVar[str | None] = (
        "redirects are not followed; if the address is right, use it as the base URL"
    )


class ServerError(StatusError):
    """The service or a gateway in front of it failed (5xx).

    It is raised after the last retry. Try again later; if it persists, quote `request_id` to the
    support.
    """

    default_advice: ClassVar[str | None] = "try again later"


class ResponseError(ChainhubError):
    """The response has status 2xx, but is not what the contract declares.

    HTML, an empty or invalid body, a missing field or one of the wrong type. The gateway differs
    from the contract, or a proxy answered. Look at `excerpt`. What the request has ordered is not
    lost: `body` is the whole response, and `task_id` the id in it.

    Attributes:
        field: The field that is wrong, such as `detail.items[3].status`, or None.
        body: The parsed JSON, a string for other text, bytes for anything else, None for an empty
            body; the key is masked in it.
        task_id: The id found in it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        body: object | None = None,
        task_id: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.field: str | None = _short(field, 200)
        self.body: object | None = body
        self.task_id: str | None = task_id


class TaskError(ChainhubError):
    """The task ended without a video; base class.

    Attributes:
        task: The last answer about the task, a model of the operation that was asked. Where the
            contract has several such models, `isinstance` tells a type checker which one it is.
    """

    def __init__(
        self, message: str, *, task: AnyTask | None = None, **facts: Unpack[Facts]
    ) -> None:
        super().__init__(message, **facts)
        # The package always sets one; an error that a test makes may have none.
        self.task: AnyTask = cast("AnyTask", task)


class TaskFailed(TaskError):
    """The task failed.

    Waiting longer does not help. Read `reason`: change a refused prompt; after a transient
    failure create a new task.

    Attributes:
        reason: Why the task failed, as the service says, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        task: AnyTask | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, task=task, **facts)
        self.reason: str | None = _masked(reason, _LONGEST_MESSAGE)


class TaskCancelled(TaskError):
    """The task was cancelled at the service.

    Create a new one if it is still wanted.
    """


class TaskExpired(TaskError):
    """The task, or its result, is too old.

    Create a new one.
    """


class ResultMissing(TaskError):
    """The task is completed, but has no URL of a video.

    It stayed so for three polls. Query it later, or quote the id to the support.
    """


class WaitTimeout(ChainhubError, TimeoutError):
    """The deadline of a wait passed; the task keeps running.

    Nothing is lost: wait for the same id again. The last error, if any, is the `__cause__`.

    Attributes:
        task_id: The id to wait for again.
        task: The last response about the task, or None if there was none.
        polls: The number of polls.
    """

    default_advice: ClassVar[str | None] = "the task keeps running: wait for the same id again"

    def __init__(
        self,
        message: str,
        *,
        task_id: str | None = None,
        task: AnyTask | None = None,
        polls: int = 0,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.task_id: str = cast("str", task_id)  # as with the task of a TaskError
        self.task: AnyTask | None = task
        self.polls: int = polls


class DownloadError(ChainhubError):
    """The download of a video failed; base class.

    There is no file at the destination. There may be a `.part` file, which can be resumed.
    """


class ContentRefusedError(DownloadError):
    """The response is not a video.

    Usually it is a login page or an error message. It was not kept.
    """


class IntegrityError(DownloadError):
    """The length or the checksum of the file is wrong.

    The file was not kept. Download it again.
    """


class LinkExpiredError(DownloadError):
    """The URL of the video has expired.

    A new URL was queried once and does not work either. The service has removed the video; create
    a new task.
    """


class AddressRefusedError(DownloadError):
    """The URL must not be requested.

    It points to a private network, has another scheme than http(s), or is a redirect from https
    to http. If the host is yours, add it to `allow_hosts=`.
    """


class DestinationExistsError(DownloadError, FileExistsError):
    """The file exists already.

    It was not changed. Use another name, or `if_exists="replace"` or `"keep"`.
    """


class DiskError(DownloadError, OSError):
    """The file could not be written: no space, no permission, no such folder.

    Attributes:
        errno: The error number of the operating system, or None.
    """

    def __init__(self, message: str, *, errno: int | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(message, **facts)
        self.errno: int | None = errno

    def _state(self) -> dict[str, object]:
        return {**super()._state(), "errno": self.errno}


class CancelledByUser(ChainhubError):
    """The call was cancelled by a `chainhub.Cancel`.

    The task at the service keeps running; wait for its id again to get it.
    """


__all__ = tuple(
    sorted(
        name
        for name, kind in globals().items()
        if isinstance(kind, type) and issubclass(kind, ChainhubError)
    )
)
