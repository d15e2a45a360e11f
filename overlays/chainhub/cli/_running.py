"""How every command runs: its end becomes an exit code and a sentence, never a traceback."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from chainhub.cli._exit_codes import Exit, exit_code_of
from chainhub.cli._messages import complaint, spoken
from chainhub.cli._records import encoded, record_of
from chainhub.cli._signals import Terminated, listening
from chainhub.cli._terminal import Terminal
from chainhub.errors import ChainhubError

if TYPE_CHECKING:
    from collections.abc import Iterator


_WHOLE = "\x1b[0m\x1b[?25h"
"""Reset the style, and show the cursor."""


class Command(Protocol):
    """A command, ready to run."""

    @property
    def json(self) -> bool:
        """Whether results are printed as JSON."""
        ...

    def run(self, terminal: Terminal) -> Exit:
        """Do the work and return the exit code."""
        ...

    def resume_hint(self) -> str:
        """Return how to resume after an interruption, or nothing."""
        ...


def run(command: Command) -> Exit:
    """Run a command and return the exit code for how it ended."""
    terminal = Terminal.of_process()
    try:
        with listening(), _warnings_as_notes(terminal):
            return command.run(terminal)
    except BrokenPipeError:
        _close_output()
        return Exit.BROKEN_PIPE
    except KeyboardInterrupt as interruption:
        return _interrupted(command, terminal, interruption)
    except ChainhubError as error:
        failure = error
    except OSError as error:
        terminal.say(f"chainhub: input or output error: {error.strerror or type(error).__name__}")
        _close_output()
        return Exit.MACHINE
    return _failed(command, terminal, failure)


def _failed(command: Command, terminal: Terminal, error: ChainhubError) -> Exit:
    terminal.say(complaint(error))
    if command.json:
        terminal.result(encoded(record_of(None, error=error)))
    return exit_code_of(error)


def _interrupted(command: Command, terminal: Terminal, interruption: KeyboardInterrupt) -> Exit:
    terminated = isinstance(interruption, Terminated)
    # A terminal drops what it has not shown yet when Ctrl-C is typed, our tidying up included, and
    # has written ^C into the line.
    begin = _WHOLE if terminal.moves_cursor else ""
    begin += "\n" if terminal.words_are_read and not terminated else ""
    resume_hint = command.resume_hint()
    terminal.say(f"{begin}chainhub: interrupted" + (f"; {resume_hint}" if resume_hint else ""))
    return Exit.TERMINATED if terminated else Exit.INTERRUPTED


@contextmanager
def _warnings_as_notes(terminal: Terminal) -> Iterator[None]:
    """Tell of an unknown status word in a sentence instead of a place in the code."""
    from chainhub._tasks import UnknownStatusWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownStatusWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: object) -> None:
            if issubclass(category, UnknownStatusWarning):
                terminal.note(f"chainhub: note: {spoken(str(message))}")
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
