"""The locks: exact versions with hashes, no addresses, one version of a package in all of them."""

import re
from pathlib import Path

import pytest

LOCKS = ("run", "generator", "test", "index")
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


@pytest.mark.parametrize("part", ["run", "generator"])
def test_the_test_lock_holds_the_others(project: Path, part: str) -> None:
    """What people run is what is tested."""
    assert _pins(project, part).items() <= _pins(project, "test").items()


def test_what_two_locks_share_has_one_version(project: Path) -> None:
    """The environment of the heavy tests differs from the other one by what it adds."""
    shared = _pins(project, "index").keys() & _pins(project, "test").keys()
    assert {name: _pins(project, "index")[name] for name in shared} == {
        name: _pins(project, "test")[name] for name in shared
    }


def test_the_build_backend_is_the_locked_one(project: Path) -> None:
    """A build without isolation and one with it use the same hatchling."""
    text = (project / "pyproject.toml").read_text("utf-8")
    assert f'requires = ["hatchling=={_pins(project, "run")["hatchling"]}"]' in text
