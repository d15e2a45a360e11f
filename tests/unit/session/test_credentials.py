"""The key: where it may be, asking for it once, asking again once, and never showing it."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import ModuleType

import pytest

from chainhub._session import (
    Credentials,
    Key,
    Variables,
    check_key,
    find_key,
    keyring_installed,
    no_key,
)
from chainhub._session import credentials as _credentials
from chainhub._session.credentials import ApiKey, default_key_file
from chainhub.errors import ConfigurationError, CredentialsError, DeadlineError

KEY = "sk-test-0123456789"
NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_credentials, "keyring_installed", lambda: False)


class Source:
    """A callable that gives sk-test-1, sk-test-2, … or raises, and counts."""

    def __init__(self, *answers: object) -> None:
        self.answers = answers
        self.asked = 0
        self.ready: Callable[[], object] = int
        self.threads: set[int] = set()

    def __call__(self) -> str:
        """Be the plain form of it."""
        self.threads.add(threading.get_ident())
        self.ready()
        return self.next()

    def next(self) -> str:
        """Return or raise what comes next."""
        self.asked += 1
        if not self.answers:
            return f"sk-test-{self.asked}"
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]  # also what a callable must not return

    async def ask(self) -> str:
        """Be the async form of it."""
        await asyncio.sleep(0)
        return self.next()


def credentials(argument: ApiKey | None) -> Credentials:
    """Return the credentials of an argument, with nothing in the environment."""
    return Credentials.from_sources(argument, environ=NOWHERE)


def again(key: Key, rejected: str) -> str | None:
    """Return the key that came for a rejected one, None if there is no other."""
    return None if key.reveal() == rejected else key.reveal()


class Sync:
    """Ask in a thread."""

    def build(self, source: Source) -> Credentials:
        return credentials(source)

    def key(self, held: Credentials) -> str:
        return held.key().reveal()

    def refresh(self, held: Credentials, rejected: str) -> str | None:
        return again(held.key(rejected_key=Key(rejected)), rejected)


class AsyncOfPlain(Sync):
    """Ask a plain callable in an event loop."""

    def key(self, held: Credentials) -> str:
        return asyncio.run(asyncio.wait_for(held.akey(), 5)).reveal()

    def refresh(self, held: Credentials, rejected: str) -> str | None:
        return again(asyncio.run(held.akey(rejected_key=Key(rejected))), rejected)


class Async(AsyncOfPlain):
    """Ask an async callable in an event loop."""

    def build(self, source: Source) -> Credentials:
        return credentials(source.ask)


@pytest.fixture(params=[Sync, Async, AsyncOfPlain])
def mode(request: pytest.FixtureRequest) -> Sync:
    """Return each way to ask in turn."""
    made: Sync = request.param()
    return made


def test_precedence() -> None:
    """An argument goes before the environment, and a callable is not asked at construction."""
    environ = {"CHAINHUB_API_KEY": "sk-test-env"}
    source = Source()
    for argument, key, name in (
        (f"{KEY}\n", KEY, "the api_key argument"),
        (source, "sk-test-1", "the api_key callable"),
        (None, "sk-test-env", "CHAINHUB_API_KEY"),
    ):
        held = Credentials.from_sources(argument, environ=environ)
        assert source.asked == 0 or argument is None
        assert (held.key().reveal(), held.source) == (key, name)
    with pytest.raises(CredentialsError, match="no API key: pass api_key="):
        credentials(None)
    with pytest.raises(CredentialsError, match="from PLACE: it is empty"):
        Credentials("PLACE").key()


@pytest.mark.parametrize("argument", ["", " ", "sk-test\nx", b"sk-test-bytes", 7])
def test_unusable_argument(argument: object) -> None:
    """An argument that is no key is an error, not a reason to look elsewhere."""
    build: Callable[..., Credentials] = Credentials.from_sources
    with pytest.raises(CredentialsError, match="the api_key argument"):
        build(argument, environ={"CHAINHUB_API_KEY": KEY})


class Ring(ModuleType):
    """A keyring that answers or raises."""

    def __init__(self, answer: str | Exception | None) -> None:
        super().__init__("keyring")
        self.answer = answer

    def get_password(self, service: str, user: str) -> str | None:
        """Answer or raise."""
        assert (service, user) == ("chainhub", "api_key")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (KEY, None),
        (None, "no API key: pass api_key="),
        ("", "from the keyring: it is empty"),
        (RuntimeError(KEY), "the keyring raised RuntimeError"),
        (CredentialsError("x"), "^x"),
    ],
)
def test_keyring(
    answer: str | Exception | None, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keyring comes last and is asked at the first request."""
    monkeypatch.setattr(_credentials, "keyring_installed", lambda: True)
    held = credentials(None)
    assert held.source == "the keyring"
    monkeypatch.setitem(sys.modules, "keyring", Ring(answer))
    if said is None:
        assert held.key().reveal() == KEY
        return
    with pytest.raises(CredentialsError, match=said) as caught:
        held.key()
    assert KEY not in str(caught.value)


