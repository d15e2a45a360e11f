"""The key in use: precedence, asking once, asking again once, and never showing it."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from types import ModuleType

import pytest

from chainhub._session import credentials as _credentials
from chainhub._session.credentials import ApiKey, Credentials
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


class Sync:
    """Drive the sync form."""

    def build(self, source: Source) -> Credentials:
        """Return credentials that ask the source."""
        return credentials(source)

    def key(self, held: Credentials) -> str:
        """Return the key."""
        return held.key()

    def refresh(self, held: Credentials, rejected: str) -> str | None:
        """Return another key."""
        return held.refresh(rejected)


class Async(Sync):
    """Drive the async form with an async callable."""

    def build(self, source: Source) -> Credentials:
        """Return credentials that ask the source."""
        return credentials(source.ask)

    def key(self, held: Credentials) -> str:
        """Return the key."""
        return asyncio.run(held.akey())

    def refresh(self, held: Credentials, rejected: str) -> str | None:
        """Return another key."""
        return asyncio.run(held.arefresh(rejected))


class AsyncOfPlain(Async):
    """Drive the async form with a plain callable."""

    def build(self, source: Source) -> Credentials:
        """Return credentials that ask the source."""
        return credentials(source)


@pytest.fixture(params=[Sync, Async, AsyncOfPlain])
def mode(request: pytest.FixtureRequest) -> Sync:
    """Return each way to ask in turn."""
    made: Sync = request.param()
    return made


def test_argument_goes_before_the_environment() -> None:
    """A string given by the caller is used whatever the environment says."""
    held = Credentials.from_sources(f"{KEY}\n", environ={"CHAINHUB_API_KEY": "sk-test-env"})
    assert (held.key(), held.source) == (KEY, "the api_key argument")


def test_callable_goes_before_the_environment() -> None:
    """A callable is not asked at construction, and goes before the environment."""
    source = Source()
    held = Credentials.from_sources(source, environ={"CHAINHUB_API_KEY": "sk-test-env"})
    assert source.asked == 0
    assert (held.key(), held.source) == ("sk-test-1", "the api_key callable")


def test_environment() -> None:
    """Without an argument the environment is read at construction."""
    held = Credentials.from_sources(environ={"CHAINHUB_API_KEY": KEY})
    assert (held.key(), held.source) == (KEY, "CHAINHUB_API_KEY")


def test_no_source_at_all() -> None:
    """Credentials without a key or a way to get one say so when they are asked."""
    with pytest.raises(CredentialsError, match="from PLACE: it is empty"):
        Credentials("PLACE").key()


def test_nothing_anywhere() -> None:
    """No key in any place is an error at construction."""
    with pytest.raises(CredentialsError, match="no API key: pass api_key="):
        credentials(None)


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
        assert held.key() == KEY
        return
    with pytest.raises(CredentialsError, match=said) as caught:
        held.key()
    assert KEY not in str(caught.value)


def test_a_fixed_key_cannot_be_refreshed() -> None:
    """A string is not asked again."""
    held = credentials(KEY)
    assert held.refresh(KEY) is None
    assert asyncio.run(held.arefresh(KEY)) is None
    assert asyncio.run(held.akey()) == KEY


def test_asked_once(mode: Sync) -> None:
    """The key is kept after the first request, over several event loops too."""
    source = Source()
    held = mode.build(source)
    assert [mode.key(held) for _ in range(3)] == ["sk-test-1"] * 3
    assert source.asked == 1


def test_refreshed_when_it_was_refused(mode: Sync) -> None:
    """A refused key is replaced by asking again, and the new one is used from then on."""
    source = Source()
    held = mode.build(source)
    mode.key(held)
    assert mode.refresh(held, "sk-test-1") == "sk-test-2"
    assert mode.key(held) == "sk-test-2"
    assert source.asked == 2


def test_a_call_from_before_the_refresh_gets_the_new_key(mode: Sync) -> None:
    """A call that was refused with an older key does not make anyone ask again."""
    source = Source()
    held = mode.build(source)
    mode.key(held)
    mode.refresh(held, "sk-test-1")
    assert mode.refresh(held, "sk-test-1") == "sk-test-2"
    assert source.asked == 2


def test_the_same_key_again_is_no_refresh(mode: Sync) -> None:
    """There is nothing to send again if the callable has no other key; later it may have one."""
    source = Source("sk-test-a", "sk-test-a", "sk-test-b")
    held = mode.build(source)
    mode.key(held)
    assert mode.refresh(held, "sk-test-a") is None
    assert mode.refresh(held, "sk-test-a") == "sk-test-b"


def test_refresh_before_any_key(mode: Sync) -> None:
    """A key that came from elsewhere can be refused before this one was asked for."""
    assert mode.refresh(mode.build(Source()), "sk-test-0") == "sk-test-1"


def test_a_foreign_exception_is_not_shown(mode: Sync) -> None:
    """What a callable raises becomes an error that names type and place, without its text."""
    held = mode.build(Source(RuntimeError(f"denied for {KEY}"), KEY))
    with pytest.raises(
        CredentialsError, match=r"raised RuntimeError \(test_credentials\.py, line \d"
    ):
        mode.key(held)
    with pytest.raises(CredentialsError) as caught:
        mode.key(mode.build(Source(RuntimeError(KEY))))
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert mode.key(held) == KEY


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


def test_an_exception_of_ours_is_foreign_too(mode: Sync) -> None:
    """A callable may put the key into any exception, so none is shown."""
    with pytest.raises(CredentialsError, match="raised CredentialsError") as caught:
        mode.key(mode.build(Source(CredentialsError(f"no use: {KEY}"))))
    assert KEY not in str(caught.value)


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
    """Ctrl-C in a callable stays what it is, and the lock is free afterwards.

    For sync only: asyncio itself stops at such an exception.
    """
    held = credentials(Source(leave(), KEY))
    with pytest.raises(leave):
        held.key()
    assert held.key(within=0.0) == KEY


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


def scheduler(source: Source, held: Credentials, work: Callable[[], object]) -> list[object]:
    """Run the same in eight threads; the source answers when all of them wait for it."""
    lock = HeldLock()
    held._lock = lock  # type: ignore[assignment]  # as much of a lock as is needed
    source.ready = lambda: lock.wait_for(8 if source.asked == before else 0)
    before = source.asked
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
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


def test_threads_ask_once() -> None:
    """Threads that wait for the key or a new one share one answer."""
    source = Source()
    held = credentials(source)
    assert scheduler(source, held, held.key) == ["sk-test-1"] * 8
    assert scheduler(source, held, lambda: held.refresh("sk-test-1")) == ["sk-test-2"] * 8
    assert source.asked == 2


def test_threads_share_a_failure() -> None:
    """Threads that waited for an answer that failed do not ask one after the other."""
    source = Source(ValueError())
    held = credentials(source)
    told = scheduler(source, held, held.key)
    assert len(told) == 8
    assert len(set(told)) == 1
    assert source.asked == 1


def test_threads_share_that_there_is_no_other_key() -> None:
    """Threads that waited for the same key again do not ask one after the other."""
    source = Source("sk-test-a")
    held = credentials(source)
    held.key()
    assert scheduler(source, held, lambda: held.refresh("sk-test-a")) == [None] * 8
    assert source.asked == 2


def gathered(*work: Coroutine[object, object, str | None]) -> list[str | BaseException | None]:
    """Run coroutines together in an event loop of their own."""

    async def run() -> list[str | BaseException | None]:
        return await asyncio.gather(*work, return_exceptions=True)

    return asyncio.run(run())


def test_a_failure_is_forgotten_after_an_answer() -> None:
    """An old failure is not what threads are told that waited for a later, good answer."""
    source = Source("sk-test-a", ValueError(), "sk-test-a")
    held = credentials(source)
    held.key()
    with pytest.raises(CredentialsError):
        held.refresh("sk-test-a")
    assert scheduler(source, held, lambda: held.refresh("sk-test-a")) == [None] * 8


def test_tasks_ask_once() -> None:
    """Tasks that wait for the key or a new one share one answer."""
    source = Source()
    held = credentials(source.ask)
    assert gathered(*(held.akey() for _ in range(8))) == ["sk-test-1"] * 8
    assert gathered(*(held.arefresh("sk-test-1") for _ in range(8))) == ["sk-test-2"] * 8
    assert source.asked == 2


def test_tasks_share_a_failure() -> None:
    """Tasks that waited for an answer that failed do not ask one after the other."""
    source = Source(ValueError())
    held = credentials(source.ask)
    assert {type(one) for one in gathered(*(held.akey() for _ in range(8)))} == {CredentialsError}
    assert source.asked == 1


def test_a_cancelled_task_leaves_the_question_to_the_next() -> None:
    """If the task that asks is cancelled another one asks, and nobody hangs."""
    source = Source()
    held = credentials(source.ask)

    async def run() -> str:
        first = asyncio.create_task(held.akey())
        second = asyncio.create_task(held.akey())
        await asyncio.sleep(0)
        first.cancel()
        return await asyncio.wait_for(second, 5)

    assert asyncio.run(run()) == "sk-test-1"


def test_several_loops_at_once() -> None:
    """Event loops in several threads ask for themselves and end up with one key."""
    source = Source(KEY)
    held = credentials(source.ask)
    keys: list[str] = []
    in_threads(lambda: keys.append(asyncio.run(held.akey())), 4)
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
    """In an async client a callable that blocks runs in another thread."""
    source = Source()
    asyncio.run(credentials(source).akey())
    assert threading.get_ident() not in source.threads


def test_a_callable_that_returns_a_coroutine() -> None:
    """It need not be an async function itself to be awaited."""
    source = Source()
    assert asyncio.run(credentials(lambda: source.ask()).akey()) == "sk-test-1"


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
    held: Credentials = credentials(lambda: held.key().reveal())
    with pytest.raises(CredentialsError, match="raised ConfigurationError"):
        held.key(within=5.0)


def test_an_async_callable_that_uses_its_own_client() -> None:
    """It is told so instead of waiting for itself."""

    async def ask() -> str:
        return await held.akey()

    held = credentials(ask)
    with pytest.raises(CredentialsError, match="raised ConfigurationError"):
        asyncio.run(asyncio.wait_for(held.akey(), 5))


def test_two_callables_that_use_each_others_client() -> None:
    """The inner one is told so at once instead of waiting for the outer one."""
    told: list[type[Exception]] = []

    def ask() -> str:
        try:
            return one.key(within=0.0).reveal()
        except ConfigurationError as error:
            told.append(type(error))
            return KEY

    other = credentials(ask)
    one: Credentials = credentials(lambda: other.key().reveal())
    assert one.key() == KEY
    assert told == [ConfigurationError]


def test_a_callable_that_uses_another_client() -> None:
    """A key may come from a service that needs a key."""
    outer = credentials(Source())
    assert credentials(lambda: outer.key().reveal()).key() == "sk-test-1"


@pytest.mark.parametrize("within", [0.0, -1.0, 0.01])
def test_waiting_for_another_thread_is_bounded(within: float) -> None:
    """A call does not wait beyond its deadline for a callable that another thread runs."""
    held = credentials(Source())
    with held._lock, pytest.raises(DeadlineError, match="another thread"):
        held.key(within)


def test_any_bound_is_allowed() -> None:
    """An infinite bound is none."""
    assert credentials(Source()).key(within=float("inf")) == "sk-test-1"


@pytest.mark.parametrize("build", [lambda: credentials(KEY), lambda: credentials(lambda: KEY)])
def test_never_shown(build: Callable[[], Credentials]) -> None:
    """Neither repr nor str holds the key."""
    held = build()
    assert held.key() == KEY
    assert KEY not in repr(held) + str(held) + f"{held}"


@pytest.mark.parametrize("save", [pickle.dumps, copy.copy, copy.deepcopy])
def test_pickling_is_refused(save: Callable[[Credentials], object]) -> None:
    """Credentials do not leave the process."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        save(credentials(KEY))


