"""The Makefile: every command is listed, and each can be resolved."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import run

TARGETS = (
    "run",
    "test",
    "test-all",
    "test-pythons",
    "test-grown",
    "check",
    "generate",
    "spec",
    "update",
    "propose",
    "repair",
    "validate",
    "surface",
    "drift",
    "diff",
    "release-check",
    "bench",
    "bench-all",
    "docs",
    "build",
    "publish",
    "verify",
    "withdraw",
    "clean",
    "lock",
)


REQUIRED = (
    ("spec", "PAGES"),
    ("update", "FROM"),
    ("propose", "FROM"),
    ("diff", "BASE"),
    ("publish", "INDEX"),
    ("verify", "INDEX"),
    ("verify", "VERSION"),
    ("withdraw", "VERSION"),
    ("withdraw", "REASON"),
)
ANY = {argument: "x" for _, argument in REQUIRED}


def _make(project: Path, *arguments: str, **variable_names: str) -> str:
    # The make that runs the tests hands down its own flags.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    result = subprocess.run(
        ("make", *arguments),
        cwd=project,
        env={**inherited, **variable_names},
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    return result.stdout


@pytest.mark.parametrize("arguments", [(), ("-j4",)])
def test_make_alone_lists_the_targets(project: Path, arguments: tuple[str, ...]) -> None:
    """Plain ``make`` shows each target with a line that says what it does."""
    targets = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", _make(project, *arguments), re.MULTILINE))
    assert set(TARGETS) <= set(targets)


@pytest.mark.parametrize("target", TARGETS)
def test_target_resolves(project: Path, target: str) -> None:
    """Every promised target has a recipe that make can work out."""
    assert _make(project, "--dry-run", target, **ANY)


@pytest.mark.parametrize(("target", "argument"), REQUIRED)
def test_an_argument_is_asked_for_before_anything_is_made(
    project: Path, target: str, argument: str
) -> None:
    """What was forgotten is said before an environment is made."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _make(project, "-j4", target, **{**ANY, argument: ""})
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
    text = subprocess.check_output(
        ("sh", "-c", arguments), cwd=tmp_path, env={**os.environ, "PAGES": pages}, text=True
    )
    assert text == expected


HOSTILE = (
    "$(shell touch ran)",
    "$(touch ran)",
    "`touch ran`",
    '"; touch ran; "',
    "'; touch ran; '",
    "; touch ran #",
    "x\ntouch ran",
    "--out=ran",
    "--help",
)
STUB = """#!/bin/sh
printf '%s\\0' "$@" '<end>' >> calls
"""


@pytest.mark.parametrize("where", ["argument", "environment"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_argument_reaches_a_shell_or_is_an_option(
    project: Path, tmp_path: Path, hostile: str, where: str
) -> None:
    """Every variable of every target arrives as it is, after ``--`` or its option's ``=``."""
    shutil.copy(project / "Makefile", tmp_path)
    for name in (
        "requirements/environment.sh",
        ".venv/bin/python",
        ".venv/bin/lint-imports",
        ".venv-generator/bin/python",
        ".venv-bench/bin/python",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STUB, "utf-8")
        (tmp_path / name).chmod(0o755)
    names = variable_names(project)
    hostile_variables = dict.fromkeys(names, hostile)
    targets = [target for target in TARGETS if target != "clean"]
    if where == "argument":
        _make(tmp_path, *targets, "clean", *(f"{name}={hostile}" for name in names))
    else:
        _make(tmp_path, *targets, "clean", **hostile_variables)
    assert not (tmp_path / "ran").exists()
    lines = (tmp_path / "calls").read_text("utf-8").split("\0<end>\0")
    calls = [line.split("\0") for line in lines if line]
    whole, words = {hostile}, {hostile, *hostile.split()}
    for call in calls:
        options = call[: call.index("--")] if "--" in call else call
        assert not words & set(options), call
        for word in options:
            if any(part in word for part in whole):
                assert re.fullmatch(r"--[a-z-]+", word.removesuffix(f"={hostile}")), call
    # PAGES, a list, is split into words; the other values arrive whole.
    values = [word for call in calls if "spec" not in call for word in call]
    received = sum(hostile in word for word in values if not word.startswith("--allow-host="))
    passed_on = re.findall(r'(?:=|-- )"\$\$(?!PAGES|ALLOW_HOST)[A-Z_]+"', _recipes(project))
    assert received == len(passed_on) > 7


def variable_names(project: Path) -> list[str]:
    """Return the environment variables that the recipes read."""
    read = set(re.findall(r"\$\$\{?([A-Z_]+)", _recipes(project)))
    return sorted(read - {"PWD", "PATH"})


def _recipes(project: Path) -> str:
    return (project / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_name_of_a_python_is_only_a_name(project: Path, tmp_path: Path, hostile: str) -> None:
    """Where PYTHON is no program, nothing is run."""
    (tmp_path / "requirements").mkdir()
    shutil.copy(project / "requirements" / "environment.sh", tmp_path / "requirements")
    command = ("sh", "requirements/environment.sh", ".venv", "run")
    result = run(*command, cwd=tmp_path, env={**os.environ, "PYTHON": hostile}, timeout=30)
    assert result.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["requirements"]