def test_a_fixed_key_cannot_be_refreshed() -> None:
    """A string is not asked again."""
    held = credentials(KEY)
    key = held.key()
    assert held.key(rejected_key=key) is asyncio.run(held.akey(rejected_key=key)) is key
    assert asyncio.run(held.akey()) is key


def test_asked_once(mode: Sync) -> None:
    """The key is kept after the first request, over several event loops too."""
    source = Source()
    held = mode.build(source)
    assert [mode.key(held) for _ in range(3)] == ["sk-test-1"] * 3
    assert source.asked == 1


def test_refreshed_when_it_was_refused(mode: Sync) -> None:
    """The new key is used from then on, by a call too that was refused with the older one."""
    source = Source()
    held = mode.build(source)
    assert mode.refresh(held, "sk-test-0") == "sk-test-1"  # refused before this one was asked for
    assert mode.refresh(held, "sk-test-1") == "sk-test-2"
    assert mode.refresh(held, "sk-test-1") == mode.key(held) == "sk-test-2"
    assert source.asked == 2


def test_the_same_key_again_is_no_refresh(mode: Sync) -> None:
    """There is nothing to send again if the callable has no other key; later it may have one."""
    source = Source("sk-test-a", "sk-test-a", "sk-test-b")
    held = mode.build(source)
    mode.key(held)
    assert mode.refresh(held, "sk-test-a") is None
    assert mode.refresh(held, "sk-test-a") == "sk-test-b"


@pytest.mark.parametrize("kind", [RuntimeError, CredentialsError])
def test_a_foreign_exception_is_not_shown(mode: Sync, kind: type[Exception]) -> None:
    """What a callable raises becomes an error that names type and place, without its text."""
    held = mode.build(Source(kind(f"denied for {KEY}"), KEY))
    place = rf"raised {kind.__name__} \(test_credentials\.py, line \d"
    with pytest.raises(CredentialsError, match=place) as caught:
        mode.key(held)
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is caught.value.__cause__ is None
    assert mode.key(held) == KEY


@pytest.mark.parametrize("plain", [Sync(), AsyncOfPlain()])
def test_an_iterator_of_keys_that_has_ended(plain: Sync) -> None:
    """StopIteration is an exception like any other, although no future takes it."""
    held = credentials(lambda: next(iter(())))
    with pytest.raises(CredentialsError, match=r"raised StopIteration \(test_credentials\.py"):
        plain.key(held)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(None, "NoneType, not a string"), ("sk-test\nx", "line break"), ("", "empty")],
)
def test_an_unusable_answer(mode: Sync, answer: object, said: str) -> None:
    """What a callable gives is checked like any other key."""
    with pytest.raises(CredentialsError, match=said) as caught:
        mode.key(mode.build(Source(answer)))
    assert caught.value.__context__ is None
    assert "sk-test" not in str(caught.value)


def test_a_failed_refresh_keeps_the_old_key(mode: Sync) -> None:
    """A callable that fails once does not lose the key."""
    held = mode.build(Source("sk-test-a", RuntimeError(), "sk-test-b"))
    mode.key(held)
    with pytest.raises(CredentialsError):
        mode.refresh(held, "sk-test-a")
    assert mode.key(held) == "sk-test-a"
    assert mode.refresh(held, "sk-test-a") == "sk-test-b"


