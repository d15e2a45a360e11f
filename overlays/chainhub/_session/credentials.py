"""The API key: where it may be, whether it is valid, and fetching it again after a refusal.

Precedence: argument > `CHAINHUB_API_KEY` > key file > keyring. A string, the environment and a
file are read at construction; a callable and the keyring are asked at the first request.

A message says where the key came from, what is wrong with it and at which place, and never shows
it. So it does not show what `CHAINHUB_API_KEY_FILE` holds either: it may be the key, by mistake.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from traceback import walk_tb
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakValueDictionary

from chainhub.errors import ConfigurationError, CredentialsError, DeadlineError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator, Mapping

ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]]
_Ask = Callable[[], str] | Callable[[], Awaitable[str]]

ARGUMENT = "the api_key argument"
CALLABLE = "the api_key callable"
KEY_VARIABLE = "CHAINHUB_API_KEY"
FILE_VARIABLE = "CHAINHUB_API_KEY_FILE"
KEYRING = "the keyring"

_SERVICE, _USER = "chainhub", "api_key"
# Servers take about 8 KiB for all headers together; a long JWT has half of that.
_LONGEST = 8192
_POSIX = os.name == "posix"
_NAMES = {"\r": "a line break", "\n": "a line break", " ": "white space", "\t": "white space"}
_PLACEHOLDER = (
    r"(?is)\{\{.*\}\}|<.*>|\$\{?\w+\}?|%\w+%"
    r"|(?:sk-)?your[-_ ](?:\w{1,20}[-_ ])?(?:api[-_ ]?)?(?:key|token)(?:[-_ ]here)?"
    r"|sk-(?:\.{3}|x{3,}|\*{3,})"
)

# The ids of the credentials whose sources this thread or task is calling.
_pending_ids: ContextVar[tuple[int, ...]] = ContextVar("chainhub_pending_ids", default=())


class Key:
    """A key that does not show itself: error trackers record the locals of every frame."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str = "") -> None:
        self._text = text
        self.source = source

    def reveal(self) -> str:
        """Return the text, for the one place that writes it into a header."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._text == other._text

    def __repr__(self) -> str:
        return "<key>"


class Variables:
    """The environment, which does not show itself: the key may be in it."""

    def get(self, name: str, default: str = "") -> str:
        """Return the text of a variable."""
        return os.environ.get(name, default)


class Secrets:
    """The text of keys, one after the other; no tuple, whose items error trackers show."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def __iter__(self) -> Iterator[str]:
        return (key.reveal() for key in self._keys)


