"""Client for the chainhub video-task service.

`chainhub` is the package to import; `chainhub_api` beside it is generated from the service's
OpenAPI contract, and what people name in annotations is re-exported here. Names are imported when
they are first used: `import chainhub` costs next to nothing.
"""

TYPE_CHECKING = False  # type checkers know this name; importing typing takes time

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._client import AsyncClient, Client
    from chainhub._events import AttemptEvent, CallEvent, RetryEvent
    from chainhub._retry import RetryPolicy
    from chainhub._version import __version__
    from chainhub.errors import (
        AddressRefusedError,
        AmbiguousOutcome,
        AuthenticationError,
        BadRequestError,
        CancelledByUser,
        ChainhubError,
        ClientClosedError,
        ConfigurationError,
        ConflictError,
        ConnectionFailedError,
        ContentRefusedError,
        CredentialsError,
        DeadlineError,
        DestinationExistsError,
        DiskError,
        DownloadError,
        IntegrityError,
        LinkExpiredError,
        NotFoundError,
        PermissionDeniedError,
        ProxyError,
        QuotaExceededError,
        RateLimitError,
        RedirectError,
        RequestTimeoutError,
        ResponseError,
        ResultMissing,
        ServerError,
        StatusError,
        TaskCancelled,
        TaskError,
        TaskExpired,
        TaskFailed,
        TaskNotFoundError,
        TLSError,
        TransportError,
        UnprocessableError,
        WaitTimeout,
    )
    from chainhub_api.models import VideoTask
else:

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOME.get(name, "chainhub.errors")), name)
        globals()[name] = value
        return value


_HOME = {
    "AsyncClient": "chainhub._client",
    "AttemptEvent": "chainhub._events",
    "CallEvent": "chainhub._events",
    "Cancel": "chainhub._cancel",
    "Client": "chainhub._client",
    "RetryEvent": "chainhub._events",
    "RetryPolicy": "chainhub._retry",
    "__version__": "chainhub._version",
    "VideoTask": "chainhub_api.models",
}
"""Where a name comes from; the others are errors."""

__all__ = (
    "AddressRefusedError",
    "AmbiguousOutcome",
    "AsyncClient",
    "AttemptEvent",
    "AuthenticationError",
    "BadRequestError",
    "CallEvent",
    "Cancel",
    "CancelledByUser",
    "ChainhubError",
    "Client",
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
    "RetryEvent",
    "RetryPolicy",
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
    "VideoTask",
    "WaitTimeout",
    "__version__",
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