@pytest.mark.parametrize("leave", [KeyboardInterrupt, SystemExit])
def test_leaving_is_not_caught(leave: type[BaseException]) -> None:
    """Ctrl-C in a callable stays what it is, and the lock is free afterwards."""
    # For sync only: asyncio itself stops at such an exception.
    held = credentials(Source(leave(), KEY))
    with pytest.raises(leave):
        held.key()
    assert held.key(timeout=0.0).reveal() == KEY


class HeldLock:
    """A lock that tells how many have come to it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.come = threading.Semaphore(0)

    def acquire(self, timeout: float) -> bool:
        """Come and wait."""
        self.come.release()
        return self.lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Let the next one in."""
        self.lock.release()

    def wait_for(self, number: int) -> None:
        """Wait until that many have come."""
        for _ in range(number):
            assert self.come.acquire(timeout=10)


def scheduler(source: Source, held: Credentials, work: Callable[[], Key]) -> list[object]:
    """Run the same in eight threads; the source answers when all of them wait for it."""
    lock = HeldLock()
    held._lock = lock  # type: ignore[assignment]  # as much of a lock as is needed
    source.ready = lambda: lock.wait_for(8 if source.asked == before else 0)
    before = source.asked
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work().reveal())
        except CredentialsError as error:
            results.append(error.message)

    in_threads(run, 8)
    return results


def in_threads(work: Callable[[], object], size: int) -> None:
    """Run the same in several threads."""
    threads = [threading.Thread(target=work) for _ in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)


def test_threads_share_an_answer() -> None:
    """Threads that wait for the key or another one do not ask one after the other."""
    source = Source("sk-test-1", "sk-test-2", ValueError(), "sk-test-2")
    held = credentials(source)
    assert scheduler(source, held, held.key) == ["sk-test-1"] * 8
    assert (
        scheduler(source, held, lambda: held.key(rejected_key=Key("sk-test-1")))
        == ["sk-test-2"] * 8
    )
    (failure,) = set(scheduler(source, held, lambda: held.key(rejected_key=Key("sk-test-2"))))
    assert "raised ValueError" in str(failure)
    # The old failure is not what those are told that wait for a later, good answer.
    assert (
        scheduler(source, held, lambda: held.key(rejected_key=Key("sk-test-2")))
        == ["sk-test-2"] * 8
    )
    assert source.asked == 4


def gathered(*work: Coroutine[object, object, Key]) -> set[str]:
    """Run coroutines together in an event loop of their own, and return what they brought."""

    async def run() -> list[Key | BaseException]:
        return await asyncio.gather(*work, return_exceptions=True)

    return {one.reveal() if isinstance(one, Key) else str(one) for one in asyncio.run(run())}


def test_tasks_share_an_answer() -> None:
    """Tasks that wait for the key or a new one do not ask one after the other."""
    source = Source("sk-test-1", "sk-test-2", ValueError())
    held = credentials(source.ask)
    assert gathered(*(held.akey() for _ in range(8))) == {"sk-test-1"}
    assert gathered(*(held.akey(rejected_key=Key("sk-test-1")) for _ in range(8))) == {"sk-test-2"}
    (failure,) = gathered(*(held.akey(rejected_key=Key("sk-test-2")) for _ in range(8)))
    assert "raised ValueError" in str(failure)
    assert source.asked == 3


def test_a_cancelled_task_leaves_the_asking_to_the_next() -> None:
    """If the task that asks is cancelled another one asks, and nobody hangs."""
    source = Source()
    held = credentials(source.ask)

    async def run() -> Key:
        first = asyncio.create_task(held.akey())
        second = asyncio.create_task(held.akey())
        await asyncio.sleep(0)
        first.cancel()
        return await asyncio.wait_for(second, 5)

    assert asyncio.run(run()).reveal() == "sk-test-1"


def test_several_loops_at_once() -> None:
    """Event loops in several threads ask for themselves and end up with one key."""
    source = Source(KEY)
    held = credentials(source.ask)
    keys: list[str] = []
    in_threads(lambda: keys.append(asyncio.run(held.akey()).reveal()), 4)
    assert keys == [KEY] * 4
    assert 1 <= source.asked <= 4


def test_event_loops_are_not_kept() -> None:
    """A loop that has ended is not held by the lock its tasks waited for."""
    held = credentials(Source().ask)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def run() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await asyncio.gather(held.akey(), held.akey())

    asyncio.run(run())
    gc.collect()
    assert loops[0]() is None


