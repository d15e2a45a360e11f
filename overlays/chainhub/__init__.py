"""Client for the chainhub video-task service.

    with chainhub.Client() as client:
        task = client.video.wait("veo3.1-fast:1760545785-euexscdeL8")
        client.video.download(task, "video.mp4")

`help(chainhub)` prints thousands of lines. Shorter are `help(client.video)`,
`help(client.video.wait)` and `help()` of one of these:

    Client, AsyncClient              all options of a client
    State, state_of, reason_of, …    what the status of a task means
    ChainhubError                    what every error has; `help(chainhub.errors)` has the tree
    Outcome, DownloadOutcome         the result for one of many tasks
    RetryPolicy, PollPolicy, Cancel  what calls and waits take
    CallEvent, AttemptEvent, …       the arguments of `on_call=` and other event hooks

The models of the service's contract can be imported from here too. Modules whose names begin with
an underscore are internal. Names are imported when they are first used, so `import chainhub` is
fast.
"""

import sys as _sys

_HOME = {
    "AsyncClient": "chainhub._client",
    "AttemptEvent": "chainhub._session",
    "CallEvent": "chainhub._session",
    "Cancel": "chainhub._cancel",
    "Client": "chainhub._client",
    "DownloadOutcome": "chainhub._download",
    "JournalError": "chainhub._tasks",
    "Outcome": "chainhub._tasks",
    "PollPolicy": "chainhub._tasks",
    "Progress": "chainhub._download",
    "RawResponse": "chainhub._session",
    "RetryEvent": "chainhub._session",
    "RetryPolicy": "chainhub._session",
    "State": "chainhub._tasks",
    "Submission": "chainhub._tasks",
    "Submissions": "chainhub._tasks",
    "UnknownStatusWarning": "chainhub._tasks",
    "__version__": "chainhub._version",
    "code_of": "chainhub._tasks",
    "progress_of": "chainhub._tasks",
    "raw_response": "chainhub._session",
    "reason_of": "chainhub._tasks",
    "result_urls_of": "chainhub._tasks",
    "show": "chainhub._tasks",
    "state_of": "chainhub._tasks",
    "updated_at": "chainhub._tasks",
    "video_url_of": "chainhub._tasks",
}
"""The module of each name."""

_MODULES = ("chainhub.errors", "chainhub_api.models")
"""Modules whose public names can all be imported from here."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "__all__":
        return [*_HOME, *(export for home in _MODULES for export in import_module(home).__all__)]
    modules = () if name.startswith("_") else _MODULES
    home = _HOME.get(name) or next((m for m in modules if name in import_module(m).__all__), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})


if "IPython" in _sys.modules:  # in a notebook tasks are shown as cards
    from chainhub._tasks import register as _register

    _register()
