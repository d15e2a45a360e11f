"""The clock: as fast as it is told, still if it is told, never backwards."""

import math

import pytest

from chainhub.sandbox._state import Clock


class Time:
    """A monotonic time that a test sets."""

    def __init__(self) -> None:
        self.value = 1000.0

    def __call__(self) -> float:
        return self.value


@pytest.mark.parametrize(("speed", "expected"), [(1.0, 3.0), (50.0, 150.0), (0.0, 0.0)])
def test_the_clock_runs_at_its_speed(speed: float, expected: float) -> None:
    """Three real seconds are three times the speed on the clock."""
    time = Time()
    clock = Clock(speed, monotonic=time)
    time.value += 3
    assert clock.now() == expected


def test_advancing_moves_the_clock_at_once() -> None:
    """An advance counts in the clock's own seconds, whatever the speed."""
    clock = Clock(0)
    clock.advance(5)
    clock.advance(0.5)
    assert clock.now() == 5.5


def test_a_moment_has_a_place_in_the_world() -> None:
    """A moment of the clock belongs to the Unix time it started at, plus itself."""
    assert Clock(0, wall=lambda: 1_700_000_000.0).wall(2.5) == 1_700_000_002.5


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_the_clock_refuses_what_it_cannot_do(value: float) -> None:
    """Neither a speed nor an advance can be negative, infinite or no number."""
    with pytest.raises(ValueError, match="0 or more"):
        Clock(value)
    with pytest.raises(ValueError, match="forward"):
        Clock().advance(value)