def test_a_plain_callable_does_not_stop_the_loop() -> None:
    """It runs in another thread, and need not be an async function to return a coroutine."""
    source = Source()
    asyncio.run(credentials(source).akey())
    assert threading.get_ident() not in source.threads
    held = credentials(lambda: source.ask())
    assert asyncio.run(held.akey()).reveal() == "sk-test-2"


class Later:
    """Something to await that is no coroutine."""

    def __await__(self) -> object:
        """Give nothing."""
        return iter(())


@pytest.mark.parametrize("async_callable", [Source().ask, lambda: Source().ask(), Later])
def test_async_callable_in_a_sync_client(async_callable: Callable[[], Awaitable[str]]) -> None:
    """A sync client says that it cannot await, and leaves no coroutine behind."""
    with pytest.raises(ConfigurationError, match="AsyncClient"):
        credentials(async_callable).key()
    gc.collect()


def test_a_callable_that_uses_its_own_client() -> None:
    """It is told so instead of waiting for itself."""

    async def ask() -> str:
        return (await asked.akey()).reveal()

    held: Credentials = credentials(lambda: held.key().reveal())
    asked = credentials(ask)
    with pytest.raises(CredentialsError, match="raised ConfigurationError"):
        held.key(timeout=5.0)
    with pytest.raises(CredentialsError, match="raised ConfigurationError"):
        asyncio.run(asyncio.wait_for(asked.akey(), 5))


def test_two_callables_that_use_each_others_client() -> None:
    """The inner one is told so at once instead of waiting for the outer one."""
    told: list[type[Exception]] = []

    def ask() -> str:
        try:
            return one.key(timeout=0.0).reveal()
        except ConfigurationError as error:
            told.append(type(error))
            return KEY

    other = credentials(ask)
    one: Credentials = credentials(lambda: other.key().reveal())
    assert one.key().reveal() == KEY
    assert told == [ConfigurationError]


@pytest.mark.parametrize("within", [0.0, -1.0, 0.01])
def test_waiting_for_another_thread_is_bounded(within: float) -> None:
    """A call does not wait beyond its deadline for a callable that another thread runs."""
    held = credentials(Source())
    with held._lock, pytest.raises(DeadlineError, match="another thread"):
        held.key(within)
    assert held.key(timeout=float("inf")).reveal() == "sk-test-1"


@pytest.mark.parametrize("plain", [True, False])
def test_an_async_call_does_not_wait_for_its_callable_for_ever(plain: bool) -> None:
    """A callable that hangs costs the deadline of the call, and the next call asks again."""
    goes_on, source = threading.Event(), Source()

    async def ask() -> str:
        await asyncio.sleep(0 if goes_on.is_set() else 60)
        return await source.ask()

    source.ready = lambda: goes_on.wait(60)

    async def run() -> str:
        held = credentials(source if plain else ask)
        try:
            with pytest.raises(DeadlineError, match="waiting for the api_key callable"):
                await held.akey(0.01)
        finally:
            goes_on.set()
        return (await held.akey(60.0)).reveal()

    assert asyncio.run(run()).startswith("sk-test-")


