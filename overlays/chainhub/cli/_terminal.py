"""Input and output of a command: ids from input, results to output, messages to standard error."""

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
from chainhub.cli._records import Exit, combined_code, encoded, error_line, exit_code_of, record_of
from chainhub.errors import ChainhubError, ConfigurationError, TransportError

_MAX_ERROR_LINES = 20  # a screen of them; the results say the rest
_MAX_NAME = 200


@attrs.define(kw_only=True, eq=False)
class Terminal:
    """The three streams of a process, any of which may be closed, its variables, its exit code.

    Any thread may print. From `take_buffer` until `release`, lines for a terminal are buffered:
    live rows are shown there, and only the thread that paints them knows when they are erased.
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
    _buffer: list[tuple[TextIO, str]] | None = attrs.field(default=None, init=False)
    _codes: Counter[Exit] = attrs.field(factory=Counter, init=False)
    _transport_errors: int = attrs.field(default=0, init=False)

    @property
    def stdout_is_terminal(self) -> bool:
        """Whether a person reads the results, not a program."""
        return _is_terminal(self.stdout)

    @property
    def stderr_is_terminal(self) -> bool:
        """Whether a person reads standard error as it is written."""
        return _is_terminal(self.stderr)

    @property
    def moves_cursor(self) -> bool:
        """Whether standard error can show something that changes in place."""
        return self.stderr_is_terminal and self.environ.get("TERM", "") not in ("", "dumb")

    @property
    def can_prompt(self) -> bool:
        return self.stderr_is_terminal and _is_terminal(self.stdin)

    def result(self, line: str) -> None:
        """Print a line of the result; BrokenPipeError if the reader has closed the pipe."""
        self._print(self.stdout, line)

    def say(self, line: str) -> None:
        """Print a line for a person; it is no error if it cannot be printed."""
        with contextlib.suppress(OSError):
            self._print(self.stderr, line)

    def take_buffer(self) -> list[tuple[TextIO, str]]:
        """Return the lines that were buffered, with their streams; from now on buffer lines."""
        with self.lock:
            lines, self._buffer = self._buffer or [], []
        return lines

    def release(self) -> None:
        """Print the lines that were buffered; from now on buffer none."""
        with self.lock, contextlib.suppress(OSError):
            lines, self._buffer = self._buffer or [], None
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
        return combined_code(+self._codes)

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
            # `watch` adds several results of a task, of which only the last one counts.
            self._codes[exit_code_of(error)] += final
            self.replayed += record["replayed"]
            if note is not None:
                self.say(note)
            if error is not None:
                self._print_error(error, task_id)
            if self.json:
                self.result(encoded(record))
            elif line is not None:
                self.result(line)

    def _print(self, stream: TextIO | None, line: str) -> None:
        if stream is None:
            return
        with self.lock:
            if self._buffer is not None and stream.isatty():
                self._buffer.append((stream, line))
            else:
                write_line(stream, line)

    def _print_error(self, error: ChainhubError, task_id: str) -> None:
        # A service that is down would cause the same line for every task.
        self._transport_errors += isinstance(error, TransportError)
        count = self.failed if self.json else self._transport_errors
        if count <= _MAX_ERROR_LINES or not (self.json or isinstance(error, TransportError)):
            self.say(error_line(error, task_id))
        elif count == _MAX_ERROR_LINES + 1:
            hint = "the results say why" if self.json else "the service did not respond"
            self.say(f"chainhub: more failed; {hint}")


def write_line(stream: TextIO, line: str) -> None:
    """Write and flush a line; what the stream's encoding lacks is written as escapes."""
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()  # a program that reads lines must not wait until a buffer is full


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def read_ids(arguments: Iterable[str], read_input: Callable[[], bytes]) -> list[str]:
    """Return the ids of the arguments, each once; `-` means those of standard input."""
    ids: list[str] = []
    for argument in arguments:
        if argument == "-":
            ids += _parse_ids(read_input(), "standard input")
        elif argument.strip():
            ids.append(argument.strip())
        else:
            raise ConfigurationError("an id is empty; check that the shell variable is set")
    return _unique(ids, "standard input")


def ids_of_file(name: str, read_input: Callable[[], bytes]) -> list[str]:
    """Return the ids in a file, each once; `-` is standard input."""
    if name == "-":
        return read_ids(["-"], read_input)
    if not name:
        raise ConfigurationError("the file's name is empty; check that the shell variable is set")
    source = f"the file {one_line(name, _MAX_NAME)}"
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
        return _unique(_parse_ids(data, source), source)
    raise ConfigurationError(f"{source} {problem}")


def _parse_ids(data: bytes, source: str) -> list[str]:
    """Return the ids of a text, one per line; blank lines and # comments are skipped."""
    try:
        # Windows writes a mark at the start of each file, so joined files have it inside too.
        text = data.decode().replace("\ufeff", "").replace("\r", "\n")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without a mark can be read as UTF-8
        raise ConfigurationError(f"{source} is not a text file in UTF-8; give one id per line")
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _unique(ids: list[str], source: str) -> list[str]:
    if not ids:
        raise ConfigurationError(f"there are no ids in {source}; give one per line")
    return list(dict.fromkeys(ids))
