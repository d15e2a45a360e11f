"""Where a command reads and writes: ids from input, results to output, words to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

import attrs

from chainhub._redaction import one_line
from chainhub.cli._records import Exit, complaint, encoded, exit_code_of, record_of, verdict
from chainhub.errors import ChainhubError, ConfigurationError, TransportError

_MOST_COMPLAINTS = 20  # a screen of them; the results say the rest
_LONGEST_NAME = 200


@attrs.define(kw_only=True, eq=False)
class Terminal:
    """The three streams of a process, any of which may be closed, its variables, its exit code.

    Lines come from any thread. From `held` until `release`, those for a terminal are kept: live
    rows are shown there, and only what paints the rows knows when they are out of the way.
    """

    stdin: TextIO | None = attrs.field(factory=lambda: sys.stdin)
    stdout: TextIO | None = attrs.field(factory=lambda: sys.stdout)
    stderr: TextIO | None = attrs.field(factory=lambda: sys.stderr)
    environ: Mapping[str, str] = os.environ
    json: bool = False
    resume_hint: Callable[[], str] = str
    """Returns how to resume the command after an interruption, or nothing."""
    lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    replayed: int = attrs.field(default=0, init=False)  # results, from a journal
    _held: list[tuple[TextIO, str]] | None = attrs.field(default=None, init=False)
    _codes: Counter[Exit] = attrs.field(factory=Counter, init=False)
    _unanswered: int = attrs.field(default=0, init=False)

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
        return self.words_are_read and _is_terminal(self.stdin)

    def result(self, line: str) -> None:
        """Print a line of the result; BrokenPipeError if nobody reads it any more."""
        self._print(self.stdout, line)

    def say(self, line: str) -> None:
        """Print a line for a person; that nobody can read it is no error."""
        with contextlib.suppress(OSError):
            self._print(self.stderr, line)

    def held(self) -> list[tuple[TextIO, str]]:
        """Return the lines that were kept, with their streams, and keep those that come now."""
        with self.lock:
            lines, self._held = self._held or [], []
        return lines

    def release(self) -> None:
        """Print the lines that were kept, and keep none from now on."""
        with self.lock, contextlib.suppress(OSError):
            lines, self._held = self._held or [], None
            for stream, line in lines:
                write_line(stream, line)

    def read(self) -> bytes:
        """Read all of standard input."""
        if self.stdin is None:
            return b""
        raw = getattr(self.stdin, "buffer", None)
        return self.stdin.read().encode() if raw is None else bytes(raw.read())

    @property
    def failed(self) -> int:
        return self._codes.total() - self._codes[Exit.DONE]

    @property
    def code(self) -> Exit:
        """The exit code for all results."""
        return verdict(+self._codes)

    def add(
        self,
        task_id: str,
        task: object = None,
        error: ChainhubError | None = None,
        line: str | None = None,
        *,
        note: str | None = None,
        final: bool = True,
        **facts: Any,
    ) -> None:
        """Print one result: its record, or the line if there is one, after the error and a note."""
        record = record_of(task_id, task, error, **facts)
        with self.lock:
            # Of a task that is watched only the last result counts.
            self._codes[exit_code_of(error)] += final
            self.replayed += record["replayed"]
            if note is not None:
                self.say(note)
            if error is not None:
                self._complain(error, task_id)
            if self.json:
                self.result(encoded(record))
            elif line is not None:
                self.result(line)

    def _print(self, stream: TextIO | None, line: str) -> None:
        if stream is None:
            return
        with self.lock:
            if self._held is not None and stream.isatty():
                self._held.append((stream, line))
            else:
                write_line(stream, line)

    def _complain(self, error: ChainhubError, task_id: str) -> None:
        # A service that is down says the same of every task.
        self._unanswered += isinstance(error, TransportError)
        count = self.failed if self.json else self._unanswered
        if count <= _MOST_COMPLAINTS or not (self.json or isinstance(error, TransportError)):
            self.say(complaint(error, task_id))
        elif count == _MOST_COMPLAINTS + 1:
            where = "the results say why" if self.json else "the service did not respond"
            self.say(f"chainhub: more failed; {where}")


def write_line(stream: TextIO, line: str) -> None:
    """Write a line at once, with what the stream's encoding lacks written as escapes."""
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()  # a program that reads them must not wait until a buffer is full


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def chosen(arguments: Iterable[str], read_input: Callable[[], bytes]) -> list[str]:
    """Return the ids of the arguments, each once; `-` means those of standard input."""
    ids: list[str] = []
    for argument in arguments:
        if argument == "-":
            ids += _ids_in(read_input(), "standard input")
        elif argument.strip():
            ids.append(argument.strip())
        else:
            raise ConfigurationError("an id is empty; check that the shell variable is set")
    return _each_once(ids, "standard input")


def ids_of_file(name: str, read_input: Callable[[], bytes]) -> list[str]:
    """Return the ids that a file holds, each once; `-` is standard input."""
    if name == "-":
        return chosen(["-"], read_input)
    shown = f"the file {one_line(name, _LONGEST_NAME)}"
    try:
        with open(name, "rb") as file:
            data = file.read()
    except IsADirectoryError:
        problem = "is a folder; give a file with one id per line"
    except FileNotFoundError:
        problem = "does not exist"
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        problem = f"cannot be read: {getattr(error, 'strerror', None) or 'its name is not usable'}"
    else:
        return _each_once(_ids_in(data, shown), shown)
    raise ConfigurationError(f"{shown} {problem}")


def _ids_in(data: bytes, shown: str) -> list[str]:
    """Return the ids of a text, one per line; blank lines and # comments are skipped."""
    try:
        # Windows writes a mark at the begin of each file, so also in between if files are joined.
        text = data.decode().replace("\ufeff", "").replace("\r", "\n")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without a mark can be read as UTF-8
        raise ConfigurationError(f"{shown} is not a text file in UTF-8; give one id per line")
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _each_once(ids: list[str], shown: str) -> list[str]:
    if not ids:
        raise ConfigurationError(f"there are no ids in {shown}; give one per line")
    return list(dict.fromkeys(ids))
