"""Where the API key can be, and whether it is valid.

A message says where the key came from, what is wrong with it and at which place, and never shows
it. So it does not show what `CHAINHUB_API_KEY_FILE` holds either: it may be the key, by mistake.
"""

from __future__ import annotations

import os
import re
import stat
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from chainhub.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ARGUMENT = "the api_key argument"
CALLABLE = "the api_key callable"
VARIABLE = "CHAINHUB_API_KEY"
FILE_VARIABLE = "CHAINHUB_API_KEY_FILE"
KEYRING = "the keyring"

_SERVICE = "chainhub"
_USER = "api_key"
# Servers take about 8 KiB for all headers together; a long JWT has half of that.
_LONGEST = 8192
_POSIX = os.name == "posix"

_BLANK = " \t\r\n"
_NAMES = {"\r": "a line break", "\n": "a line break", " ": "white space", "\t": "white space"}
_BEARER = r"(?i)bearer(?:[ \t]+|$)"
_QUOTES = "\"'`"
_PLACEHOLDER = (
    r"(?is)\{\{.*\}\}|<.*>|\$\{?\w+\}?|%\w+%"
    r"|(?:sk-)?your[-_ ](?:\w{1,20}[-_ ])?(?:api[-_ ]?)?(?:key|token)(?:[-_ ]here)?"
    r"|sk-(?:\.{3}|x{3,}|\*{3,})"
)
_PLACEHOLDERS = ("sk-.", "sk-x", "sk-*")


class FoundKey(NamedTuple):
    """A usable key and the name of the place it came from."""

    key: str
    source: str

    def __repr__(self) -> str:
        return f"FoundKey(source={self.source!r})"


def check_key(text: object, source: str) -> str:
    """Return the key in `text`, ready for a header.

    White space around it is dropped, and a leading "Bearer ": it belongs to the header, is often
    copied along, and no key contains a space.

    Raises:
        CredentialsError: If this cannot be a key. The message names `source` and what is wrong.
    """
    if not isinstance(text, str):
        raise CredentialsError(f"{source} returned {type(text).__name__}, not a string")
    key = text.strip(_BLANK)
    if key[:6].lower() == "bearer" and (bearer := re.match(_BEARER, key)):
        key = key[bearer.end() :]
    problem = _problem(key)
    if problem is None:
        return key
    raise CredentialsError(f"unusable API key from {source}: it {problem}")


def find_key(environ: Mapping[str, str]) -> FoundKey | None:
    """Return the key of the environment, else of the key file, or None if there is neither.

    A variable that is set but empty counts as not set: shells, compose files and CI settings know
    no other way to leave one out. A file that a variable names must exist and is taken as it is;
    the one at the default place must be its owner's alone.

    Raises:
        CredentialsError: If a key or key file is there and not usable.
    """
    if text := environ.get(VARIABLE):
        return FoundKey(check_key(text, VARIABLE), VARIABLE)
    if path := environ.get(FILE_VARIABLE):
        source = f"the file that {FILE_VARIABLE} names"
        return FoundKey(check_key(_read(path, source), source), source)
    path = default_key_file(environ)
    if not os.path.exists(path):
        return None
    source = f"the key file {path}"
    _check_mode(path, source)
    return FoundKey(check_key(_read(path, source), source), source)


def default_key_file(environ: Mapping[str, str]) -> str:
    """Return where the key file is looked for if no variable names one."""
    config = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(config):  # the XDG specification: a relative one is to be ignored
        home = environ.get("HOME") or os.path.expanduser("~")
        config = os.path.join(home, ".config")
    return os.path.join(config, "chainhub", "key")


def keyring_installed() -> bool:
    """Tell whether the extra `chainhub[keyring]` is there, without importing it."""
    from importlib.util import find_spec

    try:
        return find_spec("keyring") is not None
    except ValueError:  # a stand-in that tests have put there has no specification
        return True


def ask_keyring(environ: Mapping[str, str]) -> str:
    """Return the key that the system's keyring holds.

    Raises:
        CredentialsError: If it has none, so that no place has one.
    """
    get_password: Callable[[str, str], str | None] = import_module("keyring").get_password
    key = get_password(_SERVICE, _USER)
    if key is None:
        raise no_key(environ)
    return key


def no_key(environ: Mapping[str, str]) -> CredentialsError:
    """Return the error that lists every place where a key may be put."""
    empty = f" ({VARIABLE} is set but empty)" if environ.get(VARIABLE) == "" else ""
    return CredentialsError(
        f"no API key{empty}: pass api_key=…, set {VARIABLE}, set {FILE_VARIABLE} to the path "
        f"of a key file, write the key to {default_key_file(environ)} (chmod 600), or install the "
        f"extra chainhub[keyring] and run: keyring set {_SERVICE} {_USER}"
    )


def _problem(key: str) -> str | None:
    if not key:
        return "is empty"
    if len(key) > _LONGEST:
        return f"has {len(key)} characters, more than the {_LONGEST} that are allowed"
    # Of true keys, next to none is worth compiling the pattern for.
    hints = key[0] in "{<$%" or "your" in key.lower() or key.lower().startswith(_PLACEHOLDERS)
    if hints and re.fullmatch(_PLACEHOLDER, key):
        return "is a placeholder from an example; use your own key"
    if len(key) > 1 and key[0] == key[-1] and key[0] in _QUOTES:
        return "is in quotation marks; remove them"
    for position, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            control = character < " " or character == "\x7f"
            name = _NAMES.get(character) or (
                "a control character" if control else "a character outside ASCII"
            )
            return f"has {name} at position {position}; copy the key again, without anything else"
    return None


def _check_mode(path: str, source: str) -> None:
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if _POSIX and mode & 0o077:
        raise CredentialsError(
            f"{source} is accessible to other users (mode {mode:04o}): chmod 600 {path}"
        )


def _read(path: str, source: str) -> str:
    problem = None
    try:
        # Opening a pipe could block for ever.
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                # Editors of one system put a byte order mark first.
                return file.read(_LONGEST * 2).decode("utf-8-sig", "replace")
        problem = "is not a regular file"
    except FileNotFoundError:
        problem = "does not exist"
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        problem = f"cannot be read ({type(error).__name__})"
    raise CredentialsError(f"{source} {problem}")
