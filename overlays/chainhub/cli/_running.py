"""How every command runs: its client, and its end as an exit code and a sentence, no traceback."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from operator import attrgetter
from types import FrameType
from typing import Any, Final, NoReturn, cast
from urllib.parse import urlsplit

from chainhub import _session, _tasks
from chainhub._client import DEADLINE, Client
from chainhub._redaction import one_line
from chainhub._transport import is_loopback
from chainhub.cli import _records
from chainhub.cli._options import Service
from chainhub.cli._progress import TaskProgress
from chainhub.cli._terminal import Terminal
from chainhub.errors import ChainhubError, ConfigurationError, CredentialsError
from chainhub_api.servers import SERVERS
from chainhub_api.tasks import MAIN, TASKS

_LONGEST_NAME = 80
_MOST_NAMES = 8  # a contract may have hundreds of task operations
_QUESTION: Final = "chainhub: no API key is set. API key (input is hidden): "
_SANDBOX: Final = (
    "; for a sandbox on this machine use the two export lines that `chainhub sandbox` has printed"
)


def open_client(
    service: Service,
    terminal: Terminal,
    deadline: float = DEADLINE,
    progress: TaskProgress | None = None,
) -> Client:
    """Return a client for the service; seconds for a whole call are infinite for no limit.

    If there is a progress to show, it hears of failing polls and of how long tasks take.
    """
    # A base URL that cannot be used is a mistake to hear of before a missing key.
    url = _session.base_url_from(service.base_url, terminal.environ, SERVERS, allow_insecure=False)
    client = Client(
        key_for(terminal, loopback=is_loopback(urlsplit(url).hostname or "")),
        base_url=service.base_url,
        timeout=_records.limit(service.timeout),
        deadline=_records.limit(deadline),
        on_retry=None if progress is None else progress.failing,
    )
    if progress is not None:
        operation = _tasks.task_named(task_name(service))
        progress.expected = _tasks.durations_of(client._session, operation).expected
    return client


def task_name(service: Service) -> str:
    """Return the name of the task operation that a command is about."""
    known, name = list(TASKS), service.task
    if name is None:
        if MAIN is not None:
            return MAIN
        message = "the contract has several task operations; give one with --task"
    else:
        if name in TASKS:
            return name
        message = f"--task: there is no task operation {one_line(name, _LONGEST_NAME)}"
        known = get_close_matches(name, known) or known
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    raise ConfigurationError(f"{message}: {', '.join(known[:_MOST_NAMES])}{more}")


def parameters_of(service: Service) -> dict[str, str]:
    """Return the further parameters of the task operation, by name."""
    pairs = [text.partition("=") for text in service.parameters or ()]
    wanted = cast("tuple[str, ...]", TASKS[task_name(service)]["parameters"])
    given = {name: value for name, _, value in pairs if value}
    if set(given) != set(wanted) or len(given) != len(pairs):
        takes = " and ".join(f"--parameter {name}=…" for name in wanted) or "no --parameter"
        raise ConfigurationError(f"{task_name(service)} takes {takes}")
    return given


def query_task(client: Client, service: Service, task_id: str) -> Any:  # noqa: ANN401 - as below
    """Query a task once; its id is not always the first parameter."""
    arguments = {str(TASKS[task_name(service)]["parameter"]): task_id, **parameters_of(service)}
    return task_operation(client, service)(**arguments)


def task_operation(client: Client, service: Service) -> Any:  # noqa: ANN401 - each has its model
    """Return the task operation as the client has it: to be called, to wait, to download."""
    return attrgetter(task_name(service))(client)


def key_for(terminal: Terminal, *, loopback: bool) -> str | None:
    """Return the key that the client cannot find by itself, or None if it finds one.

    `loopback` says whether the base URL is on this machine, where a sandbox may run.
    """
    if _session.find_key(terminal.environ) is not None:
        return None
    if key := key_of_keyring(terminal.environ):
        return key
    if terminal.can_ask:
        try:
            return _session.check_key(getpass.getpass(_QUESTION), "the prompt")
        except EOFError:  # Ctrl-D, which ends no line
            terminal.say("")
    message = _session.no_key(terminal.environ).message
    raise CredentialsError(message + _SANDBOX if loopback else message)


def key_of_keyring(environ: Mapping[str, str]) -> str | None:
    """Return the key the keyring holds, None if there is none or it does not open."""
    if not _session.keyring_installed():
        return None
    try:
        held = _session.ask_keyring(environ)
    except Exception:  # noqa: BLE001 - it is foreign code, whatever it raises
        return None
    return _session.check_key(held, _session.KEYRING)


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), which is taken like Ctrl-C."""


def run(command: Callable[[Terminal], int], *, json: bool) -> int:
    """Run a command and return the exit code for how it ended; errors are records with `json`."""
    terminal = Terminal(json=json)
    try:
        with interruptible(), _warnings_as_notes(terminal):
            return command(terminal)
    except BrokenPipeError:
        _close_output()
        return _records.Exit.BROKEN_PIPE
    except KeyboardInterrupt as interruption:
        terminated = isinstance(interruption, Terminated)
    except ChainhubError as error:
        terminal.say(_records.complaint(error))
        if json:
            terminal.result(_records.encoded(_records.record_of(None, error=error)))
        return _records.exit_code_of(error)
    except OSError as error:
        return output_failed(terminal, error)
    terminal.release()
    # A terminal drops what it has not shown yet when Ctrl-C is typed, our tidying up included, and
    # has written ^C into the line.
    begin = "\x1b[0m" if terminal.moves_cursor else ""  # resets the style
    begin += "\n" if terminal.words_are_read and not terminated else ""
    hint = terminal.resume_hint()
    terminal.say(f"{begin}chainhub: interrupted" + (f"; {hint}" if hint else ""))
    return _records.Exit.TERMINATED if terminated else _records.Exit.INTERRUPTED


def output_failed(terminal: Terminal, error: OSError) -> _records.Exit:
    """Say why something could not be read or written, and return the exit code for that."""
    terminal.say(f"chainhub: input or output error: {error.strerror or type(error).__name__}")
    _close_output()
    return _records.Exit.MACHINE


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C. Only the main thread can; others change nothing."""
    before = signal.getsignal(signal.SIGTERM)
    # What the parent process has ignored for a job in the background stays so.
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


@contextmanager
def _warnings_as_notes(terminal: Terminal) -> Iterator[None]:
    """Print an unknown status value as a sentence instead of a place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", _tasks.UnknownStatusWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: object) -> None:
            if issubclass(category, _tasks.UnknownStatusWarning):
                terminal.say(f"chainhub: note: {_records.translated(str(message))}")
            else:
                shown(message, category, *place)  # type: ignore[arg-type]  # as it came

        warnings.showwarning = show  # type: ignore[assignment]  # the place is passed on untouched
        yield


def _close_output() -> None:
    """Point standard output nowhere, or the interpreter complains when it ends."""
    stdout = sys.stdout
    with suppress(OSError):  # a stand-in without a descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)