@pytest.mark.parametrize("save", [pickle.dumps, copy.copy, copy.deepcopy])
def test_pickling_is_refused(save: Callable[[Credentials], object]) -> None:
    """Credentials do not leave the process."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        save(credentials(KEY))


def test_secrets() -> None:
    """The keys to mask are the one in use and those before it, a few of them, each once."""
    held = credentials(Source())
    assert [*held.secrets()] == []
    for count in range(1, 12):
        held.key(rejected_key=Key(f"sk-test-{count - 1}"))
    assert [*held.secrets()] == [f"sk-test-{count}" for count in range(4, 12)]
    held = credentials(Source("sk-test-a", "sk-test-b", "sk-test-a"))
    held.key(rejected_key=held.key())
    held.key(rejected_key=Key("sk-test-b"))
    assert [*held.secrets()] == ["sk-test-a", "sk-test-b"]


def test_import_is_light() -> None:
    """Importing the module brings in neither asyncio nor an executor."""
    code = (
        "import sys, chainhub._session.credentials as m; m.Credentials;"
        "print([n for n in ('asyncio', 'concurrent.futures', 'keyring') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("build", [lambda: credentials(KEY), lambda: credentials(lambda: KEY)])
def test_a_key_shows_itself_to_nobody(build: Callable[[], Credentials]) -> None:
    """Neither it nor the keys that must be masked have a repr that tells."""
    held = build()
    key = held.key()
    assert KEY not in f"{key!r} {key} {held.secrets()!r} {held} {held!r}"
    assert (key.reveal(), *held.secrets()) == (KEY, KEY)
    assert key not in ("sk-test-another", KEY)


def refusal(text: object) -> str:
    """Return what the error says of an unusable key."""
    with pytest.raises(CredentialsError) as caught:
        check_key(text, "PLACE")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "PLACE" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text", [KEY, f"{KEY}\r\n", f" \t{KEY} \n", f"Bearer {KEY}", f"bearer\t {KEY} "]
)
def test_what_surrounds_a_key_is_dropped(text: str) -> None:
    """White space around the key and a leading Bearer are not part of it."""
    assert check_key(text, "PLACE") == KEY


@pytest.mark.parametrize("key", ["k", "x" * 8192, "!~", "bearerx", "a.b-c_d:e/f+g=", "$2b$1"])
def test_odd_but_usable_keys(key: str) -> None:
    """Any visible ASCII passes, however short."""
    assert check_key(key, "PLACE") == key


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\r\nX-Injected: 1", "a line break"),
        ("\n", "a line break"),
        (" ", "white space"),
        ("\t", "white space"),
        ("\x00", "a control character"),
        ("\x1b", "a control character"),
        ("\x7f", "a control character"),
        ("\x85", "a character outside ASCII"),
        ("é", "a character outside ASCII"),
        ("’", "a character outside ASCII"),
        ("\udcff", "a character outside ASCII"),
        ("٣", "a character outside ASCII"),
    ],
)
def test_what_a_header_cannot_carry(character: str, name: str) -> None:
    """The error names kind and position of the first such character, and shows no other."""
    said = refusal(f"sk-test-q{character}zzqqzz")
    assert f"{name} at position 10" in said
    assert "zzqqzz" not in said
    assert "sk-test" not in said


PLACEHOLDERS = """{{YOUR_API_KEY}}|Bearer {{YOUR_API_KEY}}|YOUR_API_KEY|your-api-key-here
your_chainhub_api_key|your token|sk-your-key|<api key>|$CHAINHUB_API_KEY|${CHAINHUB_API_KEY}
%CHAINHUB_API_KEY%|sk-...|sk-xxxxxxxx|sk-****"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((text, "empty") for text in ("", " ", "\r\n", "Bearer", "Bearer ")),
        *((text, "placeholder") for text in PLACEHOLDERS.replace("\n", "|").split("|")),
        *((f"{quote}{KEY}{quote}", "quotation marks") for quote in "'\"`"),
        ("q" * 8193, "8193"),
        (None, "NoneType, not a string"),
        (7, "int, not a string"),
        (b"sk-test-bytes", "bytes, not a string"),
        (["sk-test-list"], "list, not a string"),
    ],
)
def test_what_cannot_be_a_key(text: object, said: str) -> None:
    """The reason is named, and what is there is not shown."""
    shown = refusal(text)
    assert said in shown
    for piece in (KEY, "sk-test", "qqq", str(text).strip()):
        assert not piece or piece == "Bearer" or piece not in shown.replace(said, "")


def key_file(folder: Path, content: bytes = KEY.encode(), mode: int = 0o600) -> Path:
    """Write a key file to its default place below a folder."""
    path = folder / "chainhub" / "key"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(mode)
    return path


def found(**environ: str) -> tuple[str, str] | None:
    """Return the key that an environment leads to, and its source."""
    key = find_key(environ)
    return (key.reveal(), key.source) if key else None


def test_the_first_place_counts(tmp_path: Path) -> None:
    """The variable, then the file that one names, then the default; an empty variable is unset."""
    default = key_file(tmp_path, b"sk-test-default")
    named = tmp_path / "named"
    named.write_text("\ufeffsk-test-named")  # editors of one system put a byte order mark first
    places = {"XDG_CONFIG_HOME": str(tmp_path), "CHAINHUB_API_KEY_FILE": str(named)}
    told = "the file that CHAINHUB_API_KEY_FILE names"
    assert found(**places, CHAINHUB_API_KEY=f"{KEY}\n") == (KEY, "CHAINHUB_API_KEY")
    assert found(**places, CHAINHUB_API_KEY="") == ("sk-test-named", told)
    places["CHAINHUB_API_KEY_FILE"] = ""
    assert found(**places) == ("sk-test-default", f"the key file {default}")
    default.unlink()
    assert found(**places) is None


