"""Run everything over a contract that has grown, and one that has shrunk: `make test-grown`.

A copy of the project in `build/grown` takes the pages of `tests/golden/pages` into its contract, as
a person would, and another version number. It then passes what this project passes, with no other
line changed; then the same with fewer operations. The tests of what knows no operation are not run
again: of the pipeline and of releases, which have contracts of their own, and of the layers below.
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
KNOW_NONE = (
    *("benchmarks", "unit/download", "unit/release", "unit/responses", "unit/tools"),
    *("unit/transport", "faults/test_both_paths.py", "faults/test_disks.py"),
    *("faults/test_encrypted_proxy.py", "faults/test_faults.py", "faults/test_stages.py"),
)
PYTEST = (
    *("-m", "pytest", "-n", "4", "--dist", "worksteal", "-m", "not slow"),
    *(f"--ignore=tests/{folder}" for folder in KNOW_NONE),
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
    """Say what passed and what did not; 1 if anything failed."""
    copied()
    failed = []
    for change, tests in ((grown, TESTS), (shrunk, MEASURED_TESTS)):
        say(f"A contract that has {change.__name__}, in {COPY.relative_to(PROJECT)}")
        change()
        command("make", "generate")
        wanted = [*(("make", target) for target in TARGETS), *tests]
        failed += [f"{' '.join(words)}, {change.__name__}" for words in wanted if not passes(words)]
        failed += [f"{path} (changed, or ignored), {change.__name__}" for path in wrong()]
    say("\n".join(f"{one}: failed" for one in failed) or "Grown and shrunk contracts: passed")
    return bool(failed)


def copied() -> None:
    """Copy what is committed or could be; environments of the last time are kept."""
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


def grown() -> None:
    """Add the pages, and give the contract another version."""
    command("make", "spec", f"PAGES={PAGES}")
    versioned("3.1.4")


def shrunk() -> None:
    """Leave the published operation and one page of the others."""
    command("git", "show", "HEAD:openapi.yaml", into=COPY / "build" / "published.yaml")
    pages = f"build/published.yaml {PAGES}/download-video.md"
    command("make", "spec", "REPLACE=1", f"PAGES={pages}")
    versioned("0.0.1")


def versioned(number: str) -> None:
    """Change the version that the contract gives itself."""
    contract = COPY / "openapi.yaml"
    before, mark, after = contract.read_text("utf-8").partition("\n  version: ")
    contract.write_text(before + mark + number + "\n" + after.partition("\n")[2], "utf-8")


def wrong() -> list[str]:
    """Name what changed beside the contract and the client, and what of the client git ignores."""
    shown = command("git", "status", "--porcelain", "--untracked-files=all", "--ignored=matching")
    found = [(line[:2], line[3:]) for line in shown.splitlines() if "__pycache__" not in line]
    return [
        path
        for mark, path in found
        if path.startswith(CLIENT) == (mark == "!!") and path not in (CONTRACT, PICTURE)
    ]


def passes(words: tuple[str, ...]) -> bool:
    """Say whether a command succeeds."""
    return not subprocess.run(words, cwd=COPY, env=environment(), check=False).returncode


def command(*words: str, into: Path | None = None) -> str:
    """Run what has to succeed and give its output, or write it into a file."""
    done = subprocess.run(words, cwd=COPY, env=environment(), stdout=subprocess.PIPE, check=True)
    if into is not None:
        into.parent.mkdir(exist_ok=True)
        into.write_bytes(done.stdout)
    return done.stdout.decode()


def environment() -> dict[str, str]:
    """Give the variables without those of the make that runs this."""
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
