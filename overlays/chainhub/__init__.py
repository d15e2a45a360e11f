"""Client for the chainhub video-task service.

`chainhub` is the package to import; `chainhub_api` beside it is generated from the service's
OpenAPI contract, and what people name in annotations is re-exported here. Names are imported when
they are first used: `import chainhub` costs next to nothing.
"""

import sys as _sys

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
"""Where a name comes from."""

_WHOLE = ("chainhub.errors", "chainhub_api.models")
"""Modules of which every public name can be had here."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "__all__":
        return [*_HOME, *(one for home in _WHOLE for one in import_module(home).__all__)]
    whole = () if name.startswith("_") else _WHOLE
    home = _HOME.get(name) or next((m for m in whole if name in import_module(m).__all__), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})


if "IPython" in _sys.modules:  # in a notebook tasks are shown as cards
    import chainhub._tasks.notebook as _notebook

    _notebook.register()
