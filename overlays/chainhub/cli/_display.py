"""What is shown while a command works: lines that change in place, plain lines, or nothing."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from chainhub.cli._durations import clock
from chainhub.cli._messages import plain
from chainhub.cli._rows import Line, Row, signs_for
from chainhub.cli._signals import held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from chainhub.cli._progress import LiveProgress
    from chainhub.cli._terminal import Terminal

_PER_SECOND = 8
_STYLES = {"good": "green", "bad": "red", "busy": "cyan", "": ""}


class Display(Protocol):
    """Shows what happens, and steps aside for what stays."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, *details: object) -> None:
        """Leave the terminal as it was."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Make room while lines are printed that stay; for one thread at a time."""
        ...

    def changed(self, row: Row | None, now: float) -> None:
        """Take that a task has changed; None if it is not known which."""
        ...


class Silence:
    """Shows nothing: nobody looks."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, *details: object) -> None:
        """End."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep the lines of several threads apart."""
        with self._lock:
            yield

    def changed(self, row: Row | None, now: float) -> None:
        """Show nothing."""


class PlainLines(Silence):
    """Prints a line for each change, on a terminal that cannot do more."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def changed(self, row: Row | None, now: float) -> None:
        """Print the status of the task."""
        if row is None:
            return
        with self.aside():
            self._terminal.say(
                f"{clock(now - row.began)}  {plain(row.id)}  {plain(row.failing or row.word)}"
            )


class InPlace(Silence):
    """Shows the board in place, several times a second; gone when it ends."""

    def __init__(self, board: LiveProgress, terminal: Terminal) -> None:
        super().__init__()
        self._board = board
        self._pictures = terminal.pictures
        self._signs = signs_for(getattr(terminal.stderr, "encoding", None))
        self._console = console_of(terminal)
        self._live = self._new()

    def __enter__(self) -> Self:
        """Begin to show."""
        with held():
            self._live.start(refresh=True)
            self._pictures.append(self.aside)
        return self

    def __exit__(self, *details: object) -> None:
        """Take everything away and give the cursor back."""
        with held():
            self._pictures.clear()
            self._live.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the picture away while lines are printed."""
        with self._lock:
            with held():
                self._live.stop()
            try:
                yield
            finally:
                # A used one would wipe as many lines as it had last shown.
                with held():
                    self._live = self._new()
                    self._live.start(refresh=True)

    def _new(self) -> Live:
        from rich.live import Live

        return Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _picture(self) -> Text:
        width, height = self._console.size
        return _painted(self._board.view(width - 1, height, self._signs))


def display_for(board: LiveProgress, terminal: Terminal) -> Display:
    """Return the display that suits standard error."""
    if terminal.moves_cursor:
        return InPlace(board, terminal)
    return PlainLines(terminal) if terminal.words_are_read else Silence()


def console_of(terminal: Terminal) -> Console:
    """Return a console on standard error that obeys NO_COLOR and TERM."""
    from rich.console import Console

    return Console(file=terminal.stderr, highlight=False)


def _painted(lines: list[Line]) -> Text:
    from rich.text import Text

    picture = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(lines):
        picture.append("\n" if number else "")
        if line.sign:
            picture.append(f"{line.sign} ", _STYLES[line.style])
        picture.append(line.text)
    return picture