def test_secrets() -> None:
    """The keys to mask are the one in use and those before it, a few of them."""
    held = credentials(Source())
    assert held.secrets() == ()
    for count in range(1, 12):
        held.refresh(f"sk-test-{count - 1}") if count > 1 else held.key()
    assert held.secrets() == tuple(f"sk-test-{count}" for count in range(4, 12))
    assert credentials(KEY).secrets() == (KEY,)


def test_secrets_of_a_key_that_comes_back() -> None:
    """A key is listed once."""
    held = credentials(Source("sk-test-a", "sk-test-b", "sk-test-a"))
    held.refresh(held.key())
    held.refresh("sk-test-b")
    assert held.secrets() == ("sk-test-a", "sk-test-b")


def test_reset_after_fork() -> None:
    """A lock that was held when the process forked does not block the child."""
    held = credentials(Source())
    held._lock.acquire()
    held.reset_after_fork()
    assert held.key(within=0.0) == "sk-test-1"


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


def test_a_key_shows_itself_to_nobody() -> None:
    """Neither it nor the keys that must be masked have a repr that tells."""
    held = credentials(KEY)
    key = held.key()
    assert KEY not in f"{key!r} {key} {held.secrets()!r}"
    assert (key.reveal(), held.secrets()) == (KEY, (KEY,))
    assert {key, held.key()} == {key}
    assert key != "sk-test-another"
