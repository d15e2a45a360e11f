"""The commands and their options as Typer reads them; what they do is imported when they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from chainhub.cli._durations import parse_span

if TYPE_CHECKING:
    from typer.models import OptionInfo

    from chainhub.cli._client_factory import Service
    from chainhub.cli._download import Place
    from chainhub.cli._running import Command

_KEY_OPTIONS = ("--api-key", "--api_key", "--apikey", "--key", "--token")
_KEY_ANSWER = (
    "chainhub: the key cannot be passed on the command line, where other users and the shell's "
    "history can see it; set CHAINHUB_API_KEY, write the key file, or enter it at the prompt"
)
_EXAMPLE_ID = "veo3.1-fast:1760545785-euexscdeL8"


def _about(text: str, *examples: str) -> str:
    """Return a help text; the control character keeps the lines of the example apart."""
    shown = "\n".join(f"  {example}" for example in examples)
    return f"{text}\n\n\b\nExample:\n{shown}"


def _span(text: str | float) -> float:
    try:
        return parse_span(text) if isinstance(text, str) else text
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None


def _option(*names: str, value: str, help: str) -> OptionInfo:
    """Return an option with a value; a duration is parsed."""
    parser = _span if value == "DURATION" else None
    option: OptionInfo = typer.Option(
        *names, metavar=value, parser=parser, show_default=False, help=help
    )
    return option


def _deadline(whose: str, default: str) -> OptionInfo:
    help = f"Deadline for {whose}: seconds, or like 90s, 15m, 2h{default}"
    return _option("--deadline", value="DURATION", help=help)


Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...", show_default=False, help="Task ids; - reads them from standard input."
    ),
]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False, help="The task's id.")]
File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="A file with one id per line, - for standard input; # begins a comment line.",
    ),
]
BaseUrl = Annotated[
    str | None,
    _option(
        "--base-url",
        value="URL",
        help="Base URL of the service, without /v1. [default: CHAINHUB_BASE_URL or the contract's]",
    ),
]
Timeout = Annotated[
    float,
    _option("--timeout", value="DURATION", help="Timeout for one attempt. [default: 15s]"),
]
CallDeadline = Annotated[float, _deadline("each task", ", none. [default: 1m]")]
WaitDeadline = Annotated[float, _deadline("all tasks", ", none. [default: 15m]")]
FetchDeadline = Annotated[float, _deadline("each download", ". [default: none]")]
Interval = Annotated[
    float | None,
    _option(
        "--interval",
        value="DURATION",
        help="Time between two polls of a task. [default: adaptive]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object per line.")]
JsonAnyway = Annotated[bool, typer.Option("--json", help="No effect: results are always JSON.")]
DownloadTo = Annotated[
    str | None,
    _option(
        "--download",
        value="DIR",
        help="Download the videos to this folder and print the files.",
    ),
]
Into = Annotated[
    str | None,
    _option("--into", value="DIR", help="The folder to write to. [default: the current one]"),
]
Output = Annotated[
    str | None,
    _option(
        "--output",
        "-o",
        value="FILE",
        help="The file to write, for one video; a folder works like --into.",
    ),
]
IfExists = Annotated[
    Literal["error", "replace", "keep"],
    typer.Option("--if-exists", help="What to do if the file already exists."),
]
Sha256 = Annotated[
    str | None,
    _option(
        "--sha256", value="HEX", help="The SHA-256 checksum the file must have, for one video."
    ),
]
AllowHosts = Annotated[
    list[str] | None,
    _option(
        "--allow-host",
        value="HOST",
        help="A host that is not public but may serve videos. May be repeated.",
    ),
]
Journal = Annotated[
    str | None,
    _option(
        "--journal",
        value="FILE",
        help="Store outcomes in this file, so that the same command can resume.",
    ),
]

app = typer.Typer(
    name="chainhub",
    help="Wait for video tasks and download their videos.",
    epilog="The key comes from CHAINHUB_API_KEY, the key file, the keyring or a prompt.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_app(arguments: Sequence[str] | None) -> int:
    """Run the command that the words name and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    # The sandbox's key is made up and guards nothing.
    named = [] if words[:1] == ["sandbox"] else words
    if any(word.partition("=")[0] in _KEY_OPTIONS for word in named):
        typer.echo(_KEY_ANSWER, err=True)
        return 2
    code: object = None
    try:
        code = typer.main.get_command(app).main(words, prog_name="chainhub")
    except SystemExit as end:  # Typer ends so even when all is well
        code = end.code
    return code if isinstance(code, int) else 0


