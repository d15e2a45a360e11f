"""What the bench server says of the requests it got."""

from __future__ import annotations

import math

import pytest

from benchmarks.server import lateness


@pytest.mark.parametrize(
    ("gaps", "late"),
    [
        ([], math.inf),
        ([5.0] * 4, 4.95),
        # Two hundred seconds in all: in two of them a result waits for longer than 99 s.
        ([1.0] * 99 + [101.0], 99.0),
        ([1.0] * 9999 + [1.5], 1.0),
    ],
)
def test_lateness_is_that_of_results_at_any_moment(gaps: list[float], late: float) -> None:
    """A long gap counts for as long as it lasts."""
    assert lateness(gaps) == pytest.approx(late, abs=0.011)
