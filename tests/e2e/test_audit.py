"""What an install brings along has no known vulnerability, where somebody can be asked."""

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
    """What the bill of materials inside the wheel lists is asked about."""
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
    pins = [f"{each['name']}=={each['version']}\n" for each in components]
    assert len(pins) > 3
    (tmp_path / "pins.txt").write_text("".join(pins), "utf-8")
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    try:
        asked = ("--timeout", "20", "--requirement", tmp_path / "pins.txt")
        done = run(program, *options, *asked, env=outside, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("the database of vulnerabilities does not answer")
    if not done.stdout.strip() and any(word in done.stderr for word in UNREACHABLE):
        pytest.skip("the database of vulnerabilities is not reachable")
    assert done.stdout, done.stderr
    found = {each["name"]: each for each in json.loads(done.stdout)["dependencies"]}
    assert len(found) == len(pins)
    unknown = [name for name, each in found.items() if "skip_reason" in each]
    if len(unknown) == len(found):
        pytest.skip("the database of vulnerabilities knows nothing here: it is not reachable")
    assert unknown == []
    assert {name: each["vulns"] for name, each in found.items() if each["vulns"]} == {}
