"""The lock of the benchmarks is like the others."""

from pathlib import Path

import pytest

from tests.e2e.test_locks import _pins, test_every_line_is_a_pin_or_a_hash


def test_the_lock_has_pins_and_hashes_only(project: Path) -> None:
    """No options, addresses or comments."""
    test_every_line_is_a_pin_or_a_hash(project, "bench")


@pytest.mark.parametrize("part", ["run", "generator"])
def test_what_is_measured_is_what_people_run(project: Path, part: str) -> None:
    """The lock holds the versions of the others."""
    assert _pins(project, part).items() <= _pins(project, "bench").items()
