"""Which tasks a command is about: ids from its arguments, from standard input, or from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._redaction import one_line
from chainhub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHOWN = 200


def ids_in(text: str) -> list[str]:
    """Return the ids of a text, one per line; blank lines and # comments are skipped."""
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def chosen(arguments: Iterable[str], read_input: Callable[[], bytes]) -> list[str]:
    """Return the ids of the arguments, each once; `-` means those of standard input.

    Raises:
        ConfigurationError: There is no id, an id is empty, or the input is not text.
    """
    ids: list[str] = []
    for argument in arguments:
        if argument == "-":
            ids += ids_in(decoded(read_input(), "standard input"))
        elif argument.strip():
            ids.append(argument.strip())
        else:
            raise ConfigurationError("an id is empty; check that the shell variable is set")
    if not ids:
        raise ConfigurationError("there are no ids in standard input; give one per line")
    return list(dict.fromkeys(ids))


def ids_of_file(name: str, read_input: Callable[[], bytes]) -> list[str]:
    """Return the ids that a file holds, each once; `-` is standard input.

    Raises:
        ConfigurationError: It cannot be read, is not text, or has no ids; the message says which.
    """
    shown = "standard input" if name == "-" else f"the file {one_line(name, _SHOWN)}"
    data = read_input() if name == "-" else _contents(name, shown)
    ids = ids_in(decoded(data, shown))
    if not ids:
        raise ConfigurationError(f"there are no ids in {shown}; give one per line")
    return list(dict.fromkeys(ids))


def decoded(data: bytes, shown: str) -> str:
    """Return bytes as text.

    Raises:
        ConfigurationError: They are not text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(f"{shown} is not a text file; give one id per line")
    return text


def _contents(name: str, shown: str) -> bytes:
    try:
        with open(name, "rb") as file:
            return file.read()
    except IsADirectoryError:
        problem = "is a folder; give a file with one id per line"
    except FileNotFoundError:
        problem = "does not exist"
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        problem = f"cannot be read: {getattr(error, 'strerror', None) or 'its name is not usable'}"
    raise ConfigurationError(f"{shown} {problem}")
