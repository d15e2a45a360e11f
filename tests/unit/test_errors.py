"""Errors: one readable line, every fact kept, nothing that should not be kept."""

from __future__ import annotations

import copy
import errno
import inspect
import pickle
import traceback
from collections.abc import Callable

import pytest

from chainhub import errors
from chainhub.errors import named_status

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ChainhubError)
]
FACTS: errors.Facts = {
    "status": 429,
    "code": "rate_limit",
    "request_id": "2026",
    "method": "GET",
    "url": "https://api.example/v1/video/query",
    "attempts": 3,
    "elapsed": 4.21,
    "excerpt": "{}",
    "retry_after": 2.5,
    "advice": "slow down",
}
Again = Callable[[errors.ChainhubError], errors.ChainhubError]
EXTRAS: dict[str, dict[str, object]] = {
    "DiskError": {"errno": errno.ENOSPC},
    "ResponseError": {"field": "detail.items[3].status", "body": {"id": 7}, "task_id": "7"},
    "StatusError": {"body": {"task_id": "a"}, "task_id": "a"},
    "TaskFailed": {"reason": "unsafe prompt", "task": None},
    "UnprocessableError": {"body": {"detail": "x"}},
    "WaitTimeout": {"task_id": "a:b", "task": None, "polls": 7},
}


def test_one_line_tells_everything() -> None:
    """The line holds status, message, code, advice, address, request id, hint and attempts."""
    assert str(errors.RateLimitError("rate limited", **FACTS)) == (
        "429 Too Many Requests: rate limited (code rate_limit); slow down"
        " [GET https://api.example/v1/video/query; request id 2026; retry after 2.5 s;"
        " 3 attempts in 4.2 s]"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.ChainhubError("only words"), "only words"),
        (errors.ChainhubError(""), ""),
        (errors.TransportError("reset", attempts=1, elapsed=0.04), "reset [1 attempt in 0.0 s]"),
        (errors.ServerError("x", status=520), "520 Web Server Returned an Unknown Error: x; try"),
        (errors.StatusError("x", status=999), "999: x"),
        (errors.StatusError("x", status=200), "200 OK, but the body is an error: x"),
        (errors.StatusError("x"), "x"),
        (errors.ConflictError("code_7", code="code_7"), "code_7; read"),
        (errors.ChainhubError("a\nb\x1b[31m\u202e"), "a b\\x1b[31m\\u202e"),
    ],
)
def test_the_line_has_only_what_is_known(error: errors.ChainhubError, line: str) -> None:
    """Facts that are missing leave no trace in the line; control characters are shown."""
    assert str(error).startswith(line)
    assert "None" not in str(error)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_line_is_bounded(kind: type[errors.ChainhubError]) -> None:
    """However long the facts are, the line has at most 500 characters and keeps the advice."""
    long = "x" * 100_000
    error = kind(
        long,
        status=431,
        code=long,
        request_id=long,
        method=long,
        url="https://h/" + long,
        attempts=10**9,
        elapsed=1e9,
        excerpt=long,
        retry_after=1e9,
        advice="wait; " + long,
    )
    assert len(str(error)) <= errors.LONGEST_LINE
    assert "; wait; x" in str(error)
    assert len(error.message) <= 1000
    assert len(error.excerpt or "") == 300


def test_long_words_are_kept_beyond_the_line() -> None:
    """Message and reason keep up to 1,000 characters for who wants to read on."""
    error = errors.TaskFailed("m" * 900, reason="r" * 900)
    assert (len(error.message), len(error.reason or "")) == (900, 900)
    assert len(errors.TaskFailed("m", reason="r" * 9000).reason or "") == 1000


def test_the_message_is_cut_before_the_advice() -> None:
    """A long message leaves room for what to do."""
    error = errors.ServerError("x" * 900, status=500)
    assert len(str(error)) <= errors.LONGEST_LINE
    assert "…; try again later" in str(error)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy]
)
def test_every_error_survives_pickle_and_copy(
    kind: type[errors.ChainhubError], again: Again
) -> None:
    """Class, line, arguments and every attribute come back."""
    extras = EXTRAS.get(kind.__name__, {})
    error = kind("it broke", **FACTS, **extras)
    error.add_note("a note")
    error.__cause__ = errors.ServerError("before", status=502)
    twin = again(error)
    assert type(twin) is kind
    assert twin is not error
    assert (str(twin), repr(twin), twin.args) == (str(error), repr(error), ("it broke",))
    assert vars(twin) == vars(error)
    assert str(twin.__cause__) == str(error.__cause__)
    for name, value in extras.items():
        assert getattr(twin, name) == value


def test_a_foreign_cause_is_not_carried_along() -> None:
    """Only our own causes are pickled: foreign ones may hold requests, or not be picklable."""
    error = errors.ServerError("x")
    error.__cause__ = ValueError(lambda: None)
    assert pickle.loads(pickle.dumps(error)).__cause__ is None


class _Odd(errors.TaskError):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} {second}")


def test_a_subclass_with_another_constructor_survives_pickle() -> None:
    """How a user's subclass is built does not matter."""
    assert str(pickle.loads(pickle.dumps(_Odd(1, 2)))) == "1 2"


def test_an_empty_state_is_taken() -> None:
    """`__setstate__` takes None, as the protocol allows."""
    error = errors.ServerError("x")
    error.__setstate__(None)
    assert error.message == "x"


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.CredentialsError, ValueError),
        (errors.ConnectionFailedError, ConnectionError),
        (errors.TLSError, errors.ConnectionFailedError),
        (errors.ProxyError, errors.ConnectionFailedError),
        (errors.RequestTimeoutError, TimeoutError),
        (errors.DeadlineError, TimeoutError),
        (errors.WaitTimeout, TimeoutError),
        (errors.DiskError, OSError),
        (errors.DestinationExistsError, FileExistsError),
        (errors.QuotaExceededError, errors.PermissionDeniedError),
        (errors.TaskNotFoundError, errors.NotFoundError),
        (errors.TaskExpired, errors.TaskError),
    ],
)
def test_errors_are_caught_by_the_names_people_know(
    kind: type[errors.ChainhubError], bases: type[BaseException]
) -> None:
    """The built-in name catches the error too."""
    with pytest.raises(bases):
        raise kind("x")


def test_every_class_stands_in_the_drawing() -> None:
    """The tree in the docstring of the module names every class."""
    drawing = inspect.getdoc(errors) or ""
    assert [kind.__name__ for kind in CLASSES if kind.__name__ not in drawing] == []


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_says_what_to_do(kind: type[errors.ChainhubError]) -> None:
    """Each class has a docstring of its own with more than a heading."""
    assert len((kind.__doc__ or "").splitlines()) > 2


def test_addresses_are_redacted_by_the_error_itself() -> None:
    """Whoever builds the error, user, password and query values do not stay in it."""
    error = errors.TransportError(
        "at https://u:p@h/x?id=1&sig=abc", url="https://u:p@h/x?id=1&sig=abc"
    )
    assert error.url == "https://h/x?id=***&sig=***"
    assert error.message == "at https://h/x?id=***&sig=***"
    assert "abc" not in "".join(traceback.format_exception(error)) + repr(vars(error))


def test_a_status_is_named_even_if_python_does_not_know_it() -> None:
    """Numbers of Cloudflare have names, unknown ones stay numbers."""
    assert [named_status(524), named_status(530), named_status(429), named_status(0)] == [
        "524 A Timeout Occurred",
        "530 Origin DNS Error",
        "429 Too Many Requests",
        "0",
    ]
