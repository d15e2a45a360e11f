"""Whatever a server does, the result is right or one clear error, in time and without the key."""

import base64
import contextlib
import copy
import importlib.util
import json
import logging
import pickle
import traceback
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence, Set

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainhub
from tests.faults import identities
from tests.faults.queries import Result, options, query, query_all
from tests.faults.server import Close, Pause, Reset, Send, Server, Stage
from tests.faults.table import FAULTS, KEY, Error, Fault, Value, answer
from tests.loopback import SOON, Mode, until

MODES = ("sync", "async")


def params(faults: Sequence[Fault], *usual: str) -> list[ParameterSet]:
    """Take all faults in every mode; in a usual run, an eighth of them in all but the usual ones.

    Loops have transports of their own, and uvloop is what web frameworks run on.
    """
    cases = []
    for mode in (*MODES, "uvloop"):
        missing = mode == "uvloop" and importlib.util.find_spec("uvloop") is None
        # It has no wheels for Windows and PyPy, and the client does not need it.
        skipped = [pytest.mark.skipif(missing, reason="uvloop is not installed")]
        for number, fault in enumerate(faults):
            slow = [] if mode in usual or number % 8 == 0 else [pytest.mark.slow]
            cases.append(pytest.param(fault, mode, id=f"{mode}-{fault.name}", marks=skipped + slow))
    return cases


@contextlib.contextmanager
def memory_limit(limit: int | None) -> Iterator[None]:
    """Fail if what happens takes more memory than the limit."""
    if limit is None:
        yield
        return
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def difference(result: Result, expected: Value | Error) -> str:
    """Return the difference from the expected outcome; empty if there is none."""
    if isinstance(expected, Value):
        fields = {name: getattr(result.value, name, ...) for name in expected.fields}
        return "" if fields == expected.fields else f"{fields!r} instead of {expected.fields!r}"
    error = result.error
    if type(error).__name__ not in expected.kinds:
        return f"{type(error).__name__} instead of {' or '.join(expected.kinds)}"
    missing = [word for word in expected.says if word.lower() not in str(error).lower()]
    facts = {name: getattr(error, name, ...) for name in expected.facts}
    return "; ".join(
        filter(
            None,
            (
                f"does not say {missing}" if missing else "",
                f"{facts!r} instead of {dict(expected.facts)!r}" if facts != expected.facts else "",
            ),
        )
    )


def visible_text(error: BaseException, log: str) -> str:
    """Return all texts of an error that people and programs can see."""
    lines = "".join(traceback.format_exception(error))
    state = repr(getattr(error, "__dict__", {}))
    return "\n".join((str(error), repr(error), lines, state, log, repr(pickle.dumps(error))))


SPELLINGS = (
    KEY,
    base64.b64encode(KEY.encode()).decode().rstrip("="),
    "".join(f"%{ord(character):02x}" for character in KEY),
    KEY.replace("-", "%2d"),
    json.dumps(KEY.encode().decode("ascii").replace("-", "\\u002d")),
)


def frames(error: BaseException) -> str:
    """Return what error trackers record: the traceback with the locals of every frame.

    Some keep the repr of each, some look into lists, tuples and mappings first.
    """
    texts = [*traceback.TracebackException.from_exception(error, capture_locals=True).format()]
    chain: list[BaseException | None] = [error]
    while chain:
        exception = chain.pop()
        if exception is not None:
            chain += [exception.__cause__, exception.__context__]
            for frame, _ in traceback.walk_tb(exception.__traceback__):
                texts.append(serialised(frame.f_locals, 4))
    return "\n".join(texts)


def serialised(value: object, levels: int) -> str:
    """Return a value as a tracker that looks into containers sends it."""
    if levels and isinstance(value, Mapping):
        value = [*value.items()]
    if levels and isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        return " ".join(serialised(item, levels - 1) for item in value)
    return repr(value)


def assert_not_in_frames(error: BaseException) -> None:
    """Look for the key in every frame, in the spellings in which it may be there."""
    text = frames(error)
    assert "chainhub" in text
    assert [spelling for spelling in SPELLINGS if spelling in text] == []


def assert_presentable(error: BaseException, log: str) -> None:
    """Check what holds for every error: one line, no key, one class tree, whole after copying."""
    assert isinstance(error, chainhub.ChainhubError), repr(error)
    text = str(error)
    assert text.isprintable(), ascii(text)
    assert 10 < len(text) <= 600
    visible = visible_text(error, log)
    assert KEY not in visible
    assert base64.b64encode(KEY.encode()).decode() not in visible
    for clone in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(clone), str(clone), clone.__dict__) == (type(error), text, error.__dict__)
    assert error.__context__ is None or isinstance(error.__context__, chainhub.ChainhubError)


