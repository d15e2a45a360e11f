"""Where a script stands, by questions, by time, and by both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub.sandbox import Step, completed, pending, processing, queued, reset
from chainhub.sandbox._state import Position, next_position

SECONDS = (pending(seconds=2), processing(seconds=3), completed)
POLLS = (pending(polls=2), reset, completed)
MIXED = (pending, processing(seconds=3), queued(polls=2), completed)


def course(script: tuple[Step, ...], times: list[float]) -> list[int]:
    """Return the index of the step at each question."""
    position, seen = Position(), []
    for now in times:
        position = next_position(script, position, now)
        seen.append(position.index)
    return seen


@pytest.mark.parametrize(
    ("script", "times", "expected"),
    [
        (POLLS, [0, 0, 0, 0, 0], [0, 0, 1, 2, 2]),
        (SECONDS, [0, 1.9, 2, 4.9, 5, 99], [0, 0, 1, 1, 2, 2]),
        (SECONDS, [100], [2]),
        # The span of `processing` begins with the question that left `pending`.
        (MIXED, [0, 10, 12, 13, 14, 15], [0, 1, 1, 2, 2, 3]),
        ((pending(seconds=0), completed), [0], [1]),
        ((reset,), [0, 1], [0, 0]),
    ],
)
def test_a_script_goes_on(
    script: tuple[Step, ...], times: list[float], expected: list[int]
) -> None:
    """A step ends after its questions or its span, and the last one stays."""
    assert course(script, times) == expected


def test_a_position_says_when_its_step_began() -> None:
    """A step by time begins when the one before ended, not when somebody asked."""
    assert next_position(SECONDS, Position(since=10), 13.5) == Position(1, since=12, polls=1)
    assert next_position(POLLS, Position(0, since=10, polls=2), 13.5) == Position(
        1, since=13.5, polls=1
    )


step = st.one_of(
    st.integers(1, 3).map(lambda polls: pending(polls=polls)),
    st.floats(0, 9).map(lambda seconds: pending(seconds=seconds)),
)


@given(st.lists(step, min_size=1, max_size=6), st.lists(st.floats(0, 5), max_size=12))
def test_a_script_only_goes_forward(steps: list[Step], gaps: list[float]) -> None:
    """No question, however late, takes a script back or beyond its end."""
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    seen = course(tuple(steps), times)
    assert seen == sorted(seen)
    assert all(0 <= index < len(steps) for index in seen)
