"""How every command runs: its end becomes an exit code and a sentence, never a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from chainhub.cli._messages import complaint, spoken
from chainhub.cli._records import Exit, encoded, exit_code_of, record_of
from chainhub.cli._terminal import Terminal
from chainhub.errors import ChainhubError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


_WHOLE = "\x1b[0m\x1b[?25h"  # reset the style, and show the cursor


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM), which is taken like Ctrl-C."""


def run(command: Callable[[Terminal], int], *, json: bool = False) -> int:
    """Run a command and return the exit code for how it ended; errors are records with `json`."""
    terminal = Terminal.of_process()
    try:
        with interruptible(), _warnings_as_notes(terminal):
            return command(terminal)
    except BrokenPipeError:
        _close_output()
        return Exit.BROKEN_PIPE
    except KeyboardInterrupt as interruption:
        return _interrupted(terminal, interruption)
    except ChainhubError as error:
        failure = error
    except OSError as error:
        terminal.say(f"chainhub: input or output error: {error.strerror or type(error).__name__}")
        _close_output()
        return Exit.MACHINE
    terminal.say(complaint(failure))
    if json:
        terminal.result(encoded(record_of(None, error=failure)))
    return exit_code_of(failure)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C. Only the main thread can; others change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # What the parent process has ignored for a job in the background stays so.
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _interrupted(terminal: Terminal, interruption: KeyboardInterrupt) -> Exit:
    terminal.release()
    terminated = isinstance(interruption, Terminated)
    # A terminal drops what it has not shown yet when Ctrl-C is typed, our tidying up included, and
    # has written ^C into the line.
    begin = _WHOLE if terminal.moves_cursor else ""
    begin += "\n" if terminal.words_are_read and not terminated else ""
    hint = terminal.resume_hint()
    terminal.say(f"{begin}chainhub: interrupted" + (f"; {hint}" if hint else ""))
    return Exit.TERMINATED if terminated else Exit.INTERRUPTED


@contextmanager
def _warnings_as_notes(terminal: Terminal) -> Iterator[None]:
    """Print an unknown status value as a sentence instead of a place in the code."""
    from chainhub._tasks import UnknownStatusWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownStatusWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: object) -> None:
            if issubclass(category, UnknownStatusWarning):
                terminal.say(f"chainhub: note: {spoken(str(message))}")
            else:
                shown(message, category, *place)  # type: ignore[arg-type]  # as it came

        warnings.showwarning = show  # type: ignore[assignment]  # the place is passed on untouched
        yield


def _close_output() -> None:
    """Point standard output nowhere, or the interpreter complains when it ends."""
    stdout = sys.stdout
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)
    except OSError:  # a stand-in without a descriptor
        return
