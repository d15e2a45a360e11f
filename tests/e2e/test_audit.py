"""What an install brings along has no known vulnerability, where somebody can be asked."""

import json
import subprocess
from pathlib import Path

import pytest

from release import sbom as bill

pytestmark = [pytest.mark.network, pytest.mark.slow]

UNREACHABLE = ("Connection", "HTTPError", "ServiceError", "Timeout")


def test_no_vulnerability_is_known(
    project: Path, outside: dict[str, str], built: dict[str, Path], tmp_path: Path
) -> None:
    """The locked versions of our dependencies, the indirect ones too, are asked about."""
    program = project / ".venv-index" / "bin" / "pip-audit"
    if not program.exists():
        pytest.skip("the environment of make test-all is not there")
    versions = bill.pins((project / "requirements" / "run.txt").read_text("utf-8"))
    root = bill.Part("chainhub", "", "", ("attrs", "h11", "httpx"))
    pins = [f"{part.name}=={part.version}\n" for part in bill.parts(root, versions)[1:]]
    (tmp_path / "pins.txt").write_text("".join(pins), "utf-8")
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    try:
        done = subprocess.run(
            (
                str(program),
                *options,
                "--timeout",
                "20",
                "--requirement",
                str(tmp_path / "pins.txt"),
            ),
            env=outside,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
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
