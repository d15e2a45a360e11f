"""How generated folders are compared, levelled and swapped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import directories


def filled(folder: Path, **files: str) -> Path:
    """Make a folder with files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_differences_name_the_file_and_how_it_differs(tmp_path: Path) -> None:
    """Content, mode, missing and left-over files count; caches do not."""
    old = filled(tmp_path / "old", same="1", changed="1", gone="1", mode="1")
    new = filled(tmp_path / "new", same="1", changed="2", mode="1", made="1")
    filled(old / "__pycache__", x="1")
    (old / "mode").chmod(0o755)
    assert directories.differences(old, new) == [
        "changed differs",
        "gone is left over",
        "made is missing",
        "mode differs",
    ]


def test_modes_are_the_same_whatever_they_were(tmp_path: Path) -> None:
    """Files are readable by all and nothing is executable."""
    inner = filled(filled(tmp_path / "a", x="1") / "b", y="1")
    (inner / "y").chmod(0o700)
    inner.chmod(0o700)
    directories.level(tmp_path / "a")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a": 0o755, "x": 0o644, "b": 0o755, "y": 0o644}


def test_swap_replaces_all_names(tmp_path: Path) -> None:
    """What stood there is parked, what did not stand there is new, others stay."""
    source = filled(tmp_path / "source", a="new", b="new")
    target = filled(tmp_path / "target", a="old", z="other")
    parked = filled(tmp_path / "parked")
    directories.swap(("a", "b"), source, target, parked)
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "a": "new",
        "b": "new",
        "z": "other",
    }
    assert (parked / "a").read_text() == "old"


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
@pytest.mark.parametrize("after", [False, True])
def test_a_swap_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, after: bool
) -> None:
    """At whichever of its steps it is interrupted, before or after the step was made."""
    source = filled(tmp_path / "source", a="new", b="new")
    target = filled(tmp_path / "target", a="old", b="old")
    parked = filled(tmp_path / "parked")
    rename, calls = Path.rename, 0

    def interrupted(self: Path, other: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing and not after:
            raise KeyboardInterrupt
        moved = rename(self, other)
        if calls == failing:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        directories.swap(("a", "b"), source, target, parked)
    assert {path.name: path.read_text() for path in target.iterdir()} == {"a": "old", "b": "old"}


def test_scratch_leaves_no_trace(tmp_path: Path) -> None:
    """Neither the folder nor the ones made to hold it stay, even after a failure."""
    filled(tmp_path / "there" / "scratch", old="1")
    with directories.scratch(tmp_path / "there" / "scratch") as folder:
        assert list(folder.iterdir()) == []
    with pytest.raises(ZeroDivisionError), directories.scratch(tmp_path / "a" / "b") as folder:
        filled(folder, x=str(1 / 0))
    with directories.scratch(tmp_path / "kept" / "b") as folder:
        filled(folder.parent, other="1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "there"]
