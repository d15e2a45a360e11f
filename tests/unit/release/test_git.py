"""A release is made from what is committed."""

import os
import subprocess
from pathlib import Path

import pytest

from release import git
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
    git.require_clean(checkout)


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
        git.require_clean(checkout)
    assert str(caught.value).endswith(told)


def test_no_repository_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, or without git, nobody can tell."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Problem, match="is not known: fatal: not a git repository"):
        git.require_clean(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="git is not installed"):
        git.require_clean(tmp_path)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_commit_is_checked_out_and_nothing_else(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and changes that git is asked to overlook are not in it; nothing is converted."""
    (checkout / "kept").write_text("2\n", "utf-8")
    (checkout / "run").write_text("#!/bin/sh\n", "utf-8")
    (checkout / "run").chmod(0o755)
    (checkout / "link").symlink_to("kept")
    _git(checkout, "add", ".")
    _git(checkout, "commit", "--quiet", "--message", "Second")
    home = tmp_path_factory.mktemp("home")
    (home / "everywhere").write_text("*.swp\n", "utf-8")
    (home / "attributes").write_text("kept text eol=crlf ident\nrun export-ignore\n", "utf-8")
    config = f"[core]\nexcludesFile={home}/everywhere\nattributesFile={home}/attributes\n"
    (home / ".gitconfig").write_text(f"{config}autocrlf = true\n", "utf-8")
    monkeypatch.setenv("HOME", str(home))
    (checkout / ".git" / "info" / "exclude").write_text(".env\n", "utf-8")
    (checkout / ".git" / "info" / "attributes").write_text("run export-ignore\n", "utf-8")
    _git(checkout, "update-index", "--skip-worktree", "run")
    for name in (".env", ".kept.swp", "ignored", "run"):
        (checkout / name).write_text("SECRET=1\n", "utf-8")
    git.require_clean(checkout)
    with git.checked_out(checkout) as tree:
        assert _files(tree) == {
            ".gitignore": b"ignored\n",
            "kept": b"2\n",
            "link": b"2\n",
            "run": b"#!/bin/sh\n",
        }
        assert os.access(tree / "run", os.X_OK)
        assert (tree / "link").is_symlink()
    assert not tree.exists()
    with git.checked_out(checkout, "HEAD~1") as tree:
        assert _files(tree) == {".gitignore": b"ignored\n", "kept": b"1\n"}


@pytest.mark.parametrize("revision", ["v9", "--output=x", "HEAD:kept"])
def test_an_unknown_commit_is_a_sentence(checkout: Path, revision: str) -> None:
    """What is no commit is refused, and no name is taken for an option."""
    with (
        pytest.raises(Problem, match="What is committed is not known: fatal: "),
        git.checked_out(checkout, revision),
    ):
        pass


def test_a_clone_that_shares_its_objects_is_checked_out(checkout: Path, tmp_path: Path) -> None:
    """The objects may be anywhere, also for a worktree of another repository."""
    _git(checkout, "clone", "--quiet", "--shared", ".", "a clone")
    _git(checkout / "a clone", "worktree", "add", "--quiet", "../tree", "-b", "other")
    for folder in (checkout / "a clone", checkout / "tree"):
        with git.checked_out(folder) as tree:
            assert "kept" in _files(tree)
