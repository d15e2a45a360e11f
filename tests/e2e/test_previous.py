"""Code written for the last release still fits: its tests/typing, read over today's code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import run

pytestmark = [pytest.mark.slow, pytest.mark.git]

VERSIONS = "v[0-9]*"


def previous(checkout: Path) -> str | None:
    """Name the tag of the last release before what is checked out; None if there is none."""
    command = ("git", "describe", "--tags", "--abbrev=0", "--match", VERSIONS)
    done = run(*command, cwd=checkout)
    return done.stdout.strip() or None


def typing_of(checkout: Path, tag: str, folder: Path) -> list[Path]:
    """Write what a release's users might have written; what it calls misuse may be allowed now."""
    command = ("git", "ls-tree", "--name-only", tag, "tests/typing/")
    names = subprocess.check_output(command, cwd=checkout, text=True).split()
    kept = [name for name in names if name.endswith(".py") and "misuse" not in name]
    for name in kept:
        text = subprocess.check_output(("git", "show", f"{tag}:{name}"), cwd=checkout)
        (folder / Path(name).name).write_bytes(text)
    return [folder / Path(name).name for name in kept]


def complaints(project: Path, files: list[Path], cache: Path) -> str:
    """Ask mypy, strict, what of today's code does not fit these files."""
    roots = [str(project / name) for name in ("overlays", "generated")]
    options = ("--strict", "--no-error-summary", "--config-file", os.devnull)
    command = (sys.executable, "-m", "mypy", *options, "--cache-dir", cache, *files)
    done = run(*command, cwd=cache.parent, env={**os.environ, "MYPYPATH": os.pathsep.join(roots)})
    return done.stdout if done.returncode in (0, 1) else done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one cache to all runs of mypy."""
    return tmp_path_factory.mktemp("mypy") / "cache"


def test_code_for_the_previous_release_is_typed(project: Path, tmp_path: Path, cache: Path) -> None:
    """What the last release's tests/typing used is still there, with types that fit."""
    tag = previous(project)
    if tag is None:
        pytest.skip("no release yet: no tag v… is before what is checked out")
    assert complaints(project, typing_of(project, tag, tmp_path), cache) == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chainhub.Client().video.query('a')", ""),
        ("chainhub.Client().video.gone('a')", 'has no attribute "gone"'),
        ("chainhub.Client().video.query('a', retries=3)", 'Unexpected keyword argument "retries"'),
    ],
)
def test_a_loss_would_be_told(
    project: Path, tmp_path: Path, cache: Path, line: str, message: str
) -> None:
    """A name or a parameter that a release had and today's code has not is named."""
    checkout = tmp_path / "checkout"
    typing = checkout / "tests" / "typing"
    typing.mkdir(parents=True)
    (typing / "use.py").write_text(f"import chainhub\n\n{line}\n", "utf-8")
    (typing / "misuse.py").write_text("import nothing\n", "utf-8")
    _git(checkout, "init", "--quiet")
    assert previous(checkout) is None
    _git(checkout, "add", ".")
    _git(checkout, "commit", "--quiet", "--message", "A release")
    _git(checkout, "tag", "v0.0.9")
    _git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Later")
    files = typing_of(checkout, str(previous(checkout)), tmp_path)
    found = complaints(project, files, cache)
    assert message in found
    assert bool(found) is bool(message)


def _git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(("git", *names, *arguments), cwd=folder, check=True, timeout=60)
