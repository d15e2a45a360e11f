"""The dependencies have no known vulnerability, if the database can be reached."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from release import files
from tests.processes import run

pytestmark = [pytest.mark.network, pytest.mark.slow]

UNREACHABLE = ("Connection", "HTTPError", "ServiceError", "Timeout")


def test_no_vulnerability_is_known(
    project: Path,
    outside: dict[str, str],
    sources: Callable[[Path, int], Path],
    tmp_path: Path,
) -> None:
    """Checked is the bill of materials inside the wheel."""
    program = project / ".venv-index" / "bin" / "pip-audit"
    if not program.exists():
        pytest.skip("the environment of make test-all is not there")
    tree = sources(tmp_path / "tree", 0o022)
    (tree / "requirements").mkdir()
    shutil.copy(project / "requirements" / "run.txt", tree / "requirements")
    files.build(tree, tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if "/sboms/" in name)
        components = json.loads(archive.read(name))["components"]
    pins = [f"{entry['name']}=={entry['version']}\n" for entry in components]
    assert len(pins) > 3
    (tmp_path / "pins.txt").write_text("".join(pins), "utf-8")
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    try:
        arguments = ("--timeout", "20", "--requirement", tmp_path / "pins.txt")
        result = run(program, *options, *arguments, env=outside, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("the database of vulnerabilities does not answer")
    if not result.stdout.strip() and any(word in result.stderr for word in UNREACHABLE):
        pytest.skip("the database of vulnerabilities is not reachable")
    assert result.stdout, result.stderr
    by_name = {entry["name"]: entry for entry in json.loads(result.stdout)["dependencies"]}
    assert len(by_name) == len(pins)
    unknown = [name for name, entry in by_name.items() if "skip_reason" in entry]
    if len(unknown) == len(by_name):
        pytest.skip("the database of vulnerabilities knows nothing here: it is not reachable")
    assert unknown == []
    assert {name: entry["vulns"] for name, entry in by_name.items() if entry["vulns"]} == {}
