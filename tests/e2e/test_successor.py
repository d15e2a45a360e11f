"""What a change from httpx to httpx2, where others are moving, would take: a try in a copy.

Import lines change, the names of its loggers, modules and files where we look for them, and the
bounds in pyproject.toml. Of what callers see, the certificates trusted by default become the
system's.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import run

pytestmark = [pytest.mark.slow, pytest.mark.git]

IMPORT = re.compile(r"^(\s*)(?:import (httpx|httpcore)|from (httpx|httpcore)([.\w]*) (import .+))$")
NAME = re.compile(r'"(httpx|httpcore)(\.[\w{}]+)?"')
SHIPPED = {"overlays/chainhub/_session/events.py", "overlays/chainhub/_session/transport.py"}
"""Where the loggers are silenced, and where mocks are recognised."""
NAMING = {*SHIPPED, "tests/unit/session/test_log.py"}
TESTS = ("tests/client", "tests/faults", "tests/contract/test_operations.py")
# Of the unit tests, those of what is not shipped and of the sandbox are left out, and those of the
# pytest plugin, which start processes of their own that do not see httpx2.
UNIT = ("download", "responses", "session", "tasks", "transport")
# These compare with httpx itself: httpx2 reads NO_PROXY and impossible host names differently.
# The mocks are mocks of httpx, and one test starts a process that does not see httpx2.
DIFFERENT = {
    "test_respx",
    "test_pytest_httpx",
    "test_another_thread_may_be_loading_httpcore",
    "test_waits_and_downloads_of_tasks_of_other_shapes",
    "test_variables_are_read_as_httpx_reads_them",
    "test_no_proxy_is_read_as_httpx_reads_it",
    "test_a_bad_proxy_is_a_sentence_naming_its_variable",
    "test_a_client_that_cannot_work_is_not_made",
}
LOADED_MODULES = """
import sys, chainhub
chainhub.Client("sk-test-1").get_httpx_client()
print(sorted({"httpx", "httpx2", "httpcore", "httpcore2"} & set(sys.modules)))
"""
PACKAGES = ("httpx2", "httpcore2", "truststore")


def switch_line(line: str, *, names: bool) -> str:
    """Give the line as it would be with httpx2."""
    if match := IMPORT.match(line):
        indent, plain, module, inner, imports = match.groups()
        if plain:
            return f"{indent}import {plain}2 as {plain}"
        return f"{indent}from {module}2{inner} {imports}"
    return NAME.sub(r'"\g<1>2\g<2>"', line) if names else line


@pytest.fixture(scope="module")
def copy(copy_sources: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project."""
    folder = tmp_path_factory.mktemp("successor")
    copy_sources(folder)
    return folder


@pytest.fixture(scope="module")
def changes(copy: Path) -> Counter[tuple[str, str]]:
    """Switch the copy over; count the changed lines per file and text."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in sorted(copy.rglob("*.py")):
        name = path.relative_to(copy).as_posix()
        if name.startswith(("generated/", "overlays/", "tests/")):
            lines = path.read_text("utf-8").splitlines()
            new_lines = [switch_line(line, names=name in NAMING) for line in lines]
            pairs = zip(lines, new_lines, strict=True)
            counts.update((name, before) for before, after in pairs if before != after)
            path.write_text("\n".join(new_lines) + "\n", "utf-8")
    return counts


def test_only_imports_and_names_change(changes: Counter[tuple[str, str]]) -> None:
    """In generated code it is one line, at any depth; in ours imports, and names in two files."""
    shipped = {place: n for place, n in changes.items() if not place[0].startswith("tests/")}
    generated = {line.strip() for name, line in shipped if name.startswith("generated/")}
    assert generated == {"import httpx"}
    other_lines = [place for place in shipped if not IMPORT.match(place[1])]
    assert {name for name, _ in other_lines} == SHIPPED
    assert len(other_lines) == 8


def test_the_seam_works_with_httpx2(
    copy: Path, changes: Counter[tuple[str, str]], project: Path
) -> None:
    """The same tests pass, but for those that compare with httpx itself."""
    if not (project / ".venv-index").exists():
        pytest.skip("the environment of make test-all is not there")
    (packages,) = (project / ".venv-index").glob("lib/python*/site-packages")
    site = copy.parent / "site"
    site.mkdir()
    for path in (path for package in PACKAGES for path in packages.glob(f"{package}*")):
        (site / path.name).symlink_to(path)
    unit_tests = [f"tests/unit/{name}" for name in UNIT]
    assert _run(copy, site, "-c", LOADED_MODULES).stdout == "['httpx2']\n"
    tests = ("-m", "pytest", "-q", "-m", "not slow", *TESTS, *unit_tests)
    _run(copy, site, *tests, "-n", "2")
    # A test that fails under the load of the others, but not alone, is no difference.
    output = _run(copy, site, *tests, "--last-failed", "--last-failed-no-failures", "none").stdout
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S+?::(\w+)", output, re.MULTILINE))
    assert failed == DIFFERENT, output


def _run(copy: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python over the copy."""
    paths = os.pathsep.join(str(path) for path in (copy / "overlays", copy / "generated", site))
    return run(
        sys.executable, *arguments, cwd=copy, env={**os.environ, "PYTHONPATH": paths}, timeout=600
    )
