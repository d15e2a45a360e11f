"""The API key in use: asked for when first needed, asked for again once when it was refused.

Precedence: argument > `CHAINHUB_API_KEY` > key file > keyring. A string, the environment and a
file are read at construction; a callable and the keyring are asked at the first request.
"""

from __future__ import annotations

import os.path
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakValueDictionary

from chainhub._session.key_sources import (
    ARGUMENT,
    CALLABLE,
    KEYRING,
    ask_keyring,
    check_key,
    find_key,
    keyring_installed,
    no_key,
)
from chainhub.errors import ConfigurationError, CredentialsError, DeadlineError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping

ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]]
_Ask = Callable[[], str] | Callable[[], Awaitable[str]]


def _nothing() -> str:
    return ""


_asking: ContextVar[tuple[int, ...]] = ContextVar("chainhub_asking", default=())
"""The credentials that this thread or task is asking for."""


class Key:
    """A key that does not show itself: error trackers record the locals of every frame."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that writes it into a header."""
        return self._text

    def __eq__(self, other: object) -> bool:
        text = other._text if isinstance(other, Key) else other
        return self._text == text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<key>"


class Secrets(tuple[str, ...]):
    """Keys that must not be shown, and that do not show themselves."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} keys>"


class Credentials:
    """Hold the key of one client, wherever it comes from, and never show it.

    Threads and event loops may share one. However many calls wait, a callable is asked once: by
    one thread, and by one task of each event loop.
    """

    __slots__ = (
        "__weakref__",
        "_ask",
        "_asked",
        "_failure",
        "_key",
        "_known",
        "_lock",
        "_loop_locks",
        "source",
    )

    def __init__(self, source: str, *, key: str | None = None, ask: _Ask = _nothing) -> None:
        self.source = source
        self._key = None if key is None else Key(key)
        self._ask = ask
        self._asked = 0
        self._failure: str | None = None
        # A few older ones too: answers to calls that were under way may echo them.
        self._known = deque([] if self._key is None else [self._key], maxlen=8)
        self.reset_after_fork()

    @classmethod
    def from_sources(
        cls, argument: ApiKey | None = None, *, environ: Mapping[str, str]
    ) -> Credentials:
        """Return the credentials of the first source that has any.

        Raises:
            CredentialsError: If no source has a key, or the first that has one has an unusable one.
        """
        if callable(argument):
            return cls(CALLABLE, ask=argument)
        if argument is not None:
            return cls(ARGUMENT, key=check_key(argument, ARGUMENT))
        if found := find_key(environ):
            return cls(found.source, key=found.key)
        if keyring_installed():
            return cls(KEYRING, ask=partial(ask_keyring, environ))
        raise no_key(environ)

    @property
    def fixed(self) -> Key | None:
        """The key, if it stays the same as long as the client lives."""
        return self._key if self._ask is _nothing else None

    def key(self, within: float | None = None) -> Key:
        """Return the key; ask for it first if nobody has yet.

        Args:
            within: Seconds to wait at most while another thread asks.

        Raises:
            CredentialsError: If the callable or keyring fails or gives nothing usable.
            ConfigurationError: If the callable is async; `AsyncClient` takes such a one.
            DeadlineError: If `within` ran out.
        """
        key = self._key
        return key if key is not None else self._renew(None, within)

    def refresh(self, rejected: Key, within: float | None = None) -> Key | None:
        """Return another key than the one that was refused, None if there is no other.

        Raises:
            CredentialsError: If the callable or keyring fails or gives nothing usable.
            DeadlineError: If `within` ran out.
        """
        if self._ask is _nothing:
            return None
        key = self._renew(rejected, within)
        return None if key == rejected else key

    async def akey(self) -> Key:
        """Return the key as `key` does; a plain callable runs in a thread, beside the loop."""
        key = self._key
        return key if key is not None else await self._arenew(None)

    async def arefresh(self, rejected: Key) -> Key | None:
        """Return another key as `refresh` does."""
        if self._ask is _nothing:
            return None
        key = await self._arenew(rejected)
        return None if key == rejected else key

    def secrets(self) -> tuple[str, ...]:
        """Return the keys that must not be shown: the one in use and the last few before it."""
        return Secrets(dict.fromkeys([key.reveal() for key in self._known]))

    def reset_after_fork(self) -> None:
        """Replace the locks in a child process; a thread that no longer exists may hold them."""
        self._lock = threading.Lock()
        # Weak: a lock that tasks have waited for refers to its event loop.
        self._loop_locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"Credentials(source={self.source!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials hold a key and cannot be pickled or copied")

    def _renew(self, rejected: Key | None, within: float | None) -> Key:
        asked = self._asked
        with self._once():
            wait = -1.0 if within is None else min(max(within, 0.0), threading.TIMEOUT_MAX)
            if not self._lock.acquire(timeout=wait):
                raise DeadlineError(
                    f"the deadline passed while another thread was waiting for {self.source}"
                )
            try:
                return self._found_by_another(asked, rejected) or self._take(self._call())
            finally:
                self._lock.release()

    async def _arenew(self, rejected: Key | None) -> Key:
        import asyncio

        asked = self._asked
        with self._once():
            lock = self._loop_locks.setdefault(id(asyncio.get_running_loop()), asyncio.Lock())
            async with lock:
                return self._found_by_another(asked, rejected) or self._take(await self._acall())

    def _found_by_another(self, asked: int, rejected: Key | None) -> Key | None:
        """Return what another call has found while this one waited, None if nothing."""
        if self._key != rejected:
            return self._key
        if self._asked == asked:
            return None
        if self._failure:
            raise CredentialsError(self._failure)
        return self._key

    @contextmanager
    def _once(self) -> Iterator[None]:
        # Without this a callable that uses its own client would wait for itself.
        outer = _asking.get()
        if id(self) in outer:
            raise ConfigurationError(
                f"{self.source} must not use the client that it provides the key for"
            )
        token = _asking.set((*outer, id(self)))
        try:
            yield
        finally:
            _asking.reset(token)

    def _call(self) -> object:
        try:
            value: object = self._ask()
        except Exception as error:  # noqa: BLE001 - it is foreign code, whatever it raises
            failure = _failure(self.source, error)
        else:
            if not isawaitable(value):
                return value
            if iscoroutine(value):
                value.close()
            raise ConfigurationError(f"{self.source} is async: use AsyncClient or a plain callable")
        self._fail(failure)

    async def _acall(self) -> object:
        import asyncio

        try:
            inline = iscoroutinefunction(self._ask)
            value: object = self._ask() if inline else await asyncio.to_thread(self._ask)
            return await value if isawaitable(value) else value
        except Exception as error:  # noqa: BLE001 - it is foreign code, whatever it raises
            failure = _failure(self.source, error)
        self._fail(failure)

    def _take(self, value: object) -> Key:
        try:
            key = Key(check_key(value, self.source))
        except CredentialsError as error:
            failure = error.message
        else:
            if key != self._key:
                self._known.append(key)
            self._asked += 1
            self._failure = None
            self._key = key
            return key
        self._fail(failure)

    def _fail(self, failure: str) -> NoReturn:
        self._asked += 1
        self._failure = failure
        raise CredentialsError(failure)


def _failure(source: str, error: Exception) -> str:
    """Return what may be shown of a foreign exception: its text may contain a key."""
    if source == KEYRING and isinstance(error, CredentialsError):
        return error.message
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = os.path.basename(trace.tb_frame.f_code.co_filename)
        place = f" ({file}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{source} raised {type(error).__name__}{place}"
