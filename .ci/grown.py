"""Run everything over a contract that has grown, and one that has shrunk: `make test-grown`.

A copy of the project in `build/grown` takes the pages of `tests/golden/pages` into its contract, as
a user would, and another version number. It then passes what this project passes, with no other
line changed; then the same with fewer operations. Tests that do not depend on the operations are
not run again: of the pipeline and of releases, which have their own contracts, and of lower layers.
Coverage is measured where the contract has the fewest operations, which reach the least.
"""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
COPY = PROJECT / "build" / "grown"
PAGES = "tests/golden/pages"
TARGETS = ("check", "run", "docs")
PYTHON = ".venv/bin/python"
LAYERS = ",".join(
    f"overlays/chainhub/{layer}/*" for layer in ("_tasks", "_session", "cli", "sandbox", "testing")
)
INDEPENDENT = (
    *("benchmarks", "unit/download", "unit/release", "unit/responses", "unit/tools"),
    *("unit/transport", "faults/test_both_paths.py", "faults/test_disks.py"),
    *("faults/test_encrypted_proxy.py", "faults/test_faults.py", "faults/test_stages.py"),
)
PYTEST = (
    *("-m", "pytest", "-n", "4", "--dist", "worksteal", "-m", "not slow"),
    *(f"--ignore=tests/{folder}" for folder in INDEPENDENT),
)
TESTS = ((PYTHON, *PYTEST),)
MEASURED_TESTS = (
    (PYTHON, "-m", "coverage", "erase"),
    (PYTHON, "-m", "coverage", "run", *PYTEST),
    (PYTHON, "-m", "coverage", "combine", "--quiet"),
    (PYTHON, "-m", "coverage", "report", f"--include={LAYERS}"),
)
CONTRACT = "openapi.yaml"
CLIENT = "generated/"
PICTURE = "docs/terminal.svg"  # of a terminal: a busy machine may show other lines
IDENTITY = ("git", "-c", "user.name=Tests", "-c", "user.email=tests@example.invalid")


def main() -> int:
    """Run all of it and print the result; 1 if anything failed."""
    copy_project()
    failures = []
    for state, change, tests in (("grown", grow, TESTS), ("shrunk", shrink, MEASURED_TESTS)):
        say(f"A contract that has {state}, in {COPY.relative_to(PROJECT)}")
        change()
        command("make", "generate")
        commands = [*(("make", target) for target in TARGETS), *tests]
        failures += [f"{' '.join(words)}, {state}" for words in commands if not passes(words)]
        failures += [f"{path} (changed, or ignored), {state}" for path in unexpected_changes()]
    say("\n".join(f"{line}: failed" for line in failures) or "Grown and shrunk contracts: passed")
    return bool(failures)


def copy_project() -> None:
    """Copy the files that git tracks or would add; environments of an earlier run are kept."""
    COPY.mkdir(parents=True, exist_ok=True)
    for path in COPY.iterdir():
        if not path.name.startswith(".venv"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    tracked: Callable[[], list[Path]] = runpy.run_path(str(PROJECT / ".ci" / "words.py"))["tracked"]
    for path in tracked():
        target = COPY / path.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    command("git", "init", "--quiet")
    command("git", "add", "--all")
    command(*IDENTITY, "commit", "--quiet", "--message=Before")


def grow() -> None:
    """Add the pages, and give the contract another version."""
    command("make", "spec", f"PAGES={PAGES}")
    set_version("3.1.4")


def shrink() -> None:
    """Leave the published operation and one page of the others."""
    command("git", "show", "HEAD:openapi.yaml", file=COPY / "build" / "published.yaml")
    pages = f"build/published.yaml {PAGES}/download-video.md"
    command("make", "spec", "REPLACE=1", f"PAGES={pages}")
    set_version("0.0.1")


def set_version(number: str) -> None:
    """Change the version that the contract gives itself."""
    contract = COPY / "openapi.yaml"
    head, mark, tail = contract.read_text("utf-8").partition("\n  version: ")
    contract.write_text(head + mark + number + "\n" + tail.partition("\n")[2], "utf-8")


def unexpected_changes() -> list[str]:
    """Return changed files except contract and client, and files of the client that git ignores."""
    status = command("git", "status", "--porcelain", "--untracked-files=all", "--ignored=matching")
    entries = [(line[:2], line[3:]) for line in status.splitlines() if "__pycache__" not in line]
    return [
        path
        for code, path in entries
        if path.startswith(CLIENT) == (code == "!!") and path not in (CONTRACT, PICTURE)
    ]


def passes(arguments: tuple[str, ...]) -> bool:
    """Whether a command succeeds."""
    return not subprocess.run(arguments, cwd=COPY, env=environment(), check=False).returncode


def command(*arguments: str, file: Path | None = None) -> str:
    """Run a command that must succeed; return its output and write it into a file, if given."""
    output = subprocess.check_output(arguments, cwd=COPY, env=environment())
    if file is not None:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(output)
    return output.decode()


def environment() -> dict[str, str]:
    """Return the environment without the variables of the make that runs this."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def say(line: str) -> None:
    """Report at once, between the lines of the targets."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        say(f"{' '.join(error.cmd)}: failed")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
