"""The commands and their options as Typer reads them; a command's code is imported when it runs."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import typer

from chainhub.cli._options import Place, Service

# What people try: the usual "no such option" would not say where to put the key.
_KEY_OPTIONS = ("--api-key", "--api_key", "--apikey", "--key", "--token")
_KEY_ERROR = (
    "chainhub: the key cannot be passed on the command line, where other users and the shell's "
    "history can see it; set CHAINHUB_API_KEY, write the key file, or enter it at the prompt"
)
_EXAMPLE_ID = "veo3.1-fast:1760545785-euexscdeL8"
# Not \d, which takes digits of every script; bounded, as very many would be infinite.
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_PART = re.compile(rf"({_NUMBER})(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _help(text: str, *examples: str) -> str:
    """Return a help text; its control character keeps Click from joining the example's lines."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"{text}\n\n\b\nExample:\n{lines}"


def parse_duration(text: str | float) -> float:
    """Return a duration in seconds: `90`, `90s`, `15m`, `1h30m`; `none` is infinite.

    Raises:
        BadParameter: It is not a duration above zero; the message has examples.
    """
    if isinstance(text, float):  # a default
        return text
    word = text.strip().lower()
    if word == "none":
        return math.inf
    if re.fullmatch(_NUMBER, word):
        seconds = float(word)
    elif re.fullmatch(rf"(?:{_PART.pattern})+", word):
        seconds = sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(word))
    else:
        seconds = 0.0
    if not seconds > 0:
        label = ascii(text)[:40]  # it may contain control characters
        raise typer.BadParameter(
            f"{label} is not a valid duration; use seconds, or a form like 90s, 15m, 2h"
        )
    return seconds


def _task_names() -> list[str]:
    """Return the task operations for the shell's completion, which Typer filters."""
    from chainhub_api.tasks import TASKS

    return list(TASKS)


# A default of None means that the value is read elsewhere; the help says where.
_text = partial(typer.Option, show_default=False)
_duration = partial(typer.Option, metavar="DURATION", parser=parse_duration, show_default=False)
_argument = partial(typer.Argument, show_default=False)
_deadline = partial(_duration, "--deadline")
_UNITS = "seconds, or like 90s, 15m, 2h"

_IDS = "Task ids; - reads them from standard input."
Ids = Annotated[list[str], _argument(metavar="ID...", help=_IDS)]
Id = Annotated[str, _argument(metavar="ID", help="The task's id.")]
_FILE = "A file with one id per line, - for standard input; # begins a comment line."
File = Annotated[str, _argument(metavar="FILE", help=_FILE)]
_BASE_URL = "Base URL of the service, without /v1. [default: CHAINHUB_BASE_URL or the contract's]"
BaseUrl = Annotated[str | None, _text("--base-url", metavar="URL", help=_BASE_URL)]
_TIMEOUT = "Timeout for one attempt. [default: 15s]"
Timeout = Annotated[float, _duration("--timeout", help=_TIMEOUT)]
_CALL = f"Deadline for each task: {_UNITS}, none. [default: 1m]"
CallDeadline = Annotated[float, _deadline(help=_CALL)]
_WAIT = f"Deadline for the whole command: {_UNITS}, none. [default: 15m]"
WaitDeadline = Annotated[float, _deadline(help=_WAIT)]
_FETCH = f"Deadline for each download: {_UNITS}. [default: none]"
FetchDeadline = Annotated[float, _deadline(help=_FETCH)]
_TASK = "The operation that asks for tasks. [default: the contract's main one]"
TaskName = Annotated[
    str | None, _text("--task", metavar="OPERATION", autocompletion=_task_names, help=_TASK)
]
_PARAMETER = "A further parameter that the operation requires. May be repeated."
Parameters = Annotated[
    list[str] | None, _text("--parameter", metavar="NAME=VALUE", help=_PARAMETER)
]
_INTERVAL = "Time between two polls of a task. [default: adaptive]"
Interval = Annotated[float | None, _duration("--interval", help=_INTERVAL)]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object per line.")]
# Accepted, so that a script can pass it to every command.
IgnoredJson = Annotated[bool, _text("--json", help="No effect: results are always JSON.")]
_DOWNLOAD = "Download the videos to this folder and print the files."
DownloadTo = Annotated[str | None, _text("--download", metavar="DIR", help=_DOWNLOAD)]
_INTO = "The folder to write to. [default: the current one]"
Into = Annotated[str | None, _text("--into", metavar="DIR", help=_INTO)]
_OUTPUT = "The file to write, for one video; a folder works like --into."
Output = Annotated[str | None, _text("--output", "-o", metavar="FILE", help=_OUTPUT)]
_IF_EXISTS = "What to do if the file already exists."
IfExists = Annotated[
    Literal["error", "replace", "keep"], typer.Option("--if-exists", help=_IF_EXISTS)
]
_SHA256 = "The SHA-256 checksum the file must have, for one video."
Sha256 = Annotated[str | None, _text("--sha256", metavar="HEX", help=_SHA256)]
_ALLOW_HOST = "A host that is not public but may serve videos. May be repeated."
AllowHosts = Annotated[list[str] | None, _text("--allow-host", metavar="HOST", help=_ALLOW_HOST)]
_JOURNAL = "Store outcomes in this file, so that the same command can resume."
Journal = Annotated[str | None, _text("--journal", metavar="FILE", help=_JOURNAL)]


