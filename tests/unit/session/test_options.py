"""Spans and counts a person gives: what is taken, what is refused."""

import math

import httpx
import pytest

from chainhub._session.options import Options, seconds, spans_of, whole
from chainhub.errors import ConfigurationError


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (10, (10.0, 5.0)),
        (2.5, (2.5, 2.5)),
        (None, (math.inf, 5.0)),
        (httpx.Timeout(9, connect=3), (9.0, 3.0)),
        (httpx.Timeout(None), (math.inf, math.inf)),
    ],
)
def test_timeout_gives_two_spans(timeout, expected):
    """One for the attempt, one for connecting."""
    assert spans_of(timeout) == expected


@pytest.mark.parametrize("value", [0, -1, math.nan, True, "5", [], httpx.Timeout(-1)])
def test_spans_must_be_positive(value):
    """Nonsense gets a sentence that names the argument."""
    with pytest.raises(ConfigurationError, match=r"timeout.* must be a positive number"):
        spans_of(value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "5"])
def test_counts_must_be_positive_whole_numbers(value):
    """Nonsense gets a sentence that names the argument."""
    with pytest.raises(ConfigurationError, match="max_body must be a positive whole number"):
        whole("max_body", value)
    assert whole("max_body", 3) == 3


def test_no_limit_is_infinite():
    """None stands for no limit, everywhere."""
    assert seconds("deadline", None) == math.inf
    assert Options(deadline=math.inf).deadline == math.inf