def test_blank_variable_is_an_error() -> None:
    """A variable of white space was meant to be a key."""
    with pytest.raises(CredentialsError, match="CHAINHUB_API_KEY: it is empty"):
        found(CHAINHUB_API_KEY=" ")


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_named_file_is_taken_as_it_is(tmp_path: Path, mode: int) -> None:
    """A mounted secret may be readable by others, and a link."""
    link = tmp_path / "link"
    link.symlink_to(key_file(tmp_path, mode=mode))
    told = "the file that CHAINHUB_API_KEY_FILE names"
    assert found(CHAINHUB_API_KEY_FILE=str(link)) == (KEY, told)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("sk-test-not-a-path", "does not exist"),
        (".", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        ("sk-test\0nul", "cannot be read"),
        ("sk-test" * 1000, "cannot be read"),
    ],
)
def test_named_file_that_cannot_be_read(path: str, problem: str) -> None:
    """The variable is named and its value is not, which may be the key by mistake."""
    with pytest.raises(CredentialsError, match=problem) as caught:
        found(CHAINHUB_API_KEY_FILE=path)
    assert "CHAINHUB_API_KEY_FILE" in str(caught.value)
    assert "sk-test" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to does not block."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CredentialsError, match="not a regular file"):
        found(CHAINHUB_API_KEY_FILE=str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"sk-test-a\nsk-test-b\n", "line break at position 10"),
        ("sk-test".encode("utf-16"), "outside ASCII at position 1"),
        (b"q" * 100_000, "16384 characters"),
    ],
)
def test_named_file_with_an_unusable_key(tmp_path: Path, content: bytes, problem: str) -> None:
    """What stands in a file is checked like any other key, however big the file."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match=problem) as caught:
        found(CHAINHUB_API_KEY_FILE=str(path))
    assert "sk-test" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o610])
def test_default_file_open_to_others(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file at the default place must be its owner's alone, and the error says how."""
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(CredentialsError, match=f"chmod 600 {path}"):
        find_key({"XDG_CONFIG_HOME": str(tmp_path)})

    monkeypatch.setattr(_credentials, "_POSIX", False)  # where modes do not exist
    assert find_key({"XDG_CONFIG_HOME": str(tmp_path)}) is not None


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_CONFIG_HOME": "/x"}, "/x/chainhub/key"),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/chainhub/key"),
        ({"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "/h/.config/chainhub/key"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, "/h/.config/chainhub/key"),
        ({"HOME": "/h"}, "/h/.config/chainhub/key"),
        ({}, os.path.expanduser("~/.config/chainhub/key")),
    ],
)
def test_default_place(environ: dict[str, str], path: str) -> None:
    """The default place follows the XDG specification, which ignores a relative folder."""
    assert default_key_file(environ) == path


def test_keyring_is_not_imported_to_see_whether_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding the extra does not run it."""
    (tmp_path / "keyring.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    assert keyring_installed()
    assert "keyring" not in sys.modules


@pytest.mark.parametrize(("module", "expected"), [(None, False), (ModuleType("keyring"), True)])
def test_keyring_hidden_or_replaced(
    module: ModuleType | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyring that is hidden does not count, one that a test has put there does."""
    monkeypatch.setitem(sys.modules, "keyring", module)
    assert keyring_installed() is expected


@pytest.mark.parametrize(
    ("environ", "empty"), [({"HOME": "/h"}, False), ({"HOME": "/h", "CHAINHUB_API_KEY": ""}, True)]
)
def test_no_key_lists_every_place(
    environ: dict[str, str], empty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names each place a key may stand in, and a variable that is set but empty."""
    for name in ("CHAINHUB_API_KEY", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for said in (str(no_key(environ)), str(no_key(Variables()))):
        for place in ("api_key=", "_KEY_FILE", "/h/.config/chainhub/key", "keyring set"):
            assert place in said
        assert ("set but empty" in said) is empty