class Credentials:
    """The key of one client, from any source, which is never shown.

    Threads and event loops may share one. However many calls wait, a callable is asked once: by
    one thread, and by one task of each event loop.
    """

    def __init__(self, source: str, *, key: Key | None = None, ask: _Ask | None = None) -> None:
        self.source = source
        self._key = key
        self._ask = ask
        self._ask_count = 0
        self._failure: str | None = None
        # A few older ones too: responses to calls that were in progress may echo them.
        self._recent_keys = deque([] if key is None else [key], maxlen=8)
        self.reset_after_fork()

    @classmethod
    def from_sources(
        cls, argument: ApiKey | Key | None = None, *, environ: Mapping[str, str] | Variables
    ) -> Credentials:
        """Return the credentials of the first source that has any; raise if they are invalid."""
        if callable(argument):
            return cls(CALLABLE, ask=argument)
        if argument is not None:
            return cls(ARGUMENT, key=Key(check_key(argument, ARGUMENT)))
        if key := find_key(environ):
            return cls(key.source, key=key)
        if keyring_installed():
            return cls(KEYRING, ask=partial(ask_keyring, environ))
        raise no_key(environ)

    @property
    def fixed_key(self) -> Key | None:
        """The key, if it stays the same as long as the client lives."""
        return self._key if self._ask is None else None

    def key(self, timeout: float | None = None, rejected_key: Key | None = None) -> Key:
        """Return the key; call its source for the first key, and again if the key was rejected.

        Args:
            timeout: Seconds to wait at most while another thread asks.
            rejected_key: A key that was refused; it is returned if there is no other.

        Raises:
            CredentialsError: If the callable or keyring fails or gives nothing usable.
            ConfigurationError: If the callable is async; `AsyncClient` takes async ones.
            DeadlineError: If `timeout` ran out.
        """
        key, ask_count = self._key, self._ask_count
        if key is not None and (self._ask is None or key != rejected_key):
            return key
        lock_timeout = -1.0 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX)
        with self._refuse_recursion():
            if not self._lock.acquire(timeout=lock_timeout):
                raise DeadlineError(
                    f"the deadline passed while another thread was waiting for {self.source}"
                )
            try:
                new_key = self._concurrent_key(ask_count, rejected_key)
                return new_key or self._store(*self._fetch())
            finally:
                self._lock.release()

    async def akey(self, timeout: float | None = None, rejected_key: Key | None = None) -> Key:
        """Return the key as `key` does; a plain callable runs in a thread, beside the loop.

        `timeout` holds for the callable too, which is cancelled then; a thread keeps running.
        """
        key, ask_count = self._key, self._ask_count
        if key is not None and (self._ask is None or key != rejected_key):
            return key
        import asyncio

        with self._refuse_recursion():
            lock = self._loop_locks.setdefault(id(asyncio.get_running_loop()), asyncio.Lock())
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout), lock:
                    new_key = self._concurrent_key(ask_count, rejected_key)
                    return new_key or self._store(*await self._afetch())
        raise DeadlineError(f"the deadline passed while waiting for {self.source}")

    def secrets(self) -> Secrets:
        """Return the keys that must not be shown: the one in use and the last few before it."""
        return Secrets(self._recent_keys)

    def reset_after_fork(self) -> None:
        """Replace the locks in a child process; a thread that no longer exists may hold them."""
        self._lock = threading.Lock()
        # Weak: a lock that tasks have waited for refers to its event loop.
        self._loop_locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials hold a key and cannot be pickled or copied")

    @contextmanager
    def _refuse_recursion(self) -> Iterator[None]:
        # Without this a callable that uses its own client would wait for itself.
        outer_ids = _pending_ids.get()
        if id(self) in outer_ids:
            raise ConfigurationError(f"{self.source} must not use the client that it is the key of")
        token = _pending_ids.set((*outer_ids, id(self)))
        try:
            yield
        finally:
            _pending_ids.reset(token)

    def _concurrent_key(self, ask_count: int, rejected_key: Key | None) -> Key | None:
        """Return the key that another call fetched while this one waited, or None."""
        if self._key == rejected_key:
            if self._ask_count == ask_count:
                return None
            if self._failure:
                raise CredentialsError(self._failure)
        return self._key

    def _fetch(self) -> tuple[object, str | None]:
        """Return what the source returns, or why it failed."""
        value, failure = self._call_source()
        if not isawaitable(value):
            return value, failure
        if iscoroutine(value):
            value.close()
        raise ConfigurationError(f"{self.source} is async: use AsyncClient or a plain callable")

    def _call_source(self) -> tuple[object, str | None]:
        try:
            return "" if self._ask is None else self._ask(), None
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything
            return None, _describe_failure(self.source, error)

    async def _afetch(self) -> tuple[object, str | None]:
        import asyncio

        try:
            if iscoroutinefunction(self._ask):
                return await self._ask(), None
            # Its exceptions are caught in the thread: a future cannot raise StopIteration.
            value, failure = await asyncio.to_thread(self._call_source)
            return await value if isawaitable(value) else value, failure
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything
            return None, _describe_failure(self.source, error)

    def _store(self, value: object, failure: str | None) -> Key:
        self._ask_count += 1
        self._failure = failure
        if failure is None:
            try:
                key = Key(check_key(value, self.source))
            except CredentialsError as error:
                failure = self._failure = error.message
            else:
                if key not in self._recent_keys:
                    self._recent_keys.append(key)
                self._key = key
                return key
        del value  # error trackers record frames, and it may be a key with a typo
        raise CredentialsError(failure)


def _describe_failure(source: str, error: Exception) -> str:
    """Return what may be shown of an exception of foreign code: its text may contain a key."""
    if source == KEYRING and isinstance(error, CredentialsError):
        return error.message
    frame, line = list(walk_tb(error.__traceback__))[-1]
    file = os.path.basename(frame.f_code.co_filename)
    return f"{source} raised {type(error).__name__} ({file}, line {line})"


