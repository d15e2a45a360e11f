"""Run the quick tests on every supported Python that is found: `make test-pythons`.

It looks for Debian's own, the newest of each minor version of pyenv, and the one on PATH. Each gets
its own environment in `.venv-pythons/`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MINORS = (11, 12, 13, 14)
LAYERS = ("run", "project", "generator", "release", "test")
TESTS = ("tests/unit", "tests/client", "tests/cli")
OPTIONS = (
    "-n",
    "4",
    "--dist",
    "worksteal",
    "-q",
    "-m",
    "not slow and not network and not unmeasured",
    "-p",
    "no:cacheprovider",
)
VERSION_SCRIPT = """
import ensurepip, os, sys, venv
print("%d.%d.%d" % sys.version_info[:3], os.path.realpath(sys.executable))
"""


def main() -> int:
    """Print the result of each; 1 if a test failed or an environment could not be created."""
    if problem := add_debians():
        say(problem)
    lines = []
    for minor in MINORS:
        pythons = interpreters(minor)
        if not pythons:
            lines.append(f"Python 3.{minor}: left out, none with venv and ensurepip is found here")
        for python, version in pythons.items():
            lines.append(f"Python {version} ({python}): {run_tests(python, version)}")
    say("\n".join(lines))
    return any("failed" in line for line in lines)


def interpreters(minor: int) -> dict[str, str]:
    """Return the interpreters of a minor version that can create environments: path and version."""
    complete: dict[str, str] = {}
    for candidate in candidates(f"3.{minor}"):
        command = (candidate, "-I", "-c", VERSION_SCRIPT)
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            version, _, path = result.stdout.strip().partition(" ")
            complete.setdefault(path, version)
    return complete


def candidates(kind: str) -> Iterator[str]:
    """Return the paths at which a Python of a minor version may be."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    versions = [path for path in pyenv.glob(f"{kind}.*") if path.name.rpartition(".")[2].isdigit()]
    versions.sort(key=lambda path: int(path.name.rpartition(".")[2]))
    paths = (f"/usr/bin/python{kind}", *(str(path / f"bin/python{kind}") for path in versions[-1:]))
    on_path = shutil.which(f"python{kind}")
    return (place for place in (*paths, on_path) if place and os.access(place, os.X_OK))


def run_tests(python: str, version: str) -> str:
    """Create an environment of this Python, run the tests in it, and return the result as words."""
    folder = Path(".venv-pythons", python.strip("/").replace("/", "-"))
    result = subprocess.run(
        ("sh", "requirements/environment.sh", str(folder), *LAYERS),
        cwd=PROJECT,
        env={**os.environ, "PYTHON": python},
        check=False,
    )
    if result.returncode:
        return "failed, no environment could be made"
    say(f"Python {version} ({python}): quick tests, 1 to 3 minutes on two cores")
    command = (str(folder / "bin" / "python"), "-m", "pytest", *OPTIONS, *TESTS)
    start = time.monotonic()
    status = subprocess.run(command, cwd=PROJECT, check=False).returncode
    return f"{'failed' if status else 'passed'} in {time.monotonic() - start:.0f} s"


def add_debians() -> str | None:
    """Install Debian's own Python where a machine is there for tests only; say why not."""
    if os.access("/usr/bin/python3", os.X_OK) or not shutil.which("apt-get"):
        return None
    if os.environ.get("CI") != "true" or os.geteuid() != 0:
        return "Debian's own Python is left out: apt-get is used as root with CI=true only."
    install = ("apt-get", "install", "--yes", "-qq", "python3", "python3-venv")
    for command in (("apt-get", "update", "-qq"), install):
        result = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return (
        "Debian's own Python is left out: apt-get could not install it."
        if result.returncode
        else None
    )


def say(line: str) -> None:
    """Report at once, between the lines of the tests."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