app = typer.Typer(
    name="chainhub",
    help="Wait for video tasks and download their videos.",
    epilog="The key comes from CHAINHUB_API_KEY, the key file, the keyring or a prompt.",
    no_args_is_help=True,
    rich_markup_mode=None,  # or help would load rich, which takes longer than all the rest
    pretty_exceptions_enable=False,  # that would load rich too
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: The words after `chainhub`; those of the process if None.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    # The sandbox's key is invented and protects nothing.
    checked_words = [] if words[:1] == ["sandbox"] else words
    code: object = None
    try:
        if any(word.partition("=")[0] in _KEY_OPTIONS for word in checked_words):
            typer.echo(_KEY_ERROR, err=True)
            return 2
        code = typer.main.get_command(app).main(words, prog_name="chainhub")
    except SystemExit as end:  # Typer ends so after success too
        code = end.code
    except OSError as error:  # of a help text or a usage error, which Typer prints
        from chainhub.cli import _running, _terminal

        return _running.output_failed(_terminal.Terminal(), error)
    return code if isinstance(code, int) else 0  # None after success


def _run(command: str, *, json: bool, **arguments: object) -> None:
    """Exit with the code that a command returns; its imports are not needed for `--help`."""
    from chainhub.cli import _commands, _running

    raise typer.Exit(_running.run(partial(getattr(_commands, command), **arguments), json=json))


def _show_version(value: bool) -> None:
    if value:
        from chainhub._version import __version__

        typer.echo(f"chainhub {__version__}")
        raise typer.Exit


@app.callback()
def _chainhub(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Define the options before the command."""


@app.command(help=_help("Query tasks once and print their status.", f"chainhub get {_EXAMPLE_ID}"))
def get(
    ids: Ids,
    deadline: CallDeadline = 60.0,
    task: TaskName = None,
    parameter: Parameters = None,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Query tasks."""
    service = Service(base_url, timeout, task, parameter)
    _run("get", json=json, ids=ids, service=service, deadline=deadline)


@app.command(
    short_help="Wait until tasks are done.",
    help=_help(
        "Wait until tasks are done and print the URL of each video as soon as it is known.",
        f"chainhub wait {_EXAMPLE_ID} --download .",
    ),
)
def wait(
    ids: Ids,
    download: DownloadTo = None,
    if_exists: IfExists = "error",
    allow_host: AllowHosts = None,
    deadline: WaitDeadline = 900.0,
    interval: Interval = None,
    task: TaskName = None,
    parameter: Parameters = None,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Wait for tasks."""
    service = Service(base_url, timeout, task, parameter)
    place = Place(download, None, if_exists, None, tuple(allow_host or ()))
    limits = {"deadline": deadline, "interval": interval}
    _run("wait", json=json, ids=ids, service=service, place=place, **limits)


@app.command(
    help=_help("Print every change of a task until it is done.", f"chainhub watch {_EXAMPLE_ID}")
)
def watch(
    id: Id,
    deadline: WaitDeadline = 900.0,
    interval: Interval = None,
    task: TaskName = None,
    parameter: Parameters = None,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Watch one task."""
    service = Service(base_url, timeout, task, parameter)
    _run("watch", json=json, id=id, service=service, deadline=deadline, interval=interval)


@app.command(
    short_help="Download the videos of finished tasks.",
    help=_help(
        "Download the videos of finished tasks and print the files. "
        "After an interruption the same command resumes them.",
        f"chainhub download {_EXAMPLE_ID} -o film.mp4",
        "chainhub download - --into films <ids.txt",
    ),
)
def download(
    ids: Ids,
    output: Output = None,
    into: Into = None,
    if_exists: IfExists = "error",
    sha256: Sha256 = None,
    allow_host: AllowHosts = None,
    deadline: FetchDeadline = math.inf,
    task: TaskName = None,
    parameter: Parameters = None,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Download videos."""
    place = Place(into, output, if_exists, sha256, tuple(allow_host or ()), deadline)
    service = Service(base_url, timeout, task, parameter)
    _run("download", json=json, ids=ids, service=service, place=place)


@app.command(
    short_help="Wait for the tasks listed in a file.",
    help=_help(
        "Wait for the tasks listed in a file and print the outcome of each as JSON. "
        "With a journal, the same command resumes after an interruption.",
        "chainhub batch ids.txt --journal ids.journal >results.jsonl",
    ),
)
def batch(
    file: File,
    journal: Journal = None,
    download: DownloadTo = None,
    if_exists: IfExists = "error",
    allow_host: AllowHosts = None,
    deadline: WaitDeadline = 900.0,
    interval: Interval = None,
    task: TaskName = None,
    parameter: Parameters = None,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: IgnoredJson = True,
) -> None:
    """Wait for the tasks of a file."""
    service = Service(base_url, timeout, task, parameter)
    place = Place(download, None, if_exists, None, tuple(allow_host or ()))
    limits = {"deadline": deadline, "interval": interval}
    _run("wait", json=json, file=file, journal=journal, service=service, place=place, **limits)


@app.command(
    short_help="Run a mock server on this machine.",
    help=_help(
        "Run a mock server on this machine until Ctrl-C. Needs the extra chainhub[sandbox].",
        "chainhub sandbox --speed 5",
    ),
)
def sandbox(
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="The port; 0 for a free one.")
    ] = 8765,
    speed: Annotated[
        float,
        typer.Option(
            "--speed", metavar="FACTOR", help="Speed of the tasks; 5 is five times as fast."
        ),
    ] = 1.0,
    key: Annotated[
        str | None, _text("--key", metavar="KEY", help="The API key to accept. [default: random]")
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Allow a host that is not loopback.")
    ] = False,
) -> None:
    """Run the mock server."""
    address = {"host": host, "port": port, "allow_remote": allow_remote}
    _run("sandbox", json=False, key=key, speed=speed, **address)


@app.command(
    short_help="Check the set-up and report problems.",
    help=_help(
        "Check everything that a request depends on and report problems. "
        "The output contains no key and can be sent to support.",
        "chainhub doctor",
    ),
)
def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Send no requests and resolve no names.")
    ] = False,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Check the configuration."""
    _run("doctor", json=json, service=Service(base_url, timeout), offline=offline)
