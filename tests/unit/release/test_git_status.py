"""A release is made from what is committed."""

import subprocess
from pathlib import Path

import pytest

from release import git_status as tree
from release.errors import Problem

pytestmark = pytest.mark.git


def _git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(("git", *names, *arguments), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a repository with one commit."""
    (tmp_path / "kept").write_text("1\n", "utf-8")
    (tmp_path / ".gitignore").write_text("ignored\n", "utf-8")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "First")
    return tmp_path


@pytest.mark.parametrize("name", [None, "ignored"])
def test_a_clean_tree_passes(checkout: Path, name: str | None) -> None:
    """What is committed or ignored is no hindrance."""
    if name:
        (checkout / name).touch()
    tree.require_clean(checkout)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["kept"], "differs from the commit: kept."),
        (["new/one"], "differs from the commit: new/one."),
        ([f"{number}" for number in range(7)], "commit: 0, 1, 2, 3, 4 and 2 more."),
    ],
)
def test_what_differs_is_named(checkout: Path, changed: list[str], told: str) -> None:
    """A changed or a new file is named; of many, the first five."""
    for name in changed:
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("2\n", "utf-8")
    with pytest.raises(Problem, match="The tree is not clean") as caught:
        tree.require_clean(checkout)
    assert str(caught.value).endswith(told)


def test_no_repository_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, or without git, nobody can tell."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Problem, match="cannot be told: fatal: not a git repository"):
        tree.require_clean(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="there is no git here"):
        tree.require_clean(tmp_path)