def server_of(fault: Fault) -> Server:
    """Return the server of a fault, with a second one that must not be contacted."""
    return Server(
        script=fault.script,
        accept=fault.accept,
        tls=identities.server_context(fault.tls) if fault.tls else None,
        late=fault.late,
        listening=fault.listening,
        stranger=Server(),
    )


def at_rest(server: Server) -> Callable[[int], None]:
    """Return a function that waits, before a call, until the server has finished earlier calls."""
    return lambda number: until(lambda: server.is_at_rest(number))


def arguments_of(fault: Fault, server: Server) -> dict[str, object]:
    """Return the client's arguments."""
    url = server.url
    if fault.scheme is not None:
        url = f"{fault.scheme}://{url.partition('://')[2]}"
    trust = {"verify_ssl": str(identities.AUTHORITY)} if url.startswith("https") else {}
    return {"base_url": url, **trust, **options(fault.client)}


@pytest.mark.parametrize(("fault", "mode"), params(FAULTS, *MODES), indirect=["mode"])
def test_a_fault_has_its_outcome(
    fault: Fault,
    mode: Mode,
    stage: Stage,
    contacts: set[object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The outcome is the one in the table; nothing leaks, lingers, grows or takes too long."""
    for retries_left in reversed(range(fault.tries)):
        contacts.clear()
        caplog.clear()
        try:
            return judge(fault, mode, stage, contacts, caplog)
        except AssertionError:
            if not retries_left:
                raise


def judge(
    fault: Fault,
    mode: Mode,
    stage: Stage,
    contacts: set[object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Play a fault once."""
    server = server_of(fault)
    assert server.stranger is not None
    caplog.set_level(logging.DEBUG)
    with stage.serving(server, server.stranger):
        with memory_limit(fault.memory):
            arguments = arguments_of(fault, server)
            result = query(mode, arguments, calls=fault.calls, before=at_rest(server))
        lingering = stage.run(server.quiet(SOON))
    differences = [difference(result, expected) for expected in fault.outcomes]
    assert "" in differences, (differences, result.error or result.value)
    if result.error is not None:
        assert_presentable(result.error, caplog.text)
        # What a server puts into a good answer is its own to show.
        if not fault.name.startswith("the key in a member"):
            assert_not_in_frames(result.error)
    assert KEY not in caplog.text
    assert result.elapsed < SOON
    assert fault.requests in (None, len(server.requests))
    assert lingering == 0
    assert not [record for record in caplog.records if record.name == "asyncio" and record.exc_info]
    assert server.stranger.connections == 0
    assert contacts <= {"127.0.0.1", ("127.0.0.1", server.port)}


def test_the_table_is_broad() -> None:
    """There are many faults, each with a name of its own."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) > 120


@pytest.mark.parametrize("how", [Close(), Reset()], ids=["closed", "reset"])
def test_an_answer_may_end_at_any_byte(mode: Mode, how: Close | Reset, stage: Stage) -> None:
    """Wherever an answer breaks off, the error is that of a broken connection."""
    good = answer()
    server = Server()

    def break_off(end: int) -> None:
        server.script = ((Send(good[:end]), how),)

    with stage.serving(server):
        arguments = {"base_url": server.url, **options({"retry": {"attempts": 1}})}
        results = query_all(mode, arguments, calls=len(good), before=break_off)
    for end, result in enumerate(results):
        assert type(result.error) is chainhub.ConnectionFailedError, (end, result)
        assert KEY not in visible_text(result.error, "")
    assert server.connections == len(results) == len(good)


def test_an_answer_may_pause_at_any_byte(mode: Mode, stage: Stage) -> None:
    """Wherever an answer is split into packets, it is the same answer."""
    good = answer()
    server = Server()
    with stage.serving(server):
        arguments = {"base_url": server.url, **options({})}
        for end in range(0, len(good), 3):
            server.script = ((Send(good[:end]), Pause(0.002), Send(good[end:])),)
            assert difference(query(mode, arguments), Value()) == ""


PIECES = st.sampled_from(
    [b"", b"\0", b"\r\n", b"\n", b" ", b":", b"HTTP/1.1 ", b"0\r\n\r\n", b"\xff", b"9" * 50, b"{}"]
) | st.binary(max_size=6)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 8), PIECES), min_size=1, max_size=4
    )
)
def test_any_damage_ends_in_a_value_or_one_of_our_errors(
    mode: Mode, stage: Stage, changes: list[tuple[int, int, bytes]]
) -> None:
    """However an answer is mangled, nothing foreign is raised, and nothing hangs."""
    data = answer()
    for start, length, replacement in changes:
        data = data[:start] + replacement + data[start + length :]
    server = Server(script=((Send(data), Close()),))
    with stage.serving(server):
        arguments = {"base_url": server.url, **options({"retry": {"attempts": 1}})}
        result = query(mode, arguments)
    if result.error is not None:
        assert_presentable(result.error, "")
    assert result.elapsed < SOON
