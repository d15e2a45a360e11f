"""Where a command reads and writes: results to standard output, words to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager


@attrs.frozen(kw_only=True)
class Terminal:
    """The three streams of a process, any of which may be closed, and its variables.

    Attributes:
        pictures: What is shown in place: each steps aside while lines are printed.
    """

    stdin: TextIO | None
    stdout: TextIO | None
    stderr: TextIO | None
    environ: Mapping[str, str]
    pictures: list[Callable[[], AbstractContextManager[None]]] = attrs.field(factory=list)

    @classmethod
    def of_process(cls) -> Terminal:
        """Return the streams as they are now."""
        return cls(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environ=os.environ)

    @property
    def results_are_read(self) -> bool:
        """Whether a person reads the results, not a program."""
        return _is_terminal(self.stdout)

    @property
    def words_are_read(self) -> bool:
        """Whether a person reads standard error as it is written."""
        return _is_terminal(self.stderr)

    @property
    def moves_cursor(self) -> bool:
        """Whether standard error can show something that changes in place."""
        return self.words_are_read and self.environ.get("TERM", "") not in ("", "dumb")

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to type an answer."""
        return self.words_are_read and _is_terminal(self.stdin)

    def result(self, line: str) -> None:
        """Print a line of the result at once.

        Raises:
            BrokenPipeError: Nobody reads it any more.
        """
        _write(self.stdout, line)

    def say(self, line: str) -> None:
        """Print a line for a person; that nobody can read it is no fault."""
        with contextlib.suppress(OSError):
            _write(self.stderr, line)

    def note(self, line: str) -> None:
        """Print a line for a person that may come at any time."""
        with contextlib.ExitStack() as stack:
            for aside in self.pictures:
                stack.enter_context(aside())
            self.say(line)

    def read(self) -> bytes:
        """Read all of standard input."""
        if self.stdin is None:
            return b""
        raw = getattr(self.stdin, "buffer", None)
        return self.stdin.read().encode() if raw is None else bytes(raw.read())


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _write(stream: TextIO | None, line: str) -> None:
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
