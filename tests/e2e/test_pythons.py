"""The Pythons that `make test-pythons` finds."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOOD = "#!/bin/sh\necho 3.99.1 /opt/python3.99\n"
BROKEN = "#!/bin/sh\nexit 127\n"


@pytest.fixture
def pythons(project: Path) -> dict[str, Any]:
    """Load the program."""
    return runpy.run_path(str(project / ".ci" / "pythons.py"))


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Give a function that puts a program where pyenv keeps Pythons."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def put(version: str, text: str) -> Path:
        kind = version.rpartition(".")[0]
        path = tmp_path / "pyenv" / "versions" / version / "bin" / f"python{kind}"
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755)
        return path

    return put


def test_the_newest_of_a_kind_is_taken(
    pythons: dict[str, Any], add: Callable[[str, str], Path]
) -> None:
    """By number and not by letters, without those that are no release."""
    for version in ("3.99.9", "3.99.10", "3.99.11-dev"):
        add(version, BROKEN)
    (path,) = pythons["candidates"]("3.99")
    assert path.endswith("/3.99.10/bin/python3.99")


def test_one_interpreter_is_taken_once_and_a_broken_one_never(
    pythons: dict[str, Any], add: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Whatever it is called; one without venv or ensurepip is as good as broken."""
    add("3.98.1", BROKEN)
    add("3.99.1", GOOD)
    path = tmp_path / "bin" / "python3.99"
    path.parent.mkdir()
    path.write_text(GOOD, "utf-8")
    path.chmod(0o755)
    assert pythons["interpreters"](98) == {}
    assert pythons["interpreters"](99) == {"/opt/python3.99": "3.99.1"}


@pytest.mark.parametrize(
    ("ci", "root", "message"), [("", 0, "as root with CI=true only"), ("true", 7, "as root")]
)
def test_nothing_is_installed_but_where_machines_are_for_tests(
    pythons: dict[str, Any], monkeypatch: pytest.MonkeyPatch, ci: str, root: int, message: str
) -> None:
    """A developer's machine stays as it is."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("os.geteuid", lambda: root)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", None)
    assert message in pythons["add_debians"]()
