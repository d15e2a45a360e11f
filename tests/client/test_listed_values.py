"""Values that the contract lists: strings are taken for them, and so are words it lacks yet."""

import enum
import sys
import warnings

import pytest

from tests.client import contracts
from tests.client.contracts import TEXT, parameter

WORDS = {"type": "string", "enum": ["red", "blue"]}
NUMBERS = {"type": "integer", "enum": [1, 2]}
LIST = {"type": "array", "items": WORDS}
ANSWER = {
    "type": "object",
    "title": "Thing",
    "properties": {"status": WORDS, "many": LIST, "count": NUMBERS},
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Give an operation with a list of values in its path, query and headers."""
    parameters = [
        parameter("kind", "path", WORDS),
        parameter("color", "query", WORDS, required=False),
        parameter("colors", "query", LIST, required=False),
        parameter("size", "query", NUMBERS, required=False),
        parameter("word", "query", {"anyOf": [WORDS, TEXT]}, required=False),
        parameter("X-Color", "header", WORDS, required=False),
    ]
    found = contracts.operation("find", contracts.answers(ANSWER), parameters=parameters)
    return contracts.generated(tmp_path_factory, "listed_api", {"/v1/{kind}": {"get": found}})


def member(word):
    """Return a member of an enumeration that was generated."""
    models = sys.modules["listed_api.models"]
    kinds = [getattr(models, name) for name in models.__all__]
    lists = [kind for kind in kinds if issubclass(kind, enum.Enum)]
    return next(kind(word) for kind in lists if word in [one.value for one in kind])


def sent(mode, server, package, *arguments, **options):
    """Return the head of the request that a call sends."""
    server.requests.clear()
    client = mode.client(base_url=server.url)
    mode(contracts.things(package, mode, client).find(*arguments, **options))
    return server.requests[-1].decode()


def test_a_string_stands_for_a_listed_value(mode, server, package):
    """Like the member of the enumeration itself, wherever it is sent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = sent(
            mode,
            server,
            package,
            "red",
            color="blue",
            colors=["red", member("blue")],
            size=2,
            word="any",
            x_color="red",
        )
    assert head.startswith("GET /v1/red?color=blue&colors=red&colors=blue&size=2&word=any ")
    assert "X-Color: red" in head


@pytest.mark.parametrize(
    ("arguments", "piece"),
    [
        ({"kind": "red", "color": "green"}, "?color=green "),
        ({"kind": "red", "colors": ["red", "green"]}, "?colors=red&colors=green "),
        ({"kind": "red", "size": 7}, "?size=7 "),
    ],
)
def test_a_value_that_is_not_listed_is_sent_with_a_warning(mode, server, package, arguments, piece):
    """The service may know more than its contract."""
    with pytest.warns(UserWarning, match=r"'?(green|7)'? is none of the values the contract lists"):
        head = sent(mode, server, package, **arguments)
    assert piece in head


@pytest.mark.parametrize("status", ["red", "green", "", "RED"])
def test_an_answer_keeps_every_word(mode, server, http, package, status):
    """Listed words are members of the enumeration, others stay as they came; all are strings."""
    server.answers = [http(200, {"status": status, "many": [status, "red"], "count": 7})]
    client = mode.client(base_url=server.url)
    found = mode(contracts.things(package, mode, client).find("red"))
    assert (found.status, found.many, found.count) == (status, [status, "red"], 7)
    assert isinstance(found.status, enum.Enum) is (status == "red")
    assert found.to_dict() == {"status": status, "many": [status, "red"], "count": 7}
