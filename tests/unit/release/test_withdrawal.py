"""A withdrawn version is excluded for installers, and its number is never used again."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from release import withdrawal
from release.errors import Problem


def test_a_version_is_withdrawn(tmp_path: Path) -> None:
    """The list is a constraints file; a second version adds a line."""
    line = withdrawal.withdraw(tmp_path, Version("0.1.0"), "loses\n  downloads")
    assert line == "chainhub != 0.1.0  # loses downloads"
    withdrawal.withdraw(tmp_path, Version("0.2"), "see 0.1.0")
    text = (tmp_path / withdrawal.NAME).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == [line, "chainhub != 0.2  # see 0.1.0"]
    assert "0.1.0" not in Requirement(lines[0].partition("#")[0]).specifier


@pytest.mark.parametrize(
    ("version", "reason", "said"),
    [
        ("0.1.0", "again", r"Version 0\.1\.0 is withdrawn \(loses downloads\); a number is never"),
        ("0.1", "again", r"Version 0\.1 is withdrawn"),
        ("0.2.0", " \n", "Say REASON=… in a few words"),
    ],
)
def test_what_cannot_be_withdrawn(tmp_path: Path, version: str, reason: str, said: str) -> None:
    """Nothing is withdrawn twice, or without a reason."""
    withdrawal.withdraw(tmp_path, Version("0.1.0"), "loses downloads")
    with pytest.raises(Problem, match=said):
        withdrawal.withdraw(tmp_path, Version(version), reason)


def test_other_versions_are_usable(tmp_path: Path) -> None:
    """Without a list all are."""
    withdrawal.require_usable(tmp_path, Version("0.1.0"))
    withdrawal.withdraw(tmp_path, Version("0.1.0"), "loses downloads")
    withdrawal.require_usable(tmp_path, Version("0.1.1"))
