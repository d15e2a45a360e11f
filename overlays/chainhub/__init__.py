"""Client for the chainhub video-task service.

`chainhub` is the package to import; `chainhub_api` beside it is generated from the service's
OpenAPI contract, and what people name in annotations is re-exported here. Names are imported when
they are first used: `import chainhub` costs next to nothing.
"""

import sys as _sys

TYPE_CHECKING = False  # type checkers know this name; importing typing takes time

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._client import AsyncClient, Client
    from chainhub._download.download import Progress
    from chainhub._download.many import DownloadOutcome
    from chainhub._session.events import AttemptEvent, CallEvent, RetryEvent
    from chainhub._session.retry_policy import RetryPolicy
    from chainhub._tasks.intervals import PollPolicy
    from chainhub._tasks.journal import JournalError
    from chainhub._tasks.notebook import show
    from chainhub._tasks.outcome import Outcome
    from chainhub._tasks.status import (
        State,
        UnknownStatusWarning,
        code_of,
        progress_of,
        reason_of,
        state_of,
        updated_at,
        video_url_of,
    )
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
    from chainhub_api.models import *  # noqa: F403 - whatever models the contract has
else:

    def __getattr__(name):
        from importlib import import_module

        if name in __all__:
            home = _HOME.get(name, "chainhub.errors")
        else:
            home = "chainhub_api.models"
            if name.startswith("_") or name not in import_module(home).__all__:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


_HOME = {
    "AsyncClient": "chainhub._client",
    "AttemptEvent": "chainhub._session.events",
    "CallEvent": "chainhub._session.events",
    "Cancel": "chainhub._cancel",
    "Client": "chainhub._client",
    "DownloadOutcome": "chainhub._download.many",
    "JournalError": "chainhub._tasks.journal",
    "Outcome": "chainhub._tasks.outcome",
    "PollPolicy": "chainhub._tasks.intervals",
    "Progress": "chainhub._download.download",
    "RetryEvent": "chainhub._session.events",
    "RetryPolicy": "chainhub._session.retry_policy",
    "State": "chainhub._tasks.status",
    "UnknownStatusWarning": "chainhub._tasks.status",
    "__version__": "chainhub._version",
    "code_of": "chainhub._tasks.status",
    "progress_of": "chainhub._tasks.status",
    "reason_of": "chainhub._tasks.status",
    "show": "chainhub._tasks.notebook",
    "state_of": "chainhub._tasks.status",
    "updated_at": "chainhub._tasks.status",
    "video_url_of": "chainhub._tasks.status",
}
"""Where a name comes from; the others are errors, or models of the contract."""

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
    "DownloadOutcome",
    "IntegrityError",
    "JournalError",
    "LinkExpiredError",
    "NotFoundError",
    "Outcome",
    "PermissionDeniedError",
    "PollPolicy",
    "Progress",
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
    "State",
    "StatusError",
    "TLSError",
    "TaskCancelled",
    "TaskError",
    "TaskExpired",
    "TaskFailed",
    "TaskNotFoundError",
    "TransportError",
    "UnknownStatusWarning",
    "UnprocessableError",
    "WaitTimeout",
    "__version__",
    "code_of",
    "progress_of",
    "reason_of",
    "show",
    "state_of",
    "updated_at",
    "video_url_of",
)


def __dir__() -> list[str]:
    from chainhub_api import models

    return sorted({*globals(), *__all__, *models.__all__})


if "IPython" in _sys.modules:  # in a notebook tasks are shown as cards
    import chainhub._tasks.notebook as _notebook

    _notebook.register()
