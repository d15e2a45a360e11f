"""The locks: exact versions with hashes, no addresses, one version of a package in all of them."""

import itertools
import re
from pathlib import Path

import pytest

# In the order of `make lock`: each takes the versions of those before it.
LOCKS = ("run", "generator", "docs", "release", "test", "check", "index")
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;]+)(?: ; [^\\]+)? \\$")


def _pins(project: Path, lock: str) -> dict[str, str]:
    lines = (project / "requirements" / f"{lock}.txt").read_text("utf-8").splitlines()
    return dict(match.groups() for line in lines if (match := PIN.match(line)))  # type: ignore[misc]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_or_a_hash(project: Path, lock: str) -> None:
    """A lock has neither options nor addresses nor comments that would name a place."""
    lines = (project / "requirements" / f"{lock}.txt").read_text("utf-8").splitlines()
    strange = [
        line
        for line in lines
        if not PIN.match(line) and not re.match(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$", line)
    ]
    assert strange == []


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(LOCKS, 2)))
def test_what_two_locks_share_has_one_version(project: Path, first: str, second: str) -> None:
    """They are layers of one environment, and what people run is what is tested."""
    first_pins, second_pins = _pins(project, first), _pins(project, second)
    shared = first_pins.keys() & second_pins.keys()
    assert {name: first_pins[name] for name in shared} == {
        name: second_pins[name] for name in shared
    }


def test_the_build_backend_is_the_locked_one(project: Path) -> None:
    """A build without isolation and one with it use the same hatchling."""
    text = (project / "pyproject.toml").read_text("utf-8")
    assert f'requires = ["hatchling=={_pins(project, "run")["hatchling"]}"]' in text
