"""Run the quick tests on every supported Python that is found: `make test-pythons`.

Looked for are Debian's own, the newest of pyenv's of each kind, and the one on PATH. Each gets an
environment of its own in `.venv-pythons/`.
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
ASK = """
import ensurepip, os, sys, venv
print("%d.%d.%d" % sys.version_info[:3], os.path.realpath(sys.executable))
"""


def main() -> int:
    """Say how each of them fared; 1 if a test failed or an environment could not be made."""
    if problem := add_debians():
        say(problem)
    fared = []
    for minor in MINORS:
        pythons = found(minor)
        if not pythons:
            fared.append(f"Python 3.{minor}: left out, none with venv and ensurepip is found here")
        for python, version in pythons.items():
            fared.append(f"Python {version} ({python}): {tried(python, version)}")
    say("\n".join(fared))
    return any("failed" in line for line in fared)


def found(minor: int) -> dict[str, str]:
    """Give the interpreters of a kind that can make environments, and their versions."""
    complete: dict[str, str] = {}
    for candidate in candidates(f"3.{minor}"):
        asked = (candidate, "-I", "-c", ASK)
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            version, _, place = done.stdout.strip().partition(" ")
            complete.setdefault(place, version)
    return complete


def candidates(kind: str) -> Iterator[str]:
    """Name where a Python of a kind may be."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = [path for path in pyenv.glob(f"{kind}.*") if path.name.rpartition(".")[2].isdigit()]
    kept.sort(key=lambda path: int(path.name.rpartition(".")[2]))
    places = (f"/usr/bin/python{kind}", *(str(path / f"bin/python{kind}") for path in kept[-1:]))
    on_path = shutil.which(f"python{kind}")
    return (place for place in (*places, on_path) if place and os.access(place, os.X_OK))


def tried(python: str, version: str) -> str:
    """Make an environment of this Python and run the tests in it; say how it went."""
    folder = Path(".venv-pythons", python.strip("/").replace("/", "-"))
    made = subprocess.run(
        ("sh", "requirements/environment.sh", str(folder), *LAYERS),
        cwd=PROJECT,
        env={**os.environ, "PYTHON": python},
        check=False,
    )
    if made.returncode:
        return "failed, no environment could be made"
    say(f"Python {version} ({python}): quick tests, 1 to 3 minutes on two cores")
    command = (str(folder / "bin" / "python"), "-m", "pytest", *OPTIONS, *TESTS)
    begun = time.monotonic()
    status = subprocess.run(command, cwd=PROJECT, check=False).returncode
    return f"{'failed' if status else 'passed'} in {time.monotonic() - begun:.0f} s"


def add_debians() -> str | None:
    """Install Debian's own Python where a machine is there for tests only; say why not."""
    if os.access("/usr/bin/python3", os.X_OK) or not shutil.which("apt-get"):
        return None
    if os.environ.get("CI") != "true" or os.geteuid() != 0:
        return "Debian's own Python is left out: apt-get is used as root with CI=true only."
    install = ("apt-get", "install", "--yes", "-qq", "python3", "python3-venv")
    for command in (("apt-get", "update", "-qq"), install):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return (
        "Debian's own Python is left out: apt-get could not install it."
        if done.returncode
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
