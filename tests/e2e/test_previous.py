"""Code written for the last release still fits: its tests/typing, read over today's code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import run

pytestmark = [pytest.mark.slow, pytest.mark.git]

VERSIONS = "v[0-9]*"


def previous_tag(checkout: Path) -> str | None:
    """Return the tag of the last release before the checked out commit, or None."""
    command = ("git", "describe", "--tags", "--abbrev=0", "--match", VERSIONS)
    result = run(*command, cwd=checkout)
    return result.stdout.strip() or None


def typing_of(checkout: Path, tag: str, folder: Path) -> list[Path]:
    """Write the typed programs of a release, without those of misuse, which may be allowed now."""
    command = ("git", "ls-tree", "--name-only", tag, "tests/typing/")
    names = subprocess.check_output(command, cwd=checkout, text=True).split()
    paths = [name for name in names if name.endswith(".py") and "misuse" not in name]
    for name in paths:
        text = subprocess.check_output(("git", "show", f"{tag}:{name}"), cwd=checkout)
        (folder / Path(name).name).write_bytes(text)
    return [folder / Path(name).name for name in paths]


def type_errors(project: Path, files: list[Path], cache: Path) -> str:
    """Return mypy's errors, strict, of these files with today's code."""
    roots = [str(project / name) for name in ("overlays", "generated")]
    options = ("--strict", "--no-error-summary", "--config-file", os.devnull)
    command = (sys.executable, "-m", "mypy", *options, "--cache-dir", cache, *files)
    result = run(*command, cwd=cache.parent, env={**os.environ, "MYPYPATH": os.pathsep.join(roots)})
    return result.stdout if result.returncode in (0, 1) else result.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one cache to all runs of mypy."""
    return tmp_path_factory.mktemp("mypy") / "cache"


def test_code_for_the_previous_release_is_typed(project: Path, tmp_path: Path, cache: Path) -> None:
    """What the last release's tests/typing used is still there, with types that fit."""
    tag = previous_tag(project)
    if tag is None:
        pytest.skip("no release yet: no tag v… is before what is checked out")
    assert type_errors(project, typing_of(project, tag, tmp_path), cache) == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chainhub.Client().video.query('a')", ""),
        ("chainhub.Client().video.gone('a')", 'has no attribute "gone"'),
        ("chainhub.Client().video.query('a', retries=3)", 'Unexpected keyword argument "retries"'),
    ],
)
def test_a_loss_is_reported(
    project: Path, tmp_path: Path, cache: Path, line: str, message: str
) -> None:
    """A name or a parameter that a release had and today's code has not is named."""
    checkout = tmp_path / "checkout"
    typing = checkout / "tests" / "typing"
    typing.mkdir(parents=True)
    (typing / "use.py").write_text(f"import chainhub\n\n{line}\n", "utf-8")
    (typing / "misuse.py").write_text("import nothing\n", "utf-8")
    _git(checkout, "init", "--quiet")
    assert previous_tag(checkout) is None
    _git(checkout, "add", ".")
    _git(checkout, "commit", "--quiet", "--message", "A release")
    _git(checkout, "tag", "v0.0.9")
    _git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Later")
    files = typing_of(checkout, str(previous_tag(checkout)), tmp_path)
    errors = type_errors(project, files, cache)
    assert message in errors
    assert bool(errors) is bool(message)


def _git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(("git", *names, *arguments), cwd=folder, check=True, timeout=60)