def check_key(value: object, source: str) -> str:
    """Return the key in a text, ready for a header.

    White space around it is dropped, and a leading "Bearer ": it belongs to the header, is often
    copied along, and no key contains a space.

    Raises:
        CredentialsError: If this cannot be a key. The message names `source` and what is wrong.
    """
    text = value.reveal() if isinstance(value, Key) else value
    if isinstance(text, str):
        key = text.strip(" \t\r\n")
        if key[:6].lower() == "bearer" and key[6:7] in ("", " ", "\t"):
            key = key[6:].lstrip(" \t")
        problem = _problem(key)
        if problem is None:
            return key
        problem = f"unusable API key from {source}: it {problem}"
        del key
    else:
        problem = f"{source} returned {type(text).__name__}, not a string"
    del value, text  # it may be a key with a typo
    raise CredentialsError(problem)


def _problem(key: str) -> str | None:
    if not key:
        return "is empty"
    if len(key) > _LONGEST:
        return f"has {len(key)} characters, more than the {_LONGEST} that are allowed"
    # Almost no real key has such a hint, so the pattern is rarely compiled.
    hint = key[0] in "{<$%" or "your" in key.lower() or key.lower()[:4] in ("sk-.", "sk-x", "sk-*")
    if hint and re.fullmatch(_PLACEHOLDER, key):
        return "is a placeholder from an example; use your own key"
    if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'`":
        return "is in quotation marks; remove them"
    for position, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            control = character < " " or character == "\x7f"
            kind = "a control character" if control else "a character outside ASCII"
            name = _NAMES.get(character, kind)
            return f"has {name} at position {position}; copy the key again, without anything else"
    return None


def find_key(environ: Mapping[str, str] | Variables) -> Key | None:
    """Return the key of the environment, else of the key file, or None if there is neither.

    A variable that is set but empty counts as not set: shells, compose files and CI settings have
    no other way to leave one out. A file that a variable names must exist, with any mode; the file
    at the default path must be private to its owner. An unusable key is an error.
    """
    if environ.get(KEY_VARIABLE):
        return Key(check_key(environ.get(KEY_VARIABLE), KEY_VARIABLE), KEY_VARIABLE)
    variable = environ.get(FILE_VARIABLE)
    path = variable or default_key_file(environ)
    source = f"the file that {FILE_VARIABLE} names" if variable else f"the key file {path}"
    if not variable:
        if not os.path.exists(path):
            return None
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if _POSIX and mode & 0o077:
            problem = f"is accessible to other users (mode {mode:04o}): chmod 600 {path}"
            raise CredentialsError(f"{source} {problem}")
    return Key(check_key(_read(path, source), source), source)


def default_key_file(environ: Mapping[str, str] | Variables) -> str:
    """Return the path of the key file if no variable names one."""
    config = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(config):  # the XDG specification: a relative one is to be ignored
        home = environ.get("HOME") or os.path.expanduser("~")
        config = os.path.join(home, ".config")
    return os.path.join(config, "chainhub", "key")


def _read(path: str, source: str) -> str:
    problem = "is not a regular file"
    try:
        # Opening a pipe could block for ever.
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                # Some editors write a byte order mark first.
                return file.read(_LONGEST * 2).decode("utf-8-sig", "replace")
    except FileNotFoundError:
        problem = "does not exist"
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        problem = f"cannot be read ({type(error).__name__})"
    raise CredentialsError(f"{source} {problem}")


def keyring_installed() -> bool:
    """Tell whether the extra `chainhub[keyring]` is installed, without importing it."""
    from importlib.util import find_spec

    try:
        return find_spec("keyring") is not None
    except ValueError:  # a stand-in that tests have put there has no specification
        return True


def ask_keyring(environ: Mapping[str, str] | Variables) -> str:
    """Return the key in the system's keyring, the last source; raise if it has none."""
    key: str | None = import_module("keyring").get_password(_SERVICE, _USER)
    if key is None:
        raise no_key(environ)
    return key


def no_key(environ: Mapping[str, str] | Variables) -> CredentialsError:
    """Return the error that lists every place where a key may be put."""
    is_empty = environ.get(KEY_VARIABLE, "unset") == ""
    empty = f" ({KEY_VARIABLE} is set but empty)" if is_empty else ""
    return CredentialsError(
        f"no API key{empty}: pass api_key=…, set {KEY_VARIABLE}, set {FILE_VARIABLE} to the path "
        f"of a key file, write the key to {default_key_file(environ)} (chmod 600), or install the "
        f"extra chainhub[keyring] and run: keyring set {_SERVICE} {_USER}"
    )
