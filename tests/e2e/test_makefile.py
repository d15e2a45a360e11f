"""The Makefile: every command is listed, and each can be resolved."""

import os
import re
import subprocess
from pathlib import Path

import pytest

PROMISED = (
    "run",
    "test",
    "test-all",
    "test-pythons",
    "check",
    "generate",
    "spec",
    "repair",
    "validate",
    "surface",
    "drift",
    "diff",
    "release-check",
    "bench",
    "build",
    "publish",
    "clean",
    "lock",
)


NEEDED = {"spec": "PAGES", "diff": "BASE", "publish": "INDEX"}


def _make(project: Path, *arguments: str, **variables: str) -> str:
    # The make that runs the tests hands down its own flags.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ("make", *arguments),
        cwd=project,
        env={**clean, **variables},
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    return done.stdout


@pytest.mark.parametrize("arguments", [(), ("-j4",)])
def test_make_alone_lists_the_targets(project: Path, arguments: tuple[str, ...]) -> None:
    """Plain ``make`` shows each target with a line that says what it does."""
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", _make(project, *arguments), re.MULTILINE))
    assert set(PROMISED) <= set(listed)


@pytest.mark.parametrize("target", PROMISED)
def test_target_resolves(project: Path, target: str) -> None:
    """Every promised target has a recipe that make can work out."""
    assert _make(project, "--dry-run", target, **dict.fromkeys(NEEDED.values(), "x"))


@pytest.mark.parametrize(("target", "argument"), NEEDED.items())
def test_an_argument_is_asked_for_before_anything_is_made(
    project: Path, target: str, argument: str
) -> None:
    """Nobody waits for an environment to be told what was forgotten."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _make(project, "-j4", target, **{argument: ""})
    assert caught.value.output == ""
    assert f"Say {argument}=… with make {target}: " in caught.value.stderr
    assert caught.value.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ("a page with spaces.md", "<a page with spaces.md>\n"),
        ("one.md two.md", "<one.md>\n<two.md>\n"),
    ],
)
def test_pages_may_have_spaces(project: Path, tmp_path: Path, pages: str, expected: str) -> None:
    """PAGES is one path if there is such a path, and else a list."""
    (tmp_path / "a page with spaces.md").touch()
    recipe = _make(project, "--dry-run", "spec", PAGES=pages).splitlines()[-1]
    arguments = recipe.replace(
        recipe[recipe.index("PATH=") : recipe.index('"$@"')], "printf '<%s>\\n' "
    )
    shown = subprocess.check_output(
        ("sh", "-c", arguments), cwd=tmp_path, env={**os.environ, "PAGES": pages}, text=True
    )
    assert shown == expected