def _run(command: Command) -> None:
    from chainhub.cli._running import run

    raise typer.Exit(run(command))


def _service(base_url: str | None, timeout: float) -> Service:
    from chainhub.cli._client_factory import Service

    return Service(base_url=base_url, timeout=timeout)


def _place(
    into: str | None, if_exists: Literal["error", "replace", "keep"], hosts: list[str] | None
) -> Place | None:
    if into is None:
        return None
    from chainhub.cli._download import Place

    return Place(into=into, if_exists=if_exists, allow_hosts=tuple(hosts or ()))


def _show_version(wanted: bool) -> None:
    if wanted:
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
    """Take the options before the command."""


@app.command(
    help=_about(
        "Query tasks once and print their status.",
        f"chainhub get {_EXAMPLE_ID}",
    )
)
def get(
    ids: Ids,
    deadline: CallDeadline = 60.0,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Query tasks."""
    from chainhub.cli._query import Get

    _run(Get(ids=ids, service=_service(base_url, timeout), deadline=deadline, json=json))


@app.command(
    short_help="Wait until tasks are done.",
    help=_about(
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
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Wait for tasks."""
    from chainhub.cli._wait import Wait

    _run(
        Wait(
            ids=ids,
            service=_service(base_url, timeout),
            deadline=deadline,
            interval=interval,
            place=_place(download, if_exists, allow_host),
            json=json,
        )
    )


@app.command(
    help=_about(
        "Print every change of a task until it is done.",
        f"chainhub watch {_EXAMPLE_ID}",
    )
)
def watch(
    id: Id,
    deadline: WaitDeadline = 900.0,
    interval: Interval = None,
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Watch one task."""
    from chainhub.cli._query import Watch

    service = _service(base_url, timeout)
    _run(Watch(id=id, service=service, deadline=deadline, interval=interval, json=json))


@app.command(
    short_help="Download the videos of finished tasks.",
    help=_about(
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
    deadline: FetchDeadline = float("inf"),
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Download videos."""
    from chainhub.cli._download import Download, Place

    place = Place(
        into=into,
        dest=output,
        if_exists=if_exists,
        sha256=sha256,
        allow_hosts=tuple(allow_host or ()),
        deadline=deadline,
    )
    _run(Download(ids=ids, service=_service(base_url, timeout), place=place, json=json))


@app.command(
    short_help="Wait for the tasks listed in a file.",
    help=_about(
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
    timeout: Timeout = 15.0,
    base_url: BaseUrl = None,
    json: JsonAnyway = True,
) -> None:
    """Wait for the tasks of a file."""
    from chainhub.cli._wait import Wait

    _run(
        Wait(
            file=file,
            service=_service(base_url, timeout),
            deadline=deadline,
            interval=interval,
            journal=journal,
            place=_place(download, if_exists, allow_host),
            json=json,
        )
    )


@app.command(
    short_help="Run a mock server on this machine.",
    help=_about(
        "Run a mock server on this machine until Ctrl-C. Needs the extra chainhub[sandbox].",
        "chainhub sandbox --speed 5",
    ),
)
def sandbox(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for a free one.")] = 8765,
    speed: Annotated[
        float, typer.Option(help="Speed of the tasks; 5 is five times as fast.")
    ] = 1.0,
    key: Annotated[
        str | None,
        _option("--key", value="KEY", help="The API key to accept. [default: random]"),
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Allow a host that is not loopback.")
    ] = False,
) -> None:
    """Run the mock server."""
    from chainhub.cli._sandbox import Play

    _run(Play(host=host, port=port, speed=speed, allow_remote=allow_remote, key=key))


@app.command(
    short_help="Check the set-up and report problems.",
    help=_about(
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
    from chainhub.cli._doctor import Doctor

    _run(Doctor(service=_service(base_url, timeout), offline=offline, json=json))
