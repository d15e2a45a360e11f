"""How every command runs: with a client, and ending with an exit code, without a traceback."""

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

_MAX_NAME = 80
_MAX_NAMES = 8  # a contract may have hundreds of task operations
_PROMPT: Final = "chainhub: no API key is set. API key (input is hidden): "
_SANDBOX: Final = (
    "; for a sandbox on this machine use the two export lines that `chainhub sandbox` has printed"
)


def open_client(
    service: Service,
    terminal: Terminal,
    deadline: float = DEADLINE,
    progress: TaskProgress | None = None,
) -> Client:
    """Return a client for the service; `deadline` is in seconds, infinite for none.

    A progress is notified of failed polls, and gets the expected durations of tasks.
    """
    # A base URL that cannot be used is reported before a missing key.
    url = _session.base_url_from(service.base_url, terminal.environ, SERVERS, allow_insecure=False)
    client = Client(
        key_for(terminal, loopback=is_loopback(urlsplit(url).hostname or "")),
        base_url=service.base_url,
        timeout=_records.limit(service.timeout),
        deadline=_records.limit(deadline),
        on_retry=None if progress is None else progress.on_retry,
    )
    if progress is not None:
        operation = _tasks.task_named(task_name(service))
        progress.duration_of = _tasks.durations_of(client._session, operation).expected
    return client


def task_name(service: Service) -> str:
    """Return the name of the task operation that a command uses."""
    names, name = list(TASKS), service.task
    if name is None:
        if MAIN is not None:
            return MAIN
        message = "the contract has several task operations; give one with --task"
    else:
        if name in TASKS:
            return name
        message = f"--task: {one_line(name, _MAX_NAME)} is no task operation; choose from"
        names = get_close_matches(name, names) or names
    suffix = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    raise ConfigurationError(f"{message}: {', '.join(names[:_MAX_NAMES])}{suffix}")


def parameters_of(service: Service) -> dict[str, str]:
    """Return the further parameters of the task operation, by name."""
    pairs = [text.partition("=") for text in service.parameters or ()]
    names = cast("tuple[str, ...]", TASKS[task_name(service)]["parameters"])
    parameters = {name: value for name, _, value in pairs if value}
    if set(parameters) != set(names) or len(parameters) != len(pairs):
        usage = " and ".join(f"--parameter {name}=…" for name in names) or "no --parameter"
        raise ConfigurationError(f"{task_name(service)} takes {usage}")
    return parameters


def query_task(client: Client, service: Service, task_id: str) -> Any:  # noqa: ANN401 - as below
    """Query a task once; its id is not always the first parameter."""
    arguments = {str(TASKS[task_name(service)]["parameter"]): task_id, **parameters_of(service)}
    return task_operation(client, service)(**arguments)


def task_operation(client: Client, service: Service) -> Any:  # noqa: ANN401 - each has its model
    """Return the task operation of the client, with its methods `wait`, `download` and so on."""
    return attrgetter(task_name(service))(client)


def key_for(terminal: Terminal, *, loopback: bool) -> str | None:
    """Return the key that the client cannot find by itself, or None if it finds one.

    `loopback` is whether the base URL is on this machine, where a sandbox may run.
    """
    if _session.find_key(terminal.environ) is not None:
        return None
    if key := key_of_keyring(terminal.environ):
        return key
    if terminal.can_prompt:
        try:
            return _session.check_key(getpass.getpass(_PROMPT), "the prompt")
        except EOFError:  # Ctrl-D, after which the line has no end
            terminal.say("")
    message = _session.no_key(terminal.environ).message
    raise CredentialsError(message + _SANDBOX if loopback else message)


def key_of_keyring(environ: Mapping[str, str]) -> str | None:
    """Return the key in the keyring, None if there is none or the keyring cannot be read."""
    if not _session.keyring_installed():
        return None
    try:
        key = _session.ask_keyring(environ)
    except Exception:  # noqa: BLE001 - it is foreign code, which may raise anything
        return None
    return _session.check_key(key, _session.KEYRING)


class Termination(KeyboardInterrupt):
    """SIGTERM was received, which is handled like Ctrl-C."""


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
        terminated = isinstance(interruption, Termination)
    except ChainhubError as error:
        terminal.say(_records.error_line(error))
        if json:
            terminal.result(_records.encoded(_records.record_of(None, error=error)))
        return _records.exit_code_of(error)
    except OSError as error:
        return output_failed(terminal, error)
    terminal.release()
    # At Ctrl-C a terminal drops output that it has not shown yet, also what resets the style, and
    # writes ^C into the line.
    prefix = "\x1b[0m" if terminal.moves_cursor else ""
    prefix += "\n" if terminal.stderr_is_terminal and not terminated else ""
    hint = terminal.resume_hint()
    terminal.say(f"{prefix}chainhub: interrupted" + (f"; {hint}" if hint else ""))
    return _records.Exit.TERMINATED if terminated else _records.Exit.INTERRUPTED


def output_failed(terminal: Terminal, error: OSError) -> _records.Exit:
    """Say why something could not be read or written, and return the exit code for that."""
    terminal.say(f"chainhub: input or output error: {error.strerror or type(error).__name__}")
    _close_output()
    return _records.Exit.MACHINE


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C; without effect in other threads than the main one."""
    handler = signal.getsignal(signal.SIGTERM)
    # A signal that the parent process ignores for a background job stays ignored.
    if handler is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Termination


@contextmanager
def _warnings_as_notes(terminal: Terminal) -> Iterator[None]:
    """Print the warning of an unknown status value as a sentence, without a place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", _tasks.UnknownStatusWarning)
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *location: object) -> None:
            if issubclass(category, _tasks.UnknownStatusWarning):
                terminal.say(f"chainhub: note: {_records.translated(str(message))}")
            else:
                default(message, category, *location)  # type: ignore[arg-type]  # as it came

        warnings.showwarning = show  # type: ignore[assignment]  # the place is passed on untouched
        yield


def _close_output() -> None:
    """Point standard output to the null device, or the interpreter prints an error at its end."""
    stdout = sys.stdout
    with suppress(OSError):  # a replacement without a descriptor
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stdout.fileno())
        os.close(devnull)
